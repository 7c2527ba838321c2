"""Experts as PEFT adapters: written and read back, read again from PEFT's own hands, and refused when they say more."""

import json
import math
import os
import subprocess
import sys

import fixed_experts
import pytest
import safetensors.torch
import torch
from fixed_experts import export_fixed
from peft import LoraConfig, PeftConfig, PeftModel

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.errors import InputError
from mosaicreid.models.adapters import expert_host, export_experts, import_experts
from mosaicreid.models.experts import Experts
from mosaicreid.models.router import Router


def make_experts(**options):
    names = Router(get_schema("market1501"), ("hat", "gender", "downcolour")).experts
    torch.manual_seed(0)
    chosen = ExpertOptions(**({"last_k": 2, "rank": 3, "alpha": 4.5} | options))
    experts = Experts(names, chosen, width=12, depth=5)
    for layer in experts.layers:
        torch.nn.init.normal_(layer.lora_b)
    return experts


@pytest.mark.parametrize(
    "options",
    [{}, {"pooling": "max", "token_reduction": "cls", "injection": "cls", "dropout": 0.25, "last_k": 5, "alpha": 3.0}],
)
def test_experts_come_back_as_they_were(tmp_path, options):
    experts = make_experts(**options)
    export_experts(experts, tmp_path)
    again = import_experts(tmp_path)
    assert again.names == experts.names
    assert again.first_block == experts.first_block
    assert again.width == experts.width
    assert again.options == experts.options
    for got, expected in zip(again.parameters(), experts.parameters(), strict=True):
        assert torch.equal(got, expected)


def test_every_adapter_loads_into_peft_and_computes_the_same(tmp_path):
    experts = make_experts().eval()
    export_experts(experts, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == sorted(experts.names)
    token = torch.randn(4, 12)
    model = None
    for name in experts.names:
        if model is None:
            model = PeftModel.from_pretrained(expert_host(experts), tmp_path / name, adapter_name=name)
        else:
            model.load_adapter(tmp_path / name, adapter_name=name)
    for j, name in enumerate(experts.names):
        model.set_adapter(name)
        gate = torch.nn.functional.one_hot(torch.tensor(j), len(experts.names)).expand(4, -1)
        for block in (3, 4):
            peft_output = model.base_model.model.blocks[str(block)](token)
            stacked = experts.layers[block - 3].summary(token[:, None], gate)
            torch.testing.assert_close(stacked, peft_output)
            assert peft_output.abs().max() > 0.1


def test_the_configuration_is_peft_s_own(tmp_path):
    export_experts(make_experts(dropout=0.25), tmp_path)
    config = PeftConfig.from_pretrained(tmp_path / "hat=yes")
    assert (config.r, config.lora_alpha, config.lora_dropout) == (3, 4.5, 0.25)
    assert config.target_modules == {"blocks.3", "blocks.4"}


def test_equal_experts_give_equal_bytes(tmp_path):
    for folder in ("one", "two"):
        export_experts(make_experts(), tmp_path / folder)
    files = [p.relative_to(tmp_path / "one") for p in sorted((tmp_path / "one").rglob("*")) if p.is_file()]
    assert len(files) == 1 + 2 * len(make_experts().names)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no experts\.json in"):
        import_experts(tmp_path)
    export_experts(make_experts(), tmp_path)
    for file in ("adapter_model.safetensors", "adapter_config.json"):
        (tmp_path / "hat=yes" / file).unlink()
        with pytest.raises(InputError, match=rf"no {file} in .*hat=yes"):
            import_experts(tmp_path)


def test_adapters_that_disagree_are_refused(tmp_path):
    export_experts(make_experts(), tmp_path)
    path = tmp_path / "hat=yes" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"lora_alpha": 7}))
    with pytest.raises(InputError, match="differ in"):
        import_experts(tmp_path)


def test_an_adapter_of_another_depth_or_rank_is_refused(tmp_path):
    export_experts(make_experts(), tmp_path)
    export_experts(make_experts(last_k=1), tmp_path / "other")
    source, target = (f / "hat=yes" / "adapter_model.safetensors" for f in (tmp_path / "other", tmp_path))
    target.write_bytes(source.read_bytes())
    with pytest.raises(InputError, match=r"adapter hat=yes does not fit: .*blocks.3.lora_A.weight") as caught:
        import_experts(tmp_path)
    assert "\n" not in str(caught.value)


def test_another_process_with_another_order_of_sets_writes_the_same_bytes(tmp_path):
    export_fixed(tmp_path / "here")
    config = json.loads((tmp_path / "here" / "hat=yes" / "adapter_config.json").read_text())
    assert config["target_modules"] == [f"blocks.{k}" for k in range(3, 7)]
    command = [sys.executable, fixed_experts.__file__, str(tmp_path / "there")]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "1"})
    files = [file for file in (tmp_path / "here").rglob("*") if file.is_file()]
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "there" / file.relative_to(tmp_path / "here")).read_bytes() == file.read_bytes()


