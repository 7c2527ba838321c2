"""Whatever callers hand to an analysis gives what its plain form gives, or one line that says what was expected."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from mosaicreid.errors import InputError
from mosaicreid.statistics import bootstrap, caveats, estimators, mixed_effects, power, sensitivity, simulation
from mosaicreid.statistics.rank_agreement import spearman
from mosaicreid.statistics.shapley import sample_shapley, subsets

NAMES = ["a", "b", "c"]
DESIGN = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], float)
BETA = np.array([0.5, 0.03, 0.0])
ANALYSES: dict[str, Callable[..., object]] = {
    "fit_glm": estimators.fit_glm,
    "contrast": lambda table, names, metric: estimators.contrast(table, names, metric, "a", "c"),
    "welch_tests": estimators.welch_tests,
    "forest_importance": lambda *args: estimators.forest_importance(*args, n_estimators=4, n_repeats=2),
    "shap_values": lambda *args: estimators.shap_values(*args, n_estimators=4).reset_index(drop=True),
    "variance_inflation": caveats.variance_inflation,
    "single_rows": caveats.single_rows,
    "intercept_against_baseline": caveats.intercept_against_baseline,
    "confounding": caveats.confounding,
    "equal_effects": caveats.equal_effects,
    "leave_one_out": lambda *args: sensitivity.leave_one_row_out(*args, label="row"),
}


def good() -> pd.DataFrame:
    """All eight combinations of three attributes."""
    bits = np.array([[row >> bit & 1 for bit in range(3)] for row in range(8)])
    scores = [80.0, 81.0, 82.5, 83.0, 81.5, 84.0, 83.5, 86.0]
    return pd.DataFrame(bits, columns=NAMES).assign(mAP=scores, row=list("stuvwxyz"))


def panel(**changes: object) -> simulation.Panel:
    world = simulation.PanelModel(**{"identities": 8, "queries_per_identity": 2, **changes})  # type: ignore[arg-type]
    return simulation.simulate(world, DESIGN, BETA, np.random.default_rng(0))


def same(found: object, expected: object) -> None:
    for one, other in zip(*((each if isinstance(each, tuple) else (each,)) for each in (found, expected)), strict=True):
        if isinstance(one, pd.DataFrame | pd.Series):
            pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other), check_exact=True)
        else:
            np.testing.assert_array_equal(one, other)


TABLES = {
    "nullable": good().astype({"a": "Int64", "b": "boolean", "mAP": "Float64"}),
    "object": good().astype({"a": object, "b": bool, "mAP": object}).astype({"b": object}),
    "other widths": good().astype({"a": "uint8", "b": "float16", "c": "int16", "mAP": np.longdouble}),
    "big-endian": good().astype({"a": ">i4", "mAP": ">f8"}),
    "categories": good().astype({"a": "category", "mAP": "category"}),
    "sparse": good().astype({"a": "Sparse[int]"}),
    "arrow": good().astype({"a": "int64[pyarrow]", "b": bool}).astype({"b": "bool[pyarrow]"}),
    "one name for all rows": good().set_axis([0] * 8),
    "no names": good().set_axis([np.nan] * 8),
    "two levels": good().set_index(["a", "row"], drop=False).rename_axis([None, None]),
    "another column twice": pd.concat(
        [good(), pd.DataFrame({"x": [1] * 8, "y": [2] * 8}).set_axis(["x", "x"], axis=1)], axis=1
    ),
}


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize("form", TABLES)
def test_tables_of_any_type_and_index(name: str, form: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ANALYSES[name](TABLES[form], NAMES, "mAP")
    same(found, ANALYSES[name](good(), NAMES, "mAP"))


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize(
    "form", [tuple, np.array, pd.Index, lambda names: pd.Series(names, index=[1] * 3), iter, dict.fromkeys]
)
def test_attributes_of_any_kind(name: str, form: Callable[[list[str]], list[str]]) -> None:
    same(ANALYSES[name](good(), form(NAMES), "mAP"), ANALYSES[name](good(), NAMES, "mAP"))


@pytest.mark.parametrize("name", [name for name in ANALYSES if name != "contrast"])
def test_columns_named_by_numbers(name: str) -> None:
    found = ANALYSES[name](good().rename(columns={"a": 0, "b": 1, "c": 2}), [0, 1, 2], "mAP")
    values, expected = (
        pd.DataFrame(each).select_dtypes("number").to_numpy() for each in (found, ANALYSES[name](good(), NAMES, "mAP"))
    )
    np.testing.assert_array_equal(values, expected)


def with_score(value: object) -> pd.DataFrame:
    scores = np.array([80.0, value, 82.5, 83.0, 81.5, 84.0, 83.5, 86.0], dtype=object)
    return good().assign(mAP=scores if value is None or isinstance(value, int) else scores.astype(float))


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize(
    ("table", "attributes", "metric", "message"),
    [
        (good(), "abc", "mAP", "got the attributes 'abc'; expected a list of column names"),
        (good(), None, "mAP", "got the attributes None; expected a list"),
        (good(), 5, "mAP", "got the attributes 5; expected a list"),
        (good(), np.array([NAMES]), "mAP", "got attributes that are ndarray; expected a list"),
        (good(), [["a"], ["b"]], "mAP", "got attributes that are list; expected a list"),
        (good(), np.array(["a", "c", "a"]), "mAP", r"got the attributes \['a'\] more than once"),
        (good(), ["a", "c", "mAP"], "mAP", "unknown metric 'mAP'; expected one of: b"),
        (good(), NAMES, None, "unknown metric None"),
        (good(), NAMES, ["mAP"], r"unknown metric \['mAP'\]; expected one of: mAP"),
        (good().assign(a=list("01010101")), NAMES, "mAP", "column 'a' holds object values; expected numbers"),
        (good().assign(a=pd.array(list("01010101"), dtype="string")), NAMES, "mAP", "column 'a' holds string values"),
        (good().assign(mAP=good()["mAP"] + 1j), NAMES, "mAP", "column 'mAP' holds complex128 values; expected numbers"),
        (good().assign(mAP=pd.to_timedelta(range(8))), NAMES, "mAP", r"column 'mAP' holds timedelta64\[ns\] values"),
        (
            good().assign(a=pd.array([0, 1, None, 1] * 2, dtype="Int64")),
            NAMES,
            "mAP",
            "'a' is missing .* in 2 of 8 rows",
        ),
        (good().assign(a=pd.array([0, 1, None, 1] * 2, dtype="boolean")), NAMES, "mAP", "'a' is missing .* in 2 of 8"),
        (with_score(None), NAMES, "mAP", r"'mAP' is missing .* \(the first is row 1\)"),
        (with_score(-np.inf), NAMES, "mAP", "column 'mAP' is missing or infinite in 1 of 8 rows"),
        (with_score(10**400), NAMES, "mAP", "column 'mAP' holds integers beyond float64"),
        (with_score(1e308), NAMES, "mAP", r"from 80 to 1e\+308; expected numbers up to 1e\+75 that differ by more"),
        (
            good().assign(mAP=good()["mAP"] * 1e-300),
            NAMES,
            "mAP",
            "expected numbers up to .* that differ by more than 1e-75",
        ),
        (pd.concat([good(), good()["mAP"]], axis=1), NAMES, "mAP", "the table has 2 columns named 'mAP'; expected one"),
        (pd.concat({"k": good()}, axis=1), NAMES, "mAP", "got a table with 2 levels of column names; expected one"),
        (
            good().rename(columns={"b": "b\nb"}),
            ["a", "c", "d"],
            "mAP",
            "unknown attribute 'd'; expected one of: a, b b, c",
        ),
        (good().to_dict("list"), NAMES, "mAP", "got a table of type dict; expected a pandas DataFrame"),
        (None, NAMES, "mAP", "got a table of type NoneType"),
    ],
)
def test_bad_tables_give_one_line(name: str, table: object, attributes: object, metric: object, message: str) -> None:
    refused(message, ANALYSES[name], table, attributes, metric)


def refused(message: str, function: Callable[..., object], *args: object, **options: object) -> None:
    with pytest.raises(InputError, match=message) as caught:
        function(*args, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in ANALYSES if name not in ("welch_tests", "single_rows", "contrast")])
def test_the_constant_has_its_name_alone(name: str) -> None:
    table = good().rename(columns={"b": "Intercept"})
    refused(
        "got an attribute named 'Intercept', which is what the constant is called",
        ANALYSES[name],
        table,
        ["a", "Intercept", "c"],
        "mAP",
    )


def test_few_rows() -> None:
    for rows in (0, 1):
        assert estimators.welch_tests(good().iloc[:rows], NAMES, "mAP")["p_value"].isna().all()
        assert caveats.single_rows(good().iloc[:rows], NAMES, "mAP")["gain"].isna().all()
        refused("is constant", caveats.equal_effects, good().iloc[:rows], NAMES, "mAP")
    refused(
        "fitted exactly by the attributes", caveats.equal_effects, good().assign(mAP=good()["a"] + 80.0), NAMES, "mAP"
    )


LEVELS = [0, 1, 95, -0.1, np.nan, np.inf, "0.95", None, [0.9], np.array([[0.9], [0.95]]), True, 0.9j]
FIT = mixed_effects.fit(panel())
VALUES = np.random.default_rng(0).normal(size=(2, 6))


@pytest.mark.parametrize("level", LEVELS, ids=repr)
@pytest.mark.parametrize(
    "analysis",
    [
        lambda level: bootstrap.gains(panel(), baseline="configuration 3", level=level),
        lambda level: bootstrap.paired_mean(VALUES, np.arange(6), level=level),
        lambda level: mixed_effects.effects(FIT, margin=1, level=level),
        lambda level: mixed_effects.naive_effects(panel(), level=level),
        lambda level: spearman(np.arange(6.0), np.array([1, 0, 2, 3, 5, 4]), level=level),
        lambda level: sample_shapley(lambda members: members.sum(axis=1), 3, pairs=3, seed=0, level=level),
        lambda level: power.power(FIT, alpha=level),
        lambda level: power.power(FIT, target=level),
        lambda level: caveats.count_significant(caveats.adjust([0.1, 0.2]), alpha=level),
        lambda level: sensitivity.summarise_influence(
            sensitivity.leave_one_row_out(good(), NAMES, "mAP", label="row"),
            estimators.fit_glm(good(), NAMES, "mAP"),
            alpha=level,
        ),
    ],
)
def test_levels_lie_between_0_and_1(analysis: Callable[[object], object], level: object) -> None:
    refused("must be between 0 and 1; got ", analysis, level)


@pytest.mark.parametrize("number", [-1, 100.5, 1000.0, "1000", np.nan, None, [5]], ids=repr)
@pytest.mark.parametrize(
    "analysis",
    [
        lambda number: bootstrap.gains(panel(), baseline="configuration 3", draws=number),
        lambda number: bootstrap.gains(panel(), baseline="configuration 3", seed=number),
        lambda number: estimators.forest_importance(good(), NAMES, "mAP", seed=number),
        lambda number: estimators.forest_importance(good(), NAMES, "mAP", n_estimators=number),
        lambda number: estimators.forest_importance(good(), NAMES, "mAP", n_repeats=number),
        lambda number: estimators.shap_values(good(), NAMES, "mAP", seed=number),
        lambda number: estimators.fit_glm(good(), NAMES, "mAP", min_rows=number),
        lambda number: sensitivity.forest_stability(good(), NAMES, "mAP", seeds=[1, number]),
        lambda number: simulation.PanelModel(identities=number),
        lambda number: simulation.PanelModel(seeds=number),
        lambda number: sample_shapley(lambda members: members.sum(axis=1), number, pairs=3, seed=0),
        lambda number: sample_shapley(lambda members: members.sum(axis=1), 3, pairs=number, seed=0),
        lambda number: sample_shapley(lambda members: members.sum(axis=1), 3, pairs=3, seed=number),
        lambda number: caveats.t_against_z(estimators.fit_glm(good(), NAMES, "mAP"), number),
        lambda number: subsets(number),
    ],
)
def test_counts_and_seeds_are_whole_numbers(analysis: Callable[[object], object], number: object) -> None:
    refused("got .*, expected (a whole number of )?at least ", analysis, number)
