"""Tables 1, 2, 3 and 6 as result files, and what is counted from them."""

from pathlib import Path

import pandas as pd
import pytest

from mosaicreid import published
from mosaicreid.analyses.paper import tables
from mosaicreid.errors import InputError
from mosaicreid.results import read_results, write_tables


def test_gains_over_both_printed_baselines() -> None:
    gains = tables.compare_methods().set_index(["dataset", "metric"])
    duke = gains.loc[("dukemtmc", "rank1")]
    # Table 2: 93.3 against 90.0; Table 3's row without attributes: 91.6.
    assert duke[["gain_table2", "gain_table3"]].tolist() == [3.3, 1.7]
    assert duke[["rank", "best_other", "methods"]].tolist() == [2, "MoSCE-ReID", 8]
    # 97.9 is MoSCE-ReID's Rank-1 on Market-1501, too: both are first.
    assert gains.loc[("market1501", "rank1"), ["rank", "best_other_score", "methods"]].tolist() == [1, 97.9, 12]


def test_gains_by_depth() -> None:
    table = tables.gains_by_depth().set_index("last_k")
    assert table.loc[1, ["mAP_gain", "rank1_gain"]].tolist() == [3.1, 1.2]
    assert table.loc[12, ["mAP_share", "rank1_share"]].tolist() == [1.0, 1.0]
    assert table.loc[8, "rank1_share"] == pytest.approx(2.5 / 2.4)


def test_experts_are_counted_by_supercategory() -> None:
    schemas = pd.concat([tables.describe_schema(dataset) for dataset in published.DATASETS])
    counts = tables.count_experts(schemas).set_index(["dataset", "supercategory"])
    assert counts.loc[("market1501", "all")].tolist() == [12, 35]
    assert counts.loc[("dukemtmc", "all")].tolist() == [10, 26]
    assert counts.loc[("market1501", "accessories")].tolist() == [4, 4]


def test_unknown_dataset() -> None:
    with pytest.raises(InputError, match="'duke'"):
        tables.describe_schema("duke")


def test_written_tables_are_the_published_ones(tmp_path: Path) -> None:
    found = tables.printed_tables()
    write_tables(found, tmp_path)
    for dataset in published.DATASETS:
        written = read_results(tmp_path / f"table3_{dataset}.csv")
        pd.testing.assert_frame_equal(written, published.load_table(3, dataset), check_dtype=False)
    assert set(found) == {
        *("table1", "table2", "table2_gains", "table3_market1501", "table3_dukemtmc", "table6"),
        *("attributes", "attributes_counts"),
    }
