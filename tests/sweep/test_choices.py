"""The table of open choices: every row is a setting, and every value one that a run may have."""

import pytest

from mosaicreid.config.profiles import PROFILES, make_config
from mosaicreid.config.settings import ExpertConfig
from mosaicreid.runs import run_name
from mosaicreid.sweep.choices import CHOICES, Choice
from mosaicreid.sweep.variants import ablations, capacity, further_choices, last_k_variants


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: f"{choice.setting}-{choice.values[0]}")
def test_every_value_is_one_that_a_run_may_have(profile: str, choice: Choice) -> None:
    for value in choice.values:
        overrides = {"experts.configuration": choice.configuration, choice.setting: value, **choice.besides}
        if profile == "paper" or choice.setting != "experts.last_k":
            config = make_config(profile, overrides)
            assert run_name(config).partition("@")[0] == choice.configuration


def test_every_option_of_the_experts_is_an_open_choice() -> None:
    """A word that the code knows and the table does not would be a choice that nobody sees."""
    literal = {
        name: set(getattr(hint, "__args__", ()))
        for name, hint in ExpertConfig.__annotations__.items() | ExpertConfig.__mro__[1].__annotations__.items()
        if "Literal" in str(hint)
    }
    tried: dict[str, set[object]] = {}
    for choice in CHOICES:
        group, _, name = choice.setting.partition(".")
        if group == "experts":
            tried.setdefault(name, {getattr(PROFILES["paper"].experts, name)}).update(choice.values)
    assert {name: tried.get(name) for name in literal} == literal


def test_who_trains_what() -> None:
    usual = PROFILES["paper"]
    in_sweep = {variant.name for variant in (*last_k_variants(12), *ablations(usual))}
    controls = {variant.name for variant in capacity(usual)}
    others = {variant.name for variant in further_choices(usual)}
    assert controls == {"all@routing=always", "all@routing=random", "baseline@longer=True"}
    assert {"all@routing=predicted", "all@i2t_similarity=cosine", "all@ffn=replaced", "all@id_weight=0.25"} <= others
    assert "all@alpha=16.0" not in others
    assert len(in_sweep | controls | others) == len(in_sweep) + len(controls) + len(others)
