"""Experts that are refused: damaged files, settings that experts do not have, tensors that are none of theirs."""

import json
import math

import pytest
import safetensors.torch
import torch

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.models.adapters import export_experts, import_experts
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
    ("file", "content", "message"),
    [
        ("experts.json", "{", "experts.json is damaged: Expecting property name"),
        ("experts.json", "", "experts.json is damaged: Expecting value"),
        ("experts.json", "3", "experts.json is damaged: it holds 3; expected an object"),
        ("experts.json", "[" * 100_000, "experts.json is damaged: "),
        ("experts.json", '{"width": ' + "9" * 5000 + "}", "experts.json is damaged: Exceeds the limit"),
        ("hat=yes/adapter_config.json", "", "adapter_config.json is damaged: Expecting value"),
        ("hat=yes/adapter_config.json", '{"r": 4, "lora_', "adapter_config.json is damaged: Unterminated string"),
        ("hat=yes/adapter_config.json", "[1]", r"adapter_config.json is damaged: it holds \[1\]; expected an object"),
        ("hat=yes/adapter_config.json", '"text\n"', "adapter_config.json is damaged: "),
        (
            "hat=yes/adapter_config.json",
            '{"r": 3}',
            "adapter_config.json has no peft_type, lora_alpha, lora_dropout, target_modules; expected",
        ),
        (
            "experts.json",
            '{"names": ["hat=yes"]}',
            "experts.json has no width, first_block, depth, pooling, token_reduction",
        ),
        ("hat=yes/adapter_model.safetensors", "half a file", "the adapter hat=yes is damaged: "),
    ],
)
def test_what_is_damaged_is_named(tmp_path, file, content, message):
    export_experts(make_experts(), tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        import_experts(tmp_path)
    assert "\n" not in str(caught.value)


def edit(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("peft_type", "IA3"),
        ("peft_type", 3),
        ("use_dora", True),
        ("use_qalora", True),
        ("use_bdlora", {"match_strict": True}),
        ("use_rslora", 1),
        ("use_rslora", "yes"),
        ("alpha_pattern", {"blocks.3": 80}),
        ("rank_pattern", {"blocks.3": 1}),
        ("modules_to_save", ["blocks.3"]),
        ("bias", "all"),
        ("bias", "lora_only"),
        ("lora_bias", True),
        ("fan_in_fan_out", True),
        ("layers_to_transform", [3]),
        ("layers_to_transform", 0),
        ("layers_pattern", "blocks"),
        ("layer_replication", [[0, 2]]),
        ("exclude_modules", ["blocks.3"]),
        ("trainable_token_indices", [1]),
        ("target_parameters", ["weight"]),
        ("alora_invocation_tokens", [1]),
        ("init_lora_weights", "pissa"),
        ("init_lora_weights", "pissa_niter_4"),
        ("init_lora_weights", "olora"),
        ("init_lora_weights", "loftq"),
        ("init_lora_weights", "corda"),
        ("init_lora_weights", None),
        ("loftq_config", {"loftq_bits": 4}),
        ("target_modules", ["blocks.3"]),
        ("target_modules", ["blocks.3", "blocks.4", "blocks.5"]),
        ("target_modules", "all-linear"),
        ("target_modules", None),
        ("target_modules", [3, 4]),
        ("r", "3"),
        ("r", 3.0),
        ("r", True),
        ("r", 0),
        ("r", 13),
        ("r", 10**400),
        ("lora_alpha", "4.5"),
        ("lora_alpha", math.nan),
        ("lora_alpha", math.inf),
        ("lora_alpha", -1),
        ("lora_alpha", 10**400),
        ("lora_alpha", None),
        ("lora_dropout", 1.5),
        ("lora_dropout", [0.1]),
        ("some_future_option", {"a": 1}),
        ("some_future_option", True),
        ("some_future_option", 16),
    ],
)
def test_a_setting_that_changes_what_an_adapter_computes_is_refused(tmp_path, setting, value):
    export_experts(make_experts(), tmp_path)
    for folder in (path for path in tmp_path.iterdir() if path.is_dir()):
        edit(folder / "adapter_config.json", **{setting: value})
    with pytest.raises(InputError, match=rf"{setting}\b.* in .*adapter_config.json is .*; expected ") as caught:
        import_experts(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensor: torch.full_like(tensor, torch.nan), "has NaN or infinity in "),
        (lambda tensor: torch.full_like(tensor, torch.inf), "has NaN or infinity in "),
        (lambda tensor: torch.full_like(tensor, 1e300, dtype=torch.float64), "has NaN or infinity in "),
        (lambda tensor: tensor.to(torch.int8), r"has torch\.int8 in .*lora_A\.weight.*; expected floats"),
        (lambda tensor: tensor.to(torch.complex64), r"has torch\.complex64 in "),
        (lambda tensor: tensor > 0, r"has torch\.bool in "),
        (lambda tensor: tensor.to(torch.float8_e4m3fn), r"has torch\.float8_e4m3fn in "),
        (lambda tensor: tensor[0], r"does not fit: .*lora_A\.weight.* missing or of another shape"),
    ],
)
def test_tensors_that_are_no_expert_s_are_refused(tmp_path, change, message):
    export_experts(make_experts(), tmp_path)
    file = tmp_path / "hat=yes" / "adapter_model.safetensors"
    tensors = safetensors.torch.load_file(file)
    key = "base_model.model.blocks.3.lora_A.weight"
    safetensors.torch.save_file(tensors | {key: change(tensors[key]).contiguous()}, file)
    with pytest.raises(InputError, match=f"the adapter hat=yes {message}") as caught:
        import_experts(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": []}, r"the names \[\]; expected experts attribute=value, each once"),
        ({"names": {}}, "the names {}"),
        ({"names": "hat=yes"}, 'the names "hat=yes"'),
        ({"names": [1]}, r"the names \[1\]"),
        ({"names": [["hat=yes"]]}, "the names"),
        ({"names": ["hat"]}, "the names"),
        ({"names": ["hat="]}, "the names"),
        ({"names": ["=yes"]}, "the names"),
        ({"names": ["hat=yes", "hat=yes"]}, "the names"),
        ({"names": ["../other/hat=yes"]}, "the names"),
        ({"names": ["/hat=yes"]}, "the names"),
        ({"names": ["hat=yes/../hat=yes"]}, "the names"),
        ({"names": ["a\\b=c"]}, "the names"),
        ({"names": ["c:=yes"]}, "the names"),
        ({"names": ["hat=\0"]}, "the names"),
        ({"names": ["hat=y\nes"]}, "the names"),
        ({"names": ["hat=\ud800"]}, "the names"),
        ({"names": ["hat=" + "y" * 300]}, "the names"),
        ({"names": ["hat=unknown"]}, "no adapter_config.json in .*hat=unknown"),
        ({"width": "12"}, 'width in .*experts.json is "12"; expected a whole number from 1 to 65536'),
        ({"width": 12.0}, "width in .* is 12.0"),
        ({"width": True}, "width in .* is true"),
        ({"width": 0}, "width in .* is 0"),
        ({"width": 10**9}, "width in .* is 1000000000"),
        ({"width": 10**400}, "width in .* is a number of 1329 bits"),
        ({"width": 65536}, "does not fit: "),
        ({"width": None}, "width in .* is null"),
        ({"depth": 10**6}, "depth in .* is 1000000; expected a whole number from 1 to 1000"),
        ({"depth": [5]}, r"depth in .* is \[5\]"),
        ({"depth": 1000}, "target_modules in "),
        ({"first_block": 5}, "first_block in .* is 5; expected a whole number from 0 to 4"),
        ({"first_block": -1}, "first_block in .* is -1"),
        ({"first_block": 2}, "target_modules in "),
        ({"pooling": "median"}, "pooling"),
        ({"pooling": ["mean"]}, "pooling"),
        ({"token_reduction": 3}, "token_reduction"),
        ({"gate": "learnt"}, r'experts.json has \["gate"\], which this version does not know'),
    ],
)
def test_experts_json_is_checked(tmp_path, changes, message):
    export_experts(make_experts(), tmp_path / "experts")
    export_experts(make_experts(), tmp_path / "other")
    edit(tmp_path / "experts" / "experts.json", **changes)
    with pytest.raises(InputError, match=message) as caught:
        import_experts(tmp_path / "experts")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
