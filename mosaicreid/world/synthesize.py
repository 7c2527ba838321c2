"""Write a synthetic dataset in a real one's own format: file names, three folders, distractors, junk, annotation.

Everything is drawn from the seed alone: the people from it, and every image from the seed, its person, camera and
number, so the bytes do not depend on the number of processes.
"""

import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from types import ModuleType

from tqdm import tqdm

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import read_annotation, write_annotation
from mosaicreid.data.folders import DISTRACTOR, FOLDERS
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.datasets.definition import Counts
from mosaicreid.datasets.marker import SYNTHETIC_MARKER
from mosaicreid.datasets.world_options import WorldOptions
from mosaicreid.errors import InputError
from mosaicreid.files import check_space, usable_cpus
from mosaicreid.world.folder import check_own, whole_folder
from mosaicreid.world.images import Job, draw_cameras, draw_image, draw_people, plan_images
from mosaicreid.world.people import World, make_world
from mosaicreid.world.scene import Camera

_QUALITY = 90
# What the file of an image takes at least: a head, and a byte for so many pixels.
_LEAST_BYTES, _PIXELS_PER_BYTE = 600, 10
# Far more than any picture of a person has, and any machine.
_LARGEST_SIDE, _MOST_WORKERS = 8192, 1024


def synthesize(
    root: Path,
    *,
    like: str,
    identities: int,
    seed: int,
    annotation: Path | None = None,
    height: int = 128,
    width: int = 64,
    visibility: Mapping[str, float] | None = None,
    shares: Mapping[str, float] | None = None,
    options: WorldOptions | None = None,
    workers: int | None = None,
    replace: bool = False,
) -> None:
    """Draw ``identities`` people and write their images and annotation to ``root``.

    The people's attributes come from the world's priors, or are those of identities in a real ``annotation`` file.
    ``synthetic.json`` states the counts and the ground truth (see ``world``). The folder appears whole or not at all.

    Args:
        like: the dataset to be like.
        height, width: of the images, pixels.
        visibility: by attribute, in 0..1, in place of the world's own.
        shares: of people with the second value, by attribute of two values, in place of the world's own.
        options: what else may be set of a world, in place of the dataset's own.
        workers: processes, default one per core.
        replace: take the place of a folder that ``synthesize`` wrote, like the same dataset, and nobody added to;
            whatever its people, size and options were, it is drawn anew.

    Raises:
        InputError: ``root`` holds something already that is not to be replaced; fewer than 4 or more than 9,998
            identities, or more than the annotation has; a size below 16 x 8 or sides above 8,192; a number of workers
            out of 1 to 1,024; a visibility, share or annotation that does not fit.
    """
    root = Path(root)
    occupied = root.exists() and (not root.is_dir() or any(root.iterdir()))
    if occupied and not replace:
        raise InputError(f"{root} is there already and not an empty folder; expected a new one, nothing is overwritten")
    if occupied:
        check_own(root, like)
    if not 4 <= identities <= 9998:
        raise InputError(f"got {identities} identities, expected 4 to 9998 (file names have four digits)")
    if height < 16 or width < 8 or max(height, width) > _LARGEST_SIDE:
        raise InputError(
            f"got images of {height}x{width} pixels; expected at least 16x8, smaller ones show nothing, and sides of "
            f"{_LARGEST_SIDE} at most"
        )
    if seed < 0 or (workers is not None and not 1 <= workers <= _MOST_WORKERS):
        raise InputError(
            f"got seed {seed} and {workers} workers; expected a seed of 0 or above and 1 to {_MOST_WORKERS} workers"
        )
    real = read_annotation(annotation, get_folder_dataset(like)) if annotation else None
    options = options or get_folder_dataset(like).synthetic.options
    world = make_world(like, visibility=visibility, annotation=real, legibility=options.legibility, shares=shares)
    people = draw_people(world, identities, seed, annotation=real, train_share=options.train_share)
    jobs = list(plan_images(people, like, seed, options))

    check_space({root: len(jobs) * (_LEAST_BYTES + height * width // _PIXELS_PER_BYTE)})
    with whole_folder(root, like, replace=occupied) as unfinished:
        _render(jobs, unfinished, world, options, seed=seed, height=height, width=width, workers=workers)
        write_annotation(unfinished / get_folder_dataset(like).annotation.file_name, people)
        truth = _describe(world, options, people, jobs, identities=identities, seed=seed, height=height, width=width)
        (unfinished / SYNTHETIC_MARKER).write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


def _render(
    jobs: list[Job],
    folder: Path,
    world: World,
    options: WorldOptions,
    *,
    seed: int,
    height: int,
    width: int,
    workers: int | None,
) -> None:
    cameras = draw_cameras(world.schema.dataset, seed, options)
    draw = partial(
        _draw, folder=folder, world=world, options=options, cameras=cameras, seed=seed, height=height, width=width
    )
    workers = workers or usable_cpus()
    with tqdm(total=len(jobs), desc="synthesize", unit="image", disable=None) as progress:
        if workers == 1:
            for job in jobs:
                draw(job)
                progress.update()
            return
        # A fresh interpreter per worker: forking one that has threads (torch's, say) can hang.
        context = multiprocessing.get_context("spawn")
        _start_tracker()
        try:
            with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
                with _without_script():
                    drawn = pool.map(draw, jobs, chunksize=64)
                for _ in drawn:
                    progress.update()
        except (BrokenProcessPool, RuntimeError) as error:
            raise InputError(
                "a process that draws has ended by itself; likely cause: too little memory (then give fewer workers)"
            ) from error


@contextmanager
def _without_script() -> Iterator[None]:
    """Start processes that do not run the user's script first: they need nothing of it, and one that calls
    ``synthesize`` outside of ``if __name__ == "__main__":`` would start processes in each of them."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _start_tracker() -> None:
    """Start the helper that ``multiprocessing`` keeps beside workers, which ends with this process, so that a closed
    terminal does not end it: that would be told in a traceback."""
    hangup = [signal.SIGHUP] if hasattr(signal, "pthread_sigmask") else []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, hangup) if hangup else set()
    try:
        resource_tracker.ensure_running()
    finally:
        if hangup:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    # Ctrl-C, a closed terminal and a cluster's time limit reach every process: the parent alone answers, and clears up.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot stop its workers, which would wait for their next image for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _draw(
    job: Job,
    *,
    folder: Path,
    world: World,
    options: WorldOptions,
    cameras: Sequence[Camera],
    seed: int,
    height: int,
    width: int,
) -> None:
    image = draw_image(job, world=world, options=options, cameras=cameras, seed=seed, height=height, width=width)
    image.save(folder / job.path, quality=_QUALITY)


def _describe(
    world: World, options: WorldOptions, people: Mapping[str, Annotation], jobs: list[Job], **settings: int
) -> dict[str, object]:
    counts = {}
    for split, folder in FOLDERS.items():
        jobs_of_split = [job for job in jobs if job.path.startswith(f"{folder}/")]
        counts[split] = vars(
            Counts(len(jobs_of_split), len({job.pid for job in jobs_of_split if job.pid > DISTRACTOR}))
        )
    tested = world.knowledge_gain_among(people["test"].codes)
    return {
        "like": world.schema.dataset,
        **settings,
        "options": asdict(options),
        "counts": counts,
        "priors": {name: list(prior) for name, prior in world.priors.items()},
        "truth": [row | {"test_knowledge_gain_bits": tested[str(row["attribute"])]} for row in world.truth()],
    }
