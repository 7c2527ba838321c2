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


def hidden(world, name: str, people: float) -> float:
    """H(T | X) by enumeration: people of whom a share has the attribute, images that show the prior otherwise."""
    visibility, prior = world.visibility[name], np.array(world.priors[name])
    joint = np.array([[p * (visibility * (t == x) + (1 - visibility) * prior[x]) for x in (0, 1)]
                      for t, p in enumerate((1 - people, people))])  # fmt: skip
    return float(stats.entropy(joint.ravel(), base=2) - stats.entropy(joint.sum(axis=0), base=2))


def found(gain, *, noise: float = 0.01, everything: float = 6.0, labels=None) -> list:
    """Worlds in which an attribute of a share gains ``gain(share, hidden bits)`` points, and labels twice that."""
    worlds = []
    for cell in CELLS:
        shares = dict(part.split("=") for part in cell.shares.split())
        for draw in cell.draws:
            table = made_table(cell, draw)
            generator = np.random.default_rng(draw.world)
            for name, share in shares.items():
                bits = hidden(cell.drawn(draw.world), name, float(share))
                own = table["configuration"] == name
                given = gain(float(share), bits)
                table.loc[own & (table["arm"] == "experts"), "gain"] = given + noise * generator.standard_normal()
                table.loc[own & (table["arm"] == "baseline"), "gain"] = 2 * given if labels is None else labels
                table.loc[own & (table["arm"] == "experts"), f"holders_{name}"] = 85.5
                table.loc[table["kind"] == "none", f"holders_{name}"] = 80.0
            table.loc[(table["configuration"] == "all") & (table["arm"] == "experts"), "gain"] = everything
            worlds.append((cell, draw, table))
    return worlds


def answers(gain, **more: float) -> pd.DataFrame:
    worlds = rare_worlds(found(gain, **more))
    return rare_answers(worlds, rare_table(worlds)).set_index("quantity")


def test_every_attribute_of_a_cell_is_a_row_with_its_bits() -> None:
    worlds = rare_worlds(found(lambda share, bits: 10 * share))
    assert len(worlds) == 8
    row = worlds.set_index(["world", "attribute"]).loc[(400, "hat")]
    assert row[["share", "people_share", "trained", "gain_all"]].tolist() == [0.05, 0.05, 2, 6.0]
    assert row[["labels", "holders_gain"]].tolist() == pytest.approx([1.0, 5.5])
    assert row["entropy_bits"] == pytest.approx(stats.entropy([0.05, 0.95], base=2))
    assert row["knowledge_gain_bits"] == pytest.approx(hidden(CELLS[0].drawn(400), "hat", 0.05))
    # Visibility belongs to the attribute and not to its share.
    assert worlds.groupby("attribute")["visibility"].nunique().tolist() == [1, 1]
    assert worlds.groupby("share")["cell"].nunique().tolist() == [2, 2]


def test_bits_are_those_of_the_people_who_were_drawn() -> None:
    given = found(lambda share, bits: 1.0)
    given[0] = (*given[0][:2], given[0][2].assign(people_hat=3))
    row = rare_worlds(given).set_index(["world", "attribute"]).loc[(400, "hat")]
    assert row[["share", "people_share"]].tolist() == pytest.approx([0.05, 0.15])
    assert row["entropy_bits"] == pytest.approx(stats.entropy([0.15, 0.85], base=2))
    assert row["knowledge_gain_bits"] == pytest.approx(hidden(CELLS[0].drawn(400), "hat", 0.15))


def test_means_at_a_share_are_over_attributes_and_worlds() -> None:
    worlds = rare_worlds(found(lambda share, bits: 4 * bits, noise=0.2))
    table = rare_table(worlds).set_index("share")
    own = worlds[worlds["share"] == 0.05]
    assert table.loc[0.05, "mean"] == pytest.approx(own["gain"].mean())
    spread = own["gain"] - own.groupby("cell")["gain"].transform("mean")
    half = stats.t.ppf(0.975, 2) * np.sqrt((spread**2).sum() / 2 / 4)
    assert table.loc[0.05, "high"] - table.loc[0.05, "mean"] == pytest.approx(half)
    assert table.loc[0.05, "per_bit"] == pytest.approx(own["gain"].mean() / own["knowledge_gain_bits"].mean())
    assert table.loc[0.05, "labels_mean"] == pytest.approx(own["labels"].mean())
    assert table["holders_mean"].tolist() == pytest.approx([5.5, 5.5])
    assert table["worlds"].tolist() == table["holders_worlds"].tolist() == [4, 4]


