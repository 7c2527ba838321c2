"""The paper's claims about attribute importance; every verdict is computed by ``claim_rules``, none written down."""

from functools import partial

import pandas as pd

from mosaicreid.analyses.paper.claim_rules import (
    TableClaim,
    Tables,
    any_difference,
    attributes_differ,
    difference,
    effect,
    forest_leaders,
    leaders,
    same_conclusions,
    stronger,
    weak,
)
from mosaicreid.datasets import get_schema

HOLDS = "holds"
_DATASETS = ("market1501", "dukemtmc")
_COLOURS = ("upcolour", "downcolour")
_ACCESSORIES = ("hat", "backpack", "bag", "handbag")
_INTRINSIC = ("gender", "hair", "age")
# Section 4.4 names these as strong positive contributions to mAP in the GLM.
STRONG = {"market1501": ("age", "upcolour", "downcolour"), "dukemtmc": ("gender", "downcolour", "top")}
_WEAK = {"market1501": ("hat", "handbag", "up"), "dukemtmc": ("hat", "handbag")}


def _about_coefficients() -> list[TableClaim]:
    claims = []
    for dataset in _DATASETS:
        at = {"dataset": dataset, "metric": "mAP"}
        glm = {"where": "4.4, on Table 4"} | at
        claims += [
            TableClaim(topic="glm", text="strong positive contribution", rule=effect, attributes=(name,), **glm)
            for name in STRONG[dataset]
        ]
        claims += [
            TableClaim(
                topic="colour", text="clothing colour is strongly significant", rule=effect, attributes=(name,), **glm
            )
            for name in _COLOURS
            if name not in STRONG[dataset]
        ]
        claims.append(
            TableClaim(
                topic="colour-largest",
                text="clothing colours have the largest effects",
                rule=partial(leaders, table="published_glm", statistic="coef", k=len(_COLOURS)),
                attributes=_COLOURS,
                **glm,
            )
        )
        claims += [
            TableClaim(
                topic="weak",
                text="weak contribution",
                rule=partial(weak, strong=STRONG[dataset]),
                attributes=(name,),
                **glm,
            )
            for name in _WEAK[dataset]
        ]
        claims += [
            TableClaim(topic="carried", text="moderate positive effect", rule=effect, attributes=(name,), **glm)
            for name in ("backpack", "bag")
        ]
        claims += [
            TableClaim(
                topic="lower-colour",
                text="lower colour matters more than upper colour",
                where="4.4, last paragraph",
                rule=stronger,
                attributes=("downcolour", "upcolour"),
                **at,
            ),
            TableClaim(
                topic="strongest",
                text="colours and intrinsic attributes contribute most",
                where="abstract and 5",
                rule=partial(leaders, table="published_glm", statistic="coef", k=3),
                attributes=tuple(name for name in (*_COLOURS, *_INTRINSIC) if name in get_schema(dataset).attributes),
                **at,
            ),
            TableClaim(
                topic="differ",
                text="attributes differ in importance",
                where="the premise of 4.4",
                rule=attributes_differ,
                dataset=dataset,
                metric="mAP",
            ),
        ]
    return claims


def _about_forests() -> list[TableClaim]:
    forest = {"where": "4.4, on Table 5 and Figure 5", "metric": "mAP"}
    claims = [
        TableClaim(
            topic=f"key-{importance}",
            text=f"lower colour is the key contributor ({importance.upper()})",
            rule=partial(forest_leaders, importance=importance, k=1),
            dataset=dataset,
            attributes=("downcolour",),
            **forest,
        )
        for dataset in _DATASETS
        for importance in ("pimp", "shap")
    ]
    notable = {"market1501": ("upcolour", "age", "bag"), "dukemtmc": ("gender", "upcolour")}
    return claims + [
        TableClaim(
            topic=f"next-{importance}",
            text=f"next after lower colour ({importance.upper()})",
            rule=partial(forest_leaders, importance=importance, k=1 + len(names)),
            dataset=dataset,
            attributes=names,
            **forest,
        )
        for dataset, names in notable.items()
        for importance in ("pimp", "shap")
    ]


