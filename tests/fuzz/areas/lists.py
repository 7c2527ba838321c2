"""Lists of image paths, folders of images and what states a synthetic world, against plain string operations."""

import gzip
import json
from pathlib import Path
from random import Random

from fuzz.campaign import must
from fuzz.mutate import TEXTS, bad_bytes, bad_json, bad_text

from mosaicreid.data.check import check_dataset
from mosaicreid.data.folders import FOLDERS, expected_counts, read_file_list, read_folders, read_truth
from mosaicreid.datasets import DATASETS, get_dataset

_FORMS = {"market1501": "{:04d}_c{}s1_{:06d}_01.jpg", "dukemtmc": "{:04d}_c{}_f{:07d}.jpg"}
_SYSTEMS = ("._0001_c1s1_000001_01.jpg", ".DS_Store", "Thumbs.db", ".nfs0001", "@eaDir", "desktop.ini", "~$x.jpg")


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        pass

    def attempt(self, random: Random, place: Path) -> None:
        random.choice([self._list, self._list, self._folder, self._marker])(random, place)

    def _list(self, random: Random, place: Path) -> None:
        dataset = random.choice(DATASETS)
        paths = _paths(random, dataset)
        text = "\n".join(paths) + random.choice(["\n", ""])
        valid = random.random() < 0.2
        if not valid:
            text = bad_text(random, text) if random.random() < 0.6 else _with_odd_line(random, paths)
        content = text.encode("utf-8", "surrogatepass")
        path = place / random.choice(["files.txt", "files.txt.gz"])
        if path.suffix == ".gz":
            content = gzip.compress(content)
            content = content if valid or random.random() < 0.5 else bad_bytes(random, content)
        path.write_bytes(content)
        found = (
            must(lambda: read_file_list(path, get_dataset(dataset)))
            if valid
            else read_file_list(path, get_dataset(dataset))
        )
        # gzip has a checksum: what was read is what was written.
        lines = sorted(line.removesuffix("\r") for line in text.split("\n"))
        lines = lines[1:] if lines[0] == "" else lines
        assert len(set(lines)) == len(lines), "a line twice"
        assert sorted(path for images in found.values() for path in images.paths) == lines
        for split, images in found.items():
            assert all(path.startswith(f"{FOLDERS[split]}/") for path in images.paths)
            for path_, pid, camid in zip(images.paths, images.pids.tolist(), images.camids.tolist(), strict=True):
                assert (pid, camid) == _numbers(path_), path_

    def _folder(self, random: Random, place: Path) -> None:
        dataset = random.choice(DATASETS)
        paths = _paths(random, dataset)
        odd = []
        for folder in FOLDERS.values():
            (place / folder).mkdir()
        for path in paths:
            (place / path).touch()
        if random.random() < 0.7:
            name = random.choice(
                [*_SYSTEMS, *_SYSTEMS, "stranger.jpg", "a\nb.jpg", "٣.jpg", paths[0].rpartition("/")[2] + " "]
            )
            odd = [f"{random.choice(list(FOLDERS.values()))}/{name}"]
            (place / odd[0]).mkdir() if random.random() < 0.3 else (place / odd[0]).touch()
        found = read_folders(get_dataset(dataset), place)
        assert sorted(path for images in found.values() for path in images.paths) == sorted(paths)
        assert not odd or odd[0].rpartition("/")[2] in _SYSTEMS, f"{odd} is no image, and was passed over"
        report = check_dataset(place, dataset=dataset)
        # The files are empty, which is no image.
        assert sum("cannot read the image" in problem for problem in report.problems) == len(paths)
        assert list(report.passed_over) == odd
        assert all(problem.isprintable() for problem in report.problems)

    def _marker(self, random: Random, place: Path) -> None:
        dataset = random.choice(DATASETS)
        root = place / dataset
        root.mkdir()
        counts = {split: {"images": random.randrange(9), "identities": random.randrange(5)} for split in FOLDERS}
        truth = [{"attribute": "hat", "knowledge_gain_bits": 0.5}, {"attribute": "age", "knowledge_gain_bits": 1.5}]
        document = {"like": dataset, "identities": 5, "seed": 0, "counts": counts, "truth": truth}
        valid = random.random() < 0.2
        text = json.dumps(document) if valid else bad_json(random, document)
        (root / "synthetic.json").write_bytes(text.encode("utf-8", "surrogatepass"))
        definition = get_dataset(dataset)
        if valid:
            must(lambda: expected_counts(definition, root))
        found = {split: vars(count) for split, count in expected_counts(definition, root).items()}
        read = json.loads(text)
        assert found == {split: read["counts"][split] for split in FOLDERS}
        for count in found.values():
            assert all(type(number) is int and number >= 0 for number in count.values()), f"counts {count}"
        table = read_truth(place, dataset)
        assert table is not None and table.to_dict("records") == read["truth"]


def _paths(random: Random, dataset: str) -> list[str]:
    paths = set()
    for folder in FOLDERS.values():
        for number in range(random.randrange(1, 5)):
            paths.add(f"{folder}/{_FORMS[dataset].format(random.randrange(0, 1502), random.randrange(1, 7), number)}")
    return sorted(paths)


def _with_odd_line(random: Random, paths: list[str]) -> str:
    line = random.choice([*TEXTS, paths[0], "query/", "query", "query/x.jpg", "../query/a.jpg", paths[0].upper()])
    return "\n".join([*paths[:1], line, *paths[1:]])


def _numbers(path: str) -> tuple[int, int]:
    """Identity and camera by splitting alone."""
    pid, camera = path.rpartition("/")[2].split("_")[:2]
    return int(pid), int(camera[1:].partition("s")[0])
