"""Tables 1 to 7 of the paper as typed DataFrames; Table 3 with its recovered inclusion marks.

``load_table(4, "market1501")`` gives numbers, ``load_printed`` the same cells as the strings that were printed, and
``describe(4)`` every column with its type, unit and meaning. Table 5's stars are left out: they follow from p_value.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mosaicreid.errors import one_of

DATASETS = ("market1501", "dukemtmc")
METRICS = ("mAP", "rank1")
# The dataset of Table 6, how many blocks have experts.
DEPTH_DATASET = "market1501"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a published table: pandas ``dtype``, ``unit`` ("" for names) and ``meaning``."""

    name: str
    dtype: str
    unit: str
    meaning: str


def _name(name: str, meaning: str) -> Column:
    return Column(name=name, dtype="string", unit="", meaning=meaning)


def _number(name: str, unit: str, meaning: str) -> Column:
    return Column(name=name, dtype="float64", unit=unit, meaning=meaning)


def _mark(name: str, meaning: str) -> Column:
    return Column(name=name, dtype="int64", unit="0/1", meaning=meaning)


_SCORES = (
    _number("mAP", "percent", "mean average precision"),
    _number("rank1", "percent", "CMC at rank 1"),
)
_DATASET = _name("dataset", "market1501 or dukemtmc")


def _glm(metric: str) -> tuple[Column, ...]:
    points = f"percentage points of {metric}"
    return (
        _DATASET,
        _name("term", "Intercept or an attribute"),
        _number("coef", points, "coefficient; for the Intercept the fitted score with no attribute"),
        _number("std_err", points, "standard error"),
        _number("z", "1", "coefficient over standard error"),
        _number("p_value", "1", "two-sided, normal distribution"),
        _number("ci_low", points, "lower limit of the 95 % interval"),
        _number("ci_high", points, "upper limit of the 95 % interval"),
    )


_COLUMNS: dict[int, tuple[Column, ...]] = {
    1: (
        _name("supercategory", "group of attributes"),
        _name("attribute", "as the paper names it"),
        _name("description", "what is annotated"),
        _name("type", "single-state binary, dual-state binary or multiclass"),
        _mark("dukemtmc", "annotated in DukeMTMC"),
        _mark("market1501", "annotated in Market-1501"),
    ),
    2: (
        _name("kind", "attribute, general, baseline or ours (the paper's model)"),
        _name("model", "name of the method"),
        _number("market_mAP", "percent", "Market-1501; missing where the paper prints none"),
        _number("market_rank1", "percent", "Market-1501"),
        _number("duke_mAP", "percent", "DukeMTMC"),
        _number("duke_rank1", "percent", "DukeMTMC"),
    ),
    4: _glm("mAP"),
    5: (
        _DATASET,
        _name("attribute", "one of the dataset's attributes"),
        _number("fimp", "1", "impurity importance of the forest; sums to 1 within a dataset"),
        _number("pimp", "R2", "fall of the forest's R2 when the column is permuted"),
        _number("t_stat", "1", "Welch t of mAP, excluded minus included"),
        _number("p_value", "1", "two-sided, of t_stat"),
        _number("cohens_d", "pooled SD", "included minus excluded over the pooled standard deviation"),
    ),
    6: (Column(name="last_k", dtype="int64", unit="blocks", meaning="last transformer blocks with experts"), *_SCORES),
    7: _glm("Rank-1"),
}
_FILES = {
    1: "table1_attributes.csv",
    2: "table2_comparison.csv",
    4: "table4_glm_map.csv",
    5: "table5_importance.csv",
    6: "table6_last_k.csv",
    7: "table7_glm_rank1.csv",
}


def table_path(number: int, dataset: str | None = None) -> Path:
    """The CSV file of a table; Table 3 is one file per dataset.

    Raises:
        InputError: no such table, or ``dataset`` is not one of the table's (Tables 1, 2 and 6 are not split).
    """
    if number not in (*_FILES, 3):
        raise one_of("table", number, sorted((*_FILES, 3)))
    splits = {3: DATASETS, 4: (None, *DATASETS), 5: (None, *DATASETS), 7: (None, *DATASETS)}.get(number, (None,))
    if dataset not in splits:
        raise one_of(f"dataset of table {number}", dataset, splits)
    return _FOLDER / (f"table3_{dataset}.csv" if number == 3 else _FILES[number])


def load_table(number: int, dataset: str | None = None) -> pd.DataFrame:
    """A table in the order of the paper, with the types that ``describe`` states.

    ``dataset`` is required for Table 3 and keeps one dataset of Tables 4, 5 and 7.

    Raises:
        InputError: as ``table_path``.
    """
    return load_printed(number, dataset).astype({column.name: column.dtype for column in _columns(number, dataset)})


def load_printed(number: int, dataset: str | None = None) -> pd.DataFrame:
    """The same cells as printed: strings with their trailing zeros, missing cells NA.

    Raises:
        InputError: as ``table_path``.
    """
    table = pd.read_csv(table_path(number, dataset), dtype="string")
    if dataset is not None and "dataset" in table:
        table = table[table["dataset"] == dataset].reset_index(drop=True)
    return table


def describe(number: int, dataset: str | None = None) -> pd.DataFrame:
    """The columns of a table: name, dtype, unit and meaning.

    Raises:
        InputError: as ``table_path``.
    """
    table_path(number, dataset)
    return pd.DataFrame([vars(column) for column in _columns(number, dataset)])


def attributes(dataset: str) -> tuple[str, ...]:
    """The attribute columns of Table 3 in their order (A): 12 for Market-1501, 10 for DukeMTMC.

    Raises:
        InputError: unknown ``dataset``.
    """
    header = pd.read_csv(table_path(3, dataset), nrows=0).columns
    return tuple(name for name in header if name not in ("configuration", *METRICS))


def load_experiments(dataset: str) -> pd.DataFrame:
    """Table 3 in the row order that the paper's random forest was fitted on.

    A forest draws rows by position, so its importances depend on their order: Market-1501 is reproduced in the printed
    order, DukeMTMC only with the baseline row moved to the front. Nothing else depends on the order.

    Raises:
        InputError: unknown ``dataset``.
    """
    table = load_table(3, dataset)
    if dataset == "dukemtmc":
        table = table.sort_values("configuration", key=lambda names: names != "baseline", kind="stable")
    return table.reset_index(drop=True)


def _columns(number: int, dataset: str | None) -> tuple[Column, ...]:
    if number != 3 or dataset is None:
        return _COLUMNS[number]
    marks = (_mark(name, "1 where the attribute's experts are included") for name in attributes(dataset))
    return (_name("configuration", "name of the inclusion set"), *marks, *_SCORES)
