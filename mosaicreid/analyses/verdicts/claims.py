"""The paper's main claims in one table, each judged by its published numbers, our runs, and the controls.

What a verdict means is said by the rules in ``verdict_rules``; nothing here is judged by hand.
"""

from dataclasses import dataclass

import pandas as pd

from mosaicreid import published
from mosaicreid.analyses.robust.contrasts import COLOURS, INTRINSIC, LOWER_COLOUR
from mosaicreid.analyses.verdicts.rules import (
    Finding,
    Rule,
    Tables,
    ablated_contrast,
    our_contrast,
    our_gain,
    our_limited,
    published_contrast,
    published_gain,
    published_limited,
    saturation,
    split,
)
from mosaicreid.datasets import TITLES
from mosaicreid.errors import InputError
from mosaicreid.published import DATASETS

SOURCES = (
    "published_glm",
    "caveats_t_vs_z",
    "experiment_last_k",
    "robust_panels",
    "robust_effects",
    "robust_contrasts",
    "robust_gains",
    "oracle_split",
    "shapley_contrasts",
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of the paper and how each kind of evidence judges it; None where that kind has nothing to say.

    ``where``: its place in the paper. ``page``: the page of the book that shows the evidence. ``datasets``: of which it
    is judged.
    """

    text: str
    where: str
    page: str
    published: Rule | None = None
    runs: Rule | None = None
    controls: Rule | None = None
    datasets: tuple[str, ...] = DATASETS


CLAIMS = (
    Claim(
        text="Attribute experts under an oracle improve on the CLIP-ReID baseline",
        where="4.3, Table 2",
        page="oracle",
        published=published_gain,
        runs=our_gain,
        controls=split("fusion-crossfit", "from control", "beyond the baseline with label agreement added:"),
    ),
    Claim(
        text="The gain needs labels that are true of the person",
        where="3.3, 5, implied",
        page="oracle",
        controls=split("permuted-trained", "from control", "over experts trained and routed by permuted labels:"),
    ),
    Claim(
        text="Experts help to tell apart people whose attributes are the same",
        where="abstract, implied by 'representation'",
        page="oracle",
        controls=split("look-alikes", "whole", "among people with equal attribute vectors:"),
    ),
    Claim(
        text="With attribute predictors in place of the oracle, a benefit remains",
        where="5",
        page="oracle",
        controls=split("predicted", "to control", "these experts, routed by linear heads, over the baseline:"),
    ),
    Claim(
        text="Clothing colours contribute most strongly",
        where="abstract, 4.4",
        page="robust",
        published=published_contrast(COLOURS),
        runs=our_contrast(COLOURS),
        controls=ablated_contrast(COLOURS),
    ),
    Claim(
        text="Intrinsic attributes contribute most strongly",
        where="abstract, 5",
        page="robust",
        published=published_contrast(INTRINSIC),
        runs=our_contrast(INTRINSIC),
        controls=ablated_contrast(INTRINSIC),
    ),
    Claim(
        text="Lower clothing colour matters more than upper",
        where="4.4",
        page="robust",
        published=published_contrast(LOWER_COLOUR),
        runs=our_contrast(LOWER_COLOUR),
        controls=ablated_contrast(LOWER_COLOUR),
    ),
    Claim(
        text="Infrequent cues such as a hat have limited effect",
        where="abstract, 4.4",
        page="robust",
        published=published_limited("hat"),
        runs=our_limited("hat"),
    ),
    Claim(
        text="The gain saturates at two thirds of the blocks",
        where="supplement, Table 6",
        page="ablations",
        published=saturation("paper"),
        runs=saturation("ours"),
        # Table 6 was run on one dataset only, in the paper and here.
        datasets=(published.DEPTH_DATASET,),
    ),
)


def judge_claims(tables: Tables) -> pd.DataFrame:
    """Every claim on every dataset: claim, where, dataset, then evidence and verdict for published, runs and controls.

    Also ``page``, the page of the book that shows it. A dash stands where a kind of evidence has nothing to say.

    Raises:
        InputError: a table lacks the row that a claim is judged by.
    """
    rows = []
    for claim in CLAIMS:
        for dataset in claim.datasets:
            row = {"claim": claim.text, "where": claim.where, "dataset": TITLES[dataset]}
            for kind in ("published", "runs", "controls"):
                finding = _apply(getattr(claim, kind), tables, dataset, claim)
                row |= {f"{kind}_evidence": finding.evidence, kind: finding.verdict}
            rows.append(row | {"page": claim.page})
    return pd.DataFrame(rows)


def _apply(rule: Rule | None, tables: Tables, dataset: str, claim: Claim) -> Finding:
    if rule is None:
        return Finding("–", "–")
    try:
        return rule(tables, dataset)
    except (LookupError, ValueError) as error:
        raise InputError(
            f"{dataset}: no evidence on {claim.text!r}: {error}; are the results of both datasets?"
        ) from None
