"""The result tables: complete, columns only, equal to their single functions, and the committed ones are current."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.importance.compute import analyse_table
from mosaicreid.analyses.paper.compute import analyse_published
from mosaicreid.analyses.paper.write import published_results
from mosaicreid.cli import main
from mosaicreid.errors import InputError
from mosaicreid.published import DATASETS, METRICS, attributes, load_experiments
from mosaicreid.results import read_results, write_tables
from mosaicreid.statistics import caveats, estimators

COMMITTED = Path(__file__).parents[3] / "results"


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return analyse_published()


def rows(table: pd.DataFrame, dataset: str, metric: str, index: str) -> pd.DataFrame:
    found = table[(table["dataset"] == dataset) & (table["metric"] == metric)]
    return found.drop(columns=["dataset", "metric"]).set_index(index)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("metric", METRICS)
def test_published_tables_are_those_of_the_statistics(
    tables: dict[str, pd.DataFrame], dataset: str, metric: str
) -> None:
    experiments, names = load_experiments(dataset), attributes(dataset)
    glm = estimators.fit_glm(experiments, names, metric)
    pd.testing.assert_frame_equal(rows(tables["published_glm"], dataset, metric, "term"), glm)
    welch = estimators.welch_tests(experiments, names, metric)
    pd.testing.assert_frame_equal(rows(tables["published_welch"], dataset, metric, "attribute"), welch)
    judged = caveats.t_against_z(glm, len(experiments))
    pd.testing.assert_frame_equal(rows(tables["caveats_t_vs_z"], dataset, metric, "term"), judged)
    families = rows(tables["caveats_multiplicity"], dataset, metric, "attribute")
    assert families.groupby("test").size().to_dict() == {"t": len(names), "welch": len(names), "z": len(names)}
    z_family = families[families["test"] == "z"]
    np.testing.assert_allclose(z_family["p_holm"], caveats.adjust(glm["p_value"].drop("Intercept"))["p_holm"])


def test_columns_that_others_rely_on(tables: dict[str, pd.DataFrame]) -> None:
    keys = ["dataset", "metric"]
    expected = {
        "digits_summary": ["table", "dataset", "agree", "total"],
        "published_glm": [*keys, "term", "coef", "std_err", "z", "p_value", "ci_low", "ci_high"],
        "published_welch": [*keys, "attribute", "t_stat", "p_value", "cohens_d", "n_included", "n_excluded"],
        "published_forest": [*keys, "attribute", "fimp", "pimp"],
        "published_shap": [*keys, "configuration", "attribute", "included", "shap"],
        "claims": ["id", "claim", "where", *keys, "attributes", "evidence", "verdict"],
    }
    assert {name: list(tables[name].columns) for name in expected} == expected
    assert all(table.index.equals(pd.RangeIndex(len(table))) for table in tables.values())


def test_shap_rows_carry_their_own_marks(tables: dict[str, pd.DataFrame]) -> None:
    shap = rows(tables["published_shap"], "dukemtmc", "mAP", "configuration")
    wide = shap.pivot_table(index="configuration", columns="attribute", values="included")
    experiments = load_experiments("dukemtmc").set_index("configuration")
    names = list(attributes("dukemtmc"))
    assert (wide.loc[experiments.index, names] == experiments[names]).all().all()
    values = estimators.shap_values(load_experiments("dukemtmc"), names, "mAP")
    assert shap[shap["attribute"] == "top"].loc["upper", "shap"] == values["top"][experiments.index.get_loc("upper")]


def test_side_by_side_shows_the_digits_as_strings(tables: dict[str, pd.DataFrame]) -> None:
    shown = tables["side_by_side_7"].set_index(["dataset", "term"]).loc[("dukemtmc", "Intercept")]
    assert shown[["coef_published", "coef_ours", "p_value_ours"]].tolist() == ["91.743", "91.743", "0.000"]
    assert list(tables["side_by_side_5"]["term"][:2]) == [
        "gender",
        "hair",
    ]


def test_writing_twice_gives_the_committed_bytes(tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    write_tables(published_results(tables), tmp_path)
    for name in tables:
        committed = read_results(COMMITTED / f"{name}.csv")
        written = read_results(tmp_path / f"{name}.csv")
        # Numbers may differ in the last digits between machines; text, counts and verdicts may not.
        pd.testing.assert_frame_equal(written, committed, rtol=1e-6, atol=1e-9, obj=name)
        assert (tmp_path / f"{name}.json").read_bytes() == (COMMITTED / f"{name}.json").read_bytes()


def test_claims_agree_with_what_is_known_of_the_published_numbers(tables: dict[str, pd.DataFrame]) -> None:
    verdicts = tables["claims"].set_index("id")["verdict"]
    assert verdicts["glm-market1501-mAP-downcolour"] == "holds"
    assert verdicts["glm-dukemtmc-mAP-gender"] == "does not survive correction; rests on one row"
    assert verdicts["glm-dukemtmc-mAP-top"] == "not significant in the paper's own table"


def test_our_own_tables_go_the_same_way() -> None:
    bits = np.array([[row >> bit & 1 for bit in range(3)] for row in range(8)])
    runs = pd.DataFrame(bits, columns=["hat", "bag", "up"]).assign(
        run=[f"run{row}" for row in range(8)], mAP=[40, 41, 42.5, 43, 41.5, 44, 43.5, 46.2]
    )
    found = analyse_table(runs, ["hat", "bag"], "mAP", label="run")
    assert found["glm"]["term"].tolist() == ["Intercept", "hat", "bag"]
    assert set(found["influence"]["left_out"]) == set(runs["run"])
    assert found["shap"]["configuration"].nunique() == 8


def test_labels_are_there_and_different() -> None:
    experiments, names = load_experiments("dukemtmc"), attributes("dukemtmc")
    with pytest.raises(InputError, match="no column 'run' that names its rows"):
        analyse_table(experiments, names, "mAP", label="run")
    with pytest.raises(InputError, match="'configuration' has 'all' more than once"):
        analyse_table(experiments.assign(configuration="all"), names, "mAP")


def test_command_reports_every_table_and_the_count(
    tables: dict[str, pd.DataFrame],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mosaicreid.analyses.paper.write.published_tables", lambda: iter(tables.items()))
    assert main(["analyse", "--results", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr().out
    assert "398 of 398 published numbers agree to the last printed digit" in printed
    for name, table in tables.items():
        assert f"{name}.csv: {len(table)} rows" in printed
        assert (tmp_path / "new" / f"{name}.csv").is_file()
    assert list((tmp_path / "new" / "figures").glob("*.svg"))


def test_command_fails_where_a_digit_does(
    tables: dict[str, pd.DataFrame],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = tables["digits"].assign(agree=tables["digits"].index != 5)
    summary = tables["digits_summary"].assign(agree=tables["digits_summary"]["agree"] - 1)
    changed = tables | {"digits": wrong, "digits_summary": summary}
    monkeypatch.setattr("mosaicreid.analyses.paper.write.published_tables", lambda: iter(changed.items()))
    # What the count does not depend on: the search for lost marks, and figures.
    monkeypatch.setattr("mosaicreid.analyses.paper.write.recovery_tables", dict)
    for name in ("write_figures", "write_caveat_figures", "write_table_figures"):
        monkeypatch.setattr(f"mosaicreid.analyses.paper.write.{name}", lambda *tables, **settings: None)
    assert main(["analyse", "--results", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "397 of 398" in captured.out
    assert captured.err == f"not reproduced: numbers of {tables['digits']['term'][5]}; see digits.csv\n"
