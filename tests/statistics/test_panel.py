import numpy as np
import pandas as pd
import pytest

from mosaicreid.errors import InputError
from mosaicreid.statistics.panel import build_panel

DESIGN = pd.DataFrame({"configuration": ["all", "hat", "baseline"], "hat": [1, 1, 0], "bag": [1, 0, 0]})


def long_table(*, configurations=("hat", "baseline", "all"), seeds=(1, 0), queries=6) -> pd.DataFrame:
    rows = [
        {"configuration": name, "seed": seed, "query": query, "pid": 10 + query // 2, "ap": value}
        for index, name in enumerate(configurations)
        for seed in seeds
        for query in range(queries)
        for value in [((index + 1) * 0.1 + seed * 0.01 + query * 0.05)]
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_values_land_where_their_names_say() -> None:
    panel = build_panel(long_table(), DESIGN, ["hat", "bag"])
    assert panel.configurations == ("all", "hat", "baseline")
    assert panel.seeds == (0, 1)
    assert panel.ap.shape == (3, 2, 6)
    # "all" was the third configuration generated: 0.3 + seed 1 + query 4
    assert panel.ap[0, 1, 4] == pytest.approx(0.3 + 0.01 + 0.2)
    assert panel.pids.tolist() == [10, 10, 11, 11, 12, 12]
    assert panel.design.tolist() == [[1, 1], [1, 0], [0, 0]]


def test_without_drops_one_configuration() -> None:
    panel = build_panel(long_table(), DESIGN, ["hat", "bag"])
    rest = panel.without("hat")
    assert rest.configurations == ("all", "baseline")
    np.testing.assert_array_equal(rest.ap, panel.ap[[0, 2]])
    np.testing.assert_array_equal(rest.design, panel.design[[0, 2]])
    with pytest.raises(InputError, match="no runs of configuration 'cap'; the panel holds: all, hat, baseline"):
        panel.without("cap")


def drop_seed(table: pd.DataFrame) -> pd.DataFrame:
    return table[~((table["configuration"] == "hat") & (table["seed"] == 1))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="ap"), r"lacks the columns \['ap'\]"),
        (lambda table: table.iloc[:0], "no rows"),
        (lambda table: table.assign(ap=0.5), "is 0.5 for every run and query"),
        (lambda table: table.assign(ap=table["ap"] * 100), "must be in 0..1"),
        (lambda table: table.assign(ap=np.nan), "must be in 0..1"),
        (lambda table: table.assign(ap=table["query"] / 10), "the same average precision on every query"),
        (lambda table: table[table["configuration"] == "hat"], "got 1 configurations"),
        (lambda table: table[table["query"] == 0], "got 1 queries"),
        (lambda table: table[table["query"] < 2], "got 1 query identities"),
        (drop_seed, "configuration 'hat' has no run of seed 1"),
        (lambda table: pd.concat([table, table.iloc[:1]]), "lacks queries or repeats one"),
        (lambda table: table.drop(table.index[0]), "lacks queries or repeats one"),
        (lambda table: table.assign(pid=table["seed"] + table["query"]), "has different identities"),
        (lambda table: table.assign(configuration="cap"), "'cap' has results but no row in the design"),
    ],
)
def test_bad_tables_are_named(change, message: str) -> None:
    table = long_table().reset_index(drop=True)
    with pytest.raises(InputError, match=message):
        build_panel(change(table), DESIGN, ["hat", "bag"])


def test_bad_designs_are_named() -> None:
    with pytest.raises(InputError, match=r"lacks the columns \['boots'\]"):
        build_panel(long_table(), DESIGN, ["hat", "boots"])
    with pytest.raises(InputError, match="names configuration 'all' twice"):
        build_panel(long_table(), pd.concat([DESIGN, DESIGN.iloc[:1]]), ["hat"])
    with pytest.raises(InputError, match="got no attributes"):
        build_panel(long_table(), DESIGN, [])


