from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.coverage.compute import study_of
from mosaicreid.analyses.coverage.regimes import REGIMES, Regime, read_regimes
from mosaicreid.datasets import DATASETS
from mosaicreid.errors import InputError
from mosaicreid.statistics.mixed_effects import variance_components
from mosaicreid.statistics.simulation import expected_game, expected_scores, simulate

RESULTS = Path(__file__).parents[3] / "results"


@pytest.fixture(scope="module", params=read_regimes(), ids=lambda regime: regime.dataset)
def regime(request: pytest.FixtureRequest) -> Regime:
    return request.param


def results(name: str, regime: Regime) -> pd.DataFrame:
    table = pd.read_csv(RESULTS / f"{name}.csv")
    return table[table["dataset"] == regime.dataset]


def test_every_dataset_of_the_paper_has_a_regime() -> None:
    assert {regime.dataset for regime in read_regimes()} == {"market1501", "dukemtmc"} <= set(DATASETS)


def test_scores_of_table_3_are_those_of_our_runs(regime: Regime) -> None:
    study = study_of(regime)
    table = results("experiment_table3", regime).set_index("configuration").loc[list(study.names)]
    for metric, hit, worst in (("mAP", None, 0.7), ("rank1", regime.hit, 1.0)):
        difference = expected_scores(regime.panel, study.design, regime.beta, hit=hit) - table[metric]
        assert np.abs(difference).max() < worst
        assert abs(difference.mean()) < 0.1


def test_scores_with_labels_are_those_of_the_controls(regime: Regime) -> None:
    study = study_of(regime)
    rows, count = study.rows(np.random.default_rng(0)), len(study.design)
    expected = expected_scores(regime.panel, rows, study.beta)[[count, count + 1]]
    controls = results("oracle_controls", regime).set_index("control")["mAP"]
    assert expected == pytest.approx(controls[["fusion-crossfit", "oracle-fusion-crossfit"]], abs=0.1)


def test_the_game_is_worth_what_the_runs_are(regime: Regime) -> None:
    ends = np.stack([np.zeros(len(regime.effects)), np.ones(len(regime.effects))])
    game = results("shapley_games", regime).iloc[0]
    assert expected_game(regime.game_world, ends, regime.game_beta) == pytest.approx(
        [game["mAP_none"], game["mAP_all"]], abs=0.1
    )
    assert regime.game.identities == game["identities"]
    assert regime.game.pairs == game["pairs"]


def test_spreads_are_those_of_our_runs(regime: Regime) -> None:
    """Averages over simulated panels against what three seeds gave, which is uncertain itself where seeds count."""
    study, generator = study_of(regime), np.random.default_rng(0)
    panels = [simulate(regime.panel, study.design, regime.beta, generator) for _ in range(12)]
    components = [variance_components(panel).set_index("component")["variance"] for panel in panels]
    found = np.sqrt(sum(components) / len(components))
    wanted = results("robust_components", regime).set_index("component")["std_dev"]
    for name, tolerance in {"query": 0.06, "query_seed": 0.06, "rest": 0.06, "query_configuration": 0.35}.items():
        assert found[name] == pytest.approx(wanted[name], rel=tolerance), name
    for name in ("seed", "run"):
        assert found[name] == pytest.approx(wanted[name], rel=0.6), name
    gains = np.stack([panel.ap[study.full] - panel.ap[study.empty] for panel in panels]).mean(axis=2)
    runs = results("experiment_runs", regime)
    scores = runs[runs["variant"].isna()].pivot_table(index="configuration", columns="seed", values="mAP")
    spread = (scores.loc["all"] - scores.loc["baseline"]).std()
    assert 100 * np.sqrt(gains.var(axis=1, ddof=1).mean()) == pytest.approx(spread, rel=0.4)


def test_sizes_are_those_of_our_runs(regime: Regime) -> None:
    panel = results("robust_panels", regime).iloc[0]
    assert regime.panel.identities == panel["identities"]
    assert regime.panel.seeds == panel["seeds"]
    assert regime.panel.identities * regime.panel.queries_per_identity == pytest.approx(panel["queries"], rel=0.05)
    reading = results("experiment_truth_reading", regime).iloc[0]
    assert regime.reliability == pytest.approx(reading["reliability"], abs=0.01)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hit = 0.426", "hit = 1.5", "hit of market1501 is 1.5; expected more than 0, at most 1"),
        ("hit = 0.426\n", "", "regime 1 has no hit; expected all of: dataset, panel"),
        ("hit = 0.426", "hits = 0.426", "unknown key of .* 'hits'"),
        ("hit = 0.426", 'hit = "x"', "hit is 'x'"),
        ("effects = [0.0208, ", "effects = [", "got 11 effects of market1501; expected one of each of 12"),
        ('dataset = "market1501"', 'dataset = "mars"', "unknown dataset"),
        ('dataset = "market1501"', 'dataset = "dukemtmc"', "got 12 effects of dukemtmc"),
        ("query = 0.36", "query = -0.36", "got the spread query -0.36"),
        ("query = 0.36\n", "", "regime 1, panel has no query"),
        ("[regime.panel]", "[regime.panels]", "unknown key of .*, regime 1: 'panels'|unknown key"),
        ("[[regime]]", "other = 3\n[[regime]]", r"has other, regime; expected \[\[regime\]\] tables and nothing else"),
        ("[[regime]]", "[[regime", "is not TOML"),
    ],
)
def test_settings_that_are_none(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = REGIMES.read_text()
    assert old in text
    path = tmp_path / "regimes.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        read_regimes(path)


def test_files_that_hold_no_regime(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no settings of regimes at .*absent.toml"):
        read_regimes(tmp_path / "absent.toml")
    for text, message in {
        "": "has nothing",
        "regime = 3": "nothing else",
        "regime = [3]": "expected a table of",
    }.items():
        (tmp_path / "few.toml").write_text(text)
        with pytest.raises(InputError, match=message):
            read_regimes(tmp_path / "few.toml")
    whole = REGIMES.read_text()
    (tmp_path / "twice.toml").write_text(whole + whole[whole.index("[[regime]]") :])
    with pytest.raises(InputError, match="expected each dataset once"):
        read_regimes(tmp_path / "twice.toml")
