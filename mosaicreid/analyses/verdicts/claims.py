"""The paper's main claims in one table, each judged by its published numbers, our runs, controls, and other baselines.

What a verdict means is said by the ``rules``; nothing here is judged by hand. With so many verdicts some would come out
by chance, so Holm's correction over all of them says which stand together and which only each by itself.
"""

from dataclasses import dataclass

import pandas as pd

from mosaicreid import published
from mosaicreid.analyses.robust.contrasts import COLOURS, INTRINSIC, LOWER_COLOUR
from mosaicreid.analyses.robust.margins import SHARE
from mosaicreid.analyses.verdicts.recovery import TABLES as OF_RARE_CUES
from mosaicreid.analyses.verdicts.recovery import rare_cue
from mosaicreid.analyses.verdicts.rules import (
    LEVEL,
    Finding,
    Rule,
    Tables,
    ablated_contrast,
    our_contrast,
    our_gain,
    our_limited,
    positive_control,
    predicted,
    published_contrast,
    published_gain,
    published_limited,
    saturation,
    split,
)
from mosaicreid.analyses.verdicts.strength import beyond_labels, true_labels
from mosaicreid.datasets import TITLES
from mosaicreid.errors import InputError
from mosaicreid.published import DATASETS
from mosaicreid.statistics.caveats import holm

SOURCES = (
    "published_glm",
    "caveats_t_vs_z",
    "experiment_last_k",
    *(f"experiment_table3_{dataset}" for dataset in DATASETS),
    "robust_effects",
    "robust_contrasts",
    "robust_gains",
    "oracle_split",
    "oracle_heads",
    "shapley_contrasts",
)


# Of experiments that are no part of a sweep: without them, nothing is said over the strength of the baseline, or under
# controls of rare cues.
OPTIONAL = ("strength_decision", "strength_true", "strength_matched", "lengths", "lengths_decision", *OF_RARE_CUES)

KINDS = ("published", "runs", "controls", "strength")


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
    strength: Rule | None = None
    datasets: tuple[str, ...] = DATASETS


CLAIMS = (
    Claim(
        text="Attribute experts under an oracle improve on the CLIP-ReID baseline",
        where="4.3, Table 2",
        page="oracle",
        published=published_gain,
        runs=our_gain,
        # Both sides are given the labels: what is left is what experts add to them, and a tenth of the gain is little.
        controls=split("given-labels", "whole", "label agreement added to both:", least_share=SHARE),
        strength=beyond_labels,
    ),
    Claim(
        text="The gain needs labels that are true of the person",
        where="3.3, 5, implied",
        page="oracle",
        # "Needs" is a matter of size: most of the gain would have to go with true labels.
        controls=split(
            "permuted-trained", "from control", "over experts trained and routed by permuted labels:", least_share=0.5
        ),
        strength=true_labels,
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
        controls=predicted("these experts, routed by linear heads, over the baseline:"),
    ),
    Claim(
        text="Clothing colours contribute most strongly",
        where="abstract, 4.4",
        page="robust",
        published=published_contrast(COLOURS),
        runs=positive_control(our_contrast(COLOURS)),
        controls=positive_control(ablated_contrast(COLOURS)),
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
        runs=positive_control(our_contrast(LOWER_COLOUR)),
        controls=positive_control(ablated_contrast(LOWER_COLOUR)),
    ),
    Claim(
        text="Infrequent cues such as a hat have limited effect",
        where="abstract, 4.4",
        page="robust",
        published=published_limited("hat"),
        runs=our_limited("hat"),
        controls=rare_cue,
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
    """Every claim on every dataset: claim, where, dataset, then evidence and verdict for each of ``KINDS``.

    The kind ``strength`` judges over the strength of the baseline and, whether labels must be true, over the length of
    training, by the rules of ``strength.decision`` and ``lengths.decision``, and says the same of both datasets; a dash
    where their tables are not there.

    Also ``page``, the page of the book that shows it, and per kind of evidence ``_p``, the p-value that decides, and
    ``_p_holm``, the same after Holm's correction over the whole table. A verdict that does not survive it is
    followed by "alone". A dash stands where a kind of evidence has nothing to say, NaN where no interval decides.

    Raises:
        InputError: a table lacks the row that a claim is judged by.
    """
    rows = []
    for claim in CLAIMS:
        for dataset in claim.datasets:
            row: dict[str, object] = {"claim": claim.text, "where": claim.where, "dataset": TITLES[dataset]}
            for kind in KINDS:
                finding = _apply(getattr(claim, kind), tables, dataset, claim)
                row |= {f"{kind}_evidence": finding.evidence, kind: finding.verdict, f"{kind}_p": finding.p_value}
            rows.append(row | {"page": claim.page})
    return _correct(pd.DataFrame(rows))


def _correct(table: pd.DataFrame) -> pd.DataFrame:
    """The table with ``_p_holm`` and the verdicts that stand only alone marked."""
    p_value = table[[f"{kind}_p" for kind in KINDS]].to_numpy(float)
    table[[f"{kind}_p_holm" for kind in KINDS]] = holm(p_value.ravel()).reshape(p_value.shape)
    for kind in KINDS:
        alone = (table[f"{kind}_p_holm"] >= LEVEL) & ~table[kind].str.startswith("open")
        table[kind] = table[kind].where(~alone, table[kind] + ", alone")
    return table


def _apply(rule: Rule | None, tables: Tables, dataset: str, claim: Claim) -> Finding:
    if rule is None:
        return Finding("–", "–")
    try:
        return rule(tables, dataset)
    except (LookupError, ValueError) as error:
        raise InputError(
            f"{dataset}: no evidence on {claim.text!r}: {error}; are the results of both datasets?"
        ) from None