def test_a_world_in_which_nobody_has_it_has_no_gain_among_them() -> None:
    given = found(lambda share, bits: bits)
    alone = given[0][2].assign(holders_hat=np.nan)
    table = rare_table(rare_worlds([(*given[0][:2], alone), *given[1:]])).set_index("share")
    assert table.loc[0.05, ["worlds", "holders_worlds"]].tolist() == [4, 3]


def test_gains_as_bits_say_are_not_told_from_them() -> None:
    table = answers(lambda share, bits: 40 * bits)
    assert set(table["beside_bits"]) == {"not told from its bits"}
    assert table.loc["slope", "mean"] == pytest.approx(40, abs=0.5)
    assert table.loc["beyond_bits", "mean"] == pytest.approx(0, abs=0.05)
    first, second = (cell.drawn(400) for cell in CELLS)
    rare = hidden(first, "hat", 0.05), hidden(second, "bag", 0.05)
    common = hidden(second, "hat", 0.5), hidden(first, "bag", 0.5)
    assert table.loc["common_less_rare", "mean"] == pytest.approx(40 * (np.mean(common) - np.mean(rare)), abs=0.05)
    assert table["margin"].tolist() == pytest.approx([0.6] * 4)


def test_attributes_of_unequal_worth_are_no_sign_of_more_or_less_than_bits() -> None:
    given = found(lambda share, bits: 40 * bits)
    for _, _, table in given:
        own = (table["configuration"] == "bag") & (table["arm"] == "experts")
        table.loc[own, "gain"] *= 3
    worlds = rare_worlds(given)
    beyond = rare_answers(worlds, rare_table(worlds)).set_index("quantity").loc["beyond_bits"]
    assert beyond["mean"] == pytest.approx(0, abs=0.1)


def test_what_labels_bring_is_judged_beside_it() -> None:
    table = answers(lambda share, bits: 0.0, labels=2.0)
    assert set(table["verdict"]) == {"unimportant at any share"}
    assert set(table["verdict_labels"]) == {"rare is important too"}


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
    table = one[0][2]
    for without in (
        table[table["configuration"] != "hat"],
        table[(table["configuration"] != "hat") | (table["arm"] == "experts")],
    ):
        with pytest.raises(
            InputError, match="world 400 of cell rare-0 has no row of experts, or of labels added, with hat"
        ):
            rare_worlds([(*one[0][:2], without)])
    with pytest.raises(InputError, match="world 400 of cell rare-0 does not say who has hat"):
        rare_worlds([(*one[0][:2], table.drop(columns="people_hat"))])
    bare = dealt_cell(**(vars(CELLS[0]) | {"with_labels": False}))
    with pytest.raises(InputError, match="cell rare-0 adds no labels; expected with_labels where shares are set"):
        rare_worlds([(bare, one[0][1], table)])
    nobody = [(cell, draw, own.assign(people_hat=0)) for cell, draw, own in one]
    worlds = rare_worlds(nobody)
    with pytest.raises(InputError, match="images hide 0 bits of hat at the largest share"):
        rare_answers(worlds, rare_table(worlds))
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


def test_datasets_stay_in_their_order_and_shares_go_up() -> None:
    worlds = rare_worlds(found(lambda share, bits: 10 * share))
    both = pd.concat([worlds.assign(dataset="market1501")[::-1], worlds.assign(dataset="dukemtmc")])
    table = rare_table(both)
    assert list(dict.fromkeys(table["dataset"])) == ["market1501", "dukemtmc"]
    assert table.groupby("dataset")["share"].apply(lambda shares: shares.is_monotonic_increasing).all()
