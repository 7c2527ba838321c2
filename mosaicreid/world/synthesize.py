"""Write a synthetic dataset in a real one's own format: file names, three folders, distractors, junk, annotation.

Everything is drawn from the seed alone: the people from it, and every image from the seed, its person, camera and
number, so the bytes do not depend on the number of processes.
"""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import read_annotation, write_annotation
from mosaicreid.data.folders import DISTRACTOR, FOLDERS, JUNK
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.datasets.definition import Counts
from mosaicreid.datasets.marker import SYNTHETIC_MARKER
from mosaicreid.errors import InputError
from mosaicreid.files import check_space, usable_cpus
from mosaicreid.world.body import Outfit
from mosaicreid.world.folder import check_own, whole_folder
from mosaicreid.world.people import World, make_world
from mosaicreid.world.scene import Camera, render_background, render_person
from mosaicreid.world.wardrobe import Detail, Shot

_IMAGES_PER_CAMERA = (1, 4)
# Shares of the gallery's own images, close to Market-1501's 2,798 and 3,819 of 13,115.
_DISTRACTORS, _JUNK = 0.2, 0.25
_QUALITY = 90
# What the file of an image takes at least: a head, and a byte for so many pixels.
_LEAST_BYTES, _PIXELS_PER_BYTE = 600, 10
# Far more than any picture of a person has, and any machine.
_LARGEST_SIDE, _MOST_WORKERS = 8192, 1024
# What a random stream is for; part of the seed, so that adding one stream never shifts another.
_PEOPLE, _DETAIL, _CAMERA, _IMAGE = range(4)


