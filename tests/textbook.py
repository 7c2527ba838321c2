"""Retrieval metrics as a textbook writes them: one query at a time, a full sort, no ties beyond the order given."""

from fractions import Fraction

import numpy as np


def ranked_matches(scores, query_pid, query_camid, gallery_pids, gallery_camids):
    """The ranking of one query under the Market-1501 protocol, best first, as a list of booleans (match or not)."""
    order = sorted(range(len(scores)), key=lambda item: -scores[item])
    kept = [
        item
        for item in order
        if gallery_pids[item] != -1 and not (gallery_pids[item] == query_pid and gallery_camids[item] == query_camid)
    ]
    return [bool(gallery_pids[item] == query_pid) for item in kept]


def average_precision(matches):
    found, precisions = 0, []
    for position, match in enumerate(matches, start=1):
        if match:
            found += 1
            precisions.append(Fraction(found, position))
    return sum(precisions) / len(precisions)


def first_rank(matches):
    return matches.index(True) + 1


def inverse_negative_penalty(matches):
    return Fraction(sum(matches), len(matches) - matches[::-1].index(True))


def evaluate(scores, query_pids, query_camids, gallery_pids, gallery_camids, ranks=(1, 5, 10, 20)):
    """(mAP, {k: Rank-k}, mINP, per-query AP) with ties in gallery order."""
    rankings = [
        ranked_matches(row, pid, camid, gallery_pids, gallery_camids)
        for row, pid, camid in zip(scores, query_pids, query_camids, strict=True)
    ]
    answered = [ranking for ranking in rankings if any(ranking)]
    return (
        float(np.mean([float(average_precision(ranking)) for ranking in answered])),
        {k: float(np.mean([first_rank(ranking) <= k for ranking in answered])) for k in ranks},
        float(np.mean([float(inverse_negative_penalty(ranking)) for ranking in answered])),
        [float(average_precision(ranking)) if any(ranking) else np.nan for ranking in rankings],
    )
