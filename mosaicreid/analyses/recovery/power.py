"""How often would other rows, or more of them, find the truth? Simulated with what these worlds' scores are made of."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.analyses.backbones.compute import spearman_columns
from mosaicreid.analyses.recovery.components import Model, Noise, model_of
from mosaicreid.analyses.recovery.decision import AIM, ENOUGH
from mosaicreid.analyses.recovery.designs import alone, balanced, d_optimal
from mosaicreid.analyses.recovery.estimates import LOGARITHM, PRIMARY, effect_matrix
from mosaicreid.analyses.recovery.worlds import Training
from mosaicreid.errors import InputError

DESIGNS = ("paper", "d-optimal", "balanced", "alone")
SEEDS = (1, 2, 3, 5, 10, 20, 50)
# Multiples of the paper's number of rows, and of the test people there are.
ROWS, PEOPLE = (1, 2, 4), (1, 4)
# What scores owe to: hidden bits alone, or also what else the scores of these worlds owe to.
SCORES = ("bits", "worlds")
# In a world, shared by as many designs: which rows of a kind are drawn matters where scores saturate.
EXPERIMENTS, DRAWN = 200, 5


def power_table(
    trainings: Sequence[Training], noise: Mapping[str, Noise], *, experiments: int = EXPERIMENTS, seed: int = 0
) -> pd.DataFrame:
    """Simulated experiments, ``experiments`` in each world: how well, and how often well enough, they rank.

    Scores are those of ``components``: the hidden bits decide, as far as the world's curve lets them, and people, rows
    and seeds add noise. Of ``scores``, ``bits`` has nothing else, which is what the method can reach at best; in
    ``worlds`` effects also have the offset of the world's own, which no row or seed takes away. ``paper`` are the
    configurations of the world itself; repeating its rows is what seeds do. Other designs are drawn several times, each
    for its part of the experiments.

    Returns:
        dataset, scores (of ``SCORES``), design, rows, seeds (of every row), trainings (rows less the baseline, times
        seeds), people (multiple of those there are), importance (``glm``, ``glm_log``), rho (mean), probability (of
        rho >= 0.9), experiments.

    Raises:
        InputError: as ``model_of``, or configurations that differ between the worlds of a dataset.
    """
    rows = []
    for dataset, own in _by_dataset(trainings).items():
        others = [training for training in own if training.configurations != own[0].configurations]
        if others:
            raise InputError(
                f"{others[0].name} has other configurations than {own[0].name}; expected one design in all worlds of "
                f"{dataset}"
            )
        models = [model_of(training, noise[dataset]) for training in own]
        size, attributes = own[0].design.shape
        for name in DESIGNS:
            for times in ROWS if name != "paper" else (1,):
                designs = [own[0].design]
                if name != "paper":
                    drawn = range(seed, seed + DRAWN)
                    designs = [made(name, size * times, attributes, seed=number) for number in drawn]
                for kind, people, seeds in itertools.product(SCORES, PEOPLE, SEEDS):
                    found = _simulated(_scored(models, kind), designs, seeds, people, experiments, seed)
                    rows += [
                        {
                            "dataset": dataset,
                            "scores": kind,
                            "design": name,
                            "rows": len(designs[0]),
                            "seeds": seeds,
                            "trainings": (len(designs[0]) - 1) * seeds,
                            "people": people,
                            "importance": importance,
                            "rho": float(rhos.mean()),
                            "probability": float((rhos >= AIM - 1e-9).mean()),
                            "experiments": len(rhos),
                        }
                        for importance, rhos in found.items()
                    ]
    return pd.DataFrame(rows)


def _scored(models: Sequence[Model], kind: str) -> list[Model]:
    """``models`` as they are for ``worlds``, and without their offsets for ``bits``."""
    return [model if kind == "worlds" else replace(model, offset=np.zeros_like(model.offset)) for model in models]


def made(name: str, rows: int, attributes: int, *, seed: int) -> NDArray[np.float64]:
    """The design of that name, as ``designs`` makes it."""
    if name == "alone":
        return alone(rows, attributes)
    return d_optimal(rows, attributes, seed=seed) if name == "d-optimal" else balanced(rows, attributes, seed=seed)


def simulate(
    models: Sequence[Model],
    design: NDArray[np.float64],
    *,
    seeds: int,
    people: float,
    experiments: int,
    seed: int,
) -> dict[str, NDArray[np.float64]]:
    """Rank correlations with the truth (worlds * experiments,) of the GLM and the GLM of the logarithm."""
    found: dict[str, list[NDArray[np.float64]]] = {PRIMARY: [], LOGARITHM: []}
    matrix = effect_matrix(design)
    for number, model in enumerate(models):
        generator = np.random.default_rng([seed, number])
        true = (model.curve(design @ model.truth) + design @ model.offset)[:, None]
        of_people = model.people_root @ generator.standard_normal((design.shape[1], experiments))
        of_seeds = model.noise.seed * generator.standard_normal((design.shape[1], experiments))
        of_rows = model.noise.row * generator.standard_normal((len(design), experiments))
        moved = design @ (of_people / np.sqrt(people) + of_seeds / np.sqrt(seeds))
        scores = true + moved + of_rows / np.sqrt(seeds)
        truth = np.repeat(model.truth[:, None], experiments, axis=1)
        found[PRIMARY].append(spearman_columns(matrix @ scores, truth))
        found[LOGARITHM].append(spearman_columns(matrix @ -np.log(np.maximum(100 - scores, 0.01)), truth))
    return {name: np.concatenate(rhos) for name, rhos in found.items()}


def _simulated(
    models: Sequence[Model],
    designs: Sequence[NDArray[np.float64]],
    seeds: int,
    people: float,
    experiments: int,
    seed: int,
) -> dict[str, NDArray[np.float64]]:
    """``simulate`` with several designs, ``experiments`` in each world together (one a design at least)."""
    each = [
        simulate(
            models, design, seeds=seeds, people=people, experiments=max(1, experiments // len(designs)), seed=seed + n
        )
        for n, design in enumerate(designs)
    ]
    return {name: np.concatenate([found[name] for found in each]) for name in (PRIMARY, LOGARITHM)}


def needed_table(power: pd.DataFrame) -> pd.DataFrame:
    """The fewest seeds that are enough, a row per dataset, scores, design, rows, people and importance of
    ``power_table``.

    Returns:
        dataset, scores, design, rows, people, importance, seeds and trainings (missing where no number of seeds that
        was tried is enough), probability (with these seeds, or the largest that any number reaches), most_seeds
        (tried).
    """
    rows = []
    keys = ["dataset", "scores", "design", "rows", "people", "importance"]
    for key, own in power.groupby(keys, sort=False):
        own = own.sort_values("seeds")
        enough = own[own["probability"] >= ENOUGH]
        first = enough.iloc[0] if len(enough) else None
        rows.append(
            dict(zip(keys, key, strict=True))
            | {
                "seeds": np.nan if first is None else int(first["seeds"]),
                "trainings": np.nan if first is None else int(first["trainings"]),
                "probability": float(own["probability"].max() if first is None else first["probability"]),
                "most_seeds": int(own["seeds"].max()),
            }
        )
    return pd.DataFrame(rows)


def _by_dataset(trainings: Sequence[Training]) -> dict[str, list[Training]]:
    found: dict[str, list[Training]] = {}
    for training in trainings:
        found.setdefault(training.cell.dataset, []).append(training)
    return found
