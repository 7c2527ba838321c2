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
