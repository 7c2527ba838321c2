"""Do measured effects rank attributes as the synthetic world makes them matter? And could noise alone say why not?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.isotonic import IsotonicRegression

from mosaicreid.analyses.importance.estimators import importances
from mosaicreid.results import columns_first
from mosaicreid.statistics.rank_agreement import spearman

TRUTH = "knowledge_gain_bits"
_DRAWS = 4000
_RECOVERED = 0.7


def effects_and_truth(robust: pd.DataFrame, truths: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Per dataset and attribute: the truth's columns, effect, std_err, ci_low, ci_high (mixed effects, mAP points)."""
    tables = []
    for dataset, truth in truths.items():
        effects = robust[robust["dataset"] == dataset].set_index("attribute")
        table = truth.join(effects[["effect", "std_err", "ci_low", "ci_high"]], on="attribute")
        tables.append(columns_first(table.assign(dataset=dataset), "dataset"))
    return pd.concat(tables, ignore_index=True)


def scores_by_bits(tables3: Mapping[str, pd.DataFrame], truths: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What a configuration's labels tell in all, and what it scores: dataset, configuration, bits, mAP, mAP_sd, curve.

    ``bits`` is the sum of the hidden bits of its attributes, which the world draws independently. ``curve`` is the
    mAP that the bits alone would give: the increasing step function of the bits nearest to the scores (isotonic
    regression). ``tables3`` are those of ``table3_of``.
    """
    tables = []
    for dataset, truth in truths.items():
        table, bits = tables3[dataset], truth.set_index("attribute")[TRUTH]
        known_bits = table[list(bits.index)].to_numpy(float) @ bits.to_numpy()
        curve = IsotonicRegression().fit(known_bits, table["mAP"]).predict(known_bits)
        scores = table[["configuration", "mAP", "mAP_sd"]].assign(dataset=dataset, bits=known_bits, curve=curve)
        tables.append(columns_first(scores, "dataset", "configuration", "bits"))
    return pd.concat(tables, ignore_index=True)


def truth_agreement(
    ours: Mapping[str, pd.DataFrame], table: pd.DataFrame, tables3: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Rank correlation of every importance (of ``agreement`` for mAP, and two more) with the known truth.

    The two: ``mixed_effects``, and ``alone``, what the configuration of one attribute scores above the baseline (of the
    attributes that have such a configuration). ``table`` is that of ``effects_and_truth``, ``tables3`` those of
    ``table3_of``. Returns dataset, importance, rho, ci_low, ci_high, attributes.
    """
    rows = []
    for dataset, rows_of_dataset in table.groupby("dataset", sort=False):
        rows_of_dataset = rows_of_dataset.set_index("attribute")
        columns = importances(ours, list(rows_of_dataset.index), dataset=str(dataset), metric="mAP").assign(
            mixed_effects=rows_of_dataset["effect"],
            alone=gains_alone(tables3[str(dataset)], list(rows_of_dataset.index)),
        )
        for name in columns:
            pairs = pd.concat([columns[name], rows_of_dataset[TRUTH]], axis=1).dropna().to_numpy(float)
            rows.append({"dataset": dataset, "importance": name, **_rho(pairs[:, 0], pairs[:, 1])})
    return pd.DataFrame(rows)


def gains_alone(table3: pd.DataFrame, attributes: list[str]) -> pd.Series:
    """mAP points above the baseline of each configuration of one attribute; NaN for an attribute that has none."""
    marks = table3[attributes]
    size = marks.sum(axis=1)
    single = size == 1
    baseline = float(table3.loc[size == 0, "mAP"].iloc[0])
    gains = pd.Series(table3.loc[single, "mAP"].to_numpy() - baseline, index=marks[single].idxmax(axis=1))
    return gains.reindex(attributes)


def truth_correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation of the mixed effects with every column of the truth: dataset, truth, rho, ci_low, ci_high."""
    rows = []
    for dataset, rows_of_dataset in table.groupby("dataset", sort=False):
        truths = [str(name) for name in rows_of_dataset if str(name).endswith("_bits") or name == "visibility"]
        rows += [
            {"dataset": dataset, "truth": name, **_rho(rows_of_dataset["effect"], rows_of_dataset[name])}
            for name in truths
        ]
    return pd.DataFrame(rows)


def expected_correlation(
    table: pd.DataFrame, scores: pd.DataFrame, tables3: Mapping[str, pd.DataFrame], *, seed: int = 0
) -> pd.DataFrame:
    """What noise, and what the estimator, would leave of a perfect rank correlation, and what the observed one means.

    Noise: a line is fitted to effects and truth by least squares; effects are then drawn around it with their own
    standard errors (independently), and each draw is ranked against the truth. Estimator: the scores of every
    configuration are replaced by ``curve``, a function of its bits alone, and the paper's GLM is fitted to those: what
    it ranks other than by the bits is due to its additivity, not to noise or to the models.

    Args:
        table: of ``effects_and_truth``.
        scores: of ``scores_by_bits``.
        tables3: of ``table3_of``, by dataset.

    Returns:
        Per dataset: rho (mixed effects against truth), expected_rho, expected_low, expected_high (mean and central
        95 % of the draws), slope (mAP points per bit), reliability (share of the effects' variance that is not their
        sampling variance, 0 at least), curve_r2 (share of the variance of configurations' scores that the curve
        explains), glm_rho (of the GLM fitted to the curve), and reading, a sentence that follows from these numbers.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for dataset, effects in table.groupby("dataset", sort=False):
        truth, effect, std_err = (effects[name].to_numpy(float) for name in (TRUTH, "effect", "std_err"))
        rho = float(stats.spearmanr(effect, truth).statistic)
        line = stats.linregress(truth, effect)
        draws = line.intercept + line.slope * truth + std_err * generator.standard_normal((_DRAWS, len(truth)))
        ranks = stats.rankdata(truth)
        expected = np.array([np.corrcoef(drawn, ranks)[0, 1] for drawn in stats.rankdata(draws, axis=1)])
        low, high = np.quantile(expected, [0.025, 0.975])
        reliability = max(0.0, 1 - float(np.mean(std_err**2) / effect.var(ddof=1)))
        curve = scores[scores["dataset"] == dataset].set_index("configuration")
        marks = tables3[str(dataset)].set_index("configuration")[effects["attribute"].tolist()]
        glm_rho = _additive_rho(marks, curve.loc[marks.index, "curve"], truth)
        rows.append(
            {
                "dataset": dataset,
                "rho": rho,
                "expected_rho": float(expected.mean()),
                "expected_low": float(low),
                "expected_high": float(high),
                "slope": float(line.slope),
                "reliability": reliability,
                "curve_r2": 1 - float((curve["mAP"] - curve["curve"]).var(ddof=0) / curve["mAP"].var(ddof=0)),
                "glm_rho": glm_rho,
                "reading": _read(rho, float(line.slope), float(low), reliability, glm_rho),
            }
        )
    return pd.DataFrame(rows)


def _additive_rho(marks: pd.DataFrame, scores: pd.Series, truth: np.ndarray) -> float:
    """Rank correlation of the least-squares effects of 0/1 ``marks`` on ``scores`` with ``truth``; NaN if constant."""
    if np.ptp(scores) == 0:
        return float("nan")
    # Not fit_glm: it wants a residual to test against, and scores in a straight line leave none.
    design = np.column_stack([np.ones(len(marks)), marks.to_numpy(float)])
    coefficients = np.linalg.lstsq(design, scores.to_numpy(float), rcond=None)[0]
    return float(stats.spearmanr(coefficients[1:], truth).statistic)


def _read(rho: float, slope: float, low: float, reliability: float, glm_rho: float) -> str:
    if rho >= _RECOVERED:
        return "the known ranking is recovered"
    if glm_rho < _RECOVERED:
        return (
            "an additive fit to these configurations would not reach 0.7 even if scores followed the bits alone, "
            "because scores saturate"
        )
    if reliability < 0.5:
        return "most of the spread of the effects is sampling noise: it takes more runs or people to rank them"
    if slope > 0 and rho >= low:
        return "noise of this size explains a correlation this low although effects follow the bits"
    return "noise does not explain it: what an attribute is worth to retrieval here is not its hidden bits alone"


def _rho(first: object, second: object) -> dict[str, float]:
    values = np.asarray(first, float), np.asarray(second, float)
    rho, low, high = spearman(*values)
    return {"rho": rho, "ci_low": low, "ci_high": high, "attributes": len(values[0])}
