from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.coverage.compute import KEYS, coverage_table
from mosaicreid.analyses.coverage.figures import plot_coverage
from mosaicreid.analyses.coverage.regimes import REGIMES, read_regimes
from mosaicreid.analyses.coverage.write import write_coverage
from mosaicreid.errors import InputError
from mosaicreid.names.terms import ANALYSES
from mosaicreid.results import as_written, kinds_of, read_results


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed regimes with few people."""
    text = REGIMES.read_text()
    for count in ("identities = 200", "identities = 126"):
        text = text.replace(count, "identities = 40")
    path = tmp_path_factory.mktemp("settings") / "few.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def results(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_coverage(folder, replications=10, settings=settings)
    return folder


def test_every_kind_of_interval_has_its_row(results: Path) -> None:
    table = read_results(results / "robust_coverage.csv")
    assert not table.duplicated(list(KEYS)).any()
    for _, rows in table.groupby("dataset"):
        assert set(rows["analysis"]) == set(ANALYSES)
    assert set(table["seeds"]) == {1, 3}
    assert table["covered"].between(0, 1).all()
    assert (table["least"] <= table["covered"] + 1e-9).all()
    assert (table["mean_width"] > 0).all()
    effects = table[(table["analysis"] == "mixed-effects") & (table["seeds"] == 3)].set_index(["dataset", "metric"])
    assert effects.loc[("market1501", "mAP"), "intervals"] == 120
    together = table[(table["analysis"] == "bootstrap-simultaneous")]
    assert (together["intervals"] == 10).all()


def test_the_table_says_whose_data_it_is_like(results: Path) -> None:
    assert set(kinds_of(results / "robust_coverage.csv").values()) == {"synthetic"}
    assert (results / "figures" / "robust_coverage.svg").is_file()


def test_a_dataset_alone_with_the_same_seed_has_the_same_rows(settings: Path, results: Path) -> None:
    alone = as_written(coverage_table(read_regimes(settings)[:1], replications=10))
    whole = read_results(results / "robust_coverage.csv")
    pd.testing.assert_frame_equal(alone, whole[whole["dataset"] == alone["dataset"].iloc[0]].reset_index(drop=True))


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="got 5 replications, expected at least 10"):
        coverage_table(read_regimes(), replications=5)
    with pytest.raises(InputError, match="at most 1000000"):
        coverage_table(read_regimes(), replications=2_000_000)
    with pytest.raises(InputError, match="-1 as seed"):
        coverage_table(read_regimes(), replications=10, seed=-1)
    with pytest.raises(InputError, match="got no regime"):
        coverage_table((), replications=10)
    regime = read_regimes()[0]
    with pytest.raises(InputError, match="got 1 identities"):
        replace(regime, panel=replace(regime.panel, identities=1))


def test_nothing_is_written_where_settings_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no settings of regimes"):
        write_coverage(tmp_path / "results", replications=10, settings=tmp_path / "absent.toml")
    assert list(tmp_path.iterdir()) == []


def test_the_figure_has_a_row_per_analysis_and_a_panel_per_dataset() -> None:
    rows = [
        {"dataset": dataset, "analysis": analysis, "metric": metric, "seeds": seeds, "covered": 0.95, "least": 0.9}
        for dataset in ("market1501", "dukemtmc")
        for analysis, metric in (("mixed-effects", "mAP"), ("mixed-effects", "rank1"), ("rank-correlation", np.nan))
        for seeds in (1, 3)
    ]
    table = pd.DataFrame(rows).assign(std_err=0.01)
    axes = plot_coverage(table, {"market1501": "one", "dukemtmc": "two"}).axes
    assert [axis.get_title(loc="left") for axis in axes] == ["one", "two"]
    named = [label.get_text().replace("\n", " ") for label in axes[0].get_yticklabels()]
    assert named == [ANALYSES["mixed-effects"], ANALYSES["rank-correlation"]]
    # One point of each metric and of none, of three seeds alone.
    points = [container.lines[0].get_xydata().tolist() for container in axes[0].containers]
    assert points == [[[95.0, -0.15]], [[95.0, 0.15]], [[95.0, 1.0]]]