def _about_tests() -> list[TableClaim]:
    highly = {"text": "highly significant effect of inclusion (p < 0.01)", "where": "4.4, on Table 5", "metric": "mAP"}
    claims = [
        TableClaim(
            topic="welch", rule=partial(difference, level=0.01), dataset="market1501", attributes=(name,), **highly
        )
        for name in (*_INTRINSIC, *_COLOURS)
    ]
    claims.append(
        TableClaim(
            topic="welch-any",
            rule=partial(any_difference, level=0.01),
            dataset="dukemtmc",
            attributes=_ACCESSORIES,
            **highly,
        )
    )
    claims += [
        TableClaim(
            topic="largest-t",
            text="the largest t statistics belong to colours and accessories",
            where="4.4, on Table 5",
            rule=partial(leaders, table="published_welch", statistic="t_stat", k=3),
            dataset=dataset,
            metric="mAP",
            attributes=(*_COLOURS, *_ACCESSORIES),
        )
        for dataset in _DATASETS
    ]
    backpack = TableClaim(
        topic="backpack",
        text="the backpack has a significant positive impact",
        where="4.4, last paragraph",
        rule=partial(difference, level=0.05),
        dataset="dukemtmc",
        metric="mAP",
        attributes=("backpack",),
    )
    return [*claims, backpack]


def _about_rank1() -> list[TableClaim]:
    named = {"market1501": ("downcolour", "age"), "dukemtmc": ("downcolour",)}
    largest = {"market1501": (*_COLOURS, "age"), "dukemtmc": _COLOURS}
    claims = []
    for dataset in _DATASETS:
        at = {"dataset": dataset, "metric": "rank1"}
        claims += [
            TableClaim(
                topic="glm",
                text="significant positive effect on Rank-1",
                where="appendix, on Table 7",
                rule=effect,
                attributes=(name,),
                **at,
            )
            for name in named[dataset]
        ]
        claims += [
            TableClaim(
                topic="same",
                text="Rank-1 leads to the same conclusions as mAP",
                where="4.4 and appendix",
                rule=partial(same_conclusions, other="mAP"),
                dataset=dataset,
                metric="rank1",
            ),
            TableClaim(
                topic="largest-d",
                text="lower colour, upper colour and age have the largest Cohen's d",
                where="appendix, on Figure 9",
                rule=partial(leaders, table="published_welch", statistic="cohens_d", k=len(largest[dataset])),
                attributes=largest[dataset],
                **at,
            ),
        ]
    return claims


TABLE_CLAIMS = (*_about_coefficients(), *_about_forests(), *_about_tests(), *_about_rank1())


def judge(tables: Tables) -> pd.DataFrame:
    """Every claim with its verdict: id, claim, where, dataset, metric, attributes, evidence, verdict.

    ``tables`` are the frames of ``compute.analyse_published``. A verdict is ``holds`` or the objections.
    """
    rows = []
    for claim in TABLE_CLAIMS:
        evidence, objections = claim.rule(claim, tables)
        rows.append(
            {
                "id": claim.id,
                "claim": claim.text,
                "where": claim.where,
                "dataset": claim.dataset,
                "metric": claim.metric,
                "attributes": ", ".join(claim.attributes),
                "evidence": evidence,
                "verdict": "; ".join(objections) or HOLDS,
            }
        )
    return pd.DataFrame(rows)


def summarise(judged: pd.DataFrame) -> pd.DataFrame:
    """How many claims hold, by dataset and over all: dataset, holds, total."""
    counts = (judged["verdict"] == HOLDS).groupby(judged["dataset"], sort=False).agg(holds="sum", total="size")
    counts.loc["all"] = counts.sum()
    return counts.reset_index()
