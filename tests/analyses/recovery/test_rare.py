"""Gains over shares in worlds where they are made: as bits say, nothing, or the same at every share."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recovery_worlds import dealt_cell, made_table, rare_cells
from scipy import stats

from mosaicreid.analyses.recovery.rare import rare_answers, rare_table, rare_worlds
from mosaicreid.errors import InputError

CELLS = rare_cells()


def found(gain, *, noise: float = 0.01, everything: float = 6.0) -> list:
    """Worlds in which an attribute of a share gains ``gain(share, entropy)`` points."""
    worlds = []
    for cell in CELLS:
        shares = dict(part.split("=") for part in cell.shares.split())
        for draw in cell.draws:
            table = made_table(cell, draw).set_index("configuration")
            generator = np.random.default_rng(draw.world)
            for name, share in shares.items():
                p = float(share)
                bits = float(stats.entropy([p, 1 - p], base=2))
                table.loc[name, "gain"] = gain(p, bits) + noise * generator.standard_normal()
            table.loc[(table.index == "all") & (table["arm"] == "experts"), "gain"] = everything
            worlds.append((cell, draw, table.reset_index()))
    return worlds


def answers(gain, **more: float) -> pd.DataFrame:
    worlds = rare_worlds(found(gain, **more))
    return rare_answers(worlds, rare_table(worlds)).set_index("quantity")


def test_every_attribute_of_a_cell_is_a_row_with_its_bits() -> None:
    worlds = rare_worlds(found(lambda share, bits: 10 * share))
    assert len(worlds) == 8
    row = worlds.set_index(["world", "attribute"]).loc[(400, "hat")]
    assert row[["share", "gain_all"]].tolist() == [0.05, 6.0]
    assert row["entropy_bits"] == pytest.approx(stats.entropy([0.05, 0.95], base=2))
    assert 0 < row["knowledge_gain_bits"] < row["entropy_bits"]
    # Visibility belongs to the attribute and not to its share.
    assert worlds.groupby("attribute")["visibility"].nunique().tolist() == [1, 1]
    assert worlds.groupby("share")["cell"].nunique().tolist() == [2, 2]


def test_means_at_a_share_are_over_attributes_and_worlds() -> None:
    worlds = rare_worlds(found(lambda share, bits: 4 * bits, noise=0.2))
    table = rare_table(worlds).set_index("share")
    own = worlds[worlds["share"] == 0.05]
    assert table.loc[0.05, "mean"] == pytest.approx(own["gain"].mean())
    spread = own["gain"] - own.groupby("cell")["gain"].transform("mean")
    half = stats.t.ppf(0.975, 2) * np.sqrt((spread**2).sum() / 2 / 4)
    assert table.loc[0.05, "high"] - table.loc[0.05, "mean"] == pytest.approx(half)
    assert table.loc[0.05, "per_bit"] == pytest.approx(own["gain"].mean() / own["entropy_bits"].iloc[0])
    assert table["worlds"].tolist() == [4, 4]


def test_gains_as_bits_say_are_not_told_from_them() -> None:
    table = answers(lambda share, bits: 4 * bits)
    assert set(table["beside_bits"]) == {"not told from its bits"}
    assert table.loc["slope", "mean"] == pytest.approx(4, abs=0.05)
    assert table.loc["beyond_bits", "mean"] == pytest.approx(0, abs=0.05)
    bits = [float(stats.entropy([p, 1 - p], base=2)) for p in (0.05, 0.5)]
    assert table.loc["common_less_rare", "mean"] == pytest.approx(4 * (bits[1] - bits[0]), abs=0.05)
    assert table["margin"].tolist() == pytest.approx([0.6] * 4)
    assert set(table["verdict"]) == {"rare is important too"}


@pytest.mark.parametrize(
    ("gain", "verdict", "beside"),
    [
        (lambda share, bits: 0.0, "unimportant at any share", "not told from its bits"),
        (lambda share, bits: 2.0 if share > 0.1 else 0.1, "rare is unimportant", "less than its bits"),
        (lambda share, bits: 2.0, "rare is important too", "more than its bits"),
    ],
)
def test_verdicts_follow_the_gains(gain, verdict: str, beside: str) -> None:
    table = answers(gain)
    assert set(table["verdict"]) == {verdict}
    assert set(table["beside_bits"]) == {beside}


def test_worlds_that_cannot_be_compared_are_named(tmp_path: Path) -> None:
    one = found(lambda share, bits: bits)
    with pytest.raises(InputError, match="no cell sets shares of attributes"):
        rare_worlds([(dealt_cell(), dealt_cell().draws[0], one[0][2])])
    without = one[0][2][one[0][2]["configuration"] != "hat"]
    with pytest.raises(InputError, match="world 400 of cell rare-0 has no row of experts with hat"):
        rare_worlds([(*one[0][:2], without)])
    other = rare_cells()[0]
    for shares, message in (
        ("hat=0.05 bag=0.05", r"have the shares \(0.05, 0.05\); expected two at least"),
        ("hat=0.05", r"have the shares \(0.05,\); expected two at least"),
        ("hat=0.05 bag=0.7", "the share of bag is 0.7; expected one above 0 and up to a half"),
    ):
        cell = dealt_cell(**(vars(other) | {"shares": shares}))
        with pytest.raises(InputError, match=message):
            rare_worlds([(cell, one[0][1], one[0][2])])
    single = rare_worlds([one[0], one[2]])
    with pytest.raises(InputError, match="2 worlds in 2 cells; expected 2 in a cell for an interval"):
        rare_table(single)
    with pytest.raises(InputError, match="got a gain of 0"):
        answers(lambda share, bits: bits, everything=0.0)
