"""The runs of a sweep: the published inclusion sets and depths, and every open choice under a name of its own."""

import pytest

from mosaicreid.config.profiles import PROFILES, make_config
from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.errors import InputError
from mosaicreid.published import load_experiments
from mosaicreid.runs import run_name
from mosaicreid.sweep import variants
from mosaicreid.sweep.variants import (
    Variant,
    ablations,
    capacity,
    forest_rows,
    further_choices,
    last_k_variants,
    table3,
)


def test_unknown_dataset():
    with pytest.raises(InputError, match="market1501"):
        table3("cuhk03")


def test_table6_keeps_the_published_depths_and_scales_them():
    assert [variant.overrides.get("experts.last_k") for variant in last_k_variants(12)] == [1, 2, 4, 8, None]
    assert [variant.name for variant in last_k_variants(4)] == ["all@last_k=1", "all@last_k=2", "all@last_k=3", "all"]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_run_has_a_name_of_its_own(profile: str, dataset: str) -> None:
    usual = PROFILES[profile]
    wanted = [Variant(configuration=name) for name in table3(dataset)]
    wanted += [*last_k_variants(usual.experts.last_k)[:-1], *ablations(usual)]
    wanted += [*capacity(usual), *further_choices(usual)]
    names = []
    for variant in wanted:
        overrides = {"data.dataset": dataset, "experts.configuration": variant.configuration}
        config = make_config(profile, overrides | dict(variant.overrides))
        assert run_name(config) == variant.name
        names.append(variant.name)
    assert len(set(names)) == len(names)


def test_the_usual_choice_is_the_only_one_left_out() -> None:
    labels = {profile: {variant.label for variant in ablations(PROFILES[profile])} for profile in PROFILES}
    assert labels["paper"] - labels["tiny"] == {"rank=4"}
    assert labels["tiny"] - labels["paper"] == {"rank=16"}
    pooled = make_config("tiny", {"experts.pooling": "max"})
    assert labels["tiny"] - {variant.label for variant in ablations(pooled)} == {"pooling=max"}


def test_a_dataset_without_a_published_table_tries_all_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants.published, "DATASETS", ())
    schema = get_schema("dukemtmc")
    names = table3("dukemtmc")
    assert (names[0], names[-1]) == ("all", "baseline")
    assert set(names[1:-1]) == {*schema.clusters, *schema.unions, *schema.attributes}
    assert forest_rows("dukemtmc") == names


def test_the_forest_gets_its_rows_as_the_papers_did() -> None:
    for dataset in DATASETS:
        assert forest_rows(dataset) == tuple(load_experiments(dataset)["configuration"])
    assert forest_rows("dukemtmc")[0] == "baseline"
