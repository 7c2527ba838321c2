"""Tables and options of the statistics, against NumPy, SciPy and sums written out."""

import math
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from fuzz.campaign import must
from fuzz.mutate import NUMBERS, TEXTS, odd
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics.bootstrap import gains, paired_mean
from mosaicreid.statistics.estimators import contrast, fit_glm, forest_importance, welch_tests
from mosaicreid.statistics.mixed_effects import effects, fit
from mosaicreid.statistics.panel import build_panel
from mosaicreid.statistics.power import power
from mosaicreid.statistics.rank_agreement import spearman
from mosaicreid.statistics.shapley import sample_shapley, shapley_values

_NAMES = ["hat", "bag", "age"]


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        pass

    def attempt(self, random: Random, place: Path) -> None:
        generator = np.random.default_rng(random.getrandbits(32))
        ways = [self._table, self._table, self._panel, self._panel, self._values, self._games]
        random.choice(ways)(random, generator)

    def _table(self, random: Random, generator: np.random.Generator) -> None:
        table = pd.DataFrame({name: generator.integers(0, 2, 14) for name in _NAMES})
        table["mAP"] = np.round(generator.normal(50, 5, 14), 2)
        valid = random.random() < 0.3 and _determined(table)
        attributes: Any = list(_NAMES)
        metric: Any = "mAP"
        if valid:
            table = _in_other_types(random, table)
            attributes = random.choice([attributes, tuple(attributes), pd.Index(attributes), np.array(attributes)])
        else:
            table = _spoilt(random, table)
            if random.random() < 0.2:
                attributes = random.choice(
                    [odd(random), ["hat"], ["hat", "hat"], [], ["x"], [["hat"]], {"hat": 1}, [odd(random)]]
                )
            if random.random() < 0.1:
                metric = random.choice([odd(random), "hat", "x"])
        analysis = random.choice([_glm, _welch, _welch, _contrast, _forest])
        must(lambda: analysis(random, table, attributes, metric)) if valid else analysis(
            random, table, attributes, metric
        )

    def _panel(self, random: Random, generator: np.random.Generator) -> None:
        marks = [(0, 0), (1, 0), (0, 1), (1, 1)]
        configurations = ["baseline", "hat", "bag", "all"]
        pids = np.arange(10) // 2
        level = generator.normal(0, 0.05, (4, 2, 10)) + 0.5 + 0.05 * np.array(marks).sum(axis=1)[:, None, None]
        rows = [
            {
                "configuration": name,
                "seed": seed,
                "query": query,
                "pid": pids[query],
                "ap": level[c, seed, query].clip(0, 1),
            }
            for c, name in enumerate(configurations)
            for seed in range(2)
            for query in range(10)
        ]
        per_query = pd.DataFrame(rows).sample(frac=1, random_state=random.randrange(100))
        design = pd.DataFrame(marks, columns=["hat", "bag"]).assign(configuration=configurations)
        attributes: Any = ["hat", "bag"]
        valid = random.random() < 0.3
        options: dict[str, Any] = {}
        if valid:
            per_query = _in_other_types(random, per_query)
        else:
            match random.randrange(5):
                case 0:
                    design = _spoilt(random, design)
                case 1:
                    attributes = random.choice([odd(random), ["hat", "hat"], ["x"], []])
                case 2:
                    options = {random.choice(["draws", "seed", "level", "baseline"]): odd(random)}
                case _:
                    per_query = _spoilt(random, per_query)
        panel = (
            must(lambda: build_panel(per_query, design, attributes))
            if valid
            else build_panel(per_query, design, attributes)
        )
        table = per_query.set_index([per_query[name].astype(str) for name in ("configuration", "seed", "query")])
        ap = 100 * table["ap"].astype(float).groupby(level=0).mean()
        names = list(panel.configurations)
        matrix = np.column_stack(
            [np.ones(len(names)), design.set_index("configuration").loc[names, list(panel.attributes)]]
        )
        expected = np.linalg.lstsq(matrix.astype(float), ap[[str(n) for n in names]].to_numpy(), rcond=None)[0]
        fitted = fit(panel)
        assert np.allclose(fitted.beta, expected), f"effects {fitted.beta}, expected {expected}"
        found = gains(panel, **({"draws": 200} | options))
        others = [n for n in names if n != options.get("baseline", "baseline")]
        base = str(options.get("baseline", "baseline"))
        assert np.allclose(found["gain"], [ap[str(n)] - ap[base] for n in others])
        assert (found["ci_low"] <= found["gain"]).all() and (found["sim_low"] <= found["ci_low"] + 1e-9).all()
        shown = effects(fitted, margin=0.5)
        assert np.allclose(shown["p_value"], 2 * stats.t.sf(np.abs(shown["effect"]) / shown["std_err"], shown["df"]))
        assert shown["p_value"].between(0, 1).all() and power(fitted)["power"].between(0, 1).all()

    def _values(self, random: Random, generator: np.random.Generator) -> None:
        values: Any = generator.normal(size=(2, 8))
        pids: Any = np.arange(8) // 2
        first: Any = generator.permutation(8).astype(float)
        second: Any = generator.normal(size=8)
        level: Any = 0.95
        if random.random() < 0.7:
            spoilt = _odd_array(random, values)
            which = random.randrange(4)
            if which == 0:
                values = spoilt
            elif which == 1:
                pids = random.choice(
                    [pids[:-1], pids * 0, pids.astype(float), [None] * 8, pids.astype(str), odd(random)]
                )
            elif which == 2:
                level = odd(random)
            else:
                first = _odd_array(random, first)
        refusals = []
        try:
            mean, low, high = paired_mean(values, pids, level=level)
            plain = np.asarray(values, dtype=float)
            assert math.isclose(mean, plain.mean(), abs_tol=1e-9) and low <= mean <= high
        except InputError as error:
            refusals.append(error)
        try:
            rho, low, high = spearman(first, second, level=level)
            assert math.isclose(rho, stats.spearmanr(np.asarray(first, float), second).statistic, abs_tol=1e-12)
            assert math.isnan(low) or -1 <= low <= rho <= high <= 1
        except InputError as error:
            refusals.append(error)
        if refusals:
            raise refusals[0]

    def _games(self, random: Random, generator: np.random.Generator) -> None:
        players = random.randrange(1, 5)
        worth: Any = generator.normal(size=2**players)
        expected = np.zeros(players)
        for order in permutations(range(players)):
            for place, player in enumerate(order):
                before = sum(2**other for other in order[:place])
                expected[player] += (worth[before | 2**player] - worth[before]) / math.factorial(players)
        assert np.allclose(must(lambda: shapley_values(worth)), expected)
        if players > 1:
            game = lambda subsets: worth[(subsets * 2 ** np.arange(players)).sum(axis=1)]  # noqa: E731
            estimate, low, high = must(lambda: sample_shapley(game, players, pairs=3, seed=random.randrange(99)))
            assert math.isclose(estimate.sum(), worth[-1] - worth[0], abs_tol=1e-9)
            assert (low <= estimate).all() and (estimate <= high).all()
            options: dict[str, Any] = {"pairs": 3, "seed": 0, "level": 0.95}
            options[random.choice(list(options))] = odd(random)
            sample_shapley(game, players, **options)
        spoilt = _odd_array(random, worth)
        assert len(shapley_values(spoilt)) == math.log2(len(spoilt))


