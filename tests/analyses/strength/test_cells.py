"""Cells from a file: what is written comes back, what is wrong is one line, and the committed files are right."""

from dataclasses import replace
from pathlib import Path

import pytest
from strength_cells import quick_cell

from mosaicreid.analyses.strength.cells import CELLS, PILOTS, Cell, Draw, choose_cells, milestones, read_cells
from mosaicreid.errors import InputError

GOOD = """
[[cell]]
name = "a"
dataset = "market1501"
route = "identity"
target = 90
identities = 600
world = "marks=2 images_per_camera=[1,2]"
settings = "stages.baseline.epochs=28"
lengths = [4, 24]
first_world = 100
worlds = 4
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "cells.toml"
    path.write_text(text)
    return path


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    (cell,) = read_cells(written(tmp_path, GOOD))
    assert cell == Cell(
        name="a",
        dataset="market1501",
        route="identity",
        target=90.0,
        identities=600,
        world="marks=2 images_per_camera=[1,2]",
        settings="stages.baseline.epochs=28",
        lengths=(4, 24),
        first_world=100,
        worlds=4,
    )
    assert cell.draws == (Draw(100, 0), Draw(101, 0), Draw(102, 0), Draw(103, 0))
    assert replace(cell, worlds=2, seeds=2).draws == (Draw(100, 0), Draw(101, 0), Draw(100, 1), Draw(101, 1))
    assert (Draw(100, 0).training_seed, Draw(100, 2).training_seed) == (100, 2_000_100)
    config = cell.config(seed=101, epochs=24, configuration="hat", routing="always")
    assert (config.seed, config.stages.baseline.epochs, config.stages.experts.epochs) == (101, 28, 24)
    assert config.stages.experts.milestones == (18, 22)
    assert (config.experts.configuration, config.experts.routing) == ("hat", "always")


@pytest.mark.parametrize(
    ("epochs", "expected"), [(1, []), (2, []), (3, [2]), (4, [3]), (8, [6, 7]), (24, [18, 22]), (60, [45, 55])]
)
def test_the_learning_rate_falls_at_75_and_92_percent_but_not_at_the_end(epochs: int, expected: list[int]) -> None:
    assert milestones(epochs) == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[cell]]", "[cell]", "has cell; expected"),
        ('name = "a"', 'name = "a/b"', "cell 'a/b': expected a name of letters"),
        ('name = "a"', 'nmae = "a"', "unknown key of .*, cell 1 'nmae'"),
        ("first_world = 100", "", "cell 1 has no first_world; expected all of: name, dataset"),
        ("worlds = 4", "worlds = 0", "cell a has 0 worlds; expected at least 1"),
        ("worlds = 4", "worlds = 4\nseeds = 0", "cell a has 0 seeds from 0 on; expected 1 to 100"),
        ("worlds = 4", 'worlds = "4"', r"worlds is '4' \(str\); expected int"),
        ('route = "identity"', 'route = "luck"', "'luck'; expected one of: identity, attributes, default"),
        ("market1501", "cuhk03", "unknown dataset 'cuhk03'"),
        ("marks=2", "mark=2", "unknown setting of the world 'mark'"),
        ("target = 90", "target = 101", "target is 101.0; expected at most 100"),
        ("lengths = [4, 24]", "lengths = []", "no length or no configuration"),
        ("lengths = [4, 24]", "lengths = [4, 4]", "holds something twice"),
        ("lengths = [4, 24]", "lengths = [0]", "epochs is 0; expected a number above 0"),
        ("lengths = [4, 24]", 'lengths = [4]\narms = ["oracle"]', "unknown .*arms 'oracle'"),
        ("lengths = [4, 24]", 'lengths = [4]\nconfigurations = ["baseline"]', "'baseline' has no experts to train"),
        ("stages.baseline.epochs=28", "seed=3", "the setting seed differs by arm"),
        ("stages.baseline.epochs=28", "stages.experts.epochs=3", "stages.experts.epochs differs by arm"),
        ("stages.baseline.epochs=28", "stages.baseline.epoch=3", "unknown setting of config.stages.baseline 'epoch'"),
        ("target = 90", "target =", "is not TOML"),
        ("target = 90", 'target = 90\narms = ["switched_off"]', "switches experts off that it does not train"),
        ("target = 90", 'target = 90\nlong_arms = ["labels"]', "has long arms .*; expected arms that are trained"),
        ("target = 90", 'target = 90\nshares = "age=0.1"', "unknown attribute of two values with a share 'age'"),
        ("target = 90", 'target = 90\nshares = "hat=1.5"', r"the share of hat must be a number in 0\.\.1; got 1\.5"),
        ("target = 90", "target = 90\ndealt = 1", "dealt is 1"),
        ("target = 90", "target = 90\ngroups = 1", "1 groups of people; expected 2 to 100, or 0"),
        ("target = 90", "target = 90\nfirst_seed = -1", "1 seeds from -1 on; expected 1 to 100, from 0..100 on"),
        ("target = 90", "target = 90\nmatched = true\nwith_labels = false", "matched, which adds labels"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError, match=message):
        read_cells(written(tmp_path, GOOD.replace(old, new)))


def test_a_world_trained_once_more_is_of_the_same_settings() -> None:
    once = quick_cell(seeds=1)
    more = quick_cell(seeds=2, first_seed=1)
    assert [(draw.world, draw.seed) for draw in more.draws] == [(5, 1), (6, 1), (5, 2), (6, 2)]
    assert more.fingerprint() == once.fingerprint() != quick_cell(with_labels=False).fingerprint()


def test_two_cells_of_one_name_and_no_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two cells are called 'a'"):
        read_cells(written(tmp_path, GOOD + GOOD))
    with pytest.raises(InputError, match=r"no settings of cells at .*none\.toml"):
        read_cells(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"has nothing; expected \[\[cell\]\] tables"):
        read_cells(written(tmp_path, ""))


def test_cells_are_chosen_by_name(tmp_path: Path) -> None:
    cells = read_cells(written(tmp_path, GOOD + GOOD.replace('"a"', '"b"')))
    assert [cell.name for cell in choose_cells(cells, ["b"])] == ["b"]
    assert choose_cells(cells, []) == cells
    with pytest.raises(InputError, match="unknown cell 'c'; expected one of: a, b"):
        choose_cells(cells, ["c"])


def test_a_fingerprint_is_of_everything_but_the_number_of_worlds() -> None:
    cell = quick_cell()
    assert quick_cell(worlds=9, first_world=1, seeds=3).fingerprint() == cell.fingerprint()
    for change in ({"identities": 26}, {"world": "marks=1"}, {"lengths": (1,)}, {"matched": True}):
        assert quick_cell(**change).fingerprint() != cell.fingerprint()


def test_pilots_and_reported_worlds_are_apart() -> None:
    reported, pilots = read_cells(CELLS), read_cells(PILOTS)
    used, tried = ({(cell.dataset, draw.world) for cell in some for draw in cell.draws} for some in (reported, pilots))
    assert used.isdisjoint(tried)
    # Of one dataset, the designed cells share their worlds, which are what the mixed model takes as random.
    for dataset in {cell.dataset for cell in reported}:
        designed = [cell for cell in reported if cell.dataset == dataset and cell.route != "default"]
        assert len({cell.first_world for cell in designed}) <= 1
        assert len({cell.lengths[0] for cell in designed}) <= 1