FORMS = {
    "nullable": lambda table: table.astype({"seed": "Int64", "query": "Int64", "pid": "Int64", "ap": "Float64"}),
    "floats": lambda table: table.astype({"seed": float, "pid": float}),
    "categories": lambda table: table.astype("category"),
    "categories that do not occur": lambda table: table.astype(
        {
            "configuration": pd.CategoricalDtype(["cap", "baseline", "all", "hat"]),
            "query": pd.CategoricalDtype([9, *range(6)]),
        }
    ),
    "objects": lambda table: table.astype(object),
    "strings": lambda table: table.astype({"configuration": "string"}),
    "one name for all rows": lambda table: table.set_axis([0] * len(table)),
    "several levels": lambda table: table.set_index(["seed", "query"], drop=False),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("attributes", [("hat", "bag"), pd.Index(["hat", "bag"]), np.array(["hat", "bag"])])
def test_tables_of_any_type_and_index(form: str, attributes) -> None:
    expected = build_panel(long_table(), DESIGN, ["hat", "bag"])
    design = DESIGN.astype({"configuration": "category", "hat": bool, "bag": "Int64"}).set_axis([7, 7, 7])
    found = build_panel(FORMS[form](long_table()), design, attributes)
    for name in ("ap", "design", "pids"):
        assert getattr(found, name).dtype == getattr(expected, name).dtype
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert (found.configurations, found.attributes, found.seeds) == (
        expected.configurations,
        expected.attributes,
        expected.seeds,
    )
    assert all(type(seed) is int for seed in found.seeds)


def test_seeds_may_be_negative_and_identities_large() -> None:
    table = long_table()
    found = build_panel(table.assign(seed=-table["seed"], pid=table["pid"] + 2**60), DESIGN, ["hat", "bag"])
    assert found.seeds == (-1, 0)
    assert found.pids.tolist() == [2**60 + pid for pid in (10, 10, 11, 11, 12, 12)]
    np.testing.assert_array_equal(found.ap[:, ::-1], build_panel(table, DESIGN, ["hat", "bag"]).ap)


def without_value(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table.assign(**{name: table[name].astype(object).where(np.arange(len(table)) != 3, None)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(seed=table["seed"] + 0.5), "column 'seed' holds 0.5; expected whole numbers"),
        (
            lambda table: table.assign(pid=table["pid"] + table["query"] % 2 / 2),
            "column 'pid' holds 10.5; expected whole",
        ),
        (lambda table: table.assign(pid="p" + table["pid"].astype(str)), "column 'pid' holds object values"),
        (
            lambda table: table.assign(pid=table["pid"].astype("uint64") + 2**63),
            "'pid' holds 9.22337e\\+18; expected whole",
        ),
        (
            lambda table: table.assign(pid=(table["pid"] + 2**60) * 1.0),
            "expected whole numbers that have all of their digits",
        ),
        (lambda table: table.assign(pid=table["pid"] + 1j), "column 'pid' holds complex128 values"),
        (lambda table: table.assign(ap=table["ap"].astype(str)), "column 'ap' holds object values; expected numbers"),
        (lambda table: table.assign(ap=table["ap"] + 0j), "column 'ap' holds complex128 values"),
        (lambda table: table.assign(ap=np.inf), "must be in 0..1"),
        (lambda table: without_value(table, "ap"), "must be in 0..1"),
        (lambda table: without_value(table, "seed"), "column 'seed' is missing or infinite in 1 of 36 rows"),
        (lambda table: without_value(table, "pid"), "column 'pid' is missing or infinite in 1 of 36 rows"),
        (
            lambda table: without_value(table, "query"),
            "the per-query table has no query in row 3; expected one in every row",
        ),
        (lambda table: without_value(table, "configuration"), "the per-query table has no configuration in row 3"),
        (
            lambda table: table.assign(query=table["query"].map(lambda query: query or "0")),
            "has a query unlike the others",
        ),
        (lambda table: table.assign(configuration=[["hat"]] * len(table)), "has a configuration unlike the others"),
        (lambda table: pd.concat([table, table["ap"]], axis=1), r"several columns named \['ap'\]"),
        (lambda table: pd.DataFrame(columns=table.columns), "no rows"),
        (lambda table: table.to_dict("list"), "the per-query table is of type dict; expected a pandas DataFrame"),
    ],
)
def test_values_that_are_none_are_named(change, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        build_panel(change(long_table().reset_index(drop=True)), DESIGN, ["hat", "bag"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("design", "attributes", "message"),
    [
        (DESIGN.assign(hat=[1, np.nan, 0]), ["hat"], "column 'hat' is missing or infinite in 1 of 3 rows"),
        (DESIGN.assign(hat=[1, 0.5, 0]), ["hat"], r"attribute 'hat' has the values \[0.5\]; expected 0"),
        (DESIGN.astype({"hat": str}), ["hat"], "column 'hat' holds object values"),
        (DESIGN.assign(configuration=["all", None, "hat"]), ["hat"], "the design table has no configuration in row 1"),
        (DESIGN.assign(configuration=[1, 2, 3]), ["hat"], "configuration 'all' has results but no row in the design"),
        (pd.concat([DESIGN, DESIGN["hat"]], axis=1), ["hat"], r"the design table has several columns named \['hat'\]"),
        (DESIGN, "hat", "got the attributes 'hat'; expected a list of column names"),
        (DESIGN, ["hat", "hat"], r"got the attributes \['hat'\] more than once"),
        (DESIGN, np.array([]), "got no attributes"),
        (DESIGN, [["hat"]], "got attributes that are list"),
        (None, ["hat"], "the design table is of type NoneType"),
    ],
)
def test_designs_of_other_values_are_named(design, attributes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        build_panel(long_table(), design, attributes)
    assert "\n" not in str(caught.value)
