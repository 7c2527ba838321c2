"""What is in a dataset folder, and what is wrong with it; opens every image."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaicreid.attributes import Annotation, ImageAnnotation
from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.decode import read_image
from mosaicreid.data.folders import (
    DISTRACTOR,
    FOLDERS,
    JUNK,
    Images,
    ReidData,
    count_differences,
    expected_counts,
    list_folder,
    passed_over,
    read_folders,
    split_images,
)
from mosaicreid.data.formats import image_differences, read_foreign
from mosaicreid.data.tables import read_attribute_table, read_image_table, strangers
from mosaicreid.datasets import DATASETS, get_dataset, get_folder_dataset
from mosaicreid.datasets.definition import FolderDataset, ForeignDataset, TableDataset
from mosaicreid.errors import InputError


@dataclass(frozen=True, eq=False)
class Report:
    """What ``check_dataset`` found.

    ``table``: as ``summarise`` makes it. ``problems``: one line each, empty where all is well. ``passed_over``: what
    systems left among the images, which is accepted (see ``folders.passed_over``).
    """

    dataset: str
    table: pd.DataFrame
    problems: tuple[str, ...]
    passed_over: tuple[str, ...]


def detect_dataset(root: Path) -> str:
    """The dataset whose file names the folders under ``root`` carry, by the first name that is a dataset's.

    Raises:
        InputError: no image folder with an image whose name parses.
    """
    folders = [Path(root) / folder for folder in FOLDERS.values()]
    for entry in (entry for folder in folders if folder.is_dir() for entry in list_folder(folder)):
        for dataset in DATASETS:
            if get_folder_dataset(dataset).images.pattern.fullmatch(entry.name):
                return dataset
    raise InputError(
        f"{root} holds no images of {' or '.join(DATASETS)}; expected the folders {', '.join(FOLDERS.values())} in it"
    )


def check_dataset(root: Path, *, dataset: str | None = None, annotation: Path | None = None) -> Report:
    """Read the folders, the annotation and every image under ``root``, and compare them with what should be there.

    ``dataset`` is recognised by its file names where it is not given; ``annotation`` is looked for in ``root``.

    Raises:
        InputError: what keeps the folder from being read at all: as ``read_folders`` and ``read_annotation`` do.
    """
    root = Path(root)
    definition = get_dataset(dataset or detect_dataset(root))
    if isinstance(definition, TableDataset):
        return _check_tables(root, definition)
    if isinstance(definition, ForeignDataset):
        return _check_foreign(root, definition)
    assert isinstance(definition, FolderDataset)
    folders = read_folders(definition, root)
    problems = count_differences(folders, expected_counts(definition, root))
    problems += _split_problems(folders) + unreadable_images(root, folders.values())
    file = annotation or root / definition.annotation.file_name
    annotations: Mapping[str, Annotation] = {}
    if annotation or file.is_file():
        annotations = read_annotation(file, definition)
        problems += _uncovered(_people(folders), annotations)
    else:
        problems.append(f"no annotation file {file}: `mosaicreid data annotations` fetches it, or use --annotation")
    return Report(definition.name, summarise(folders, annotations), tuple(problems), tuple(passed_over(root)))


def _check_tables(root: Path, dataset: TableDataset) -> Report:
    table = read_image_table(root, dataset)
    folders = split_images(table)
    labels = read_attribute_table(root, dataset, table) or {}
    problems = _split_problems(folders) + unreadable_images(root, folders.values())
    if not labels:
        problems.append(f"no table {root / dataset.attributes}: experts need one")
    annotations = {split: part for split, part in labels.items() if isinstance(part, Annotation)}
    summary = summarise(folders, annotations)
    if annotations:
        problems += _uncovered(_people(folders), annotations)
    elif labels:
        of_people = table[table["pid"] > DISTRACTOR]
        named = [path for part in labels.values() if isinstance(part, ImageAnnotation) for path in part.paths]
        labelled = of_people["path"].isin(named)
        known = of_people[labelled].groupby("split")["pid"].nunique()
        summary["annotated"] = [int(known.get(split, 0)) for split in folders]
        without = of_people["path"][~labelled]
        if len(without):
            problems.append(f"{len(without)} images have no labels, like {without.iloc[0]}")
    unseen = strangers(root, dataset, table)
    if unseen:
        problems.append(f"{len(unseen)} rows of {dataset.attributes} are of no image, like {unseen[0]}")
    return Report(dataset.name, summary, tuple(problems), ())


def _check_foreign(root: Path, dataset: ForeignDataset) -> Report:
    table, labels = read_foreign(dataset, root, warn=False)
    folders = split_images(table)
    problems = image_differences(dataset, table)
    problems += _split_problems(folders) + unreadable_images(root, folders.values())
    if labels is None:
        problems.append(f"no annotation beside the images in {root}: experts need one")
    else:
        problems += _uncovered(_people(folders), labels)
    return Report(dataset.name, summarise(folders, labels or {}), tuple(problems), ())


def _people(folders: Mapping[str, Images]) -> dict[str, np.ndarray]:
    return {split: np.unique(images.pids[images.pids > DISTRACTOR]) for split, images in folders.items()}


def _split_problems(folders: Mapping[str, Images]) -> list[str]:
    """Identities in splits where they cannot be, and what keeps queries from being answered."""
    problems, people = [], _people(folders)
    for split in ("query", "gallery"):
        shared = np.intersect1d(people["train"], people[split])
        if len(shared):
            problems.append(f"{len(shared)} identities are in both train and {split}: {_listed(shared)}")
    strange = np.setdiff1d(people["query"], people["gallery"])
    if len(strange):
        problems.append(f"{len(strange)} identities are in query but not in gallery: {_listed(strange)}")
    return problems + protocol_problems(folders["query"], folders["gallery"])


def check_trainable(data: ReidData, *, annotated: bool) -> None:
    """See that there is something to train on and that every query can be answered, before hours go into it.

    ``annotated``: whether labels are needed, for experts or captions.

    Raises:
        InputError: no training images, no annotation where one is needed, or what ``protocol_problems`` lists.
    """
    if not len(data.train):
        raise InputError(f"{data.root} has no images for train; expected some for each of train, query and gallery")
    problems = protocol_problems(data.query, data.gallery)
    if problems:
        raise InputError(f"{data.root} could not be evaluated after training: {'; '.join(problems)}")
    if annotated and data.annotation is None:
        raise InputError(
            f"{data.root} has no annotation; experts and captions need one (`mosaicreid data annotations` fetches the "
            "paper's, your own dataset's is its table of attributes)"
        )


def protocol_problems(query: Images, gallery: Images) -> list[str]:
    """What keeps ``query`` from being searched for in ``gallery``: one line each, empty where all is well.

    A query is a person, and its match is a gallery image of that person by another camera (Zheng et al. 2015).
    """
    empty = [name for name, images in (("query", query), ("gallery", gallery)) if not len(images)]
    if empty:
        return [f"no images in {' and '.join(empty)}; expected some to search with and some to search in"]
    cameras = np.union1d(query.camids, gallery.camids)
    if len(cameras) == 1:
        return [
            f"query and gallery are of camera {cameras[0]} alone; expected at least two, a match is another camera's"
        ]
    problems = []
    nobody = query.where(query.pids <= DISTRACTOR)
    if len(nobody):
        problems.append(
            f"{len(nobody)} queries are junk or distractors, like {nobody.paths[0]}; expected people, numbered above "
            f"{DISTRACTOR}"
        )
    unmatched = query.where((query.pids > DISTRACTOR) & ~_matched(query, gallery))
    if len(unmatched):
        problems.append(
            f"{len(unmatched)} queries have no gallery image of their person by another camera, like "
            f"{unmatched.paths[0]}; expected one at least"
        )
    return problems


def _matched(query: Images, gallery: Images) -> npt.NDArray[np.bool_]:
    """Which queries have a match: the person's gallery images are of several cameras, or of one that is another's."""
    views = np.unique(np.stack([gallery.pids, gallery.camids]), axis=1)
    pids, first, cameras = np.unique(views[0], return_index=True, return_counts=True)
    place = np.minimum(np.searchsorted(pids, query.pids), len(pids) - 1)
    elsewhere = (cameras[place] > 1) | (views[1][first[place]] != query.camids)
    return (pids[place] == query.pids) & elsewhere


def summarise(folders: Mapping[str, Images], annotations: Mapping[str, Annotation]) -> pd.DataFrame:
    """One row per split: images (junk included), identities, cameras, junk, distractors, annotated identities.

    ``annotations`` by train and test, or empty where there are none.
    """
    return pd.DataFrame([_row(split, images, annotations) for split, images in folders.items()])


def _annotation_split(split: str) -> str:
    """Query and gallery share the test identities."""
    return "train" if split == "train" else "test"


def _row(split: str, images: Images, annotations: Mapping[str, Annotation]) -> dict[str, object]:
    counts = images.counts()
    annotated = annotations[_annotation_split(split)].pids if annotations else np.zeros(0, dtype=np.int64)
    return {
        "split": split,
        "images": counts.images,
        "identities": counts.identities,
        "cameras": len(np.unique(images.camids)),
        "junk": int((images.pids == JUNK).sum()),
        "distractors": int((images.pids == DISTRACTOR).sum()),
        "annotated": len(np.intersect1d(images.pids, annotated)),
    }


def _uncovered(people: Mapping[str, np.ndarray], annotations: Mapping[str, Annotation]) -> list[str]:
    problems = []
    for split, pids in people.items():
        missing = np.setdiff1d(pids, annotations[_annotation_split(split)].pids)
        if len(missing):
            problems.append(f"{len(missing)} identities of {split} have no annotation: {_listed(missing)}")
    seen = {"train": people["train"], "test": np.union1d(people["query"], people["gallery"])}
    for split, annotation in annotations.items():
        unseen = np.setdiff1d(annotation.pids, seen[split])
        if len(unseen):
            problems.append(f"{len(unseen)} annotated {split} identities have no image: {_listed(unseen)}")
    return problems


def unreadable_images(root: Path, images: Iterable[Images]) -> list[str]:
    """One line per image under ``root`` that ``decode`` refuses, naming its path."""
    paths = [Path(root) / path for part in images for path in part.paths]
    # Threads: the decoder runs outside the interpreter's lock.
    with ThreadPoolExecutor() as pool:
        return [problem for problem in pool.map(_decoding_problem, paths) if problem]


def _decoding_problem(path: Path) -> str | None:
    try:
        read_image(path)
    except InputError as error:
        return str(error)
    return None


def _listed(pids: np.ndarray) -> str:
    shown = ", ".join(map(str, pids[:5].tolist()))
    return shown if len(pids) <= 5 else f"{shown}, ..."
