"""What --config of the sweep may say. The workflow itself is tested in test_sweep.py."""

from pathlib import Path

import pytest

from mosaicreid.analyses.oracle.compute import Effort
from mosaicreid.config.parsing import format_settings
from mosaicreid.config.profiles import PROFILES, from_parameters, make_config
from mosaicreid.errors import InputError
from mosaicreid.runs import run_name
from mosaicreid.sweep.request import read_sweep
from mosaicreid.sweep.variants import ablations, last_k_variants, table3


def test_the_default_is_the_whole_tiny_sweep_beside_its_runs():
    sweep = read_sweep({})
    assert (sweep.profile, sweep.datasets, sweep.seeds) == ("tiny", ("market1501", "dukemtmc"), (0,))
    variants = {
        variant.name for variant in (*last_k_variants(make_config("tiny").experts.last_k), *ablations(PROFILES["tiny"]))
    }
    assert set(sweep.variants("market1501")) == set(table3("market1501")) | variants
    assert tuple(sweep.variants("dukemtmc")) == table3("dukemtmc")
    assert (sweep.results, sweep.executed) == (Path("runs/tiny/results"), Path("runs/tiny/results/executed"))


def test_the_paper_profile_has_folders_of_its_own():
    sweep = read_sweep({"profile": "paper", "data": "images"})
    assert (sweep.data, sweep.runs) == (Path("images"), Path("runs/paper"))
    assert (sweep.results, sweep.executed) == (Path("runs/paper/results"), Path("runs/paper/results/executed"))
    assert {"all@last_k=8", "all@rank=32"} <= set(sweep.variants("market1501"))


def test_choices_and_controls_are_trained_on_demand_or_for_the_paper():
    controls = {"all@routing=always", "all@routing=random", "baseline@longer=True"}
    for dataset in ("market1501", "dukemtmc"):
        assert not controls & set(read_sweep({}).variants(dataset))
        assert controls <= set(read_sweep({"profile": "paper"}).variants(dataset))
    asked = read_sweep({"only": "choices"})
    assert controls | {"all", "all@ffn=replaced", "all@triplet_margin=0.5"} <= set(asked.variants("market1501"))
    assert set(asked.variants("dukemtmc")) == controls | {"all"}
    assert asked.settings_of("market1501", "all@i2t_weight=0.0") == {
        "stages.experts.i2t_weight": 0.0,
        "named": ["stages.experts.i2t_weight"],
    }


def test_committed_results_are_replaced_on_demand_alone():
    assert read_sweep({}).results != Path("results")
    asked = read_sweep({"results": "results", "executed": "book/executed"})
    assert (asked.results, asked.executed) == (Path("results"), Path("book/executed"))


def test_what_is_asked_for_is_done():
    # Snakemake reads values as YAML: a lone seed is a number.
    sweep = read_sweep({"seeds": 3, "only": "hat all@rank=8", "settings": "data.height=32", "identities": 24})
    assert (sweep.seeds, sweep.identities, sweep.settings.data.height) == ((3,), 24, 32)
    assert set(sweep.variants("market1501")) == {"hat", "all@rank=8"}
    assert set(sweep.variants("dukemtmc")) == {"hat"}
    assert read_sweep({"seeds": "0 1 2"}).seeds == (0, 1, 2)
    assert read_sweep({"world": "marks=2 legibility=0.5"}).world == "marks=2 legibility=0.5"
    assert read_sweep({"only": None, "settings": ""}) == read_sweep({})


def test_a_run_s_settings_are_those_that_it_is_started_with():
    sweep = read_sweep({"only": "hat all@rank=8 all@i2t_weight=0.0", "settings": "stages.baseline.epochs=5"})
    for name in sweep.variants("market1501"):
        config = sweep.config_of("market1501", name, 2)
        assert run_name(config) == name
        asked = from_parameters(
            profile="tiny",
            dataset="market1501",
            configuration=sweep.variant("market1501", name).configuration,
            seed=2,
            settings=format_settings(sweep.settings_of("market1501", name)),
        )
        assert config == asked
    assert sweep.config_of("market1501", "hat", 2).stages.baseline.epochs == 5


