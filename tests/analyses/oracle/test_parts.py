"""What the controls left is checked when it is read: a damaged or foreign file is one line, not a table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.oracle.figures import CONTROLS
from mosaicreid.analyses.oracle.parts import ALL, CONTROL_NAMES, NONE, part_path, read_part
from mosaicreid.analyses.oracle.tables import SPLITS
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError

DATASET = "market1501"
NAMES = get_schema(DATASET).attributes
CLUSTERS = tuple(dict.fromkeys(group.cluster for group in get_schema(DATASET).groups))
VALUES = {"query": 0, "pid": 7, "value": 1.5, "sampling_half": 0.1, "rank1_value": 2.0, "rank1_sampling_half": 0.2}


def parts() -> dict[str, pd.DataFrame]:
    """A small valid table of every part."""
    shares = dict.fromkeys(("accuracy", "majority", "calibration_error"), 0.5)
    weights = {"weight": [0.0, 1.0], "train_mAP": 9.0, "test_mAP": 8.0, "chosen_train": [1, 0], "chosen_best": [0, 1]}
    tables = {
        "heads": pd.DataFrame({"attribute": NAMES, "images": 4, **shares, "unread_bits": 1.0}),
        "weights": pd.DataFrame(weights | {"chosen_crossfit": 0.5}),
        "attributes": pd.DataFrame({"player": [*NAMES, NONE, ALL], **VALUES, "pairs": 3}),
        "clusters": pd.DataFrame({"player": CLUSTERS, **VALUES}),
        "controls": pd.DataFrame(
            {
                **{"control": ["baseline", "oracle", "oracle"], "level": 0.0, "query": [0, 0, 1], "pid": [7, 7, 8]},
                **{"ap": 0.5, "hit": [0, 1, 1]},
            }
        ),
    }
    return {part: table.assign(seed=0, gallery=5) for part, table in tables.items()}


def written(runs: Path, part: str, table: pd.DataFrame, *, seed: int = 0) -> Path:
    path = part_path(runs, dataset=DATASET, seed=seed, part=part)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("part", parts())
def test_what_was_written_is_read(tmp_path: Path, part: str) -> None:
    table = parts()[part]
    written(tmp_path, part, table)
    written(tmp_path, part, table.assign(seed=3), seed=3)
    found = read_part(tmp_path, dataset=DATASET, seeds=[0, 3], part=part)
    pd.testing.assert_frame_equal(found, pd.concat([table, table.assign(seed=3)], ignore_index=True), check_dtype=False)


def test_a_head_without_images_has_no_accuracy(tmp_path: Path) -> None:
    table = parts()["heads"]
    table.loc[0, ["accuracy", "majority", "calibration_error", "unread_bits"]] = np.nan
    written(tmp_path, "heads", table)
    assert read_part(tmp_path, dataset=DATASET, seeds=[0], part="heads")["accuracy"].isna().sum() == 1


Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("controls", lambda t: t.drop(columns="ap"), "lacks the columns ap"),
        (
            "controls",
            lambda t: t.assign(ap=1.01),
            "ap in row 1 is '1.01'; expected a number of at least 0 and at most 1",
        ),
        ("controls", lambda t: t.assign(ap=np.nan), "ap in row 1 is 'nan'"),
        ("controls", lambda t: t.assign(ap="0.5"), "ap in row 1 is '0.5'"),
        ("controls", lambda t: t.assign(ap=True), "ap in row 1 is 'True'"),
        ("controls", lambda t: t.assign(hit=0.5), "hit in row 1 is '0.5'"),
        ("controls", lambda t: t.assign(pid=7.5), "pid in row 1 is '7.5'; expected a whole number"),
        ("controls", lambda t: t.assign(pid=["a", "a", "b"]), "pid in row 1 is 'a'"),
        ("controls", lambda t: t.assign(control="magic"), "control in row 1 is 'magic'; expected one of: baseline"),
        ("controls", lambda t: t.assign(level=np.inf), "level in row 1 is 'inf'"),
        ("controls", lambda t: pd.concat([t, t]), "row 4 is a second one of baseline, 0.0, 0"),
        ("controls", lambda t: t.assign(pid=[7, 8, 8]), "query 0 is of 2 identities in controls.parquet"),
        ("controls", lambda t: t.assign(seed=1), "is of seed 1; expected 0"),
        ("controls", lambda t: t.iloc[:0], "has 0 rows; expected at least one"),
        ("heads", lambda t: t.assign(accuracy=50.0), "accuracy in row 1 is '50.0'"),
        ("heads", lambda t: t.assign(images=-1), "images in row 1 is '-1'"),
        ("heads", lambda t: t.iloc[1:], f"has no rows of {NAMES[0]}"),
        ("weights", lambda t: t.assign(train_mAP=101), "train_mAP in row 1 is '101'"),
        ("weights", lambda t: t.assign(chosen_best=2), "chosen_best in row 1 is '2'"),
        ("weights", lambda t: t.assign(gallery=0), "gallery in row 1 is '0'"),
        ("attributes", lambda t: t.assign(value=-101.0), "value in row 1 is '-101.0'"),
        ("attributes", lambda t: t.assign(sampling_half=-0.1), "sampling_half in row 1"),
        ("attributes", lambda t: t.replace({"player": {NAMES[0]: "wings"}}), "player in row 1 is 'wings'"),
        ("attributes", lambda t: t[t["player"] != ALL], r"has no rows of \(all\)"),
        ("clusters", lambda t: t.iloc[:-1], f"has no rows of {CLUSTERS[-1]}"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, part: str, change: Change, message: str) -> None:
    written(tmp_path, part, change(parts()[part]))
    with pytest.raises(InputError, match=message) as caught:
        read_part(tmp_path, dataset=DATASET, seeds=[0], part=part)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + 64 * b"\0" + b"PAR1", b"control,ap\n"])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    written(tmp_path, "controls", parts()["controls"]).write_bytes(content)
    with pytest.raises(InputError, match=r"controls\.parquet is missing or damaged") as caught:
        read_part(tmp_path, dataset=DATASET, seeds=[0], part="controls")
    assert str(caught.value).isprintable()


def test_identities_are_the_same_in_all_seeds(tmp_path: Path) -> None:
    written(tmp_path, "controls", parts()["controls"])
    written(tmp_path, "controls", parts()["controls"].assign(seed=1, pid=[8, 8, 8]), seed=1)
    with pytest.raises(InputError, match="query 0 is of 2 identities"):
        read_part(tmp_path, dataset=DATASET, seeds=[0, 1], part="controls")


def test_every_control_that_is_shown_is_known() -> None:
    assert {*CONTROLS, *(control for _, control in SPLITS)} <= set(CONTROL_NAMES)
    assert len(set(CONTROL_NAMES)) == len(CONTROL_NAMES)
