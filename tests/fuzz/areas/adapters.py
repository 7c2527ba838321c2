"""Folders of PEFT adapters, against what PEFT itself computes with them."""

import json
import shutil
from pathlib import Path
from random import Random

import torch
from fuzz.mutate import bad_bytes, bad_json, odd
from safetensors.torch import load_file, save_file

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.models.adapters import expert_host, export_experts, import_experts
from mosaicreid.models.experts import Experts

_NAMES = ["hat=yes", "up=long"]
_KNOWN = ("use_rslora", "use_dora", "alpha_pattern", "rank_pattern", "bias", "fan_in_fan_out", "modules_to_save", "r")


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        torch.manual_seed(0)
        experts = Experts(_NAMES, ExpertOptions(last_k=2, rank=2, alpha=4.0), width=8, depth=3)
        for parameter in experts.parameters():
            parameter.data.normal_(std=0.3)
        export_experts(experts, folder / "whole")
        self._whole = folder / "whole"
        self._input = torch.randn(5, 8)

    def attempt(self, random: Random, place: Path) -> None:
        from peft import PeftModel

        folder = place / "experts"
        shutil.copytree(self._whole, folder)
        name = random.choice(_NAMES)
        own, weights = folder / name / "adapter_config.json", folder / name / "adapter_model.safetensors"
        match random.randrange(6):
            case 0:
                own.write_text(bad_json(random, json.loads(own.read_text())), errors="surrogatepass")
            case 1:
                (folder / "experts.json").write_text(
                    bad_json(random, json.loads((folder / "experts.json").read_text()))
                )
            case 2:
                weights.write_bytes(bad_bytes(random, weights.read_bytes()))
            case 3:
                _odd_tensors(random, weights)
            case 4:
                shutil.rmtree(folder / name) if random.random() < 0.3 else random.choice([own, weights]).unlink()
            case _:
                value = random.choice([odd(random), True, 3, {"blocks.1": 3}, "all"])
                key = random.choice([*_KNOWN, "some_future_option"])
                for other in _NAMES if random.random() < 0.7 else [name]:
                    path = folder / other / "adapter_config.json"
                    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
        experts = import_experts(folder).eval()
        assert sorted(experts.names) == sorted(json.loads((folder / "experts.json").read_text())["names"])
        for number, expert in enumerate(experts.names):
            try:
                model = PeftModel.from_pretrained(expert_host(experts), folder / expert, adapter_name=expert).eval()
            except Exception:
                # PEFT is older or stricter; its own answer is then not to be had.
                continue
            gate = torch.zeros(5, len(experts.names))
            gate[:, number] = 1
            with torch.no_grad():
                for block, layer in enumerate(experts.layers, start=experts.first_block):
                    theirs = model.base_model.model.blocks[str(block)](self._input)
                    ours = layer.summary(self._input[:, None].expand(-1, 3, -1), gate)
                    # Numbers that overflow do so in one order of sums and not in another.
                    kept = theirs.isfinite() & ours.isfinite()
                    size = float(theirs[kept].abs().max()) if kept.any() else 0.0
                    assert torch.allclose(ours[kept], theirs[kept], rtol=1e-4, atol=1e-5 * (1 + size)), (
                        f"{expert} in block {block} differs from PEFT by {float((ours - theirs)[kept].abs().max()):.2g}"
                    )


def _odd_tensors(random: Random, path: Path) -> None:
    tensors = load_file(path)
    name = random.choice(list(tensors))
    value = tensors.pop(name)
    number = random.choice([float("nan"), float("inf"), 1e38, 0.0])
    odd_ones = [
        value.half(),
        value.int(),
        value.T.contiguous(),
        value[:1],
        torch.full_like(value, number),
        value.double(),
    ]
    if random.random() < 0.7:
        tensors[name] = random.choice(odd_ones)
    if random.random() < 0.2:
        tensors[f"{name}x"] = value.clone()
    save_file(tensors, path)