def _glm(random: Random, table: pd.DataFrame, attributes: Any, metric: Any) -> None:
    found = fit_glm(table, attributes, metric)
    matrix, scores = _plain(table, attributes, metric)
    beta = np.linalg.lstsq(matrix, scores, rcond=None)[0]
    spare = len(scores) - matrix.shape[1]
    variance = ((scores - matrix @ beta) ** 2).sum() / spare
    error = np.sqrt(variance * np.diag(np.linalg.inv(matrix.T @ matrix)))
    scale = 1 + np.abs(scores).max()
    assert np.allclose(found["coef"], beta, atol=1e-8 * scale) and np.allclose(found["std_err"], error, rtol=1e-5)
    assert np.allclose(found["p_value"], 2 * stats.norm.sf(np.abs(found["z"])))


def _welch(random: Random, table: pd.DataFrame, attributes: Any, metric: Any) -> None:
    found = welch_tests(table, attributes, metric)
    matrix, scores = _plain(table, attributes, metric)
    for column, (_, row) in zip(matrix.T[1:], found.iterrows(), strict=True):
        sides = scores[column == 1], scores[column == 0]
        assert (row["n_included"], row["n_excluded"]) == (len(sides[0]), len(sides[1]))
        if not math.isnan(row["t_stat"]):
            test = stats.ttest_ind(sides[1], sides[0], equal_var=False)
            assert math.isclose(row["t_stat"], test.statistic, rel_tol=1e-6)
            assert math.isclose(row["p_value"], test.pvalue, rel_tol=1e-6, abs_tol=1e-12)