@dataclass(frozen=True)
class Job:
    """One image: where it goes, whose it is (codes all 0 for strangers), and by which camera."""

    path: str
    pid: int
    camid: int
    index: int
    codes: tuple[int, ...]


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
    workers: int | None = None,
    replace: bool = False,
) -> None:
    """Draw ``identities`` people, half of them for training, and write their images and annotation to ``root``.

    The people's attributes come from the world's priors, or are those of identities in a real ``annotation`` file.
    ``synthetic.json`` states the counts and the ground truth (see ``world``). The folder appears whole or not at all.

    Args:
        like: the dataset to be like.
        height, width: of the images, pixels.
        visibility: by attribute, in 0..1, in place of the world's own.
        workers: processes, default one per core.
        replace: take the place of a folder that ``synthesize`` wrote, like the same dataset, and nobody added to.

    Raises:
        InputError: ``root`` holds something already that is not to be replaced; fewer than 4 or more than 9,998
            identities, or more than the annotation has; a size below 16 x 8 or sides above 8,192; a number of workers
            out of 1 to 1,024; a visibility or annotation that does not fit.
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
    world = make_world(like, visibility=visibility, annotation=real)
    people = draw_people(world, identities, seed, annotation=real)
    jobs = list(_plan(people, like, seed))

    check_space({root: len(jobs) * (_LEAST_BYTES + height * width // _PIXELS_PER_BYTE)})
    with whole_folder(root, like, replace=occupied) as unfinished:
        _render(jobs, unfinished, world, seed=seed, height=height, width=width, workers=workers)
        write_annotation(unfinished / get_folder_dataset(like).annotation.file_name, people)
        truth = _describe(world, people, jobs, identities=identities, seed=seed, height=height, width=width)
        (unfinished / SYNTHETIC_MARKER).write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


def _random(seed: int, *stream: int) -> np.random.Generator:
    # Seed sequences take no negative numbers, and junk has the identity -1.
    return np.random.default_rng([seed, *(number + 1 for number in stream)])


def draw_people(
    world: World, identities: int, seed: int, *, annotation: Mapping[str, Annotation] | None = None
) -> dict[str, Annotation]:
    """The people of a dataset as its annotation by split; of a real ``annotation`` where one is given.

    Raises:
        InputError: more identities than the annotation has.
    """
    generator = _random(seed, _PEOPLE)
    if annotation is None:
        codes = world.draw_people(identities, generator)
    else:
        pool = np.concatenate([split.codes for split in annotation.values()])
        if identities > len(pool):
            raise InputError(f"got {identities} identities, but the annotation has only {len(pool)} to draw from")
        codes = pool[generator.permutation(len(pool))[:identities]]
    pids = generator.permutation(identities) + 1
    halves = {"train": np.sort(pids[: identities // 2]), "test": np.sort(pids[identities // 2 :])}
    return {
        split: Annotation(world.schema, split, members.astype(np.int64), codes[members - 1])
        for split, members in halves.items()
    }


def _plan(people: Mapping[str, Annotation], like: str, seed: int) -> Iterator[Job]:
    """Every image of the dataset. A test person gives one query per camera; the rest of their images is the gallery."""
    dataset = get_folder_dataset(like)
    cameras = dataset.cameras
    nobody = (0,) * len(people["test"].schema.groups)
    gallery = 0
    for split, annotation in people.items():
        for pid, codes in zip(annotation.pids.tolist(), annotation.codes.tolist(), strict=True):
            generator = _random(seed, _PEOPLE, pid)
            seen = generator.choice(cameras, size=int(generator.integers(2, cameras + 1)), replace=False) + 1
            for camid in sorted(seen.tolist()):
                number = int(generator.integers(_IMAGES_PER_CAMERA[0], _IMAGES_PER_CAMERA[1] + 1))
                folder = "train" if split == "train" else "gallery"
                gallery += number if folder == "gallery" else 0
                for index in range(number):
                    yield _job(folder, like, pid, camid, index, tuple(codes))
                if split == "test":
                    yield _job("query", like, pid, camid, number, tuple(codes))
    if dataset.synthetic.extras:
        for pid, share in {DISTRACTOR: _DISTRACTORS, JUNK: _JUNK}.items():
            for index in range(round(share * gallery)):
                yield _job("gallery", like, pid, index % cameras + 1, index, nobody)


def _job(split: str, like: str, pid: int, camid: int, index: int, codes: tuple[int, ...]) -> Job:
    who = f"{pid:04d}" if pid >= 0 else str(pid)
    name = get_folder_dataset(like).images.template.format(who=who, camid=camid, index=index)
    return Job(f"{FOLDERS[split]}/{name}", pid, camid, index, codes)


def _render(
    jobs: list[Job], folder: Path, world: World, *, seed: int, height: int, width: int, workers: int | None
) -> None:
    cameras = draw_cameras(world.schema.dataset, seed)
    draw = partial(_draw, folder=folder, world=world, cameras=cameras, seed=seed, height=height, width=width)
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
                for _ in pool.map(draw, jobs, chunksize=64):
                    progress.update()
        except (BrokenProcessPool, RuntimeError) as error:
            raise InputError(
                "a process that draws has ended by itself; likely cause: a script that calls synthesize() outside of "
                "`if __name__ == '__main__':`, or too little memory (then give fewer workers)"
            ) from error


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


def _draw(job: Job, *, folder: Path, world: World, cameras: Sequence[Camera], seed: int, **size: int) -> None:
    draw_image(job, world=world, cameras=cameras, seed=seed, **size).save(folder / job.path, quality=_QUALITY)


def draw_cameras(like: str, seed: int) -> tuple[Camera, ...]:
    """The cameras of a dataset, number 1 first."""
    return tuple(Camera.draw(_random(seed, _CAMERA, camid)) for camid in range(1, get_folder_dataset(like).cameras + 1))


def draw_image(job: Job, *, world: World, cameras: Sequence[Camera], seed: int, height: int, width: int) -> Image.Image:
    """Take one image: RGB, ``height`` x ``width`` pixels."""
    generator = _random(seed, _IMAGE, job.pid, job.camid, job.index)
    camera = cameras[job.camid - 1]
    shot = Shot.draw(generator)
    if job.pid > DISTRACTOR:
        codes, detail = np.array(job.codes, dtype=np.int16), Detail.draw(_random(seed, _DETAIL, job.pid))
    else:
        codes, detail = _stranger(world, generator), Detail.draw(generator)
    # Every other distractor is a false alarm of the detector; the rest, like junk, are people whom nobody annotated.
    if job.pid == DISTRACTOR and job.index % 2:
        return render_background(shot, camera, height=height, width=width)
    outfit = Outfit.of(world.shown(codes, generator), detail)
    return render_person(outfit, detail, shot, camera, height=height, width=width)


def _stranger(world: World, generator: np.random.Generator) -> NDArray[np.int16]:
    return world.draw_people(1, generator)[0]


def _describe(world: World, people: Mapping[str, Annotation], jobs: list[Job], **settings: int) -> dict[str, object]:
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
        "counts": counts,
        "priors": {name: list(prior) for name, prior in world.priors.items()},
        "truth": [row | {"test_knowledge_gain_bits": tested[str(row["attribute"])]} for row in world.truth()],
    }
