"""Which images there are and what the options of a world change about them; the default worlds, to the byte."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import PIL
import pytest

from mosaicreid.data.folders import read_dataset
from mosaicreid.datasets import DATASETS, get_dataset, get_folder_dataset
from mosaicreid.datasets.world_options import WorldOptions
from mosaicreid.errors import InputError
from mosaicreid.world.images import draw_cameras, draw_image, draw_people, plan_images
from mosaicreid.world.people import make_world
from mosaicreid.world.synthesize import synthesize

# Of 15 people of seed 3 at 32x16: names of files, annotation, and every 40th image as Pillow 13 writes it.
KNOWN = {
    "market1501": ("d0837fa2c8194439", "23b33db6b96540d5", "557961e611468129"),
    "dukemtmc": ("b55192608259cab0", "8639598e5bb7ccd9", "2e1fef9334bd18a9"),
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_default_world_is_the_known_one(dataset: str, tmp_path: Path) -> None:
    synthesize(tmp_path / dataset, like=dataset, identities=15, seed=3, height=32, width=16, workers=1)
    images = sorted((tmp_path / dataset).rglob("*.jpg"))
    names = "\n".join(path.relative_to(tmp_path / dataset).as_posix() for path in images)
    annotation = (tmp_path / dataset / get_dataset(dataset).annotation.file_name).read_bytes()
    assert (digest(names.encode()), digest(annotation)) == KNOWN[dataset][:2]
    if not PIL.__version__.startswith("13."):
        pytest.skip(f"Pillow {PIL.__version__} may write other bytes than Pillow 13 of constraints.txt")
    assert digest(b"".join(path.read_bytes() for path in images[::40])) == KNOWN[dataset][2]


def plan(dataset: str, people: int = 30, **options: object) -> list[tuple[str, int, int]]:
    given = WorldOptions(**options)  # type: ignore[arg-type]
    drawn = draw_people(make_world(dataset), people, 1)
    return [(job.path.split("/")[0], job.pid, job.camid) for job in plan_images(drawn, dataset, 1, given)]


def test_images_per_camera_are_as_asked_beside_the_query() -> None:
    jobs = plan("dukemtmc", images_per_camera=(2, 3))
    counts = {job: jobs.count(job) for job in jobs}
    assert {count for (folder, *_), count in counts.items() if folder != "query"} == {2, 3}
    assert {count for (folder, *_), count in counts.items() if folder == "query"} == {1}


def test_distractor_identities_are_in_the_gallery_and_in_no_query() -> None:
    usual, jobs = plan("dukemtmc"), plan("dukemtmc", distractor_identities=0.4)
    people = [
        {pid for folder, pid, _ in some if folder == where}
        for some in (usual, jobs)
        for where in ("query", "bounding_box_test")
    ]
    assert people[0] == people[1] == people[3]
    assert people[2] < people[0]
    assert (len(people[0]), len(people[2])) == (15, 9)
    assert [job for job in usual if job[0] != "query"] == [job for job in jobs if job[0] != "query"]


@pytest.mark.parametrize(("share", "train"), [(0.5, 15), (0.667, 20), (0.1, 3), (0.9, 27)])
def test_a_share_of_the_people_trains(share: float, train: int) -> None:
    people = draw_people(make_world("dukemtmc"), 30, 1, train_share=share)
    usual = draw_people(make_world("dukemtmc"), 30, 1)
    assert (len(people["train"].pids), len(people["test"].pids)) == (train, 30 - train)
    codes = [dict(zip(split.pids.tolist(), split.codes.tolist(), strict=True)) for split in people.values()]
    expected = [dict(zip(split.pids.tolist(), split.codes.tolist(), strict=True)) for split in usual.values()]
    assert codes[0] | codes[1] == expected[0] | expected[1]


def test_a_world_without_queries_is_refused() -> None:
    with pytest.raises(InputError, match=r"2 test people and distractor_identities 0\.9 leave nobody in a query"):
        plan("dukemtmc", people=4, distractor_identities=0.9)


def pictures(**options: object) -> np.ndarray:
    given = WorldOptions(**options)  # type: ignore[arg-type]
    world = make_world("market1501", legibility=given.legibility)
    cameras = draw_cameras("market1501", 2, given)
    jobs = list(plan_images(draw_people(world, 6, 2), "market1501", 2, given))[::9]
    images = [draw_image(job, world=world, options=given, cameras=cameras, seed=2, height=32, width=16) for job in jobs]
    return np.stack([np.asarray(image, dtype=float) for image in images])


@pytest.mark.parametrize(
    "options",
    [{"legibility": 1.0}, {"nuisance": 0.2}, {"private_cues": 2.0}, {"marks": 2}],
    ids=lambda o: next(iter(o)),
)
def test_every_option_changes_the_pictures(options: dict[str, object]) -> None:
    assert np.abs(pictures(**options) - pictures()).mean() > 0.5


def test_distractors_wear_marks_too(tmp_path: Path) -> None:
    """Nobody is known by having marks at all."""
    given = [WorldOptions(marks=marks) for marks in (0, 3)]
    world = make_world("market1501")
    jobs = [job for job in plan_images(draw_people(world, 6, 2), "market1501", 2, given[0]) if job.pid == 0]
    strangers = [job for job in jobs if job.index % 2 == 0]
    for job in strangers[:3]:
        first, second = (
            draw_image(
                job,
                world=world,
                options=some,
                cameras=draw_cameras("market1501", 2, some),
                seed=2,
                height=64,
                width=32,
            )
            for some in given
        )
        assert np.abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float)).max() > 24


def test_the_folder_states_its_options_and_is_replaced_by_others(tmp_path: Path) -> None:
    size = {"height": 32, "width": 16, "workers": 1}
    root = tmp_path / "world"
    synthesize(root, like="dukemtmc", identities=8, seed=0, **size)  # type: ignore[arg-type]
    stated = json.loads((root / "synthetic.json").read_text())
    own = get_folder_dataset("dukemtmc").synthetic.options
    assert stated["options"] == json.loads(json.dumps(asdict(own)))
    options = WorldOptions(legibility=0.5, distractor_identities=0.5)
    synthesize(root, like="dukemtmc", identities=8, seed=0, options=options, replace=True, **size)  # type: ignore[arg-type]
    again = json.loads((root / "synthetic.json").read_text())
    assert (again["options"]["legibility"], again["options"]["distractor_identities"]) == (0.5, 0.5)
    for before, after in zip(stated["truth"], again["truth"], strict=True):
        hidden = (1 - before["visibility"]) / (1 - own.legibility)
        assert after["visibility"] == pytest.approx(1 - 0.5 * hidden)
    data = read_dataset(get_dataset("dukemtmc"), root)
    assert set(data.query.pids) < set(data.gallery.pids)
