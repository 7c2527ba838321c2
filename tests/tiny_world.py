"""A dataset folder small and simple enough for tests of training: four blocks of colour make a person."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from mosaicreid.attributes import Annotation
from mosaicreid.config.profiles import make_config
from mosaicreid.config.settings import Config
from mosaicreid.data.annotation import write_annotation
from mosaicreid.datasets import get_dataset, get_schema

NAMES = {
    "market1501": "{pid:04d}_c{camid}s1_{frame:06d}_01.jpg",
    "dukemtmc": "{pid:04d}_c{camid}_f{frame:07d}.jpg",
}
FOLDERS = {"bounding_box_train": (6, 4), "query": (6, 1), "bounding_box_test": (6, 3)}

# Settings that such a folder can fill batches of.
SMALL = {
    "data.height": 32,
    "data.width": 16,
    "data.batch_size": 8,
    "data.num_instances": 2,
    "stages.pretrain.epochs": 1,
    "stages.pretrain.warmup_epochs": 0,
    "stages.prompts.epochs": 2,
    "stages.baseline.epochs": 2,
    "stages.experts.epochs": 3,
    "stages.experts.milestones": [2, 3],
    "stages.baseline.milestones": [2],
    "stages.baseline.warmup_epochs": 0,
}


def small(**overrides: object) -> Config:
    """The tiny profile at the size of ``write_world``; ``experts__rank=2`` overrides ``experts.rank``."""
    return make_config("tiny", SMALL | {name.replace("__", "."): value for name, value in overrides.items()})


def write_world(root: Path, dataset: str = "market1501", seed: int = 0, noise: float = 20) -> Path:
    """Write 6 training identities of 4 images, and 6 test identities of 1 query and 3 gallery images, to ``root``.

    With much more ``noise`` than the usual, people are confused, so that scores tell one model from another.
    """
    random = np.random.default_rng(seed)
    schema = get_schema(dataset)
    annotations = {}
    for split, first in (("train", 1), ("test", 101)):
        codes = np.stack([1 << random.integers(len(group.values), size=6) for group in schema.groups], axis=1)
        annotations[split] = Annotation(schema, split, np.arange(first, first + 6), codes.astype(np.int16))
    colours = {pid: random.integers(0, 255, (4, 1, 3)) for pid in (*range(1, 7), *range(101, 107))}
    counts = {}
    for split, (folder, (people, images)) in zip(("train", "query", "gallery"), FOLDERS.items(), strict=True):
        (root / folder).mkdir(parents=True)
        for pid in range(1, people + 1) if split == "train" else range(101, people + 101):
            for image in range(images):
                camid = 6 if split == "query" else image + 1
                name = NAMES[dataset].format(pid=pid, camid=camid, frame=image)
                pixels = np.kron(colours[pid], np.ones((8, 16, 1))) + random.normal(0, noise, (32, 16, 3))
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / folder / name)
        counts[split] = {"images": people * images, "identities": people}
    write_annotation(root / get_dataset(dataset).annotation.file_name, annotations)
    (root / "synthetic.json").write_text(json.dumps({"like": dataset, "counts": counts}))
    return root