def _contrast(random: Random, table: pd.DataFrame, attributes: Any, metric: Any) -> None:
    found = contrast(table, attributes, metric, "hat", "bag")
    matrix, scores = _plain(table, attributes, metric)
    beta = np.linalg.lstsq(matrix, scores, rcond=None)[0][1:]
    names = list(attributes)
    wanted = beta[names.index("hat")] - beta[names.index("bag")]
    assert math.isclose(found["coef"], wanted, rel_tol=1e-6, abs_tol=1e-8 * (1 + np.abs(scores).max()))


def _forest(random: Random, table: pd.DataFrame, attributes: Any, metric: Any) -> None:
    options: dict[str, Any] = {"n_estimators": 3, "n_repeats": 1, "seed": 1}
    if random.random() < 0.3:
        table = pd.DataFrame(table)
    found = forest_importance(table, attributes, metric, **options)
    assert list(found.index) == list(attributes) and np.isfinite(found).all(axis=None)
    assert math.isclose(found["fimp"].sum(), 1, abs_tol=1e-9) or found["fimp"].sum() == 0


def _plain(table: pd.DataFrame, attributes: Any, metric: Any) -> tuple[np.ndarray, np.ndarray]:
    columns = [[float(value) for value in table[name]] for name in attributes]
    assert all(value in (0, 1) for column in columns for value in column), "an attribute that is neither 0 nor 1"
    scores = np.array([float(value) for value in table[metric]])
    assert np.isfinite(scores).all()
    return np.column_stack([np.ones(len(scores)), *columns]), scores


def _determined(table: pd.DataFrame) -> bool:
    """Whether every analysis has an answer: all attributes on both sides, none a combination of others."""
    matrix = np.column_stack([np.ones(len(table)), table[_NAMES]])
    counts = table[_NAMES].sum()
    return bool(np.linalg.matrix_rank(matrix) == matrix.shape[1] and counts.between(2, len(table) - 2).all())


def _in_other_types(random: Random, table: pd.DataFrame) -> pd.DataFrame:
    """The same table as another program would hand it over."""
    table = table.copy()
    for name in table:
        if pd.api.types.is_numeric_dtype(table[name]):
            kinds = ["float64", "object"] + ([] if name in ("mAP", "ap") else ["Int64", "int8", "float32", "uint8"])
            table[name] = table[name].astype(random.choice(kinds))
    if random.random() < 0.5:
        table.index = pd.Index(["same"] * len(table))
    return table


def _spoilt(random: Random, table: pd.DataFrame) -> Any:
    table = table.copy()
    name = random.choice(list(table))
    row = random.randrange(len(table))
    match random.randrange(10):
        case 0:
            return table.drop(columns=name)
        case 1:
            return pd.concat([table, table[[name]]], axis=1)
        case 2:
            return table.iloc[: random.choice([0, 1, 2, row])]
        case 3:
            return random.choice([None, table.to_numpy(), table.to_dict(), table[name], "x", table.T])
        case 4:
            return pd.concat([table, table.iloc[[row]]])
        case 5:
            table[name] = (
                table[name].astype(random.choice(["string", "category", "complex", "object"]))
                if table[name].dtype != object
                else 1
            )
            return table
        case 6:
            table[name] = random.choice(NUMBERS)
            return table
        case 7:
            table.columns = pd.MultiIndex.from_product([["x"], table.columns])
            return table
        case _:
            table[name] = table[name].astype(object)
            table.iloc[row, list(table).index(name)] = random.choice([*NUMBERS, *TEXTS, None, True, pd.NA, pd.NaT, 1j])
            return table


def _odd_array(random: Random, values: np.ndarray) -> Any:
    flat = values.copy()
    flat[tuple(random.randrange(size) for size in flat.shape)] = random.choice([math.nan, math.inf, 1e200, 10.0])
    choices = [flat, values[..., :-1], values[None], values.tolist(), values.astype(complex), values.astype(str)]
    return random.choice([*choices, values > 0, values[:0], None, odd(random), [[1], [1, 2]], values.astype(object)])
