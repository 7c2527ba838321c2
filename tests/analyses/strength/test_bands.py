"""Curves with a band: exact where there is no noise, as wide as they say in simulation, and bad tables named."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from mosaicreid.analyses.strength.bands import _design, fit_band
from mosaicreid.errors import InputError

GRID = [30.0, 60.0, 82.6]
ROUTES = ("attributes", "identity")


def truth(route: str, m: np.ndarray | float) -> np.ndarray | float:
    """Quadratic, so that the spline holds it."""
    return (1 if route == "identity" else -0.5) * (100 - np.asarray(m)) / 50 + 0.0004 * np.asarray(m) ** 2


def made(seed: int, *, world: float, rest: float, gamma: float = 0.0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    rows = []
    for dataset, shift in (("a", 0.4), ("b", -0.4)):
        for number in range(4):
            own = generator.normal(0, world)
            for route in ROUTES:
                for target in (20, 40, 60, 75, 90):
                    m = target + generator.uniform(-3, 3)
                    noise = ((100 - m) / 50) ** gamma * (own + generator.normal(0, rest))
                    rows.append((dataset, number, route, m, truth(route, m) + shift + noise))
    return pd.DataFrame(rows, columns=["dataset", "world", "route", "baseline", "y"])


def test_without_noise_the_curve_is_the_truth_and_datasets_are_averaged() -> None:
    band = fit_band(made(0, world=0, rest=1e-7), "y", GRID)
    expected = [float(truth(route, at)) for route, at in zip(band.curve["route"], band.curve["baseline"], strict=True)]
    assert band.curve["estimate"].tolist() == pytest.approx(expected, abs=1e-5)
    assert (band.worlds, band.rows) == (8, 80)


def test_estimates_are_those_of_the_model_in_statsmodels_own_words() -> None:
    table = made(3, world=0.5, rest=0.4)
    band = fit_band(table, "y", GRID)
    columns = [f"x{number}" for number in range(8)]
    design = pd.DataFrame(_design(table["route"].to_numpy(), table["baseline"].to_numpy(), ROUTES), columns=columns)
    frame = table.join(design).assign(d=np.where(table["dataset"] == "a", 1.0, -1.0))
    frame["group"] = frame["dataset"] + frame["world"].astype(str)
    assert band.gamma == 0.0
    fitted = smf.mixedlm(f"y ~ 0 + {' + '.join(columns)} + d", frame, groups=frame["group"]).fit(reml=True)
    at = _design(band.curve["route"].to_numpy(), band.curve["baseline"].to_numpy(float), ROUTES)
    np.testing.assert_allclose(band.curve["estimate"], at @ fitted.fe_params[columns], atol=1e-4)
    covariance = fitted.cov_params().loc[columns, columns].to_numpy()
    np.testing.assert_allclose(band.curve["std_err"], np.sqrt(np.diag(at @ covariance @ at.T)), rtol=0.01)
    assert band.rest_sd == pytest.approx(np.sqrt(fitted.scale), rel=0.01)
    assert band.world_sd == pytest.approx(np.sqrt(fitted.cov_re.iloc[0, 0]), rel=0.05)


def test_the_band_holds_the_whole_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(12):
        curve = fit_band(made(seed, world=0.5, rest=0.5, gamma=1.0), "y", GRID).curve
        expected = np.array(
            [float(truth(route, at)) for route, at in zip(curve["route"], curve["baseline"], strict=True)]
        )
        held += bool(((curve["low"] <= expected) & (expected <= curve["high"])).all())
    # Of 12 bands at 95 %, fewer than 9 hold the truth once in 5,000 times.
    assert held >= 9


def test_more_worlds_and_less_noise_make_it_narrower() -> None:
    wide, narrow = (fit_band(made(1, world=0.5, rest=rest), "y", GRID).curve for rest in (0.5, 0.1))
    assert ((wide["high"] - wide["low"]) > (narrow["high"] - narrow["low"])).all()


def test_the_grid_stays_within_each_routes_baselines() -> None:
    table = made(0, world=0.3, rest=0.3)
    table = table[(table["route"] == "identity") | (table["baseline"] < 80)]
    curve = fit_band(table, "y", GRID).curve
    assert curve.groupby("route")["baseline"].max().to_dict() == {"attributes": 60.0, "identity": 82.6}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="route"), r"lacks the columns \['route'\]"),
        (lambda t: t.assign(y=1.5), "y is 1.5 in every world; there is nothing to fit"),
        (lambda t: t.assign(y=np.nan), "missing or infinite"),
        (lambda t: t.iloc[:0], "y of 0 rows"),
        (lambda t: t[(t["world"] == 0) & (t["dataset"] == "a")], "got 1 world; expected at least 2"),
        (lambda t: t.assign(baseline=50.0), "80 rows determine 3 of 9 coefficients"),
        (lambda t: t.assign(baseline=t["baseline"] + 8), "leaves nothing; expected all of them below 100"),
    ],
)
def test_bad_tables_are_named(change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_band(change(made(0, world=0.3, rest=0.3)), "y", GRID)


def test_a_grid_out_of_reach_is_named() -> None:
    with pytest.raises(InputError, match="no baseline of the grid lies within"):
        fit_band(made(0, world=0.3, rest=0.3), "y", [5.0])