def test_a_set_is_written_in_one_order_whatever_its_own(tmp_path, monkeypatch):
    class Backwards(set):
        def __iter__(self):
            return iter(sorted(set.copy(self), reverse=True))

    plain = LoraConfig.to_dict
    monkeypatch.setattr(
        LoraConfig,
        "to_dict",
        lambda config: {k: Backwards(v) if isinstance(v, set) else v for k, v in plain(config).items()},
    )
    export_experts(make_experts(last_k=4), tmp_path)
    for name in ("hat=yes", "gender=male"):
        config = json.loads((tmp_path / name / "adapter_config.json").read_text())
        assert config["target_modules"] == [f"blocks.{k}" for k in range(1, 5)]


def edit(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    "settings",
    [
        {"base_model_name_or_path": "x", "task_type": "FEATURE_EXTRACTION", "revision": "main", "peft_version": "0.14"},
        {"auto_mapping": {"base_model_class": "Module", "parent_library": "torch"}, "inference_mode": False},
        {"init_lora_weights": False},
        {"init_lora_weights": "gaussian"},
        {"some_future_option": None, "another": False, "a_third": {}, "a_fourth": []},
        {"target_modules": ["blocks.4", "blocks.3"]},
        {"lora_alpha": 4.5, "r": 3},
    ],
)
def test_a_setting_that_changes_nothing_is_read_over(tmp_path, settings):
    experts = make_experts()
    export_experts(experts, tmp_path)
    for name in experts.names:
        edit(tmp_path / name / "adapter_config.json", **settings)
    for got, expected in zip(import_experts(tmp_path).parameters(), experts.parameters(), strict=True):
        assert torch.equal(got, expected)


def test_an_older_peft_writes_less(tmp_path):
    experts = make_experts()
    export_experts(experts, tmp_path)
    kept = ("peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "bias")
    for name in experts.names:
        file = tmp_path / name / "adapter_config.json"
        file.write_text(json.dumps({key: value for key, value in json.loads(file.read_text()).items() if key in kept}))
    assert import_experts(tmp_path).options == experts.options


def output(experts, j, token):
    gate = torch.nn.functional.one_hot(torch.tensor(j), len(experts.names)).expand(len(token), -1)
    return experts.layers[0].summary(token[:, None], gate)


def test_rank_stabilised_adapters_compute_what_peft_computes(tmp_path):
    experts = make_experts(rank=5)
    export_experts(experts, tmp_path)
    for name in experts.names:
        edit(tmp_path / name / "adapter_config.json", use_rslora=True)
    again = import_experts(tmp_path).eval()
    token = torch.randn(4, 12)
    for j, name in enumerate(experts.names):
        peft = PeftModel.from_pretrained(expert_host(experts), tmp_path / name, adapter_name=name).eval()
        expected = peft.base_model.model.blocks["3"](token)
        torch.testing.assert_close(output(again, j, token), expected)
        torch.testing.assert_close(expected, output(experts, j, token) * math.sqrt(5))
    assert again.layers[0].scale == pytest.approx(4.5 / math.sqrt(5))
    export_experts(again, tmp_path / "again")
    torch.testing.assert_close(output(import_experts(tmp_path / "again"), 0, token), output(again, 0, token))


def test_some_adapters_rank_stabilised_and_some_not_are_refused(tmp_path):
    export_experts(make_experts(), tmp_path)
    edit(tmp_path / "hat=yes" / "adapter_config.json", use_rslora=True)
    with pytest.raises(InputError, match="differ in"):
        import_experts(tmp_path)


@pytest.mark.parametrize("half", [False, True])
def test_adapters_that_peft_saved_again_are_read(tmp_path, half):
    experts = make_experts()
    export_experts(experts, tmp_path)
    for name in experts.names:
        model = PeftModel.from_pretrained(expert_host(experts), tmp_path / name)
        (model.half() if half else model).save_pretrained(tmp_path / name)
    for got, expected in zip(import_experts(tmp_path).parameters(), experts.parameters(), strict=True):
        assert torch.equal(got, expected.half().float() if half else expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_tensors_of_every_float_are_read(tmp_path, dtype):
    experts = make_experts()
    export_experts(experts, tmp_path)
    for name in experts.names:
        file = tmp_path / name / "adapter_model.safetensors"
        safetensors.torch.save_file({k: t.to(dtype) for k, t in safetensors.torch.load_file(file).items()}, file)
    for got, expected in zip(import_experts(tmp_path).parameters(), experts.parameters(), strict=True):
        assert torch.equal(got, expected.to(dtype).float())


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_experts_of_every_dataset_come_back(tmp_path, dataset):
    names = get_schema(dataset).experts
    export_experts(Experts(names, ExpertOptions(last_k=1, rank=1), width=4, depth=1), tmp_path)
    assert import_experts(tmp_path).names == tuple(names)
