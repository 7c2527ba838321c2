"""A few dozen people of a real dataset: its own file names, cameras and labels, and drawn pictures."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import read_annotation, write_annotation
from mosaicreid.data.folders import DISTRACTOR, FOLDERS, JUNK, Images, parse_images, read_file_list
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.datasets.marker import SYNTHETIC_MARKER
from mosaicreid.datasets.world_options import WorldOptions
from mosaicreid.world.folder import whole_folder
from mosaicreid.world.images import Job, draw_cameras, draw_image, draw_people, plan_images
from mosaicreid.world.people import make_world

_SEED = 0
_QUALITY = 90
# Views of a person: cameras of the test people, and images of a camera of the training people.
_CAMERAS, _IMAGES = 3, 2
# One of so many people looks like another one.
_ALIKE = 3
# Images of nobody in the gallery, of each kind.
_NOBODY = 4
_OPTIONS = WorldOptions(images_per_camera=(1, 1), distractor_identities=0.0)


def draw_rehearsal(
    root: Path, *, like: str, people: int, annotations: Path | None, height: int = 256, width: int = 128
) -> str:
    """Write drawn ``people`` training and as many test identities of a dataset to ``root``; says whose names they have.

    With ``annotations``, a folder with the dataset's annotation file and its list of image paths
    (``NAME.files.txt.gz``), names, cameras and labels are those of real identities; otherwise all are made up.
    ``synthetic.json`` says that the pictures are a rehearsal's.

    Raises:
        InputError: ``root`` is not empty, or what ``read_annotation`` and ``read_file_list`` raise.
    """
    dataset = get_folder_dataset(like)
    listing = None if annotations is None else Path(annotations) / f"{like}.files.txt.gz"
    if listing is not None and annotations is not None:
        real = read_annotation(Path(annotations) / dataset.annotation.file_name, dataset)
        images, labels = _choose(read_file_list(listing, dataset), real, people)
        world = make_world(like, annotation=real)
        whose = f"names, cameras and labels of {2 * people} real people"
    else:
        world = make_world(like)
        labels = draw_people(world, 2 * people, _SEED)
        images = _few(plan_images(labels, like, _SEED, _OPTIONS), like)
        whose = f"names and labels of {2 * people} people made up"
    codes = {pid: row for part in labels.values() for pid, row in zip(part.pids.tolist(), part.codes, strict=True)}
    cameras = draw_cameras(like, _SEED, _OPTIONS)
    nobody = np.zeros(len(world.schema.groups), dtype=np.int16)
    with whole_folder(root, like, replace=False) as unfinished:
        for part in images.values():
            for index, (path, pid, camid) in enumerate(zip(part.paths, part.pids, part.camids, strict=True)):
                job = Job(path, int(pid), int(camid), index, tuple(codes.get(int(pid), nobody).tolist()))
                picture = draw_image(
                    job, world=world, options=_OPTIONS, cameras=cameras, seed=_SEED, height=height, width=width
                )
                picture.save(unfinished / path, quality=_QUALITY)
        write_annotation(unfinished / dataset.annotation.file_name, labels)
        marker = {
            "like": like,
            "rehearsal": True,
            "identities": 2 * people,
            "height": height,
            "width": width,
            "counts": {split: vars(part.counts()) for split, part in images.items()},
        }
        (unfinished / SYNTHETIC_MARKER).write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
    return whose


def _choose(
    listed: Mapping[str, Images], annotation: Mapping[str, Annotation], people: int
) -> tuple[dict[str, Images], dict[str, Annotation]]:
    """Some images of ``people`` identities of each half, and these identities' labels."""
    labels, chosen = {}, {}
    for half, split in (("train", "train"), ("test", "query")):
        part = annotation[half]
        seen = np.isin(part.pids, np.unique(listed[split].pids))
        kept = _varied(part.codes[seen], people)
        labels[half] = Annotation(part.schema, half, part.pids[seen][kept], part.codes[seen][kept])
        chosen[half] = labels[half].pids
    # Every person by cameras of their own, so that all cameras of the dataset are there.
    train = _views(listed["train"].where(np.isin(listed["train"].pids, chosen["train"])), each=_IMAGES)
    query = _views(listed["query"].where(np.isin(listed["query"].pids, chosen["test"])), each=1)
    gallery = listed["gallery"]
    asked = set(zip(query.pids.tolist(), query.camids.tolist(), strict=True))
    views = np.array([view in asked for view in zip(gallery.pids.tolist(), gallery.camids.tolist(), strict=True)])
    people_seen = _views(gallery.where(views), each=1)
    others = [gallery.where(gallery.pids == who) for who in (DISTRACTOR, JUNK)]
    paths = [*people_seen.paths, *(path for part in others for path in part.paths[:_NOBODY])]
    found = gallery.where(np.isin(gallery.paths, paths))
    # A query needs a match by another camera.
    matched = [
        bool((found.camids[found.pids == pid] != camid).any())
        for pid, camid in zip(query.pids, query.camids, strict=True)
    ]
    return {"train": train, "query": query.where(np.array(matched)), "gallery": found}, labels


def _varied(codes: np.ndarray, people: int) -> np.ndarray:
    """The positions of ``people`` rows, most of which have as many different values among them as can be had.

    The others are equal to one of these, where there are such rows: controls ask for people who look alike.
    """
    values = [set(enumerate(row)) for row in codes.tolist()]
    people = min(people, len(values))
    chosen: list[int] = []
    known: set[tuple[int, int]] = set()
    while len(chosen) < people - people // _ALIKE:
        best = max((row for row in range(len(values)) if row not in chosen), key=lambda row: len(values[row] - known))
        chosen.append(best)
        known |= values[best]
    others = [row for row in range(len(values)) if row not in chosen]
    others.sort(key=lambda row: all(values[row] != values[known_row] for known_row in chosen))
    return np.sort(np.array(chosen + others[: people - len(chosen)]))


def _views(images: Images, *, each: int) -> Images:
    """Of every person ``each`` images by at most a few cameras, which move on from person to person."""
    kept = np.zeros(len(images), dtype=bool)
    for number, pid in enumerate(np.unique(images.pids)):
        seen = np.unique(images.camids[images.pids == pid])
        for camid in np.roll(seen, -number)[:_CAMERAS]:
            kept[np.flatnonzero((images.pids == pid) & (images.camids == camid))[:each]] = True
    return images.where(kept)


def _few(jobs: Iterable[Job], like: str) -> dict[str, Images]:
    """The images of a made-up dataset, by split, with few of nobody."""
    dataset = get_folder_dataset(like)
    paths = [job.path for job in jobs if job.pid > DISTRACTOR or job.index < _NOBODY]
    return {
        split: parse_images(sorted(path for path in paths if path.startswith(f"{folder}/")), dataset)
        for split, folder in FOLDERS.items()
    }
