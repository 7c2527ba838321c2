"""Contact sheets of the synthetic world: people by cameras, every attribute value, levels of visibility."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mosaicreid.datasets import get_folder_dataset
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path
from mosaicreid.names.provenance import SYNTHETIC, data_title
from mosaicreid.names.shown import attribute_title
from mosaicreid.plotting import GREY, ORANGE, by_dataset, style, wrapped
from mosaicreid.world.body import Outfit
from mosaicreid.world.people import World, make_world
from mosaicreid.world.scene import Camera, render_person
from mosaicreid.world.wardrobe import Detail, Shot

_HEIGHT, _WIDTH = 128, 64
_GAP = 4  # pixels between images
_LABEL = 50  # pixels above an image for three lines of text
_INCHES = 6.5
_DPI = 100
_LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SHOTS = 4
# Shown wherever a sheet is about another attribute; of these a dataset has its own.
_USUAL = {"age": "adult", "clothes": "pants", "up": "long", "top": "long", "upcolour": "green", "downcolour": "blue"}

Look = Mapping[str, tuple[str, ...]]


def people_sheet(like: str, *, people: int = 5, seed: int = 0) -> Figure:
    """``people`` identities (rows) seen once by every camera (columns), with every attribute fully visible."""
    world = make_world(like)
    world = replace(world, visibility=dict.fromkeys(world.schema.attributes, 1.0))
    cameras = _cameras(like, seed)
    rows = []
    # Out of a crowd: a handful drawn by itself would share one or two attribute vectors.
    crowd = world.draw_people(20 * people, np.random.default_rng(seed))
    for person, codes in enumerate(crowd[:people]):
        detail = Detail.draw(np.random.default_rng([seed, person]))
        shots = [np.random.default_rng([seed, person, number]) for number in range(len(cameras))]
        rows.append(
            [
                _render(world.shown(codes, shot), detail, Shot.draw(shot), camera)
                for camera, shot in zip(cameras, shots, strict=True)
            ]
        )
    sheet = _grid(rows)
    figure, axes = _figure(sheet)
    for number in range(len(cameras)):
        axes.text(number * (_WIDTH + _GAP) + _WIDTH / 2, -6, f"camera {number + 1}", ha="center", va="bottom")
    return figure


def values_sheet(like: str, *, columns: int = 7) -> Figure:
    """One image per attribute value: the same person, seen alike, with this one value changed."""
    schema = make_world(like).schema
    usual = _usual(like)
    # The plainest detail: no texture; view and light as clear as they come.
    detail = replace(Detail.draw(np.random.default_rng(4)), up_texture=0.0, leg_texture=0.0, skin=0.3, hat=0.0)
    cells = [(group.name, value) for group in schema.groups for value in group.values]
    images = [
        # A backpack is seen best from behind, everything else from the front.
        _render(
            usual | {name: (value,)}, detail, _clear_shot("back" if name == "backpack" else "front"), _clear_camera()
        )
        for name, value in cells
    ]
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    rows[-1] += [np.full_like(images[0], 255)] * (columns - len(rows[-1]))
    figure, axes = _figure(_grid(rows, above=_LABEL), above=0.0)
    for index, (name, value) in enumerate(cells):
        x = (index % columns) * (_WIDTH + _GAP) + _WIDTH / 2
        y = (index // columns) * (_HEIGHT + _LABEL + _GAP) + _LABEL
        label = "\n".join([*wrapped([attribute_title(like, name)], 12), value])
        axes.text(x, y - 5, label, ha="center", va="bottom", fontsize=8.5, linespacing=1.0)
    return figure


def visibility_sheet(like: str, people: Mapping[str, str], *, seed: int = 0) -> Figure:
    """Rows: levels of visibility; a block of images per entry of ``people``, attribute -> that person's value.

    Within a block all images are of one person, alike but for what they show of the attribute.

    Raises:
        InputError: an attribute or value that the dataset does not have.
    """
    world = make_world(like)
    cameras = _cameras(like, seed)
    blocks = []
    for name, value in people.items():
        group = world.schema.group(name)
        if value not in group.values:
            raise InputError(f"{name} has no value {value!r}; expected one of: {', '.join(group.values)}")
        blocks.append(_grid([_shots(world, name, value, level, cameras, seed) for level in _LEVELS]))
    gap = np.full((blocks[0].shape[0], 4 * _GAP, 3), 255, dtype=np.uint8)
    sheet = np.concatenate([part for block in blocks for part in (block, gap)][:-1], axis=1)
    figure, axes = _figure(sheet, left=0.75)
    for row, level in enumerate(_LEVELS):
        axes.text(-8, row * (_HEIGHT + _GAP) + _HEIGHT / 2, f"{level:g}", ha="right", va="center")
    for index, (name, value) in enumerate(people.items()):
        width = blocks[0].shape[1]
        axes.text(
            index * (width + 4 * _GAP) + width / 2,
            -6,
            f"{attribute_title(like, name)}: {value}",
            ha="center",
            va="bottom",
        )
    axes.text(-58, sheet.shape[0] / 2, "visibility", ha="center", va="center", rotation=90)
    return figure


def plot_information(truth: pd.DataFrame) -> Figure:
    """Entropy of every attribute, split into what an image shows and what knowing the attribute adds (bits).

    ``truth``: columns dataset, attribute, shown_bits, knowledge_gain_bits.
    """
    worlds = {str(name): data_title(str(name), SYNTHETIC) for name in truth["dataset"].unique()}
    panels = {title: part.sort_values("knowledge_gain_bits") for title, part in by_dataset(truth, worlds).items()}
    rows = [len(part) for part in panels.values()]
    with style():
        figure = Figure(figsize=(5.0, 0.26 * sum(rows) + 1.6), layout="constrained")
        every_axes = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=rows)[:, 0]
        for axes, (dataset, part) in zip(every_axes, panels.items(), strict=True):
            axes.barh(part["attribute"], part["knowledge_gain_bits"], color=ORANGE, label="knowledge gain H(T | X)")
            left = part["knowledge_gain_bits"]
            axes.barh(part["attribute"], part["shown_bits"], left=left, color=GREY, label="shown I(T; X)")
            axes.set_title(dataset)
            axes.grid(axis="y", visible=False)
        every_axes[-1].set_xlabel("bits per person and image")
        handles, labels = every_axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def save_photograph(figure: Figure, path: Path) -> None:
    """Write a contact sheet as PNG; equal figures give equal bytes.

    Raises:
        InputError: ``path`` does not end in ``.png``.
    """
    path = Path(path)
    if path.suffix != ".png":
        raise InputError(f"contact sheets are PNG files; got the path {path.name!r}, expected one that ends in .png")
    with style(), atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})


def _shots(
    world: World, name: str, value: str, level: float, cameras: Sequence[Camera], seed: int
) -> list[NDArray[np.uint8]]:
    """Images of one person at one level: the same chances at every level, so that evidence only ever gets more."""
    schema = world.schema
    world = replace(world, visibility=dict.fromkeys(schema.attributes, 1.0) | {name: level})
    usual = _usual(world.schema.dataset) | {name: (value,)}
    codes = np.array([1 << group.values.index(usual[group.name][0]) for group in schema.groups], dtype=np.int16)
    detail = replace(Detail.draw(np.random.default_rng(seed)), skin=0.3)
    images = []
    for number in range(_SHOTS):
        shown = world.shown(codes, np.random.default_rng([seed, number, 1]))
        shot = replace(_clear_shot("front"), background_x=number / _SHOTS)
        images.append(_render(shown, detail, shot, cameras[number]))
    return images


def _render(shown: Look, detail: Detail, shot: Shot, camera: Camera) -> NDArray[np.uint8]:
    return np.asarray(render_person(Outfit.of(shown, detail), detail, shot, camera, height=_HEIGHT, width=_WIDTH))


def _usual(like: str) -> dict[str, tuple[str, ...]]:
    return {group.name: (_USUAL.get(group.name, group.values[0]),) for group in make_world(like).schema.groups}


def _cameras(like: str, seed: int) -> list[Camera]:
    return [Camera.draw(np.random.default_rng([seed, number])) for number in range(get_folder_dataset(like).cameras)]


def _clear_shot(view: str) -> Shot:
    middle = Shot.draw(np.random.default_rng(0))
    middle = replace(middle, view={"front": 0.1, "back": 0.5}[view], phase=0.5, arms=0.6, scale=0.5, shift_x=0.5)
    return replace(middle, shift_y=0.5, light=0.5, low_light=1.0, blur=0.0, occluder=1.0)


def _clear_camera() -> Camera:
    return Camera(gains=(1.0, 1.0, 1.0), gamma=1.0, softness=0.0, seed=12)


def _grid(rows: Sequence[Sequence[NDArray[np.uint8]]], *, above: int = 0) -> NDArray[np.uint8]:
    """Lay images out on white, ``above`` pixels free over each."""
    height, width = _HEIGHT + above + _GAP, _WIDTH + _GAP
    sheet = np.full((len(rows) * height - _GAP, len(rows[0]) * width - _GAP, 3), 255, dtype=np.uint8)
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            top, left = row * height + above, column * width
            sheet[top : top + _HEIGHT, left : left + _WIDTH] = image
    return sheet


def _figure(sheet: NDArray[np.uint8], *, left: float = 0.0, above: float = 0.28) -> tuple[Figure, Axes]:
    """A figure that shows ``sheet`` and leaves ``left`` inches beside it and ``above`` inches for a line of text."""
    width = _INCHES - left
    height = width * sheet.shape[0] / sheet.shape[1]
    with style():
        figure = Figure(figsize=(_INCHES, height + above))
        axes = figure.add_axes((left / _INCHES, 0.0, width / _INCHES, height / (height + above)))
        axes.set_axis_off()
        axes.imshow(sheet)
    return figure, axes
