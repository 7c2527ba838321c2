"""How Table 3's lost marks come back: the one design whose statistics are the published ones, out of all designs.

Every row's two scores were readable, no mark was. Tables 4, 5 and 7 are functions of marks and scores, so the search
asks which marks give those tables. It assumes nothing about which attributes were ever included together.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mosaicreid import published
from mosaicreid.analyses.paper.digits import as_printed
from mosaicreid.errors import InputError
from mosaicreid.results import Table, columns_first
from mosaicreid.statistics.estimators import fit_glm, forest_importance, welch_tests

STEPS = ("every_design", "welch", "normal_mAP", "normal_rank1", "glm_digits", "forest")
_WELCH = ["t_stat", "p_value", "cohens_d"]
_BLOCK = 18  # 2^18 subsets or designs are looked at together: 2 MiB per array, which stays near the core
_MOST_DESIGNS = 100_000_000  # that the normal equations are solved for: half a minute


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the paper prints legibly, and all that the search may see (A attributes, n rows).

    scores: columns mAP, rank1 (percent), n rows in the order that the forest was fitted on. glm: by metric, a table of
    strings as printed, index Intercept and the attributes (Tables 4 and 7). importance: likewise Table 5, index the
    attributes.
    """

    scores: pd.DataFrame
    glm: Mapping[str, pd.DataFrame]
    importance: pd.DataFrame

    @property
    def attributes(self) -> list[str]:
        """The attributes' names, in the printed order (A)."""
        return [str(name) for name in self.importance.index]


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """designs: those that survive every step, (n, A) tables of 0/1; before_forest: those that survive all but the last.

    steps: one row per step: step, candidates, log2_candidates. columns: one row per attribute: attribute, subsets
    (of the rows that were tried), candidates (that give its Welch test), n_included (in the designs found).
    """

    designs: tuple[pd.DataFrame, ...]
    before_forest: tuple[pd.DataFrame, ...]
    steps: pd.DataFrame
    columns: pd.DataFrame


def load_evidence(dataset: str) -> Evidence:
    """The published scores and Tables 4, 5 and 7 of ``dataset``; none of Table 3's marks.

    Raises:
        InputError: unknown ``dataset``.
    """
    tables = {number: published.load_printed(number, dataset).drop(columns="dataset") for number in (4, 5, 7)}
    return Evidence(
        scores=published.load_experiments(dataset)[list(published.METRICS)],
        glm={"mAP": tables[4].set_index("term"), "rank1": tables[7].set_index("term")},
        importance=tables[5].set_index("attribute"),
    )


def search(evidence: Evidence) -> Recovery:
    """Every design (n, A) that gives all published numbers, digit for digit; seconds for 25 rows of 12 attributes.

    1. An attribute's Welch test depends on its own column alone: all 2^n subsets of the rows are tried (``welch``).
    2. The GLM's residuals sum to zero over each column's rows. With coefficients truncated to three decimals these
       normal equations are intervals that nearly every combination of columns misses (``normal_*``).
    3. The designs that are left are fitted, and every digit of Tables 4 and 7 compared (``glm_digits``).
    4. Rows with equal scores can still be exchanged. That changes no statistic but the random forest's, which draws
       rows by position (``forest``: Table 5's two importances).

    Raises:
        InputError: so many designs pass the first step that the next would take minutes.
    """
    names = evidence.attributes
    rows = len(evidence.scores)
    columns = welch_columns(evidence.scores["mAP"], evidence.importance)
    counts = [float(2 ** (rows * len(names))), float(math.prod(len(columns[name]) for name in names))]
    if counts[-1] > _MOST_DESIGNS:
        raise InputError(
            f"{counts[-1]:,.0f} designs give the published t-tests; expected at most {_MOST_DESIGNS:,} "
            "(too many rows have equal scores for this search)"
        )
    # The intercept is one more column of the design, known: a one in every row.
    columns["Intercept"] = np.ones((1, rows))
    choices = np.concatenate([_solve(columns, block, evidence, "mAP") for block in _every_choice(columns)], axis=1)
    counts.append(float(choices.shape[1]))
    choices = _solve(columns, choices, evidence, "rank1")
    counts.append(float(choices.shape[1]))
    designs = [_design(columns, choice, names) for choice in choices.T]
    fitted = tuple(design for design in designs if _gives_glm(design, evidence))
    final = tuple(design for design in fitted if _gives_forest(design, evidence))
    counts += [float(len(fitted)), float(len(final))]
    steps = pd.DataFrame({"step": STEPS, "candidates": counts})
    steps["log2_candidates"] = np.log2(steps["candidates"].where(steps["candidates"] > 0))
    tried = pd.DataFrame(
        {
            "attribute": names,
            "subsets": 2**rows,
            "candidates": [len(columns[name]) for name in names],
            "n_included": [final[0][name].sum() if final else np.nan for name in names],
        }
    )
    return Recovery(designs=final, before_forest=fitted, steps=steps, columns=tried)


