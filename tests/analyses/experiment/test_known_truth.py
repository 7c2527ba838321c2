"""Effects against a truth that is made here, so that every answer is known beforehand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from mosaicreid import published
from mosaicreid.analyses.experiment.known_truth import TRUTH, expected_correlation, gains_alone, scores_by_bits
from mosaicreid.config.inclusion import indicators
from mosaicreid.datasets import get_schema
from mosaicreid.statistics.estimators import fit_glm
from mosaicreid.sweep.variants import table3

DATASET = "dukemtmc"
NAMES = published.attributes(DATASET)
BITS = pd.Series(np.arange(1, len(NAMES) + 1) / 10, index=NAMES)


def experiment(score):
    """Table 3 where a configuration whose labels tell ``b`` bits scores ``score(b)`` percent, and the truth."""
    marks = pd.DataFrame([indicators(name, get_schema(DATASET)) for name in table3(DATASET)])
    scores = marks[list(NAMES)].to_numpy(float) @ BITS.to_numpy()
    table = marks.assign(configuration=list(table3(DATASET)), mAP=score(scores), mAP_sd=np.nan)
    return {DATASET: table}, {DATASET: pd.DataFrame({"attribute": NAMES, TRUTH: BITS.to_numpy()})}


def effects(values, std_err=1e-6):
    return pd.DataFrame({"dataset": DATASET, "attribute": NAMES, TRUTH: BITS.to_numpy(), "effect": values}).assign(
        std_err=std_err
    )


def explained(score, values, std_err=1e-6):
    tables3, truths = experiment(score)
    return expected_correlation(effects(values, std_err), scores_by_bits(tables3, truths), tables3).iloc[0]


def test_bits_of_a_configuration_are_those_of_its_attributes():
    tables3, truths = experiment(lambda bits: 20 + 5 * bits)
    scores = scores_by_bits(tables3, truths).set_index("configuration")
    assert scores.loc["baseline", "bits"] == 0
    assert scores.loc["all", "bits"] == pytest.approx(BITS.sum())
    assert scores.loc["footwear", "bits"] == pytest.approx(BITS["boots"] + BITS["shoecolour"])
    np.testing.assert_allclose(scores["curve"], scores["mAP"])


def test_the_curve_pools_what_does_not_increase():
    tables3, truths = experiment(lambda bits: 20 - 5 * bits)
    assert scores_by_bits(tables3, truths)["curve"].to_numpy() == pytest.approx(np.mean(tables3[DATASET]["mAP"]))


def test_gain_alone_is_over_the_baseline_and_missing_without_its_configuration():
    tables3, _ = experiment(lambda bits: 20 + 5 * bits)
    gains = gains_alone(tables3[DATASET], list(NAMES))
    np.testing.assert_allclose(gains, 5 * BITS)
    without = tables3[DATASET][lambda table: table["configuration"] != "boots"]
    assert gains_alone(without, list(NAMES)).index[gains_alone(without, list(NAMES)).isna()].tolist() == ["boots"]


def test_scores_in_a_straight_line_leave_the_glm_nothing_to_miss():
    found = explained(lambda bits: 20 + 5 * bits, BITS)
    assert (found["rho"], found["glm_rho"], found["curve_r2"]) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert found["reading"] == "the known ranking is recovered"


def test_saturation_alone_spoils_the_additive_ranking():
    def saturating(bits):
        return 20 + 60 * np.minimum(bits, 1.0)

    found = explained(saturating, BITS.iloc[::-1].to_numpy())
    design = experiment(saturating)[0][DATASET]
    fitted = fit_glm(design, NAMES, "mAP").loc[list(NAMES), "coef"]
    assert found["glm_rho"] == pytest.approx(spearmanr(fitted, BITS).statistic)
    assert found["glm_rho"] < 0.7
    assert "would not reach 0.7 even if scores followed the bits alone" in found["reading"]


def linear(values, std_err):
    return explained(lambda bits: 20 + 5 * bits, values, std_err)


def test_readings_tell_recovery_noise_and_disagreement_apart():
    line = np.linspace(0, 3, len(NAMES))
    exact = linear(line, 0.01)
    assert (exact["rho"], exact["slope"]) == (pytest.approx(1), pytest.approx(3 / 0.9))
    assert exact["reading"] == "the known ranking is recovered"
    assert linear(np.roll(line, 5), 1.0)["reading"].startswith("most of the spread of the effects is sampling noise")
    assert linear(line[::-1], 0.01)["reading"].startswith("noise does not explain it")
    within = linear(line + 1.1 * np.array([1, -1] * 5), 0.8)
    assert within["expected_low"] <= within["rho"] < 0.7
    assert within["reading"].startswith("noise of this size")


def test_noise_lowers_what_can_be_expected():
    expected = [linear(np.linspace(0, 3, len(NAMES)), error)["expected_rho"] for error in (0.1, 1, 4)]
    assert expected == sorted(expected, reverse=True)
    assert expected[0] > 0.95
