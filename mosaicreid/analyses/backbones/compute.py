"""Attributes as several backbones rank them, and how alike the rankings are.

Question: is what an attribute is worth a matter of the method, or of the encoder that it was tried on? Estimator:
Spearman's rho between two backbones over the attributes, of their effects (least squares on all rows of Table 3, as the
paper's) and of their gains alone (a row with one attribute less the baseline). Interval: 95 %, percentiles over
resampled test people, the same people for both backbones; seeds are averaged and stay. Assumption: people are a sample,
attributes are all there are. Rankings that are measured with noise agree less than the true ones do, so rho is, if
anything, too small.

Rule, written before the first run: two backbones rank attributes *alike* where the whole interval of rho lies above
0.5, *not alike* where it lies below, else the pair is *open*.
"""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from mosaicreid.analyses.experiment.collect import collect_runs, per_query_table, table3_of
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.statistics.rank_agreement import FEWEST

MEASURES = ("effect", "alone")
DRAWS = 2000
ALIKE = 0.5


def compare_backbones(
    folders: Mapping[str, Path], dataset: str, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Attributes by backbone, and every two backbones compared.

    Args:
        folders: by a backbone's name, the folder of all its runs; all on the same images.

    Returns:
        ``scores``: dataset, backbone, baseline (mAP, percent), gain (of all attributes, points), seeds;
        ``attributes``, a row per backbone, measure and attribute: dataset, backbone, measure, attribute, points (of
        mAP); ``pairs``, a row per pair and measure: dataset, backbone, other, measure, rho, ci_low, ci_high, verdict,
        attributes, people.

    Raises:
        InputError: fewer than two backbones or five attributes, a configuration of Table 3 without a run, or runs of
            other queries.
    """
    if len(folders) < 2:
        raise InputError(f"got {len(folders)} backbone; expected at least two to compare")
    attributes = get_schema(dataset).attributes
    if len(attributes) < FEWEST:
        raise InputError(f"{dataset} has {len(attributes)} attributes; a rank correlation needs {FEWEST} at least")
    runs = {name: collect_runs(Path(folder), (dataset,))[0] for name, folder in folders.items()}
    tables, seeds, people = {}, {}, {}
    for name, folder in folders.items():
        tables[name], people[name], seeds[name] = _precisions(Path(folder), runs[name], dataset)
    first, *others = folders
    for name in others:
        if not np.array_equal(people[name], people[first]):
            raise InputError(
                f"{folders[name]} has other queries of {dataset} than {folders[first]}; expected one world"
            )
    marks = table3_marks(runs[first], dataset)
    maps = {measure: linear_map(marks, measure) for measure in MEASURES}
    weights = _resampled(people[first], draws, seed)
    scores = [
        {
            "dataset": dataset,
            "backbone": name,
            "baseline": table[list(marks.index).index("baseline")].mean(),
            "gain": (table[list(marks.index).index("all")] - table[list(marks.index).index("baseline")]).mean(),
            "seeds": seeds[name],
        }
        for name, table in tables.items()
    ]
    ranking, pairs = [], []
    for measure, weigh in maps.items():
        points = {name: weigh @ table.mean(axis=1) for name, table in tables.items()}
        for name, values in points.items():
            ranking += [
                {"dataset": dataset, "backbone": name, "measure": measure, "attribute": attribute, "points": value}
                for attribute, value in zip(attributes, values, strict=True)
            ]
        drawn = {name: weigh @ (table @ weights) for name, table in tables.items()}
        for one, other in combinations(folders, 2):
            low, high = np.percentile(spearman_columns(drawn[one], drawn[other]), [2.5, 97.5])
            pairs.append(
                {
                    "dataset": dataset,
                    "backbone": one,
                    "other": other,
                    "measure": measure,
                    "rho": spearman_columns(points[one][:, None], points[other][:, None])[0],
                    "ci_low": low,
                    "ci_high": high,
                    "verdict": judge_alike(low, high),
                    "attributes": len(attributes),
                    "people": len(np.unique(people[first])),
                }
            )
    return {name: pd.DataFrame(rows) for name, rows in (("scores", scores), ("attributes", ranking), ("pairs", pairs))}


def judge_alike(low: float, high: float) -> str:
    """The rule of this module's docstring, from the ends of rho's interval."""
    return "alike" if low > ALIKE else "not alike" if high < ALIKE else "open"


def table3_marks(runs: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The 0/1 columns of Table 3 of ``collect_runs``, a row per configuration in its order (index: configuration)."""
    return table3_of(runs, dataset).set_index("configuration")[list(get_schema(dataset).attributes)]


def linear_map(marks: pd.DataFrame, measure: str) -> NDArray[np.float64]:
    """The matrix (attributes, configurations) that makes a measure of the configurations' mAP.

    Raises:
        InputError: an attribute without a row of its own, which the measure ``alone`` needs.
    """
    if measure == "effect":
        design = np.column_stack([np.ones(len(marks)), marks.to_numpy(dtype=float)])
        return np.linalg.pinv(design)[1:]
    matrix = np.zeros((marks.shape[1], len(marks)))
    names = list(marks.index)
    for row, attribute in enumerate(marks):
        if attribute not in names:
            raise InputError(f"Table 3 has no row with {attribute} alone; expected one")
        matrix[row, names.index(attribute)] += 1
        matrix[row, names.index("baseline")] -= 1
    return matrix


def spearman_columns(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's rho of each two columns of (n, draws); ties get their mean rank, a constant column gives NaN."""
    one, other = (rankdata(values, axis=0) for values in (first, second))
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    with np.errstate(invalid="ignore"):
        return (one * other).sum(axis=0) / np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))


def _precisions(root: Path, runs: pd.DataFrame, dataset: str) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """AP in points (configurations, queries), each the mean over seeds, the queries' people, and how many seeds."""
    order = list(table3_of(runs, dataset)["configuration"])
    table = per_query_table(root, runs, dataset)
    counts = table.groupby("configuration")["seed"].nunique()
    if counts.min() < counts.max():
        raise InputError(
            f"configurations of {dataset} in {root} have {counts.min()} to {counts.max()} seeds; expected one"
        )
    wide = table.pivot_table(index="configuration", columns="query", values="ap", aggfunc="mean").loc[order]
    if wide.isna().to_numpy().any():
        raise InputError(f"runs of {dataset} in {root} have different queries; expected those of one world")
    pids = table.drop_duplicates("query").set_index("query")["pid"].loc[wide.columns]
    return 100 * wide.to_numpy(), pids.to_numpy(dtype=np.int64), int(counts.iloc[0])


def _resampled(pids: NDArray[np.int64], draws: int, seed: int) -> NDArray[np.float64]:
    """Weights (queries, draws) that sum to one: the queries of as many people as there are, drawn with replacement."""
    people, person = np.unique(pids, return_inverse=True)
    times = np.random.default_rng(seed).multinomial(len(people), np.full(len(people), 1 / len(people)), size=draws)
    weights = times[:, person].T.astype(float)
    return weights / weights.sum(axis=0)
