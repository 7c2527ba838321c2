"""Tables 1, 2, 3 and 6 as result files: as printed, and what follows from them by counting and subtracting.

No analysis here needs more than the published cells and the schemas; Tables 4, 5 and 7 are ``compute``'s.
"""

from pathlib import Path

import pandas as pd

from mosaicreid import published
from mosaicreid.datasets import get_schema
from mosaicreid.results import Table

OURS = "MoSAIC-ReID"
BASELINE = "CLIP-ReID"
# Table 2 names its columns by dataset and metric.
_TABLE2 = {"market1501": "market", "dukemtmc": "duke"}


def printed_tables() -> dict[str, Table]:
    """table1, table2, table2_gains, table3_<dataset>, table6, attributes and attributes_counts."""
    schemas = pd.concat([describe_schema(dataset) for dataset in published.DATASETS], ignore_index=True)
    marks = {f"table3_{dataset}": published.load_table(3, dataset) for dataset in published.DATASETS}
    tables: dict[str, tuple[pd.DataFrame, list[Path]]] = {
        "table1": (published.load_table(1), [published.table_path(1)]),
        "table2": (published.load_table(2), [published.table_path(2)]),
        "table2_gains": (compare_methods(), [published.table_path(2), *map(_table3_path, published.DATASETS)]),
        **{name: (table, [published.table_path(3, name.removeprefix("table3_"))]) for name, table in marks.items()},
        "table6": (gains_by_depth(), [published.table_path(6), _table3_path(published.DEPTH_DATASET)]),
        "attributes": (schemas, []),
        "attributes_counts": (count_experts(schemas), []),
    }
    return {
        name: Table(frame=table, inputs={path.name: path for path in inputs})
        for name, (table, inputs) in tables.items()
    }


def describe_schema(dataset: str) -> pd.DataFrame:
    """Table 1 for one dataset, as ``Schema.describe``, behind a column ``dataset``.

    Raises:
        InputError: unknown ``dataset``.
    """
    described = get_schema(dataset).describe()
    return described.assign(dataset=dataset)[["dataset", *described.columns]]


def count_experts(schemas: pd.DataFrame) -> pd.DataFrame:
    """How many attributes and experts a dataset has, per supercategory and in all (supercategory ``all``).

    ``schemas``: tables of ``describe_schema``, one below the other. Columns: dataset, supercategory, attributes,
    experts.
    """
    both = pd.concat([schemas, schemas.assign(supercategory="all")])
    counts = both.groupby(["dataset", "supercategory"], sort=False)["experts"].agg(attributes="size", experts="sum")
    return counts.reset_index()


def compare_methods() -> pd.DataFrame:
    """Per dataset and metric (percent): what the paper's model gains, against which baseline, and who else leads.

    Columns: dataset, metric, ours; baseline_table2 and baseline_table3 (the paper prints its baseline twice),
    gain_table2 and gain_table3 (percentage points over either); best_other and best_other_score; rank (of ours; 1 is
    best, ties share it), methods (that have a score).
    """
    table = published.load_table(2).set_index("model")
    rows = []
    for dataset, prefix in _TABLE2.items():
        experiments = published.load_experiments(dataset).set_index("configuration")
        for metric in published.METRICS:
            scores = table[f"{prefix}_{metric}"].dropna()
            others = scores.drop([OURS, BASELINE])
            ours, listed, trained = scores[OURS], scores[BASELINE], experiments.loc["baseline", metric]
            rows.append(
                {
                    "dataset": dataset,
                    "metric": metric,
                    "ours": ours,
                    "baseline_table2": listed,
                    "baseline_table3": trained,
                    "gain_table2": ours - listed,
                    "gain_table3": ours - trained,
                    "best_other": others.idxmax(),
                    "best_other_score": others.max(),
                    "rank": int((scores > ours).sum()) + 1,
                    "methods": len(scores),
                }
            )
    return pd.DataFrame(rows).round(1)


def gains_by_depth() -> pd.DataFrame:
    """Table 6 with what each depth gains over Table 3's baseline of Market-1501.

    Columns: last_k, mAP, rank1 (percent), mAP_gain, rank1_gain (percentage points), mAP_share, rank1_share (of the gain
    at the largest ``last_k``).
    """
    table = published.load_table(6)
    baseline = published.load_experiments(published.DEPTH_DATASET).query("configuration == 'baseline'")
    for metric in published.METRICS:
        table[f"{metric}_gain"] = (table[metric] - baseline[metric].item()).round(1)
    deepest = table[table["last_k"] == table["last_k"].max()]
    for metric in published.METRICS:
        table[f"{metric}_share"] = table[f"{metric}_gain"] / deepest[f"{metric}_gain"].item()
    return table


def _table3_path(dataset: str) -> Path:
    return published.table_path(3, dataset)
