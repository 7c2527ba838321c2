"""Whose data: a world that was drawn never bears a dataset's name, whatever is asked of it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mosaicreid.datasets import DATASETS, TITLES
from mosaicreid.errors import InputError
from mosaicreid.names.provenance import KINDS, data_kind, data_kinds, data_title, data_titles
from mosaicreid.results import kinds_of, write_results


def test_the_kind_is_seen_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "market1501").mkdir()
    (tmp_path / "market1501" / "synthetic.json").write_text("{}")
    assert data_kind(tmp_path / "market1501") == "synthetic"
    assert data_kinds(tmp_path, DATASETS) == {"market1501": "synthetic", "dukemtmc": "given"}
    assert set(data_kinds(None, DATASETS).values()) == {"unstated"}


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_world_never_has_the_datasets_title(dataset: str) -> None:
    assert data_title(dataset) == data_title(dataset, "given") == TITLES[dataset]
    assert TITLES[dataset] not in data_title(dataset, "synthetic")
    assert data_title(dataset, "unstated") != TITLES[dataset]
    with pytest.raises(InputError, match="kind of data"):
        data_title(dataset, "drawn")


def test_a_table_says_whose_data_it_is_of(tmp_path: Path) -> None:
    frame = pd.DataFrame({"dataset": ["market1501"], "mAP": [1.0]})
    write_results(frame, tmp_path / "a.csv", parameters={"data": {"market1501": "synthetic"}})
    assert data_titles(kinds_of(tmp_path / "a.csv")) == {"market1501": "Market-like world"}
    write_results(frame, tmp_path / "b.csv")
    assert kinds_of(tmp_path / "b.csv") == {}
    (tmp_path / "b.json").unlink()
    with pytest.raises(InputError, match=r"where b.csv comes from is not known"):
        kinds_of(tmp_path / "b.csv")
    for kinds in ({"market1501": "guessed"}, ["market1501"]):
        (tmp_path / "a.json").write_text(json.dumps({"package": "", "inputs": {}, "parameters": {"data": kinds}}))
        with pytest.raises(InputError, match=f"expected one of {', '.join(KINDS)}"):
            kinds_of(tmp_path / "a.csv")
