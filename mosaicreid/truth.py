"""Do measured effects rank attributes as the synthetic world makes them matter? And could noise alone say why not?"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from mosaicreid.agreement import importances, spearman
from mosaicreid.data.market1501 import SYNTHETIC_MARKER
from mosaicreid.experiment import front

TRUTH = "knowledge_gain_bits"
_DRAWS = 4000


def read_truth(data: Path | None, dataset: str) -> pd.DataFrame | None:
    """The ground truth of a synthetic dataset, a row per attribute; None where the dataset is not synthetic."""
    marker = None if data is None else Path(data) / dataset / SYNTHETIC_MARKER
    if marker is None or not marker.is_file():
        return None
    return pd.DataFrame(json.loads(marker.read_text())["truth"])


def effects_and_truth(robust: pd.DataFrame, truths: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Per dataset and attribute: the truth's columns, effect, std_err, ci_low, ci_high (mixed effects, mAP points)."""
    tables = []
    for dataset, truth in truths.items():
        effects = robust[robust["dataset"] == dataset].set_index("attribute")
        table = truth.join(effects[["effect", "std_err", "ci_low", "ci_high"]], on="attribute")
        tables.append(front(table.assign(dataset=dataset), "dataset"))
    return pd.concat(tables, ignore_index=True)


def truth_agreement(ours: Mapping[str, pd.DataFrame], table: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation of every importance (of ``agreement`` for mAP, and mixed_effects) with the known truth.

    ``table`` is that of ``effects_and_truth``. Returns dataset, importance, rho, ci_low, ci_high, attributes.
    """
    rows = []
    for dataset, own in table.groupby("dataset", sort=False):
        own = own.set_index("attribute")
        columns = importances(ours, str(dataset), "mAP").assign(mixed_effects=own["effect"])
        for name in columns:
            pairs = pd.concat([columns[name], own[TRUTH]], axis=1).dropna().to_numpy(float)
            rows.append({"dataset": dataset, "importance": name, **_rho(pairs[:, 0], pairs[:, 1])})
    return pd.DataFrame(rows)


def followed(table: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation of the mixed effects with every column of the truth: dataset, truth, rho, ci_low, ci_high."""
    rows = []
    for dataset, own in table.groupby("dataset", sort=False):
        truths = [str(name) for name in own if str(name).endswith("_bits") or name == "visibility"]
        rows += [{"dataset": dataset, "truth": name, **_rho(own["effect"], own[name])} for name in truths]
    return pd.DataFrame(rows)


def explain(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """What rho noise would leave if effects were a straight line in the truth, and what the observed one means.

    The line is fitted by least squares; effects are then drawn around it with their own standard errors
    (independently), and each draw is ranked against the truth.

    Returns:
        Per dataset: rho (mixed effects against truth), expected_rho, expected_low, expected_high (mean and central
        95 % of the draws), slope (mAP points per bit), reliability (share of the effects' variance that is not their
        sampling variance, 0 at least), and reading, a sentence that follows from these numbers.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for dataset, own in table.groupby("dataset", sort=False):
        truth, effect, std_err = (own[name].to_numpy(float) for name in (TRUTH, "effect", "std_err"))
        rho = float(stats.spearmanr(effect, truth).statistic)
        line = stats.linregress(truth, effect)
        draws = line.intercept + line.slope * truth + std_err * generator.standard_normal((_DRAWS, len(truth)))
        ranks = stats.rankdata(truth)
        expected = np.array([np.corrcoef(drawn, ranks)[0, 1] for drawn in stats.rankdata(draws, axis=1)])
        low, high = np.quantile(expected, [0.025, 0.975])
        reliability = max(0.0, 1 - float(np.mean(std_err**2) / effect.var(ddof=1)))
        rows.append(
            {
                "dataset": dataset,
                "rho": rho,
                "expected_rho": float(expected.mean()),
                "expected_low": float(low),
                "expected_high": float(high),
                "slope": float(line.slope),
                "reliability": reliability,
                "reading": _read(rho, float(line.slope), float(low), reliability),
            }
        )
    return pd.DataFrame(rows)


def _read(rho: float, slope: float, low: float, reliability: float) -> str:
    if rho >= 0.7:
        return "the known ranking is recovered"
    if reliability < 0.5:
        return "most of the spread of the effects is sampling noise: it takes more runs or people to rank them"
    if slope > 0 and rho >= low:
        return "noise of this size explains a correlation this low although effects follow the bits"
    return "noise does not explain it: what an attribute is worth to retrieval here is not its hidden bits alone"


def _rho(first: object, second: object) -> dict[str, float]:
    values = np.asarray(first, float), np.asarray(second, float)
    rho, low, high = spearman(*values)
    return {"rho": rho, "ci_low": low, "ci_high": high, "attributes": len(values[0])}
