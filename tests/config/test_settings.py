"""Settings: profiles, round trips, and one clear line for whatever is wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaicreid.config.parsing import format_settings, parse_settings
from mosaicreid.config.profiles import from_parameters, make_config
from mosaicreid.config.settings import STAGES, Config
from mosaicreid.errors import InputError


@pytest.mark.parametrize("profile", ["tiny", "paper"])
def test_a_configuration_survives_json(profile):
    config = make_config(profile, {"seed": 3, "experts.rank": 7, "stages.baseline.milestones": [2, 5]})
    assert config.stages.baseline.milestones == (2, 5)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_paper_profile_is_the_published_training():
    config = make_config("paper")
    assert (config.data.height, config.data.width, config.data.batch_size) == (256, 128, 64)
    assert (config.experts.last_k, config.experts.rank, config.experts.pooling) == (12, 16, "mean")
    stage = config.stages.experts
    assert (stage.optimiser, stage.learning_rate, stage.epochs, stage.milestones) == ("adamw", 1e-4, 120, (90, 110))
    assert (stage.id_weight, stage.triplet_weight, stage.i2t_weight) == (1, 1, 1)
    stage = config.stages.baseline
    assert (stage.id_weight, stage.triplet_weight, stage.i2t_weight) == (0.25, 1, 1)
    assert (stage.learning_rate, stage.bias_factor, stage.epochs, stage.milestones) == (5e-6, 2, 60, (30, 50))
    assert (config.stages.prompts.learning_rate, config.stages.prompts.epochs) == (3.5e-4, 120)


def test_the_epochs_on_the_page_on_training_are_those_of_the_profiles():
    page = (Path(__file__).parents[2] / "book" / "training.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith("| epochs of ")]
    _, stages, tiny, paper, _ = row.split("|")
    assert [f"`{stage}`" in stages for stage in STAGES] == [True] * len(STAGES)
    told = [getattr(make_config("tiny").stages, stage).epochs for stage in STAGES]
    assert tiny.strip() == ", ".join(map(str, told))
    # CLIP's weights are pretrained.
    told = [getattr(make_config("paper").stages, stage).epochs for stage in STAGES if stage != "pretrain"]
    assert paper.strip() == ", ".join(["none", *map(str, told)])


def test_tiny_changes_sizes_not_objectives():
    tiny, paper = make_config("tiny"), make_config("paper")
    for stage in STAGES:
        for name in ("optimiser", "schedule", "id_weight", "triplet_weight", "i2t_weight", "bias_factor"):
            assert getattr(getattr(tiny.stages, stage), name) == getattr(getattr(paper.stages, stage), name)


def test_none_keeps_the_profiles_value():
    assert make_config("tiny", {"experts.rank": None, "seed": None}) == make_config("tiny")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"experts.rnak": 4}, r"unknown setting of config.experts 'rnak'; expected one of: .*rank"),
        ({"expert.rank": 4}, r"unknown setting of config 'expert'; expected one of: .*experts"),
        ({"experts": 4}, r"config.experts is 4; expected a group of settings"),
        ({"experts.rank": 0}, r"rank is 0; expected a number above 0"),
        ({"experts.rank": -2}, r"rank is -2; expected"),
        ({"experts.rank": "four"}, r"config.experts.rank is 'four' \(str\); expected int"),
        ({"experts.rank": True}, r"config.experts.rank is True \(bool\); expected int"),
        ({"experts.rank": 2.0}, r"config.experts.rank is 2.0 \(float\); expected int"),
        ({"experts.alpha": float("nan")}, r"alpha is nan; expected"),
        ({"experts.last_k": 0}, r"last_k is 0"),
        ({"experts.pooling": "sum"}, r"unknown config.experts.pooling 'sum'; expected one of: mean, max"),
        ({"experts.configuration": "glasses"}, r"'glasses' is neither an attribute nor a cluster of market1501"),
        ({"experts.configuration": "boots"}, r"'boots' is neither an attribute nor a cluster of market1501"),
        ({"data.dataset": "msmt17"}, r"unknown dataset 'msmt17'; expected one of: market1501, dukemtmc"),
        ({"data.batch_size": 30}, r"batch that is a multiple"),
        ({"data.num_instances": 1}, r"num_instances is 1"),
        ({"data.flip": 1.5}, r"flip is 1.5; expected a fraction"),
        ({"stages.baseline.epochs": 0}, r"epochs is 0"),
        ({"stages.baseline.milestones": [5, 2]}, r"milestones are \(5, 2\); expected increasing"),
        ({"stages.baseline.milestones": 5}, r"milestones is 5; expected a list"),
        ({"stages.baseline.learning_rate": 0.0}, r"learning_rate is 0.0"),
        ({"seed": -1}, r"seed is -1"),
        ({"seed": 10**400}, r"seed is 1000.*\.\.\.; expected"),
        ({"seed": 2**32}, r"seed is 4294967296; expected at most"),
        ({"data.height": 99_999_999}, r"height is 99999999; expected at most 8192"),
        ({"stages.experts.learning_rate": float("inf")}, r"learning_rate is inf"),
        ({"model.weights": "x" * 3, "experts.rank": [1]}, r"config.experts.rank is \[1\] \(list\)"),
        ({"experts.dropout": 1.0}, r"dropout is 1"),
        ({"data.dataset": "a\nb"}, r"unknown dataset 'a\\nb'"),
        ({"runtime.precision": "fp8"}, r"unknown config.runtime.precision 'fp8'"),
    ],
)
def test_what_is_wrong_is_named(overrides, message):
    with pytest.raises(InputError, match=message) as caught:
        make_config("tiny", overrides)
    assert "\n" not in str(caught.value)


def test_unknown_profile():
    with pytest.raises(InputError, match="unknown profile 'huge'; expected one of: paper, tiny"):
        make_config("huge")


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]+(\.[a-z_]+)*", fullmatch=True),
        st.one_of(
            st.integers(),
            st.booleans(),
            st.none(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.lists(st.integers()),
            st.text(),
            st.sampled_from(
                ["some/path.pt", "My Drive/a 'quoted' name.pt", "2024", "null", '"x"', "[1]", "a=b", "$HOME"]
            ),
        ),
    )
)
def test_settings_in_a_line_are_read_back(overrides):
    assert parse_settings(format_settings(overrides)) == overrides


def test_a_setting_without_a_value_is_named():
    with pytest.raises(InputError, match=r"setting 'experts.rank'; expected NAME=VALUE"):
        parse_settings("seed=1 experts.rank 4")


def test_parameters_that_keep_the_profile_and_the_last_word_of_settings():
    common = {"profile": "tiny", "dataset": "dukemtmc", "configuration": "boots", "seed": 5}
    config = from_parameters(**common, rank=-1, pooling="", last_k=2, settings="experts.last_k=3 data.width=16")
    expected = {"data.dataset": "dukemtmc", "experts.configuration": "boots", "seed": 5, "experts.last_k": 3}
    assert config == make_config("tiny", expected | {"data.width": 16})
    with pytest.raises(InputError, match="rank is 0"):
        from_parameters(**common, rank=0)


@pytest.mark.parametrize("margin", [float("nan"), float("inf"), -float("inf")])
def test_a_margin_is_a_finite_number(margin):
    with pytest.raises(InputError, match=r"triplet_margin is .*; expected a finite number"):
        make_config("tiny", {"stages.baseline.triplet_margin": margin})


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_whole_number_beyond_floats_is_refused(number):
    with pytest.raises(InputError, match=r"learning_rate is -?1000.*; expected a number within the range of floats"):
        make_config("tiny", {"stages.baseline.learning_rate": number})