def welch_columns(scores: pd.Series, printed: pd.DataFrame) -> dict[str, np.ndarray]:
    """By attribute, every 0/1 column (C, n) that has the printed t_stat, p_value and cohens_d (Table 5, rounded)."""
    targets = printed[["t_stat", "cohens_d"]].astype(float)
    candidates: dict[str, list[np.ndarray]] = {name: [] for name in printed.index}
    for first, t_stat, cohens_d in _every_test(scores.to_numpy()):
        for name, wanted_t, wanted_d in targets.itertuples():
            near = (np.abs(t_stat - wanted_t) < 0.00051) & (np.abs(cohens_d - wanted_d) < 0.00051)
            candidates[name].append(first + np.flatnonzero(near))
    columns = {}
    for name, blocks in candidates.items():
        bits = np.concatenate(blocks)[:, None] >> np.arange(len(scores)) & 1
        columns[name] = bits[_gives_welch(bits, scores, printed.loc[[name]])].astype(float)
    return columns


def solve_normal_equations(
    columns: Mapping[str, np.ndarray], choices: np.ndarray, scores: np.ndarray, coefficients: pd.Series
) -> np.ndarray:
    """The designs whose residuals can sum to zero over the rows of each of their columns.

    Column j of a fitted design X obeys x_j'y = sum_k (x_j'x_k) b_k, where the digits cut off from each coefficient b_k
    leave it in an interval.

    Args:
        columns: by term (the attributes and Intercept, T of them), its candidates (C, n) as 0.0 and 1.0.
        choices: (T, M) int, which candidate each of M designs takes for each term.
        scores: (n,) the metric, in percent.
        coefficients: by term, as printed (strings).

    Returns:
        The columns of ``choices`` that are left, in their order.
    """
    interval = {name: _truncated_from(coefficients[name]) for name in columns}
    for j, column in enumerate(columns.values()):
        least = most = (column @ scores)[choices[j]]
        for k, (name, other) in enumerate(columns.items()):
            low, high = interval[name]
            shared = (column @ other.T)[choices[j], choices[k]]
            least, most = least - high * shared, most - low * shared
        choices = choices[:, (least <= 1e-9) & (most >= -1e-9)]
    return choices


def recovery_tables() -> dict[str, Table]:
    """Search both datasets: ``recovery`` (``Recovery.steps``) and ``recovery_columns`` (``columns``).

    ``dataset`` is their first column. ``recovery`` ends each dataset with the step ``table3``: of the designs found,
    those equal to the package's Table 3, mark for mark.
    """
    steps, columns = [], []
    for dataset in published.DATASETS:
        recovered = search(load_evidence(dataset))
        table = published.load_experiments(dataset)[list(published.attributes(dataset))]
        equal = float(sum(design.equals(table) for design in recovered.designs))
        last = pd.DataFrame({"step": ["table3"], "candidates": [equal], "log2_candidates": [np.log2(equal or np.nan)]})
        steps.append(pd.concat([recovered.steps, last]).assign(dataset=dataset))
        columns.append(recovered.columns.assign(dataset=dataset))
    inputs = {f"table{number}": published.table_path(number) for number in (4, 5, 7)}
    inputs |= {f"table3_{dataset}": published.table_path(3, dataset) for dataset in published.DATASETS}
    return {
        name: Table(frame=columns_first(pd.concat(parts, ignore_index=True), "dataset"), inputs=inputs)
        for name, parts in (("recovery", steps), ("recovery_columns", columns))
    }


