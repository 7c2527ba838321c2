"""Every score of a sweep beside the committed one, and what the differences mean against the spread over seeds.

The rule, fixed before any comparison: scores are *the same to the last digit* where all are equal as written; *the same
up to rounding* where their root mean square difference is no larger than what two seeds differ by, sqrt(2) times the
committed standard deviation over seeds (other processors sum in another order, and training magnifies the last digits);
and *different* otherwise.
"""

from typing import Any

import numpy as np
import pandas as pd

from mosaicreid.errors import InputError

KEYS = ["dataset", "configuration", "variant", "seed"]
SAME, ROUNDING, DIFFERENT = "the same to the last digit", "the same up to rounding", "different"


def compare_runs(measured: pd.DataFrame, committed: pd.DataFrame) -> pd.DataFrame:
    """The runs that both tables (``experiment_runs.csv``) have, a row each.

    Returns dataset, run, seed, mAP, committed_mAP, difference, rank1, committed_rank1, rank1_difference (percent and
    points).

    Raises:
        InputError: there is no common run.
    """
    pairs = [table.assign(variant=table["variant"].fillna("")) for table in (measured, committed)]
    both = pairs[0].merge(pairs[1], on=KEYS, suffixes=("", "_committed"), validate="one_to_one")
    if both.empty:
        raise InputError(
            "no run of this sweep is among the committed ones; expected the same datasets, configurations and seeds"
        )
    run = both["configuration"] + both["variant"].map(lambda label: f"@{label}" if label else "")
    return pd.DataFrame(
        {
            "dataset": both["dataset"],
            "run": run,
            "seed": both["seed"],
            "mAP": both["mAP"],
            "committed_mAP": both["mAP_committed"],
            "difference": both["mAP"] - both["mAP_committed"],
            "rank1": both["rank1"],
            "committed_rank1": both["rank1_committed"],
            "rank1_difference": both["rank1"] - both["rank1_committed"],
        }
    )


def summarise(compared: pd.DataFrame, committed: pd.DataFrame) -> pd.DataFrame:
    """Per dataset: runs, equal (of these), mean_difference, mean_absolute, largest, root_mean_square (mAP points),
    seed_sd (committed standard deviation over seeds, pooled over runs; NaN for one seed), verdict (of ``KEYS``' runs).

    The verdict follows the rule of this module; without a spread over seeds only equality can be told.
    """
    rows = []
    for dataset, pairs in compared.groupby("dataset", sort=False):
        difference = pairs["difference"].to_numpy()
        seed_sd = _seed_sd(committed[committed["dataset"] == dataset])
        square = float(np.sqrt(np.mean(difference**2)))
        equal = (pairs["difference"] == 0) & (pairs["rank1_difference"] == 0)
        rows.append(
            {
                "dataset": dataset,
                "runs": len(pairs),
                "equal": int(equal.sum()),
                "mean_difference": float(difference.mean()),
                "mean_absolute": float(np.abs(difference).mean()),
                "largest": float(np.abs(difference).max()),
                "root_mean_square": square,
                "seed_sd": seed_sd,
                "verdict": SAME if equal.all() else ROUNDING if square <= np.sqrt(2) * seed_sd else DIFFERENT,
            }
        )
    return pd.DataFrame(rows)


def describe_machine(environment: dict[str, Any], minutes: float) -> pd.DataFrame:
    """What the scores were made with: ``item`` and ``value``, from a run's environment and the sweep's process time."""
    items = {
        "Python": environment.get("python"),
        **dict(sorted(environment.get("packages", {}).items())),
        "system": environment.get("system"),
        "machine": environment.get("machine"),
        "processor's instructions, as PyTorch uses them": environment.get("instructions"),
        "device": environment.get("device"),
        "commit": environment.get("commit"),
        "process time of all runs, minutes": f"{minutes:.1f}",
    }
    known = {item: value for item, value in items.items() if value is not None}
    return pd.DataFrame({"item": list(known), "value": [str(value) for value in known.values()]})


def _seed_sd(committed: pd.DataFrame) -> float:
    groups = committed.assign(variant=committed["variant"].fillna("")).groupby(["configuration", "variant"])["mAP"]
    spread = groups.var(ddof=1).dropna()
    return float(np.sqrt(spread.mean())) if len(spread) else float("nan")
