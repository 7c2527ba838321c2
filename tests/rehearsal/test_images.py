"""A rehearsal's images: a real dataset's names, cameras and labels, drawn pictures, and a check that passes."""

import numpy as np
import pytest
from PIL import Image

from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.check import check_dataset
from mosaicreid.data.folders import read_dataset, read_file_list, read_truth
from mosaicreid.datasets import DATASETS, get_dataset
from mosaicreid.errors import InputError
from mosaicreid.rehearsal.images import draw_rehearsal


@pytest.mark.parametrize("dataset", DATASETS)
def test_real_names_cameras_and_labels_are_kept(tmp_path, annotations, dataset):
    root, definition = tmp_path / dataset, get_dataset(dataset)
    assert draw_rehearsal(root, like=dataset, people=24, annotations=annotations).endswith("of 48 real people")
    report = check_dataset(root, dataset=dataset)
    assert report.problems == ()
    assert report.table["identities"].tolist() == [24, 24, 24]
    assert report.table["cameras"].tolist() == [definition.cameras] * 3
    listed = read_file_list(annotations / f"{dataset}.files.txt.gz", definition)
    drawn = read_dataset(definition, root)
    for split in ("train", "query", "gallery"):
        assert set(getattr(drawn, split).paths) <= set(listed[split].paths)
    real = read_annotation(annotations / definition.annotation.file_name, definition)
    for half, part in drawn.annotation.items():
        rows = np.searchsorted(real[half].pids, part.pids)
        assert np.array_equal(real[half].codes[rows], part.codes)
        # More of the values than among the first 24 people, and yet some who look alike.
        first = real[half].codes[:24]
        seen, usual = (sum(bin(int(bits)).count("1") for bits in np.bitwise_or.reduce(c)) for c in (part.codes, first))
        assert seen > usual
        assert len(np.unique(part.codes, axis=0)) < 24
    with Image.open(root / drawn.query.paths[0]) as image:
        assert image.size == (128, 256)


@pytest.mark.parametrize("dataset", DATASETS)
def test_without_real_lists_everything_is_made_up(tmp_path, dataset):
    said = draw_rehearsal(tmp_path / "a", like=dataset, people=4, annotations=None, height=64, width=32)
    assert said == "names and labels of 8 people made up"
    draw_rehearsal(tmp_path / "b", like=dataset, people=4, annotations=None, height=64, width=32)
    assert check_dataset(tmp_path / "a", dataset=dataset).problems == ()
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > 20
    for path in files:
        if path.suffix != ".mat":
            assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def test_no_truth_is_known_of_a_rehearsal(tmp_path):
    dataset = DATASETS[0]
    draw_rehearsal(tmp_path / dataset, like=dataset, people=4, annotations=None, height=64, width=32)
    assert read_truth(tmp_path, dataset) is None


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises((InputError, OSError)):
        draw_rehearsal(tmp_path, like=DATASETS[0], people=4, annotations=None, height=64, width=32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_without_the_real_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="no annotation file"):
        draw_rehearsal(tmp_path / "root", like=DATASETS[0], people=4, annotations=tmp_path)
    assert not (tmp_path / "root").exists()
