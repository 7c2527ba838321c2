import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from mosaicreid import published
from mosaicreid.analyses.robust.contrasts import COLOURS, INTRINSIC, LOWER_COLOUR, contrast_weights, published_contrasts
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.statistics.contrasts import combine
from mosaicreid.statistics.mixed_effects import effects, fit
from mosaicreid.statistics.simulation import PanelModel, simulate


@pytest.mark.parametrize("dataset", published.DATASETS)
def test_a_contrast_compares_two_groups_of_equal_weight(dataset: str) -> None:
    weights = contrast_weights(dataset)
    assert list(weights.columns) == list(get_schema(dataset).attributes)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(weights.clip(lower=0).sum(axis=1), 1)
    assert (weights.loc[COLOURS, ["upcolour", "downcolour"]] == 0.5).all()
    assert set(weights.columns[weights.loc[INTRINSIC] > 0]) == set(get_schema(dataset).clusters["intrinsic"])
    # Neither kind is held against the other.
    assert (weights.loc[COLOURS, weights.columns[weights.loc[INTRINSIC] > 0]] == 0).all()


def test_the_contrast_of_two_effects_is_the_effect_of_recoded_columns() -> None:
    # With z = x1 + x2 in place of x1, the coefficient of x2 is the old second effect less the first.
    design = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=float)
    panel = simulate(
        PanelModel(identities=20, seeds=1), design, np.array([0.5, 0.01, 0.03, 0.0]), np.random.default_rng(0)
    )
    fitted = fit(panel)
    weights = pd.DataFrame([[-1.0, 1.0, 0.0]], index=["second less first"], columns=list(panel.attributes))
    found = effects(combine(fitted, weights), margin=0.5).iloc[0]
    recoded = design.copy()
    recoded[:, 0] += design[:, 1]
    other = fit(type(panel)(**{**vars(panel), "design": recoded}))
    expected = effects(other, margin=0.5).iloc[1]
    for column in ("effect", "std_err", "df", "ci_low", "ci_high", "p_value", "p_equivalence"):
        assert found[column] == pytest.approx(expected[column])
    assert combine(fitted, weights).std_err[0] == pytest.approx(fitted.std_err[0])


def test_published_contrasts_are_those_of_the_papers_glm() -> None:
    found = published_contrasts("market1501").loc[LOWER_COLOUR]
    table, names = published.load_experiments("market1501"), list(published.attributes("market1501"))
    recoded = sm.add_constant(table[names].astype(float))
    recoded["upcolour"] += recoded["downcolour"]
    fitted = sm.OLS(table["mAP"], recoded).fit()
    assert found["paper_effect"] == pytest.approx(fitted.params["downcolour"])
    assert [found["paper_ci_low"], found["paper_ci_high"]] == pytest.approx(fitted.conf_int().loc["downcolour"])


def test_weights_of_other_attributes_are_refused() -> None:
    design = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=float)
    panel = simulate(PanelModel(identities=5, seeds=2), design, np.array([0.5, 0.0, 0.0]), np.random.default_rng(0))
    with pytest.raises(InputError, match="got weights of hat"):
        combine(fit(panel), pd.DataFrame([[1.0]], columns=["hat"]))