def _every_test(scores: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """In blocks, the Welch t and Cohen's d of every subset of the rows; subset number s includes row i if bit i is set.

    Yields the number of the block's first subset, t_stat and cohens_d. Both follow from three sums over a subset:
    how many rows, their scores, their scores squared.
    """
    n = len(scores)
    centred = scores - scores.mean()
    low = [_subset_sums(power[:_BLOCK]) for power in (np.ones(n), centred, centred**2)]
    high = [_subset_sums(power[_BLOCK:]) for power in (np.ones(n), centred, centred**2)]
    for block, (more, more_sum, more_squares) in enumerate(zip(*high, strict=True)):
        included, total, squares = low[0] + more, low[1] + more_sum, low[2] + more_squares
        # A side with fewer than two rows has no variance: NaN, which is near nothing.
        included[(included < 2) | (included > n - 2)] = np.nan
        excluded = n - included
        difference = total / included + total / excluded
        scatter_included = squares - total**2 / included
        scatter_excluded = (centred**2).sum() - squares - total**2 / excluded
        variance = scatter_included / (included * (included - 1)) + scatter_excluded / (excluded * (excluded - 1))
        pooled = (scatter_included + scatter_excluded) / (n - 2)
        # Sides without any spread: rounding may leave a variance just below zero.
        with np.errstate(divide="ignore", invalid="ignore"):
            yield block << min(_BLOCK, n), -difference / np.sqrt(variance), difference / np.sqrt(pooled)


def _subset_sums(values: np.ndarray) -> np.ndarray:
    """(2^n,) the sum over every subset of (n,) values; entry s adds value i if bit i of s is set."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


def _every_choice(columns: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
    """In blocks (T, M), every way to pick one candidate for each of T terms; one empty block where a term has none."""
    sizes = [len(candidates) for candidates in columns.values()]
    for first in range(0, max(math.prod(sizes), 1), 2**_BLOCK):
        numbers = np.arange(first, min(first + 2**_BLOCK, math.prod(sizes)))
        yield np.stack(np.unravel_index(numbers, sizes)) if len(numbers) else np.zeros((len(sizes), 0), dtype=int)


def _solve(columns: Mapping[str, np.ndarray], choices: np.ndarray, evidence: Evidence, metric: str) -> np.ndarray:
    return solve_normal_equations(columns, choices, evidence.scores[metric].to_numpy(), evidence.glm[metric]["coef"])


def _design(columns: Mapping[str, np.ndarray], choice: np.ndarray, names: list[str]) -> pd.DataFrame:
    picked = dict(zip(columns, choice, strict=True))
    return pd.DataFrame({name: columns[name][picked[name]].astype("int64") for name in names})


def _truncated_from(printed: str) -> tuple[float, float]:
    """The interval of numbers that are printed like this once all further decimals are cut off."""
    value = float(printed)
    unit = 10.0 ** -len(printed.partition(".")[2])
    return value - unit * (value <= 0), value + unit * (value >= 0)


def _gives_welch(bits: np.ndarray, scores: pd.Series, printed: pd.DataFrame) -> list[bool]:
    names = [str(index) for index in range(len(bits))]
    table = pd.DataFrame(bits.T, columns=names).assign(mAP=scores.to_numpy())
    tests = welch_tests(table, names, "mAP")[_WELCH] if names else pd.DataFrame()
    return [_prints(tests.loc[[name]], printed[_WELCH], "rounded") for name in names]


def _gives_glm(design: pd.DataFrame, evidence: Evidence) -> bool:
    table = design.assign(**{metric: evidence.scores[metric].to_numpy() for metric in evidence.glm})
    return all(
        _prints(fit_glm(table, evidence.attributes, metric), printed, "truncated")
        for metric, printed in evidence.glm.items()
    )


def _gives_forest(design: pd.DataFrame, evidence: Evidence) -> bool:
    table = design.assign(mAP=evidence.scores["mAP"].to_numpy())
    recomputed = forest_importance(table, evidence.attributes, "mAP")
    return _prints(recomputed, evidence.importance[list(recomputed)], "rounded")


def _prints(recomputed: pd.DataFrame, printed: pd.DataFrame, rule: str) -> bool:
    """Whether ``found`` (floats), in the columns of ``printed`` (strings), would be printed like it."""
    pairs = zip(recomputed[list(printed)].to_numpy().ravel(), printed.to_numpy().ravel(), strict=True)
    return all(as_printed(value, text, rule) == text for value, text in pairs)
