"""What the page on the world says of its options is what their table says."""

from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[3]


def test_what_is_said_of_each_option_is_what_the_table_says() -> None:
    page = " ".join((ROOT / "book" / "world.md").read_text().split())
    table = pd.read_csv(ROOT / "results" / "hardness.csv")
    moved = table[table["option"] != "usual"].assign(size=lambda rows: rows["change"].abs())
    most = moved.groupby(["option", "dataset"])["size"].max().groupby("option").agg(["min", "max"]).round(1)
    assert "whether people wear marks that no attribute names, move the baseline most, by up to 14 points" in page
    assert most.loc[["legibility", "marks"], "min"].min() > most.drop(["legibility", "marks"])["max"].max()
    assert round(most["max"].max()) == 14
    assert (
        "Changes by the other options, of less than 4 points, are no larger than default worlds of other seeds" in page
    )
    worlds = pd.read_csv(ROOT / "results" / "strength_worlds.csv").query(
        "route == 'default' and configuration == 'all' and epochs == 4"
    )
    ends = worlds.groupby("dataset")[["baseline", "read"]].agg(["min", "max"])
    spread = ends["baseline", "max"] - ends["baseline", "min"]
    assert most.drop(["legibility", "marks"])["max"].max() < min(4, spread.min())
    assert (worlds.groupby("dataset").size() == 12).all()
    assert "baselines from 85.1 to 89.2 mAP and read 31 to 37 % in Market-like worlds" in page
    assert "and from 84.7 to 89.6 mAP and 36 to 56 % in Duke-like ones" in page
    of_market, of_duke = (ends.loc[name] for name in ("market1501", "dukemtmc"))
    assert of_market["baseline"].round(1).tolist() + of_duke["baseline"].round(1).tolist() == [85.1, 89.2, 84.7, 89.6]
    assert of_market["read"].round(2).tolist() + of_duke["read"].round(2).tolist() == [0.31, 0.37, 0.36, 0.56]
    assert (table["worlds"] == 1).all()
