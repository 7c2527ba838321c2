"""Leave-one-out against the closed form of a deletion, and on tables where one row is known to decide."""

import numpy as np
import pandas as pd
import pytest

from mosaicreid.errors import InputError
from mosaicreid.published import DATASETS, attributes, load_experiments
from mosaicreid.statistics.estimators import fit_glm
from mosaicreid.statistics.sensitivity import leave_one_row_out, summarise_influence


@pytest.mark.parametrize("dataset", DATASETS)
def test_influence_by_the_closed_form_of_a_deletion(dataset: str) -> None:
    experiments, names = load_experiments(dataset), list(attributes(dataset))
    found = leave_one_row_out(experiments, names, "rank1", label="configuration")
    design = np.column_stack([np.ones(len(experiments)), experiments[names]])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ experiments["rank1"].to_numpy()
    residual = experiments["rank1"].to_numpy() - design @ beta
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    moved = beta - (design @ inverse) * (residual / (1 - leverage))[:, None]
    coef = found.pivot_table(index="left_out", columns="term", values="coef", sort=False)
    np.testing.assert_allclose(coef.loc[experiments["configuration"], ["Intercept", *names]], moved, atol=1e-8)
    std_err = fit_glm(experiments, names, "rank1")["std_err"]
    shift = found[found["left_out"] == "all"].set_index("term")["shift"]
    np.testing.assert_allclose(shift, (moved - beta)[experiments["configuration"] == "all"][0] / std_err, atol=1e-7)


def test_influence_summary_takes_the_worst_deletion_and_counts_no_estimate_as_worst() -> None:
    glm = pd.DataFrame({"coef": [5.0, 1.0], "p_value": [0.01, 0.2]}, index=pd.Index(["x", "y"], name="term"))
    influence = pd.DataFrame(
        {
            "left_out": ["r", "r", "s", "s", "t", "t"],
            "term": ["x", "y"] * 3,
            "coef": [4.0, 1.5, np.nan, 0.5, 6.0, 1.0],
            "p_value": [0.04, 0.1, np.nan, 0.6, 0.001, 0.3],
        }
    )
    found = summarise_influence(influence, glm)
    assert found.loc["x"].tolist() == [5.0, 0.01, 4.0, 6.0, 1.0, "s", True]
    # Not significant to begin with: there is no conclusion that could rest on a row.
    assert found.loc["y"].tolist() == [1.0, 0.2, 0.5, 1.5, 0.6, "s", False]
    assert not summarise_influence(influence[influence["left_out"] != "s"], glm).loc["x", "rests_on_one_row"]


def test_collinear_after_a_deletion_is_nan() -> None:
    # b is a except in the row "only".
    rows = pd.DataFrame({"a": [0, 0, 0, 1, 1, 1, 1], "b": [0, 0, 0, 1, 1, 1, 0], "row": [*"uvwxyz", "only"]})
    rows["mAP"] = [80.0, 80.3, 79.8, 82.0, 82.5, 81.9, 83.0]
    influence = leave_one_row_out(rows, ["a", "b"], "mAP", label="row").set_index("left_out")
    assert influence.loc["only", ["coef", "std_err", "p_value", "shift"]].isna().all().all()
    assert influence.drop("only")["coef"].notna().all()


def test_duke_gender_rests_on_the_row_with_everything() -> None:
    experiments, names = load_experiments("dukemtmc"), attributes("dukemtmc")
    glm = fit_glm(experiments, names, "mAP")
    influence = leave_one_row_out(experiments, names, "mAP", label="configuration")
    summary = summarise_influence(influence, glm)
    assert glm["p_value"]["gender"] < 0.05
    assert summary.loc["gender", "p_max_without"] == "all"
    assert summary.index[summary["rests_on_one_row"]].tolist() == ["gender"]


def test_no_such_label() -> None:
    with pytest.raises(InputError, match="no column 'name' that names its rows; it has: configuration, backpack"):
        leave_one_row_out(load_experiments("dukemtmc"), attributes("dukemtmc"), "mAP", label="name")


def test_a_deletion_takes_one_row_even_where_an_index_names_several() -> None:
    experiments, names = load_experiments("dukemtmc"), attributes("dukemtmc")
    expected = leave_one_row_out(experiments, names, "mAP", label="configuration")
    alike = experiments.set_axis([0] * len(experiments))
    found = leave_one_row_out(alike, names, "mAP", label="configuration")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    glm = fit_glm(alike, names, "mAP")
    summary = summarise_influence(found.set_axis([0] * len(found)), glm)
    pd.testing.assert_frame_equal(summary, summarise_influence(expected, glm))


@pytest.mark.parametrize("label", [None, ["configuration"], 5, "name"])
def test_a_label_that_is_no_column(label: object) -> None:
    table = load_experiments("dukemtmc").rename(columns={"rank1": 7})
    with pytest.raises(InputError, match=r"the table has no column .* that names its rows; it has: .*, 7") as caught:
        leave_one_row_out(table, attributes("dukemtmc"), "mAP", label=label)
    assert "\n" not in str(caught.value)


def test_a_summary_of_other_tables() -> None:
    with pytest.raises(InputError, match=r"the table of deletions lacks the columns \['left_out', 'term'"):
        summarise_influence(pd.DataFrame(), pd.DataFrame())
