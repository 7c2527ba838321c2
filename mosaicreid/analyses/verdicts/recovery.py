"""A rule that judges a claim on rare cues by worlds in which their frequency was set (``analyses.recovery``).

Written before any of those worlds was read. No p-value decides: intervals lie on one side of the margin or not.
"""

from mosaicreid.analyses.verdicts.rules import Finding, interval, judge_limited, only_row, tenth
from mosaicreid.results import Tables

TABLES = ("recovered_rare", "recovered_rare_answers")


def rare_cue(tables: Tables, dataset: str) -> Finding:
    """A cue of the smallest share gains next to nothing alone, as a mean over the attributes that took the share.

    Judged as every other claim of next to nothing, by whether the interval lies within the margin. But where labels
    without experts pass the margin and experts do not, a cue is hardly learnt and not unimportant (rule 3 of
    ``recovery.decision``), and the claim stays open.
    """
    if any(name not in tables for name in TABLES):
        return Finding("–", "–")
    shares, answers = (tables[name] for name in TABLES)
    own = shares[shares["dataset"] == dataset].sort_values("share")
    margin = float(only_row(answers, dataset=dataset, quantity="gain_all")["margin"])
    if own.empty:
        raise LookupError(f"0 rows of shares with {{'dataset': {dataset!r}}}")
    mean, low, high, labels, labels_low, labels_high = (
        float(own.iloc[0][name]) for name in ("mean", "low", "high", "labels_mean", "labels_low", "labels_high")
    )
    said = "; ".join(
        (
            interval(f"cues that {float(own.iloc[0]['share']):.0%} have, after short training,", mean, low, high),
            interval("their labels without experts", labels, labels_low, labels_high),
            f"margin ±{tenth(margin)}",
        )
    )
    verdict = judge_limited(low, high, margin)
    if verdict == "holds" and labels_low > margin:
        return Finding(f"{said}: hardly learnt", "open")
    return Finding(said, verdict)
