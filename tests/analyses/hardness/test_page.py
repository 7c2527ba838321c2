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
    assert "what cameras do, by up to 4" in page
    assert 3 < most.loc["nuisance", "max"] <= 4
    assert "private cues and people without a query, by less than 2" in page
    assert most.loc[["private_cues", "distractor_identities"], "max"].max() < 2
    assert (table["worlds"] == 1).all()
