"""Claims that the paper makes in passing, each judged by a rule from its own tables and the annotation, or said to be
out of reach, with the reason.

A verdict is ``holds``, ``fails``, ``open`` or ``out of reach``. Table 3 has one run a row, so a difference is little or
not by ``margin_of`` the gain of all attributes, and by nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from mosaicreid import published
from mosaicreid.analyses.paper.claims import STRONG
from mosaicreid.analyses.robust.margins import margin_of
from mosaicreid.analyses.verdicts.rules import LEVEL, only_row
from mosaicreid.datasets import get_schema
from mosaicreid.names.shown import attribute_title
from mosaicreid.results import Tables

SOURCES = ("priors", "images", "published_glm")
OUT_OF_REACH = "out of reach"
BOTH = "all"
# Scarce is what fewer than one annotated image in ten shows.
SCARCE = 0.1
_ACCESSORIES = "accessories"

FurtherRule = Callable[[Tables, str], tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class FurtherClaim:
    """A claim in passing.

    ``rule`` maps tables and a dataset to the evidence and the verdict; ``reason`` says, where there is no rule, why
    nothing here can judge it.
    """

    text: str
    where: str
    rule: FurtherRule | None = None
    reason: str = ""
    datasets: tuple[str, ...] = published.DATASETS


def accessories_boost(_tables: Tables, dataset: str) -> tuple[str, str]:
    """Accessories added to what a row of Table 3 includes: every such pair of rows gains beyond the margin
    (holds), none does (fails), or some do (open)."""
    added = frozenset(get_schema(dataset).clusters[_ACCESSORIES])
    gains = [gain for difference, gain in _nested(dataset) if difference == added]
    return _beyond_the_margin(gains, dataset, "pairs of rows with and without accessories gain")


def removal_degrades(_tables: Tables, dataset: str) -> tuple[str, str]:
    """A key attribute (Section 4.4: a strong contribution) taken away, alone or with others: every such pair of
    rows loses beyond the margin (holds), none does (fails), or some do (open)."""
    losses = [gain for difference, gain in _nested(dataset) if difference & set(STRONG[dataset])]
    return _beyond_the_margin(losses, dataset, "pairs of rows, one without a key attribute of the other, lose")


def follows_prevalence(tables: Tables, dataset: str) -> tuple[str, str]:
    """Rank correlation of the accessories' coefficients with the share of images that show them.

    Of both datasets together, by the mean of the two correlations over all orders of the coefficients within each (an
    exact test): above what all but 5 % of the orders reach (holds), below (fails), or neither (open).
    """
    del dataset
    pairs = [_prevalence(tables, name) for name in published.DATASETS]
    observed = [_rho(shares, effects) for shares, effects in pairs]
    orders = [[_rho(shares, order) for order in permutations(effects)] for shares, effects in pairs]
    means = np.array([np.mean(chosen) for chosen in product(*orders)])
    # Rounded: equal orders must not differ by their last bit.
    above = float(np.mean(means.round(9) >= np.mean(observed).round(9)))
    below = float(np.mean(means.round(9) <= np.mean(observed).round(9)))
    verdict = "holds" if above < LEVEL else "fails" if below < LEVEL else "open"
    shown = " and ".join(f"{rho:.2f}" for rho in observed)
    return f"Spearman's ρ over four accessories each: {shown}; p = {above:.2g} over all {len(means)} orders", verdict


def hats_are_scarce(tables: Tables, dataset: str) -> tuple[str, str]:
    """Fewer than one annotated image in ten shows a hat."""
    share = _share(tables, dataset, "hat")
    evidence = f"{100 * share:.1f} % of the annotated images; scarce: under {100 * SCARCE:.0f} %"
    return evidence, "holds" if share < SCARCE else "fails"


def printed_split(tables: Tables, dataset: str) -> tuple[str, str]:
    """750 identities to train and 751 to test, as Section 4.1 prints, against the counts of the released files."""
    counts = {
        split: int(only_row(tables["images"], source="real", dataset=dataset, split=split)["identities"])
        for split in ("train", "query")
    }
    return f"{counts['train']} to train, {counts['query']} to test", "holds" if counts["train"] == 750 else "fails"


FURTHER_CLAIMS = (
    FurtherClaim(text="Accessories provide notable boosts", where="4.3", rule=accessories_boost),
    FurtherClaim(text="Removing key attributes degrades retrieval measurably", where="4.3", rule=removal_degrades),
    FurtherClaim(
        text="The importance of accessories follows their prevalence",
        where="4.4, last paragraph",
        rule=follows_prevalence,
        datasets=(BOTH,),
    ),
    FurtherClaim(text="Hats are scarce in both datasets", where="4.4, last paragraph", rule=hats_are_scarce),
    FurtherClaim(
        text="Of 1,501 identities, 750 are for training and 751 for testing",
        where="4.1",
        rule=printed_split,
        datasets=(published.DEPTH_DATASET,),
    ),
    FurtherClaim(
        text="These two are the only benchmarks with usable attribute annotations",
        where="4.1",
        reason="a matter of literature, not of numbers: whether an annotation is usable is no property that a table "
        "here has; both of these have gaps and contradictions of their own",
        datasets=(BOTH,),
    ),
    FurtherClaim(
        text="The method works with any Transformer backbone",
        where="1, 3.5",
        reason="the paper's runs have one backbone, ViT-B/16; here three tiny encoders ran in synthetic worlds "
        "(page Another encoder), which says nothing of large ones on photographs",
        datasets=(BOTH,),
    ),
    FurtherClaim(
        text="Conclusions on importance are not tied to a model implementation",
        where="1",
        reason="no other implementation has published its configurations; ours ran in synthetic worlds only, whose "
        "attributes differ in importance by construction",
        datasets=(BOTH,),
    ),
    FurtherClaim(
        text="The demographics of the two datasets limit what can be said of fairness",
        where="4.1",
        reason="scores by gender and age group need rankings of real images, which nobody published; the paper prints "
        "one score for all people",
        datasets=(BOTH,),
    ),
)


def judge_further(tables: Tables) -> pd.DataFrame:
    """Every further claim on every dataset it is about: claim, where, dataset (``all`` for both), evidence, verdict.

    Raises:
        LookupError: a table lacks the row that a claim is judged by.
    """
    rows = []
    for claim in FURTHER_CLAIMS:
        for dataset in claim.datasets:
            evidence, verdict = (claim.reason, OUT_OF_REACH) if claim.rule is None else claim.rule(tables, dataset)
            said = {"claim": claim.text, "where": claim.where, "dataset": dataset}
            rows.append(said | {"evidence": evidence, "verdict": verdict})
    return pd.DataFrame(rows)


def _nested(dataset: str) -> list[tuple[frozenset[str], float]]:
    """Pairs of rows of Table 3, one including all that the other does: what it has beyond, and its gain in mAP."""
    table, names = published.load_table(3, dataset), list(get_schema(dataset).attributes)
    rows = [
        (frozenset(name for name, mark in zip(names, marks, strict=True) if mark), float(score))
        for marks, score in zip(table[names].to_numpy(), table["mAP"], strict=True)
    ]
    return [(larger - smaller, a - b) for larger, a in rows for smaller, b in rows if smaller < larger]


def _beyond_the_margin(gains: list[float], dataset: str, words: str) -> tuple[str, str]:
    scores = published.load_table(3, dataset).set_index("configuration")["mAP"]
    margin = margin_of(float(scores["all"] - scores["baseline"]))
    beyond = sum(gain > margin for gain in gains)
    verdict = "holds" if beyond == len(gains) else "fails" if beyond == 0 else "open"
    ends = f"{min(gains):+.1f} to {max(gains):+.1f} points"
    return f"{beyond} of {len(gains)} {words} more than the margin of {margin:.1f}: {ends}, one run a row", verdict


def _prevalence(tables: Tables, dataset: str) -> tuple[list[float], list[float]]:
    names = get_schema(dataset).clusters[_ACCESSORIES]
    glm = tables["published_glm"]
    effects = [float(only_row(glm, dataset=dataset, metric="mAP", term=name)["coef"]) for name in names]
    return [_share(tables, dataset, name) for name in names], effects


def _share(tables: Tables, dataset: str, attribute: str) -> float:
    where = {"source": "real", "dataset": dataset, "split": "all", "attribute": attribute, "value": "yes"}
    try:
        return float(only_row(tables["priors"], **where)["share"])
    except LookupError as error:
        raise LookupError(f"{attribute_title(dataset, attribute)}: {error}") from error


def _rho(first: Sequence[float], second: Sequence[float]) -> float:
    return float(spearmanr(first, second).statistic)
