"""The contact sheets: what is on them, that they are written alike twice, and bad input."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.errors import InputError
from mosaicreid.world.contact_sheets import (
    people_sheet,
    plot_information,
    save_photograph,
    values_sheet,
    visibility_sheet,
)
from mosaicreid.world.people import make_world


def texts(figure) -> list[str]:  # type: ignore[no-untyped-def]
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize(("dataset", "cameras"), [("market1501", 6), ("dukemtmc", 8)])
def test_people_by_cameras(dataset: str, cameras: int) -> None:
    figure = people_sheet(dataset, people=2)
    assert texts(figure) == [f"camera {number + 1}" for number in range(cameras)]
    (image,) = figure.axes[0].images
    assert image.get_array().shape == (2 * 132 - 4, cameras * 68 - 4, 3)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_value_is_named_once(dataset: str) -> None:
    named = [text.replace("\n", " ") for text in texts(values_sheet(dataset))]
    expected = [f"{group.description} {value}" for group in get_schema(dataset).groups for value in group.values]
    assert named == expected


def test_an_invisible_attribute_does_not_depend_on_its_value_and_a_visible_one_does() -> None:
    sheets = [visibility_sheet("market1501", {"upcolour": value}) for value in ("red", "yellow")]
    first, second = (np.asarray(sheet.axes[0].images[0].get_array()) for sheet in sheets)
    np.testing.assert_array_equal(first[:128], second[:128])
    assert not np.array_equal(first[-128:], second[-128:])


def test_unknown_attributes_and_values_are_refused() -> None:
    with pytest.raises(InputError, match="boots"):
        visibility_sheet("market1501", {"boots": "yes"})
    with pytest.raises(InputError, match="plaid"):
        visibility_sheet("market1501", {"upcolour": "plaid"})


def test_equal_sheets_are_equal_files(tmp_path: Path) -> None:
    for name in ("first.png", "second.png"):
        save_photograph(people_sheet("market1501", people=1), tmp_path / name)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    with pytest.raises(InputError, match=r"\.png"):
        save_photograph(people_sheet("market1501", people=1), tmp_path / "sheet.svg")


def test_bars_of_the_truth_add_up_to_the_entropy() -> None:
    truth = pd.DataFrame([{"dataset": name, **row} for name in DATASETS for row in make_world(name).truth()])
    for axes, (_, part) in zip(plot_information(truth).axes, truth.groupby("dataset", sort=False), strict=True):
        ends = sorted(bar.get_x() + bar.get_width() for bar in axes.patches[len(part) :])
        assert ends == pytest.approx(sorted(part["entropy_bits"]))
