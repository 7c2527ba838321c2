"""A rule that judges a claim on rare cues by worlds in which their frequency was set (``recovery.decision``).

Written before any of those worlds was read. No p-value decides: intervals lie on one side of the margin or not.
"""

from collections.abc import Mapping

from mosaicreid.analyses.recovery.decision import OPEN
from mosaicreid.analyses.verdicts.rules import Finding, interval, only_row, tenth
from mosaicreid.results import Tables

TABLES = ("recovered_rare", "recovered_rare_answers")
# Unimportant at any share is limited for what is rare too.
_VERDICTS: Mapping[str, str] = {
    "unimportant at any share": "holds",
    "rare is unimportant": "holds",
    "rare is important too": "fails",
    OPEN: "open",
}


def rare_cue(tables: Tables, dataset: str) -> Finding:
    """A cue that few people have gains next to nothing alone, where its share is set and its visibility stays."""
    if any(name not in tables for name in TABLES):
        return Finding("–", "–")
    every, answers = (tables[name] for name in TABLES)
    own = every[every["dataset"] == dataset].sort_values("share")
    answer = only_row(answers, dataset=dataset, quantity="gain_all")
    if own.empty:
        raise LookupError(f"0 rows of shares with {{'dataset': {dataset!r}}}")
    rarest = own.iloc[0]
    mean, low, high = (float(rarest[name]) for name in ("mean", "low", "high"))
    said = interval(f"a cue that {float(rarest['share']):.0%} have, alone", mean, low, high)
    labels = f"its labels without experts {tenth(float(rarest['labels_mean']))}"
    little = f"margin {tenth(float(answer['margin']))}"
    return Finding(f"{said}; {labels}; {little}; {answer['beside_bits']}", _VERDICTS[str(answer["verdict"])])
