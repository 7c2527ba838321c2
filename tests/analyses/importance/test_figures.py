"""Figures: what is drawn is what the tables say, saved to the same bytes, without touching matplotlib's state."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from mosaicreid import plotting
from mosaicreid.analyses.importance.figures import plot_effect_sizes, plot_forest, plot_shap, plot_t_tests
from mosaicreid.errors import InputError

FOREST = pd.DataFrame({"attribute": ["hat", "age", "bag"], "fimp": [0.2, 0.7, 0.1], "pimp": [0.3, 0.1, -0.02]})
WELCH = pd.DataFrame(
    {
        "attribute": ["hat", "age", "bag", "hair"],
        "t_stat": [-2.1, -4.0, np.nan, 0.3],
        "p_value": [0.04, 0.001, np.nan, 0.7],
        "cohens_d": [0.9, 1.8, np.nan, -0.1],
        "n_included": [7, 9, 1, 5],
        "n_excluded": [18, 16, 24, 20],
    }
)
SHAP = pd.DataFrame(
    {
        "attribute": ["hat", "hat", "hat", "age", "age", "age"],
        "included": [1, 0, 0, 1, 1, 0],
        "shap": [0.3, -0.1, -0.2, 0.9, 0.8, -0.7],
    }
)


def points(figure: Figure, panel: int = 0) -> dict[tuple[str, str], list[float]]:
    """The x values of the drawn markers by tick label and marker."""
    axes = figure.axes[panel]
    names = [label.get_text() for label in axes.get_yticklabels()]
    found: dict[tuple[str, str], list[float]] = {}
    for line in axes.get_lines():
        if line.get_marker() != "None" and len(line.get_xdata()):
            row = round(float(np.mean(line.get_ydata())))
            found.setdefault((names[row], str(line.get_marker())), []).extend(np.atleast_1d(line.get_xdata()).tolist())
    return found


def test_shap_points_by_inclusion_largest_on_top() -> None:
    figure = plot_shap({"A": SHAP}, metric="mAP")
    assert points(figure) == {
        ("age", "D"): [0.9, 0.8],
        ("age", "o"): [-0.7],
        ("hat", "D"): [0.3],
        ("hat", "o"): [-0.1, -0.2],
    }
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["hat", "age"]
    assert "points of mAP" in figure.axes[0].get_xlabel()


def test_t_tests_mark_p_values_and_name_missing_tests() -> None:
    figure = plot_t_tests({"A": WELCH, "B": WELCH.iloc[:2]}, metric="Rank-1")
    assert points(figure) == {
        ("age (9 of 25)", "D"): [-4.0],
        ("hat (7 of 25)", "s"): [-2.1],
        ("hair (5 of 25)", "o"): [0.3],
    }
    assert [text.get_text() for text in figure.axes[0].texts] == ["no test"]
    assert figure.axes[0].get_yticklabels()[0].get_text() == "bag (1 of 25)"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A", "B"]


def test_effect_sizes() -> None:
    figure = plot_effect_sizes({"A": WELCH.dropna()}, metric="mAP")
    assert {name: x for (name, _), x in points(figure).items()} == {
        "age (9 of 25)": [1.8],
        "hat (7 of 25)": [0.9],
        "hair (5 of 25)": [-0.1],
    }


def test_forest_bars_share_one_order() -> None:
    figure = plot_forest({"A": FOREST}, metric="mAP")
    bars = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["bag", "hat", "age"]
    assert bars == [[0.1, 0.2, 0.7], [-0.02, 0.3, 0.1]]


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ({}, "no panels"),
        ({"A": SHAP.iloc[:0]}, "cannot draw 'A': 0 rows"),
        (
            {"A": SHAP.drop(columns="shap")},
            r"6 rows with attribute, included; expected rows with attribute, included, shap",
        ),
    ],
)
def test_nothing_to_draw(panels: dict[str, pd.DataFrame], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plot_shap(panels, metric="mAP")


def test_no_text_leaves_the_figure() -> None:
    long = WELCH.assign(attribute=["downcolour", "shoecolour", "upcolour", "backpack"]).dropna()
    figures = (
        plot_effect_sizes({"Market-1501": long}, metric="Rank-1"),
        plot_t_tests({"Market-1501": long}, metric="Rank-1"),
        plot_forest({"Market-1501": FOREST}, metric="Rank-1"),
        plot_shap({"Market-1501": SHAP}, metric="Rank-1"),
    )
    for figure in figures:
        figure.draw_without_rendering()
        box = figure.bbox.padded(1)
        texts = [axes.xaxis.label for axes in figure.axes] + [
            label for axes in figure.axes for label in axes.get_yticklabels() if label.get_visible()
        ]
        for text in texts:
            extent = text.get_window_extent()
            assert box.x0 <= extent.x0, text
            assert extent.x1 <= box.x1, text


def test_saving_is_deterministic_and_leaves_no_state(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    for name in ("a", "b"):
        plotting.save_figure(plot_forest({"A": FOREST}, metric="mAP"), tmp_path / name / "x.svg")
    first, second = ((tmp_path / name / "x.svg").read_bytes() for name in ("a", "b"))
    assert first == second
    assert b"<dc:date>" not in first
    assert dict(mpl.rcParams) == before


def test_only_svg(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"got the path 'x.png'"):
        plotting.save_figure(plot_forest({"A": FOREST}, metric="mAP"), tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
