"""Weights and checkpoints: four formats, damaged, odd, and meant to do harm, against the tensors that were written."""

import io
import json
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from fuzz.campaign import must
from fuzz.mutate import bad_bytes, odd
from torch import Tensor, nn

from mosaicreid.models.backbone import build_clip
from mosaicreid.models.weights import load_clip, read_weights
from mosaicreid.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint

_PREFIXES = ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.")


class _Plain(nn.Module):
    """Tensors of several types, of which TorchScript makes an archive."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 4)
        self.tokens = nn.Parameter(torch.randn(5))
        self.register_buffer("count", torch.arange(6))
        self.register_buffer("small", torch.randn(3, 3).half())

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images)


class _Harm:
    """What runs a function where a pickle of it is loaded."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self._call, self._arguments = call, arguments

    def __reduce__(self) -> Any:
        return self._call, self._arguments


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        torch.manual_seed(0)
        module = _Plain()
        self._state = {name: value.detach().clone() for name, value in module.state_dict().items()}
        self._victim = str(user / "mine" / "notes.txt")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.script(module).save(str(folder / "script"))
        torch.save(self._state, folder / "zip")
        torch.save(self._state, folder / "legacy", _use_new_zipfile_serialization=False)
        _safetensors(self._state, folder / "safetensors")
        self._files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self._checkpoint = Checkpoint(
            stage="experts",
            settings={"seed": 0, "data": {"height": 64}},
            epoch=2,
            done=False,
            model=self._state,
            optimiser={"state": {0: {"step": torch.tensor(2.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
            scaler=None,
            history=[{"stage": "experts", "epoch": 1, "loss": 2.0}, {"stage": "experts", "epoch": 2, "loss": 1.5}],
        )
        save_checkpoint(folder / "checkpoint", self._checkpoint)
        self._files["checkpoint"] = (folder / "checkpoint").read_bytes()
        self._clip = build_clip("tiny", image_size=(32, 16), stride=8)
        self._clip_state = {name: value.clone() for name, value in self._clip.state_dict().items()}

    def attempt(self, random: Random, place: Path) -> None:
        ways = [
            self._damaged,
            self._damaged,
            self._table,
            self._harmful,
            self._members,
            self._checkpoints,
            self._fitted,
        ]
        random.choice(ways)(random, place)

    def _damaged(self, random: Random, place: Path) -> None:
        form = random.choice(["script", "zip", "legacy", "safetensors"])
        path = place / (
            "weights.safetensors" if form == "safetensors" else random.choice(["weights.pt", "weights.bin"])
        )
        path.write_bytes(bad_bytes(random, self._files[form]))
        found = read_weights(path)
        if form == "safetensors":
            _assert_equal(found, _by_hand(path.read_bytes()))
        elif form == "legacy":
            # Without a checksum: what was read must at least be what a file of that size holds.
            assert sum(value.nbytes for value in found.values()) <= 2 * path.stat().st_size
        else:
            # Every member of an archive has a checksum.
            _assert_equal(found, self._state)

    def _table(self, random: Random, place: Path) -> None:
        """Tables of tensors with something odd in them; the same within other entries or with wrappers' prefixes."""
        state: dict[Any, Any] = dict(self._state)
        valid = random.random() < 0.4
        content: Any = state
        if valid:
            prefix = random.choice(["", *_PREFIXES])
            state = {prefix + name: value for name, value in state.items()}
            surrounded = [state, {"state_dict": state, "epoch": 3}, {"model": state}, {"a": {"b": state}, "c": None}]
            content = random.choice(surrounded)
        else:
            name = random.choice(list(state))
            value = state.pop(name)
            floats = torch.rand(3, 3)
            strange = [
                *(odd(random), odd(random), value.tolist(), {"x": value}, (value,), floats.to_sparse()),
                *(torch.empty(3, device="meta"), torch.zeros(1).expand(10**9), floats.to_sparse_csr()),
                torch.quantize_per_tensor(floats, 0.1, 0, torch.quint8),
            ]
            match random.randrange(4):
                case 0:
                    state[name] = random.choice(strange)
                case 1:
                    state[random.choice([3, 0.5, None, True, "", "a\nb", ("x",)])] = value
                case 2:
                    content = random.choice([*strange, [state], {"a": state, "b": {"class_embedding": floats}}])
                case _:
                    state["\n".join([name, name])] = value
        path = place / "weights.pt"
        try:
            torch.save(content, path, _use_new_zipfile_serialization=random.random() < 0.7)
        except Exception:
            return
        found = must(lambda: read_weights(path)) if valid else read_weights(path)
        if valid:
            _assert_equal(found, self._state)
        else:
            assert all(isinstance(name, str) and type(value) is Tensor for name, value in found.items())
            flat = _tensors(content)
            assert all(any(value is not None and _equal(tensor, value) for value in flat) for tensor in found.values())

    def _harmful(self, random: Random, place: Path) -> None:
        harm = random.choice(
            [
                _Harm(os.system, f"echo harm > {self._victim}"),
                _Harm(open, self._victim, "w"),
                _Harm(os.remove, self._victim),
                _Harm(eval, f"open({self._victim!r}, 'w')"),
                _Harm(exec, f"open({self._victim!r}, 'w')"),
                _Harm(torch.save, 1, self._victim),
                _Harm(__import__, "this"),
            ]
        )
        content = random.choice(
            [harm, {"a": harm}, self._state | {"z": harm}, {"state_dict": self._state, "x": [harm]}]
        )
        data = pickle.dumps(content, protocol=random.choice([0, 2, 4]))
        form = random.choice(["script", "zip", "pickle", "legacy", "checkpoint"])
        path = place / random.choice(["weights.pt", "weights.safetensors", "weights.PT", "weights"])
        if form in ("pickle", "legacy"):
            path.write_bytes(data if form == "pickle" else self._files["legacy"][:200] + data)
        else:
            _repacked(self._files[form], path, lambda name, old: data if name.endswith("data.pkl") else old)
        if form == "checkpoint":
            load_checkpoint(path, stage="experts")
        else:
            read_weights(path)
        raise AssertionError("a file that names functions was taken")

    def _members(self, random: Random, place: Path) -> None:
        """Archives packed again with members that are added, renamed, changed or left out."""
        form = random.choice(["script", "zip"])
        path = place / "weights.pt"
        with zipfile.ZipFile(io.BytesIO(self._files[form])) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
        folder = members[0][0].partition("/")[0]
        number = random.randrange(len(members))
        name, content = members[number]
        match random.randrange(6):
            case 0:
                del members[number]
            case 1:
                members[number] = (random.choice([name.upper(), name + "x", "../" + name, "/" + name]), content)
            case 2:
                members.append(
                    (random.choice([name, name.upper(), f"{folder}/code/__torch__.PY", f"{folder}/x"]), content)
                )
            case 3:
                members[number] = (name, bad_bytes(random, content) if content else b"x")
            case 4:
                members[number] = (name, members[random.randrange(len(members))][1])
            case _:
                random.shuffle(members)
        with (
            warnings.catch_warnings(),
            zipfile.ZipFile(path, "w", random.choice([0, 0, zipfile.ZIP_DEFLATED])) as archive,
        ):
            warnings.simplefilter("ignore")
            for member, data in members:
                archive.writestr(member, data)
        # The checksums are right again: other numbers may be read where a storage changed, but never of other shapes.
        found = read_weights(path)
        sizes = {name: value.shape for name, value in self._state.items()}
        assert (
            all(sizes.get(key, value.shape) == value.shape for key, value in found.items())
            or "pkl" in name
            or ".py" in name
        )

    def _checkpoints(self, random: Random, place: Path) -> None:
        path = place / "experts.pt"
        if random.random() < 0.4:
            path.write_bytes(bad_bytes(random, self._files["checkpoint"]))
            found = load_checkpoint(path, stage="experts")
            assert found.epoch == 2 and found.history == self._checkpoint.history
            _assert_equal(found.model, self._state)
            return
        content = {"format": "mosaicreid checkpoint 1", **vars(self._checkpoint)}
        valid = random.random() < 0.1
        if not valid:
            name = random.choice([*content, "stranger"])
            match random.randrange(5):
                case 0:
                    content.pop(name, None)
                    content.pop("scaler" if name == "stranger" else name, None)
                case 1:
                    content["epoch"] = random.choice([-1, 3, 1.0, True, 10**30, None, "2"])
                case 2:
                    content["history"] = random.choice(
                        [[], [{}], content["history"][:1], [{"a": torch.ones(2)}], "x", None]
                    )
                case 3:
                    content["model"] = {**self._state, random.choice([3, "x"]): odd(random)}
                case _:
                    content[name] = odd(random)
        try:
            torch.save(content, path)
        except Exception:
            return
        found = (
            must(lambda: load_checkpoint(path, stage="experts")) if valid else load_checkpoint(path, stage="experts")
        )
        assert found.stage == "experts" and type(found.epoch) is int and type(found.done) is bool
        assert [row["epoch"] for row in found.history] == list(range(1, found.epoch + 1)), "epochs unlike the history"
        assert all(isinstance(value, Tensor) for value in found.model.values())
        _assert_equal(found.model, self._state)

    def _fitted(self, random: Random, place: Path) -> None:
        """CLIP's own weights with one tensor changed: all are copied, or none."""
        state = {name: value.clone() for name, value in self._clip_state.items()}
        name = random.choice(list(state))
        value = state[name]
        number = random.choice([float("nan"), float("inf"), -float("inf")])
        changed = [
            *(
                value.half(),
                value.double(),
                value[..., :-1] if value.ndim else value[None],
                value.unsqueeze(0),
                value.int(),
            ),
            *(
                torch.full_like(value, number) if value.is_floating_point() else value,
                value + 1,
                value.to(torch.cfloat),
            ),
        ]
        match random.randrange(4):
            case 0:
                del state[name]
            case 1:
                state[f"{name}x"] = value
            case _:
                state[name] = random.choice(changed)
        before = {key: tensor.clone() for key, tensor in self._clip.state_dict().items()}
        try:
            load_clip(self._clip, state)
        except Exception:
            _assert_equal(self._clip.state_dict(), before)
            raise
        after = self._clip.state_dict()
        assert all(tensor.isfinite().all() for tensor in after.values()), "weights that are not finite were copied"
        for key, tensor in after.items():
            if key != "visual.positional_embedding":
                assert torch.equal(tensor, state[key].to(tensor.dtype)), f"{key} was not copied"


def _safetensors(state: dict[str, Tensor], path: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in state.items()}, path)


def _by_hand(content: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file: a length, a header in JSON, and the numbers."""
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    kinds = {
        "F32": torch.float32,
        "F16": torch.float16,
        "I64": torch.int64,
        "BF16": torch.bfloat16,
        "U64": torch.uint64,
    }
    kinds |= {"F64": torch.float64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8}
    kinds |= {"U32": torch.uint32, "U16": torch.uint16}
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            numbers = torch.from_numpy(np.frombuffer(data[start:end], np.uint8).copy())
            found[name] = numbers.view(kinds[entry["dtype"]]).reshape(entry["shape"])
    return found


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return one.detach().contiguous().numpy().tobytes() == other.detach().contiguous().numpy().tobytes()


def _assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys(), f"tensors {sorted(found)}"
    for name, value in found.items():
        same = value.numpy().tobytes() == expected[name].numpy().tobytes() and value.dtype == expected[name].dtype
        assert same and value.shape == expected[name].shape, f"{name} has other numbers"


def _tensors(content: Any) -> list[Tensor]:
    if isinstance(content, Tensor):
        plain = content.layout is torch.strided and not content.is_quantized and content.device.type == "cpu"
        return [content] if plain else []
    inside = content.values() if isinstance(content, dict) else content if isinstance(content, list | tuple) else ()
    return [tensor for value in inside for tensor in _tensors(value)]


def _repacked(content: bytes, path: Path, change: Any) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(path, "w") as packed:
        for name in archive.namelist():
            packed.writestr(name, change(name, archive.read(name)))
