"""The code on the page of saved experts, run as it stands there on a run that was trained on the spot."""

import re
from pathlib import Path

import pytest
import torch
from tiny_world import small, write_world

from mosaicreid.models.adapters import import_experts
from mosaicreid.training.run import train_run

PAGE = Path(__file__).parents[3] / "book" / "saved.md"


def test_one_expert_in_plain_peft_and_a_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = write_world(tmp_path / "market1501")
    train_run(small(stages__experts__learning_rate=0.3), root=world, runs=tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    first, second = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict = {}
    exec(first, names)
    experts = import_experts(tmp_path / "runs/market1501/all/seed0/experts")
    layer, token = experts.layers[-1], names["token"]

    def added(name: str) -> torch.Tensor:
        j = experts.names.index(name)
        return layer.scale * token @ layer.lora_a[j].T @ layer.lora_b[j]

    torch.testing.assert_close(names["output"], added("hat=yes"), rtol=1e-4, atol=1e-5)
    exec(second, names)
    block = names["peft"].base_model.model.blocks[str(experts.first_block + len(experts.layers) - 1)]
    torch.testing.assert_close(block(token), added("upcolour=red"), rtol=1e-4, atol=1e-5)
    assert added("upcolour=red").abs().max() > 1e-3