def test_where_decoded_images_lie_is_for_the_machine_of_a_job_to_say():
    assert read_sweep({}).cache == ""
    assert read_sweep({"cache": "$TMPDIR/images"}).cache == "$TMPDIR/images"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"onyl": "hat"}, "unknown key of --config 'onyl'"),
        ({"profile": "huge"}, "unknown profile 'huge'; expected one of: paper, tiny"),
        ({"datasets": "cuhk03"}, "unknown dataset 'cuhk03'; expected one of: market1501, dukemtmc"),
        ({"datasets": "dukemtmc dukemtmc"}, "none of them twice"),
        ({"variants": "cuhk03"}, "unknown dataset for variants 'cuhk03'; expected one of: market1501, dukemtmc, none"),
        ({"datasets": "dukemtmc", "variants": "market1501"}, "expected one of: dukemtmc, none"),
        ({"seeds": "x"}, "seeds: got 'x', expected a whole number of 0 or above"),
        ({"seeds": -1}, "seeds: got '-1'"),
        ({"seeds": "0 0"}, "none of them twice"),
        ({"seeds": None}, "--config seeds= is empty"),
        ({"data": ""}, "--config data= is empty"),
        ({"cache": ""}, "--config cache= is empty"),
        ({"world": "marks=9"}, "marks is 9; expected a number from 0 to 4"),
        ({"world": "legible=1"}, "unknown setting of the world 'legible'"),
        ({"identities": "many"}, "identities: got 'many', expected a whole number of 4 or above"),
        ({"only": "hats"}, "only=hats: no run of market1501, dukemtmc has this name"),
        ({"only": "all@rank=8", "variants": "none"}, "no run of market1501, dukemtmc has this name"),
        ({"settings": "experts.rank=2"}, r"settings=experts.rank=\.\.\.: this differs by run"),
        ({"settings": 'experts={"rank":2}'}, "this differs by run"),
        ({"settings": "seed=7"}, "settings=seed=...: this differs by run"),
        ({"settings": "profile=paper"}, "settings=profile=...: this differs by run"),
        ({"settings": "data.dataset=dukemtmc"}, "settings=data.dataset=...: this differs by run"),
        ({"settings": "'data={\"height\":32}'"}, "is a group; expected settings one by one"),
        ({"settings": "data.height=32 data.height=64"}, "data.height is given twice"),
        ({"settings": "data.height='32"}, "No closing quotation"),
        ({"settings": "data.height=99999999"}, "height is 99999999; expected at most 8192"),
        ({"seeds": "0 00"}, "none of them twice"),
        ({"seeds": "9" * 400}, "seeds: got '9999"),
        ({"seeds": "4294967296"}, "4294967295 at most"),
        ({"seeds": "٣"}, "seeds: got '٣'"),
        ({"seeds": "1_0"}, "seeds: got '1_0'"),
        ({"identities": 10000}, "identities: got '10000'"),
        ({"people": 1}, "people: got '1', expected a whole number of 2 or above"),
        ({"orders": "ten"}, "orders: got 'ten', expected a whole number of 2 or above"),
        ({"settings": "stages.baseline.epoch=2"}, "unknown setting of config.stages.baseline 'epoch'"),
    ],
)
def test_a_slip_is_named(config, message):
    with pytest.raises(InputError, match=message) as caught:
        read_sweep(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["runs", "results", "executed"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, key):
    (tmp_path / "file").write_text("a file")
    given = {"runs": str(tmp_path / "runs"), key: str(tmp_path / "file" / "folder")}
    with pytest.raises(InputError, match=r"file/folder.* cannot be written: .*/file: Not a directory; expected"):
        read_sweep(given)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("value", [0.5, True, {"a": 1}, [1], 1e300], ids=str)
@pytest.mark.parametrize("key", ["data", "runs", "results", "executed", "seeds", "settings", "profile"])
def test_a_value_that_snakemake_read_as_something_else_is_refused(key, value):
    with pytest.raises(InputError, match=f"--config {key}="):
        read_sweep({key: value})


def test_the_effort_of_shapley_values_is_the_usual_one_unless_it_is_given():
    usual, effort = read_sweep({}), Effort()
    assert (usual.people, usual.orders) == (effort.people, effort.pairs)
    given = read_sweep({"people": 4, "orders": "2"})
    assert (given.people, given.orders) == (4, 2)


def test_a_folder_may_be_called_like_a_number():
    assert read_sweep({"data": 2024}).data == Path("2024")
