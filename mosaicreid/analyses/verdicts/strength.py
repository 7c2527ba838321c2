"""Rules that judge a claim at other strengths of the baseline, and after longer training.

They say what ``strength.decision`` and ``lengths.decision`` have decided.

Strengths are pooled over worlds like both datasets, with bands that hold all points at once; lengths are judged in each
dataset's default worlds, one by one. A rule says the same of both datasets. No p-value decides.

That longer training counts, and how, was written after its results had been seen.
"""

import math
from collections.abc import Mapping

import pandas as pd

from mosaicreid.analyses.strength.decision import ADD, ANY, HARM, MARGIN, NEEDED, OPEN, SUFFICE, UNFINISHED
from mosaicreid.analyses.verdicts.rules import Finding, interval, tenth
from mosaicreid.datasets import TITLES
from mosaicreid.results import Tables

_VERDICTS: Mapping[str, str] = {
    ADD: "holds",
    NEEDED: "holds",
    SUFFICE: "fails",
    HARM: "fails",
    ANY: "fails",
    OPEN: "open",
    UNFINISHED: "open",
}
ON_TRAINING = "depends on the training"
_NOTHING = Finding("–", "–")
_ENOUGH = 3


def beyond_labels(tables: Tables, dataset: str) -> Finding:
    """Experts add to a score that has the labels, at the paper's two baselines on both routes, after short training.

    What they add after longer training, and to labels that were made worse, is said beside it and does not decide.
    """
    table, lengths, worse = (tables.get(name) for name in ("strength_decision", "lengths", "strength_matched"))
    if table is None:
        return _NOTHING
    margins = table["margin"].to_numpy(float)
    little = f"{MARGIN:.0%} of the gain is {tenth(margins.min())} to {tenth(margins.max())}"
    left = table["headroom"].to_numpy(float)
    most = f"{tenth(left.min())} to {tenth(left.max())} are left to add"
    told = [f"beyond the labels, after short training, {_bands(table)}; {little}; {most}"]
    if worse is not None:
        short = worse["epochs"].min()
        # What one or two worlds say is next to nothing.
        known = (worse["quantity"] == "E") & (worse["worlds"] >= _ENOUGH) & (worse["epochs"] == short)
        means = worse.loc[known, "mean"]
        if len(means):
            told.append(f"beyond labels made worse, {tenth(means.min())} to {tenth(means.max())} in single cells")
    if lengths is None:
        return _found(table, "; ".join(told))
    own = lengths[(lengths["configuration"] == "all") & (lengths["quantity"] == "E")]
    longest = own[own["epochs"] == own["epochs"].max()].rename(columns={"mean": "estimate"})
    told.append(f"in default worlds after {longest['epochs'].iloc[0]:d} epochs {_each(longest)}")
    return _found(table, "; ".join(told))


def true_labels(tables: Tables, dataset: str) -> Finding:
    """Most of the gain goes with labels that are true of the person, at the same points, after short training.

    Where true labels are needed after short training and any labels do after long, in the default worlds of every
    dataset, the claim depends on the training, whatever was found over the strength.
    """
    table, lengths = tables.get("strength_true"), tables.get("lengths_decision")
    if table is None:
        return _NOTHING
    found = _found(table, f"half the gain less that of another person's labels, after short training, {_bands(table)}")
    if lengths is None:
        return found
    short, long = (lengths[lengths["question"] == f"most_{name}"] for name in ("short", "long"))
    told = (f"after {part[name].iloc[0]:d} epochs {_each(part)}" for name, part in (("short", short), ("long", long)))
    evidence = f"{found.evidence}; in default worlds {', '.join(told)}"
    turns = set(short["verdict"]) == {NEEDED} and set(long["verdict"]) == {ANY}
    return Finding(evidence, ON_TRAINING if turns else found.verdict)


def _each(rows: pd.DataFrame) -> str:
    """``1.0 (0.5 to 1.5) like Market-1501, ...`` from a row per dataset with estimate, low and high.

    Of one world, which has no interval, the estimate alone.
    """
    told = []
    for row in rows.to_dict("records"):
        estimate, low, high = (float(row[name]) for name in ("estimate", "low", "high"))
        shown = f"{tenth(estimate)} in one world" if math.isnan(low) else interval("", estimate, low, high)
        told.append(f"{shown} like {TITLES[str(row['dataset'])]}")
    return ", ".join(told)


def _bands(table: pd.DataFrame) -> str:
    """The lowest and highest end of the bands, and the baselines that they are of."""
    at = " and ".join(f"{baseline:g}" for baseline in sorted(set(table["baseline"])))
    return f"{tenth(float(table['low'].min()))} to {tenth(float(table['high'].max()))} at baselines of {at} mAP"


def _found(table: pd.DataFrame, evidence: str) -> Finding:
    overall = str(table["overall"].iloc[0])
    if overall in _VERDICTS:
        return Finding(evidence, _VERDICTS[overall])
    # It holds on one route, or at one strength, and not at the other.
    points = table[["route", "baseline", "verdict"]].to_numpy().tolist()
    listed = ", ".join(f"{_VERDICTS[verdict]} at {baseline:g} ({route})" for route, baseline, verdict in points)
    return Finding(f"{evidence}; {listed}", overall)
