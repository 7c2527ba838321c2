"""Every image of a synthetic dataset: whose it is, by which camera, and how it is drawn.

Everything follows from the seed alone: the people, and every image from the seed, its person, camera and number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mosaicreid.attributes import Annotation
from mosaicreid.data.folders import DISTRACTOR, FOLDERS, JUNK
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.datasets.world_options import WorldOptions
from mosaicreid.errors import InputError
from mosaicreid.world.body import Outfit
from mosaicreid.world.marks import Marks
from mosaicreid.world.people import World
from mosaicreid.world.scene import Camera, render_background, render_person
from mosaicreid.world.wardrobe import Detail, Shot

# Shares of the gallery's own images, close to Market-1501's 2,798 and 3,819 of 13,115.
_DISTRACTORS, _JUNK = 0.2, 0.25
# What a random stream is for; part of the seed, so that adding one stream never shifts another.
_PEOPLE, _DETAIL, _CAMERA, _IMAGE, _MARKS = range(5)


@dataclass(frozen=True)
class Job:
    """One image: where it goes, whose it is (codes all 0 for strangers), and by which camera."""

    path: str
    pid: int
    camid: int
    index: int
    codes: tuple[int, ...]


def draw_people(
    world: World,
    identities: int,
    seed: int,
    *,
    annotation: Mapping[str, Annotation] | None = None,
    train_share: float = 0.5,
) -> dict[str, Annotation]:
    """The people of a dataset as its annotation by split; of a real ``annotation`` where one is given.

    ``train_share`` of them, rounded down, are for training; both splits have 2 people at least.

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
    training = min(max(2, int(train_share * identities)), identities - 2)
    splits = {"train": np.sort(pids[:training]), "test": np.sort(pids[training:])}
    return {
        split: Annotation(world.schema, split, members.astype(np.int64), codes[members - 1])
        for split, members in splits.items()
    }


def plan_images(people: Mapping[str, Annotation], like: str, seed: int, options: WorldOptions) -> Iterator[Job]:
    """Every image of the dataset. A test person gives one query per camera; the rest of their images is the gallery.

    The last of the test people, as many as the options' distractor identities, are in no query.

    Raises:
        InputError: nobody is left to ask for.
    """
    dataset = get_folder_dataset(like)
    cameras = dataset.cameras
    nobody = (0,) * len(people["test"].schema.groups)
    test = people["test"].pids
    asked = set(test[: len(test) - round(options.distractor_identities * len(test))].tolist())
    if not asked:
        raise InputError(
            f"{len(test)} test people and distractor_identities {options.distractor_identities:g} leave nobody in a "
            "query; expected more people or a smaller share"
        )
    least, most = options.images_per_camera
    gallery = 0
    for split, annotation in people.items():
        for pid, codes in zip(annotation.pids.tolist(), annotation.codes.tolist(), strict=True):
            generator = _random(seed, _PEOPLE, pid)
            seen = generator.choice(cameras, size=int(generator.integers(2, cameras + 1)), replace=False) + 1
            for camid in sorted(seen.tolist()):
                number = int(generator.integers(least, most + 1))
                folder = "train" if split == "train" else "gallery"
                gallery += number if folder == "gallery" else 0
                for index in range(number):
                    yield _job(folder, like, pid, camid, index, tuple(codes))
                if split == "test" and pid in asked:
                    yield _job("query", like, pid, camid, number, tuple(codes))
    if dataset.synthetic.extras:
        for pid, share in {DISTRACTOR: _DISTRACTORS, JUNK: _JUNK}.items():
            for index in range(round(share * gallery)):
                yield _job("gallery", like, pid, index % cameras + 1, index, nobody)


def _job(split: str, like: str, pid: int, camid: int, index: int, codes: tuple[int, ...]) -> Job:
    who = f"{pid:04d}" if pid >= 0 else str(pid)
    name = get_folder_dataset(like).images.template.format(who=who, camid=camid, index=index)
    return Job(f"{FOLDERS[split]}/{name}", pid, camid, index, codes)


def _random(seed: int, *stream: int) -> np.random.Generator:
    # Seed sequences take no negative numbers, and junk has the identity -1.
    return np.random.default_rng([seed, *(number + 1 for number in stream)])


def draw_cameras(like: str, seed: int, options: WorldOptions) -> tuple[Camera, ...]:
    """The cameras of a dataset, number 1 first."""
    return tuple(
        Camera.draw(_random(seed, _CAMERA, camid)).calmed(options.nuisance)
        for camid in range(1, get_folder_dataset(like).cameras + 1)
    )


def draw_image(
    job: Job,
    *,
    world: World,
    options: WorldOptions,
    cameras: Sequence[Camera],
    seed: int,
    height: int,
    width: int,
) -> Image.Image:
    """Take one image: RGB, ``height`` x ``width`` pixels."""
    generator = _random(seed, _IMAGE, job.pid, job.camid, job.index)
    camera = cameras[job.camid - 1]
    shot = Shot.draw(generator).calmed(options.nuisance)
    if job.pid > DISTRACTOR:
        codes, detail = np.array(job.codes, dtype=np.int16), Detail.draw(_random(seed, _DETAIL, job.pid))
        marks = Marks.draw(options.marks, _random(seed, _MARKS, job.pid))
    else:
        codes, detail = _stranger(world, generator), Detail.draw(generator)
        marks = Marks.draw(options.marks, _random(seed, _MARKS, job.pid, job.camid, job.index))
    # Every other distractor is a false alarm of the detector; the rest, like junk, are people whom nobody annotated.
    if job.pid == DISTRACTOR and job.index % 2:
        return render_background(shot, camera, height=height, width=width)
    outfit = Outfit.of(world.shown(codes, generator), detail)
    detail = detail.spread(options.private_cues)
    return render_person(outfit, detail, shot, camera, marks=marks, height=height, width=width)


def _stranger(world: World, generator: np.random.Generator) -> NDArray[np.int16]:
    return world.draw_people(1, generator)[0]
