import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mosaicreid.analyses.importance.compute import analyse_table
from mosaicreid.analyses.importance.estimators import importances
from mosaicreid.errors import InputError
from mosaicreid.published import METRICS, attributes, load_experiments, load_table
from mosaicreid.statistics.rank_agreement import rank_correlations, spearman


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    parts: dict[str, list[pd.DataFrame]] = {}
    for metric in METRICS:
        for name, frame in analyse_table(load_experiments("dukemtmc"), attributes("dukemtmc"), metric).items():
            parts.setdefault(name, []).append(frame.assign(dataset="dukemtmc", metric=metric))
    return {name: pd.concat(frames) for name, frames in parts.items()}


def test_importances_are_the_printed_ones(tables: dict[str, pd.DataFrame]) -> None:
    found = importances(tables, attributes("dukemtmc"), dataset="dukemtmc", metric="mAP")
    assert tuple(found.index) == attributes("dukemtmc")
    printed = load_table(5)
    printed = printed[printed["dataset"] == "dukemtmc"].set_index("attribute").loc[list(found.index)]
    np.testing.assert_allclose(found["fimp"], printed["fimp"], atol=6e-4)
    np.testing.assert_allclose(found["cohens_d"], printed["cohens_d"], atol=6e-4)
    # t is excluded minus included, so importance turns its sign.
    np.testing.assert_allclose(found["welch"], -printed["t_stat"], atol=6e-4)
    assert (found["shap"] > 0).all()


def test_spearman_is_scipys_and_its_interval_bonett_and_wrights() -> None:
    generator = np.random.default_rng(0)
    first = generator.normal(size=12)
    second = first + generator.normal(size=12)
    rho, low, high = spearman(first, second)
    assert rho == pytest.approx(stats.spearmanr(first, second).statistic)
    width = np.arctanh(high) - np.arctanh(low)
    assert width == pytest.approx(2 * 1.959964 * np.sqrt((1 + rho**2 / 2) / 9), rel=1e-6)
    assert low < rho < high


def test_a_perfect_rank_correlation_has_no_interval() -> None:
    rho, low, high = spearman(np.arange(6.0), np.exp(np.arange(6.0)))
    assert rho == pytest.approx(1)
    assert np.isnan(low)
    assert np.isnan(high)


def test_agreement_of_a_table_with_itself_is_perfect(tables: dict[str, pd.DataFrame]) -> None:
    found = importances(tables, attributes("dukemtmc"), dataset="dukemtmc", metric="rank1")
    table = rank_correlations(found, found[["glm", "pimp"]])
    assert table["importance"].tolist() == ["glm", "pimp"]
    np.testing.assert_allclose(table["rho"], 1)
    assert (table["attributes"] == 10).all()


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="got 4 and 4 values"):
        spearman(np.arange(4.0), np.arange(4.0))
    with pytest.raises(InputError, match="is constant"):
        spearman(np.arange(5.0), np.ones(5))


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ([1, 2, 3, np.nan, 5], "values to correlate that are missing or infinite"),
        ([1, 2, 3, np.inf, 5], "values to correlate that are missing or infinite"),
        (list("abcde"), "values to correlate of shape .* and dtype <U1"),
        (np.ones((5, 2)), "expected an array of numbers with 1 axes"),
        (5, "expected an array of numbers with 1 axes"),
        (np.arange(6), "got 6 and 5 values to correlate"),
    ],
)
def test_values_without_ranks(first, message: str) -> None:
    with pytest.raises(InputError, match=message):
        spearman(first, np.arange(5))


def test_tables_meet_by_their_rows_names() -> None:
    ours = pd.DataFrame({"x": np.arange(6.0), "y": 0.0}, index=list("uvwxyz"))
    other = pd.DataFrame({"x": [5, 0, 1, 2, 3, 4]}, index=list("zuvwxy"), dtype="Int64")
    assert rank_correlations(ours, other)["rho"].tolist() == [1.0]
    assert rank_correlations(ours[["y"]], other).empty
    with pytest.raises(InputError, match="the second table names row 'z' twice"):
        rank_correlations(ours, other.set_axis(list("zuvwxz")))
    with pytest.raises(InputError, match="holds object values; expected numbers"):
        rank_correlations(ours.astype({"x": str}), other)
    with pytest.raises(InputError, match=r"several columns named \['x', 'x'\]"):
        rank_correlations(pd.concat([ours, ours], axis=1), other)
    with pytest.raises(InputError, match="the first table is of type list"):
        rank_correlations([1], other)
