import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import DEPTH, write_runs

from mosaicreid import published
from mosaicreid.analyses.experiment.tables import judge_ablations
from mosaicreid.analyses.experiment.write import write_experiment
from mosaicreid.config.profiles import PROFILES
from mosaicreid.errors import InputError
from mosaicreid.results import read_results
from mosaicreid.sweep.variants import ablations, last_k_variants

DATASETS = ("market1501", "dukemtmc")
KNOWN = {
    name: {"visibility": 1 - 0.05 * number, "knowledge_gain_bits": 0.1 * (number * 7 % 10)}
    for number, name in enumerate(published.attributes("dukemtmc"))
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a sweep of both datasets, one of them with variants and a known truth."""
    folder = tmp_path_factory.mktemp("experiment")
    for dataset in DATASETS:
        write_runs(folder / "runs", dataset, variants=dataset == "dukemtmc")
    # Left behind by a sweep with more seeds.
    shutil.copytree(folder / "runs" / "market1501" / "hat" / "seed0", folder / "runs" / "market1501" / "hat" / "seed2")
    config = folder / "runs" / "market1501" / "hat" / "seed2" / "config.json"
    config.write_text(config.read_text().replace('"seed": 0', '"seed": 2'))
    (folder / "data" / "dukemtmc").mkdir(parents=True)
    world = {
        "like": "dukemtmc",
        "identities": 24,
        "counts": {split: {"images": 100, "identities": 12} for split in ("train", "query", "gallery")},
        "truth": [{"attribute": name, **values} for name, values in KNOWN.items()],
    }
    (folder / "data" / "dukemtmc" / "synthetic.json").write_text(json.dumps(world))
    (folder / "runs" / "market1501" / "all" / "seed7").mkdir()
    skipped = write_experiment(
        folder / "runs",
        folder / "results",
        datasets=DATASETS,
        variants_on="dukemtmc",
        data=folder / "data",
        profile="tiny",
        seeds=(0, 1),
    )
    assert [Path(name).name for name in skipped] == ["seed7"]
    return folder / "results"


def table(results: Path, name: str) -> pd.DataFrame:
    return read_results(results / f"experiment_{name}.csv")


def test_our_scores_stand_beside_the_published_ones(written: Path) -> None:
    rows = table(written, "table3")
    assert rows["dataset"].value_counts().to_dict() == {"market1501": 25, "dukemtmc": 20}
    assert rows["seeds"].eq(2).all()
    runs = table(written, "runs")
    own = runs[(runs["dataset"] == "market1501") & (runs["configuration"] == "hat") & runs["variant"].isna()]
    hat = rows.set_index(["dataset", "configuration"]).loc[("market1501", "hat")]
    assert hat["mAP"] == pytest.approx(own["mAP"].mean())
    paper = published.load_table(3, "market1501").set_index("configuration").loc["hat"]
    assert (hat["published_mAP"], hat["published_rank1"]) == (paper["mAP"], paper["rank1"])


@pytest.mark.parametrize(("number", "metric"), [(4, "mAP"), (7, "rank1")])
def test_effects_stand_beside_the_published_tables(written: Path, number: int, metric: str) -> None:
    rows = table(written, f"table{number}").set_index(["dataset", "term"])
    assert len(rows) == 12 + 1 + 10 + 1
    assert rows.notna().all().all()
    glm = table(written, "glm")
    glm = glm[glm["metric"] == metric].set_index(["dataset", "term"])
    for column in ("coef", "std_err", "seed_sd"):
        np.testing.assert_allclose(rows[column], glm.loc[rows.index, column])
    for dataset in DATASETS:
        paper = published.load_table(number, dataset)
        shown = rows.loc[dataset].loc[list(paper["term"]), "published_coef"]
        np.testing.assert_allclose(shown, paper["coef"], atol=1e-3)


def test_importances_stand_beside_table_5(written: Path) -> None:
    rows = table(written, "table5").set_index(["dataset", "attribute"])
    assert len(rows) == 22
    paper = published.load_table(5, "dukemtmc").set_index("attribute")["t_stat"]
    np.testing.assert_allclose(rows.loc["dukemtmc"].loc[paper.index, "published_t_stat"], paper, atol=6e-4)


def test_table6_keeps_the_paper_and_ours_apart(written: Path) -> None:
    rows = table(written, "last_k")
    assert rows["source"].tolist() == ["ours"] * len(last_k_variants(DEPTH)) + ["paper"] * 5
    assert rows.groupby("source")["depth"].first().to_dict() == {"ours": DEPTH, "paper": 12}
    assert rows.loc[rows["source"] == "ours", "last_k"].iloc[-1] == DEPTH
    assert rows.groupby("source")["difference"].last().eq(0).all()
    assert len(table(written, "ablations")) == len(ablations(PROFILES["tiny"]))


ABLATED = pd.DataFrame(
    [("rank=1", -2.0, -3.0, -1.0), ("rank=8", 0.1, -0.3, 0.4), ("pooling=max", 0.9, -0.2, 2.0)],
    columns=["variant", "difference", "ci_low", "ci_high"],
)


def test_ablations_are_judged_by_their_intervals() -> None:
    judged, counts = judge_ablations(ABLATED.assign(seeds=3), margin=0.5)
    assert judged["reading"].tolist() == ["yes", "little", "cannot tell"]
    assert counts.iloc[0].to_dict() == {
        "variants": 3,
        "matter": 1,
        "little": 1,
        "unknown": 1,
        "largest": "rank=1",
        "largest_difference": -2.0,
        "which": "rank 1 (-2.00, -3.00 to -1.00)",
    }


def test_without_a_margin_nothing_is_little() -> None:
    judged, _ = judge_ablations(ABLATED.assign(seeds=3), margin=None)
    assert judged["reading"].tolist() == ["yes", "cannot tell", "cannot tell"]


def test_one_seed_says_nothing_about_a_choice() -> None:
    judged, counts = judge_ablations(ABLATED.assign(seeds=1), margin=0.5)
    assert judged["reading"].eq("cannot tell").all()
    assert counts.loc[0, ["matter", "little", "unknown", "which"]].tolist() == [0, 0, 3, "none"]


def test_the_paper_agrees_with_itself_and_we_differ(written: Path) -> None:
    rows = table(written, "agreement")
    assert len(rows) == 2 * 2 * 6
    assert rows["rho"].between(-1, 1).all()
    assert not rows["rho"].eq(1).any()


def test_sizes_and_costs(written: Path) -> None:
    rows = table(written, "sizes").set_index("dataset")
    assert rows.loc["dukemtmc", ["configurations", "seeds", "identities", "train_images"]].tolist() == [20, 2, 24, 100]
    assert rows.loc["dukemtmc", "variants"] == len(last_k_variants(DEPTH)) - 1 + len(ablations(PROFILES["tiny"]))
    assert np.isnan(rows.loc["market1501", "identities"])
    costs = table(written, "costs").set_index(["dataset", "part"])
    assert costs.loc[("market1501", "experts"), "times"] == 50
    assert costs.loc[("market1501", "experts"), "total_minutes"] == 25
    # Two seeds' baselines, however many runs read them.
    assert costs.loc[("market1501", "baseline"), "times"] == 2


def test_truth_is_compared_where_it_is_known(written: Path) -> None:
    rows = table(written, "truth")
    assert set(rows["dataset"]) == {"dukemtmc"}
    for row in rows.itertuples():
        assert row.knowledge_gain_bits == pytest.approx(KNOWN[row.attribute]["knowledge_gain_bits"])
    expected = rows["effect"].corr(rows["knowledge_gain_bits"], method="spearman")
    found = table(written, "truth_agreement").set_index("importance").loc["mixed_effects"]
    assert found["rho"] == pytest.approx(expected)
    assert found["ci_low"] < found["rho"] < found["ci_high"]
    assert table(written, "truth_reading")["rho"].tolist() == [pytest.approx(expected)]
    followed = table(written, "truth_followed").set_index("truth")["rho"]
    assert followed["knowledge_gain_bits"] == pytest.approx(expected)


def test_figures_are_drawn_of_every_table(written: Path) -> None:
    drawn = {path.stem for path in (written / "figures").glob("*.svg")}
    figures = {f"experiment_{name}_{metric}" for name in ("shap", "t_tests") for metric in ("mAP", "rank1")}
    assert figures | {f"experiment_{name}" for name in ("table3", "truth", "bits", "last_k", "ablations")} <= drawn
    assert {"robust_effects", "robust_gains"} <= drawn


def test_a_second_writing_gives_equal_bytes(written: Path, tmp_path: Path) -> None:
    runs, data = written.parent / "runs", written.parent / "data"
    write_experiment(runs, tmp_path, datasets=["dukemtmc"], variants_on="", data=data, profile="tiny")
    for name in ("table3_dukemtmc", "truth", "truth_reading"):
        assert (tmp_path / f"experiment_{name}.csv").read_bytes() == (written / f"experiment_{name}.csv").read_bytes()
    assert not (tmp_path / "experiment_last_k.csv").exists()


def test_variants_of_a_dataset_that_is_not_analysed_are_refused(written: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="variants of 'market1501' are asked for, but only dukemtmc"):
        write_experiment(
            written.parent / "runs",
            tmp_path,
            datasets=["dukemtmc"],
            variants_on="market1501",
            data=None,
            profile="tiny",
        )
    assert not list(tmp_path.iterdir())
