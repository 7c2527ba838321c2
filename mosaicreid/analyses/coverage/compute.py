"""The simulation study: data drawn again and again, every interval judged, counts in one table."""

import gc
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mosaicreid.analyses.coverage.agreement import judge_agreement
from mosaicreid.analyses.coverage.games import GameStudy, judge_game
from mosaicreid.analyses.coverage.labels_alone import LabelStudy, judge_labels
from mosaicreid.analyses.coverage.panels import Study, judge_models, judge_panel
from mosaicreid.analyses.coverage.regimes import Regime
from mosaicreid.analyses.coverage.tally import Intervals, tabulate
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.progress import bar
from mosaicreid.published import load_table
from mosaicreid.statistics.inputs import seed_of, whole_number

KEYS = ("dataset", "analysis", "metric", "seeds")
# What takes long is drawn once for so many panels: games, and retrievals by labels.
_PANELS_A_GAME, _PANELS_A_RETRIEVAL = 2, 5

Found = dict[tuple[str, ...], list[Intervals]]


def coverage_table(regimes: Sequence[Regime], *, replications: int, seed: int = 0) -> pd.DataFrame:
    """How often nominal 95 % intervals hold the truth: dataset, analysis, metric (mAP, rank1, or none), seeds (of the
    runs), and the columns of ``tally.summary``; in points, or rank correlations.

    Panels of all seeds, panels of one and samples of attributes are drawn ``replications`` times each, games half as
    often, people with labels alone a fifth as often.

    Raises:
        InputError: no regime; fewer than 10 replications, or a seed out of range.
    """
    replications = whole_number(replications, "replications", least=10, most=1_000_000, hint=" (1,000 for a report)")
    generators = np.random.default_rng(seed_of(seed)).spawn(len(regimes))
    if not regimes:
        raise InputError("got no regime to simulate; expected at least one")
    # statsmodels collects garbage at every correction of p-values, which is most of the time; what exists by now stays.
    gc.freeze()
    try:
        found = _found(regimes, generators, replications)
    finally:
        gc.unfreeze()
    return tabulate(found, keys=KEYS).astype({"seeds": int})


def _found(regimes: Sequence[Regime], generators: Sequence[np.random.Generator], replications: int) -> Found:
    found: Found = {}
    for regime, generator in zip(regimes, generators, strict=True):
        study = study_of(regime)
        drawn = _draws(study, replications, generator)
        for draw in bar(drawn, f"panels like {regime.dataset}", total=replications, unit="panel"):
            for key, intervals in draw.items():
                found.setdefault((regime.dataset, *key), []).extend(intervals)
        people = LabelStudy.of(
            regime.dataset, people=regime.panel.identities, cameras=regime.panel.queries_per_identity
        )
        draws = max(2, replications // _PANELS_A_RETRIEVAL)
        found[regime.dataset, "labels-alone", "mAP", "1"] = judge_labels(people, draws, generator)
    return found


def study_of(regime: Regime) -> Study:
    """The regime on the design of the dataset's Table 3."""
    table = load_table(3, regime.dataset)
    names = list(get_schema(regime.dataset).attributes)
    return Study(regime=regime, names=tuple(table["configuration"]), design=table[names].to_numpy(float))


def _draws(study: Study, replications: int, generator: np.random.Generator) -> Iterator[Found]:
    """Every interval of one draw of everything, by analysis, metric and seeds."""
    regime = study.regime
    game, several, one = GameStudy(regime), regime.panel, replace(regime.panel, seeds=1)
    for number in range(replications):
        found = judge_panel(study, several, generator) | judge_agreement(len(game.names), regime.reliability, generator)
        if number % _PANELS_A_GAME == 0:
            found |= judge_game(game, generator)
        alone = judge_panel(study, one, generator) | judge_models(study, one, generator)
        yield {
            (analysis, metric, str(seeds)): [intervals]
            for seeds, judged in ((several.seeds, found), (one.seeds, alone))
            for (analysis, metric), intervals in judged.items()
        }
