"""Draw worlds, train all arms in each, score them: one small table a world, written whole when the world is done.

Columns of a world's table, a row per scoring:

- dataset, cell, route, target (percent), world (its seed), seed (of training in it, from 0), settings
  (fingerprint of the cell), code (fingerprint of the code that made it);
- arm (``baseline``, ``experts``, ``permuted``, ``always_on``, ``switched_off``, ``labels``: see ``cells``),
  configuration, epochs of its experts (0: none);
- kind of the labels that the router got and that were added: ``none``, ``true``, ``permuted``, ``coarsened``,
  ``corrupted``; for the last two target_share (of the shortfall, 0..1) and level (attributes without labels, or
  probability of a wrong label);
- added: 1 where the agreement of these labels was added to the score;
- mAP, rank1: percent; gain: mAP less the baseline's, points; given_labels: mAP less that of the baseline with the same
  labels added, points; both with a standard error over people (``_se``);
- read: share of the way from majority to the ceiling that heads on the baseline's features go, mean over attributes;
- identities, queries (with a match); seconds: of processor time, the whole world;
- took: seconds of processor time since the row before, so with what was trained for this one; the first row's begins
  when the baseline is scored;
- group01 and on, in cells with groups: mAP of the queries of each group of test people, percent;
- in cells with shares, by attribute: holders_<attribute> (mAP of the queries of people with its second value, percent;
  empty for nobody), people_<attribute> and trained_<attribute> (how many such people are among ``identities``, and
  among the training people);
- unread_<attribute>, in cells with read_each: bits of the label that heads on the baseline's features leave open.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pandas as pd

from mosaicreid.analyses.strength.arms import World
from mosaicreid.analyses.strength.cells import ArmName, Cell, Draw
from mosaicreid.analyses.strength.one_world import score_world
from mosaicreid.config.parsing import parse_settings
from mosaicreid.config.worlds import world_options
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path
from mosaicreid.results import columns_first
from mosaicreid.tables import COUNT, MARK, NUMBER, PERCENT, TEXT, Column, read_table
from mosaicreid.training.loop import TrainingDivergedError
from mosaicreid.world.synthesize import synthesize

_COLUMNS = {
    **dict.fromkeys(("dataset", "cell", "route", "settings", "code", "configuration"), TEXT),
    **dict.fromkeys(("world", "seed", "epochs", "identities", "queries"), COUNT),
    **{"target": PERCENT, "mAP": PERCENT, "rank1": PERCENT, "gain": NUMBER, "added": MARK},
    "arm": Column(kind="text", among=("baseline", *get_args(ArmName))),
    "kind": Column(kind="text", among=("none", "true", "permuted", "coarsened", "corrupted")),
    "target_share": Column(kind="number", least=0, most=1, missing=True),
    **dict.fromkeys(("level", "given_labels", "read"), Column(kind="number", missing=True)),
}


def world_path(runs: Path, cell: Cell, draw: Draw) -> Path:
    """Where the table of one training in one world lies."""
    return Path(runs) / cell.dataset / cell.name / f"world{draw.world}-seed{draw.seed}.csv"


def run_cells(cells: Sequence[Cell], runs: Path, *, code: str, part: tuple[int, int] = (0, 1)) -> list[Path]:
    """Every world of ``cells`` that has no table in ``runs`` yet, the first world of every cell first.

    ``part`` (k, n) takes every n-th of them from the k-th on, for n processes side by side. ``code``, a fingerprint of
    the running code, is noted in every table: worlds may be finished by later code. Returns the tables' paths.

    Raises:
        InputError: a table there was made with other settings of its cell, before anything is trained; or a world that
            cannot be made, named with its reason.
    """
    order = [(n, cell, draw) for cell in cells for n, draw in enumerate(cell.draws)]
    order.sort(key=lambda entry: entry[0])
    for _, cell, draw in order:
        if world_path(runs, cell, draw).is_file():
            read_world(runs, cell, draw)
    written = []
    for _, cell, draw in order[part[0] :: part[1]]:
        path = world_path(runs, cell, draw)
        if not path.is_file():
            table = run_world(cell, draw, runs).assign(code=code)
            with atomic_path(path) as temporary:
                table.to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n")
            print(_said(cell, draw, table), file=sys.stderr, flush=True)
        written.append(path)
    return written


def finished(cell: Cell, runs: Path, *, command: str) -> list[Draw]:
    """The draws of ``cell`` that have a table in ``runs``.

    Raises:
        InputError: none has; ``command`` is what makes them.
    """
    found = [draw for draw in cell.draws if world_path(runs, cell, draw).is_file()]
    if not found:
        raise InputError(f"cell {cell.name} has no world in {runs}; expected {cell.worlds}: `{command}` makes them")
    return found


def read_world(runs: Path, cell: Cell, draw: Draw) -> pd.DataFrame:
    """The table of one world.

    Raises:
        InputError: there is none, it is damaged or holds what it should not, or it is of other settings.
    """
    path = world_path(runs, cell, draw)
    if not path.is_file():
        raise InputError(f"no world {draw.world} of cell {cell.name} at {path}; `mosaicreid strength run` makes it")
    table = read_table(path, _COLUMNS)
    found = table["settings"].iloc[0] if len(table) else "no settings"
    if found != cell.fingerprint():
        raise InputError(
            f"{path} was made with other settings of cell {cell.name} ({found}, expected {cell.fingerprint()}): "
            "move it away, or name another folder of runs"
        )
    return table


def run_world(cell: Cell, draw: Draw, runs: Path) -> pd.DataFrame:
    """Draw one world, train and score everything the cell asks for; columns as in this module's docstring.

    Images and checkpoints lie in a temporary folder within ``runs``, which goes away.

    Raises:
        InputError: the world cannot be drawn, trained on or evaluated; the message names it.
    """
    started = time.process_time()
    Path(runs).mkdir(parents=True, exist_ok=True)
    size = cell.config(seed=draw.training_seed, epochs=cell.lengths[0]).data
    with tempfile.TemporaryDirectory(dir=runs, prefix=f".{cell.name}-{draw.world}-") as folder:
        world = World(cell=cell, draw=draw, root=Path(folder) / "data", runs=Path(folder) / "runs")
        try:
            synthesize(
                world.root,
                like=cell.dataset,
                identities=cell.identities,
                seed=draw.world,
                height=size.height,
                width=size.width,
                options=world_options(cell.dataset, cell.world),
                visibility=cell.drawn(draw.world).visibility,
                shares=parse_settings(cell.shares),
                workers=1,
            )
            table = score_world(world)
        except (InputError, TrainingDivergedError) as error:
            raise InputError(f"world {draw.world} of cell {cell.name} cannot be made: {error}") from error
    table = table.assign(
        dataset=cell.dataset,
        cell=cell.name,
        route=cell.route,
        target=cell.target,
        world=draw.world,
        seed=draw.seed,
        settings=cell.fingerprint(),
        seconds=round(time.process_time() - started, 1),
    )
    return columns_first(table, "dataset", "cell", "route", "target", "world", "seed", "settings")


def _said(cell: Cell, draw: Draw, table: pd.DataFrame) -> str:
    """A line about a finished world."""
    main = table[(table["configuration"] == "all") & table["kind"].isin(["none", "true"])]
    scores = [
        f"{arm} {epochs}{' + labels' if added else ''} {value:.1f}"
        for arm, epochs, added, value in main[["arm", "epochs", "added", "mAP"]].to_numpy().tolist()
    ]
    return (
        f"{cell.name}, world {draw.world}, seed {draw.seed}: {', '.join(scores)} mAP; {table['seconds'].iloc[0]:.0f} s"
    )
