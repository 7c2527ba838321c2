"""Reading a table of experiments, and what is said about it."""

from pathlib import Path

import pandas as pd
import pytest

from mosaicreid import published
from mosaicreid.analyses.importance.compute import analyse_table
from mosaicreid.analyses.importance.report import draw_importance, interpret, read_experiments, write_importance
from mosaicreid.errors import InputError
from mosaicreid.results import read_results


@pytest.fixture(scope="module")
def market() -> dict[str, pd.DataFrame]:
    return analyse_table(published.load_experiments("market1501"), published.attributes("market1501"), "mAP")


def test_published_table_by_default() -> None:
    pd.testing.assert_frame_equal(read_experiments("dukemtmc", "rank1"), published.load_experiments("dukemtmc"))


def test_a_table_of_ones_own_keeps_the_rows_of_its_dataset(tmp_path: Path) -> None:
    ours = published.load_experiments("dukemtmc").assign(dataset="dukemtmc")
    other = ours.assign(dataset="market1501", mAP=0.0)
    pd.concat([other, ours]).to_csv(tmp_path / "runs.csv", index=False)
    read = read_experiments("dukemtmc", "mAP", str(tmp_path / "runs.csv"))
    assert read["mAP"].tolist() == ours["mAP"].tolist()
    assert read.index.tolist() == list(range(len(ours)))


@pytest.mark.parametrize(
    ("dataset", "metric", "message"),
    [
        ("duke", "mAP", "^unknown dataset 'duke'; expected one of: market1501, dukemtmc, .*one of your own"),
        ("dukemtmc", "map", "^unknown metric 'map'; expected one of: mAP, rank1$"),
    ],
)
def test_mistyped_names(dataset: str, metric: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_experiments(dataset, metric)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^no table at 'nowhere\.csv'"):
        read_experiments("dukemtmc", "mAP", "nowhere.csv")
    table = published.load_experiments("dukemtmc")
    table.drop(columns=["hat", "mAP"]).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match=r"a\.csv lacks the columns hat, mAP; it has: configuration, backpack"):
        read_experiments("dukemtmc", "mAP", str(tmp_path / "a.csv"))
    table.assign(dataset="market1501").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(InputError, match=r"^b\.csv has no rows of dukemtmc"):
        read_experiments("dukemtmc", "mAP", str(tmp_path / "b.csv"))


def test_the_answer_follows_the_tables(market: dict[str, pd.DataFrame]) -> None:
    answer = interpret(market, dataset="market1501").splitlines()
    # Table 4's p-values below 0.05, smallest first, with its coefficients.
    assert "5 of 12" in answer[0]
    effects = "Colour of lower garment (+1.98), Colour of upper garment (+1.38), Age group (+1.19), Bag (+0.89)"
    assert f"{effects}, Backpack (+0.69)" in answer[0]
    # Table 5's three largest.
    assert "by impurity: Age group, Colour of lower garment, Gender;" in answer[2]
    assert "by permutation: Colour of lower garment, Age group, Colour of upper garment;" in answer[2]
    changed = {**market, "influence_summary": market["influence_summary"].assign(rests_on_one_row=True)}
    assert interpret(changed, dataset="market1501").splitlines()[-1].endswith("none.")


def test_written_with_provenance(market: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    figures = draw_importance(market, dataset="market1501", metric="mAP")
    write_importance(market, figures, tmp_path, dataset="market1501", metric="mAP")
    assert {path.stem for path in tmp_path.glob("*.csv")} == set(market)
    assert {path.stem for path in tmp_path.glob("*.svg")} == set(figures)
    assert len(read_results(tmp_path / "welch.csv")) == 12
    assert set(figures) == {"shap", "forest", "t_tests", "effect_sizes"}
