"""Rules that judge a claim over the strength of the baseline and the length of training, by what ``strength.decision``
and ``lengths.decision`` have decided.

Their worlds are drawn like both datasets and pooled, so a rule says the same of each. No p-value decides.
"""

from collections.abc import Mapping

import pandas as pd

from mosaicreid.analyses.lengths.decision import ANOTHERS, TRUE
from mosaicreid.analyses.strength.decision import ADD, ANY, HARM, MARGIN, NEEDED, OPEN, SUFFICE, UNFINISHED
from mosaicreid.analyses.verdicts.rules import Finding, tenth
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


def beyond_labels(tables: Tables, dataset: str) -> Finding:
    """Experts add to a score that has the labels, at the paper's two baselines on both routes."""
    table = tables.get("strength_decision")
    if table is None:
        return _NOTHING
    margins = table["margin"].to_numpy(float)
    little = f"{MARGIN:.0%} of the gain is {tenth(margins.min())} to {tenth(margins.max())}"
    left = table["headroom"].to_numpy(float)
    most = f"{tenth(left.min())} to {tenth(left.max())} are left to add"
    return _found(table, f"beyond the labels {_bands(table)}; {little}; {most}")


def true_labels(tables: Tables, dataset: str) -> Finding:
    """Most of the gain goes with labels that are true of the person, at the same points, after short training.

    Where true labels bring more after short training and another person's after long, in the worlds like every dataset,
    the claim depends on the training. That this overrides what was found after short training was chosen when both had
    been seen.
    """
    table, lengths = tables.get("strength_true"), tables.get("lengths_decision")
    if table is None:
        return _NOTHING
    found = _found(table, f"half the gain less that of another person's labels, after short training, {_bands(table)}")
    if lengths is None:
        return found
    short, long = (lengths[lengths["question"] == f"labels_{name}"] for name in ("short", "long"))
    more = f"{tenth(float(long['low'].min()))} to {tenth(float(long['high'].max()))}"
    epochs = ", ".join(f"{epochs:d}" for epochs in sorted(set(long["long"])))
    evidence = f"{found.evidence}; after {epochs} epochs another's bring {more} more than true ones"
    turns = set(short["verdict"]) == {TRUE} and set(long["verdict"]) == {ANOTHERS}
    return Finding(evidence, ON_TRAINING if turns else found.verdict)


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
