"""What figures share: their look whatever the user's own settings, panels by dataset, and what cannot be drawn."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

from mosaicreid.datasets import DATASETS, TITLES
from mosaicreid.errors import InputError
from mosaicreid.plotting import by_dataset, check_drawable, save_figure, stacked_panels, style

TABLE = pd.DataFrame({"dataset": [DATASETS[1], DATASETS[0], DATASETS[1]], "value": [1.0, 2.0, 3.0]})


def drawn(path: Path) -> bytes:
    with style():
        figure, panels = stacked_panels(by_dataset(TABLE), size=(3, 3), sharex=True)
        for axes, rows in panels:
            axes.plot(rows["value"], label="value")
            axes.legend()
    save_figure(figure, path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "own",
    [
        {"axes.facecolor": "#eaeaf2"},
        {"font.family": "serif"},
        {"savefig.bbox": "tight"},
        {"text.usetex": True},
        {"figure.dpi": 300, "savefig.transparent": True},
        {"axes.formatter.use_locale": True, "axes.unicode_minus": False},
        {"svg.fonttype": "none", "path.simplify": False, "lines.linewidth": 7},
    ],
)
def test_a_users_settings_change_nothing(tmp_path: Path, own: dict[str, object]) -> None:
    expected = drawn(tmp_path / "usual.svg")
    with mpl.rc_context(own):
        before = dict(mpl.rcParams)
        assert drawn(tmp_path / "own.svg") == expected
        assert dict(mpl.rcParams) == before


def test_panels_stand_in_the_order_of_their_datasets() -> None:
    panels = by_dataset(TABLE)
    assert list(panels) == [TITLES[DATASETS[1]], TITLES[DATASETS[0]]]
    figure, axes = stacked_panels(panels, size=(3, 3))
    assert [axis.get_title() for axis, _ in axes] == list(panels)
    assert [rows["value"].tolist() for _, rows in axes] == [[1.0, 3.0], [2.0]]
    assert len(figure.axes) == 2


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(InputError, match="no panels to draw"):
        check_drawable({}, ["value"])
    with pytest.raises(InputError, match="cannot draw 'A': 0 rows with dataset, value"):
        check_drawable({"A": TABLE.iloc[:0]}, ["value", "rank"])
