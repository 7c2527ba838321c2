"""The figures of the caveats draw the numbers they are given."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from mosaicreid.analyses.paper.caveat_figures import plot_confounding, plot_influence, write_caveat_figures
from mosaicreid.errors import InputError

RESULTS = Path(__file__).parents[3] / "results"
TABLE = pd.DataFrame(
    {
        "term": ["hat", "bag"],
        "coef": [0.5, -0.2],
        "t_low": [-0.1, -0.9],
        "t_high": [1.1, 0.5],
        "coef_min": [0.1, -0.3],
        "coef_max": [0.9, -0.1],
        "rests_on_one_row": [True, False],
        "difference": [2.0, 1.5],
    }
)


def segments(axes: Axes) -> set[tuple[float, float]]:
    """The horizontal segments of ``axes`` as (left, right)."""
    return {tuple(np.round(segment[:, 0], 6)) for lines in axes.collections for segment in lines.get_segments()}  # type: ignore[attr-defined]


def points(axes: Axes, marker: str) -> dict[float, float]:
    """Position by height of the points with ``marker``."""
    found = [line.get_xydata() for line in axes.get_lines() if line.get_marker() == marker]
    return {float(y): float(x) for x, y in np.concatenate(found)}


def test_influence_draws_interval_range_and_coefficient() -> None:
    axes = plot_influence({"One": TABLE, "Two": TABLE}, metric="mAP").axes
    assert [one.get_title(loc="left") for one in axes] == ["One", "Two"]
    for one in axes:
        assert segments(one) == {(-0.1, 1.1), (0.1, 0.9), (-0.9, 0.5), (-0.3, -0.1)}
        assert [label.get_text() for label in one.get_yticklabels()] == ["bag", "hat"]
        assert points(one, "o") == {0.0: -0.2}
        assert points(one, "D") == {1.0: 0.5}
    assert axes[-1].get_xlabel() == "coefficient (points of mAP)"


def test_confounding_draws_both_effects() -> None:
    (axes,) = plot_confounding({"One": TABLE}, metric="mAP").axes
    assert points(axes, "o") == {0.0: -0.2, 1.0: 0.5}
    assert points(axes, "s") == {0.0: 1.5, 1.0: 2.0}
    assert segments(axes) == {(-0.2, 1.5), (0.5, 2.0)}


@pytest.mark.parametrize("plot", [plot_influence, plot_confounding])
def test_nothing_to_draw(plot: object) -> None:
    with pytest.raises(InputError, match="got no panels to draw"):
        plot({}, metric="mAP")  # type: ignore[operator]
    with pytest.raises(InputError, match="cannot draw 'One': 0 rows"):
        plot({"One": TABLE[:0]}, metric="mAP")  # type: ignore[operator]
    with pytest.raises(InputError, match=r"cannot draw 'One': 2 rows with .*; expected rows with .*coef"):
        plot({"One": TABLE.drop(columns="coef")}, metric="mAP")  # type: ignore[operator]


def test_published_figures_are_the_same_twice(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        for name in ("t_vs_z", "influence_summary", "confounding"):
            shutil.copy(RESULTS / f"caveats_{name}.csv", folder)
        write_caveat_figures(folder)
    written = sorted(path.name for path in (tmp_path / "a" / "figures").iterdir())
    assert written == ["caveats_confounding.svg", "caveats_influence.svg"]
    for name in written:
        assert (tmp_path / "a" / "figures" / name).read_bytes() == (tmp_path / "b" / "figures" / name).read_bytes()


def test_no_table_no_figure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no result table at"):
        write_caveat_figures(tmp_path)
