"""TorchScript archives: read as torch.jit reads them, without its running anything, and refused when odd."""

import enum
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mosaicreid.errors import InputError
from mosaicreid.models.archives import is_torchscript, read_torchscript
from mosaicreid.models.weights import read_weights

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Colour(enum.Enum):
    RED = 1


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("count", torch.arange(4))
        self.register_buffer("unsaved", torch.ones(2), persistent=False)
        self.register_buffer("nothing", None)
        self.plain = torch.full((2, 2), 7.0)

    def forward(self, x):
        return self.norm(self.linear(x)) + self.plain.sum()


class Outer(nn.Module):
    """Everything that a storage, a view and an attribute can be."""

    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.tied = self.inner.linear
        self.blocks = nn.Sequential(nn.Linear(3, 3, bias=False), nn.ReLU())
        self.weight = nn.Parameter(torch.randn(4, 5).half().T)
        shared = torch.randn(10)
        self.register_buffer("row", shared[3:7])
        self.register_buffer("column", shared.view(2, 5)[:, 1])
        self.register_buffer("turned", shared.view(2, 5).t())
        self.register_buffer("spread", torch.randn(1, 3).expand(4, 3))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("scalar", torch.tensor(3.5, dtype=torch.float64))
        self.register_buffer("brain", torch.randn(5).bfloat16())
        self.register_buffer("mask", torch.tensor([True, False]))
        for kind in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
            self.register_buffer(str(kind).removeprefix("torch."), torch.tensor([1, 100], dtype=kind))
        self.colour = Colour.RED
        self.device = torch.device("cpu")
        self.numbers = [1, 2]
        self.tensors = [torch.ones(2)]
        self.table = {"a": torch.ones(2)}

    def forward(self, x):
        return self.tied(self.blocks(self.inner(x))) + self.tensors[0].sum() + self.table["a"].sum()


def saved(module, path, *, scripted=True):
    torch.manual_seed(0)
    (torch.jit.script(module) if scripted else torch.jit.trace(module, torch.zeros(2, 3))).save(path)
    return path


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path, contents, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("scripted", [True, False], ids=["scripted", "traced"])
@pytest.mark.parametrize("kind", [Inner, Outer])
def test_the_tensors_are_torch_jit_s(tmp_path, kind, scripted):
    path = saved(kind().eval(), tmp_path / "model.pt", scripted=scripted)
    expected = torch.jit.load(path).state_dict()
    found = read_torchscript(path)
    assert found.keys() == expected.keys()
    assert len(found) > 8
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].stride() == tensor.stride(), name
        assert torch.equal(found[name], tensor), name


def test_tensors_of_one_storage_stay_on_one(tmp_path):
    found = read_torchscript(saved(Outer(), tmp_path / "model.pt"))
    assert found["row"].untyped_storage().data_ptr() == found["turned"].untyped_storage().data_ptr()
    assert found["inner.linear.weight"].data_ptr() == found["tied.weight"].data_ptr()


def test_an_archive_of_another_folder_name_is_read(tmp_path):
    path = saved(Inner(), tmp_path / "ViT-B-16.pt")
    path.rename(tmp_path / "other.bin")
    assert is_torchscript(tmp_path / "other.bin")
    assert "linear.weight" in read_torchscript(tmp_path / "other.bin")
    torch.save({"weight": torch.ones(2)}, path)
    assert not is_torchscript(path)
    with pytest.raises(InputError, match=r"'ViT-B-16.pt' is not a TorchScript archive$"):
        read_torchscript(path)


class Hostile(nn.Module):
    """Writes a file when TorchScript restores it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 3))

    def forward(self, x):
        return x

    @torch.jit.export
    def __getstate__(self):
        return {"weight": self.weight}

    @torch.jit.export
    def __setstate__(self, state: dict[str, Tensor]):
        torch.save(state["weight"], "was_run")
        self.weight = state["weight"]
        self.training = True
        self._is_full_backward_hook = None


def renamed_code(contents, suffix):
    return {name.replace(".py", suffix) if name.endswith(".py") else name: data for name, data in contents.items()}


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".py", "Hostile keeps its state in a form that only its code can read"),
        (".PY", r"double or oddly spelt \('model/code/__torch__.*\.PY'\)"),
        (".Py", "double or oddly spelt"),
    ],
)
def test_code_that_would_run_on_loading_does_not(tmp_path, monkeypatch, suffix, message):
    monkeypatch.chdir(tmp_path)
    path = saved(Hostile(), tmp_path / "model.pt")
    rewritten(path, renamed_code(members(path), suffix))
    torch.jit.load(path)
    assert Path("was_run").is_file(), "the archive is not hostile"
    Path("was_run").unlink()
    for read in (read_torchscript, read_weights):
        with pytest.raises(InputError, match=message) as caught:
            read(path)
        assert "\n" not in str(caught.value)
    assert not Path("was_run").exists()


def test_code_that_would_run_on_loading_is_left_out_where_the_state_is_plain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved(Inner(), tmp_path / "model.pt")
    contents = members(path)
    code = next(name for name in contents if name.endswith(".py") and b"class Inner(" in contents[name])
    hook = b'  def __setstate__(self, state: Dict[str, Tensor]) -> NoneType:\n    torch.save(1, "was_run")\n'
    rewritten(path, contents | {code: contents[code] + hook})
    assert "linear.weight" in read_weights(path)
    assert not Path("was_run").exists()


REDUCED = b"c%s\n%s\n(X\x07\x00\x00\x00was_runtR"


@pytest.mark.parametrize(
    "harm",
    [
        REDUCED % (b"posix", b"mkdir"),
        REDUCED % (b"os", b"mkdir"),
        REDUCED % (b"builtins", b"open"),
        REDUCED % (b"torch.serialization", b"save"),
        b"(X\x07\x00\x00\x00was_runios\nmkdir\n",
        b"\x8c\x02os\x8c\x05mkdir\x93(X\x07\x00\x00\x00was_runtR",
    ],
)
def test_a_call_in_the_pickle_is_not_made(tmp_path, monkeypatch, harm):
    monkeypatch.chdir(tmp_path)
    path = saved(Inner(), tmp_path / "model.pt")
    contents = members(path)
    pickled = contents["model/data.pkl"]
    for hostile in (b"\x80\x02" + harm + b"0" + pickled[2:], pickled[:-1] + harm + b"b."):
        rewritten(path, contents | {"model/data.pkl": hostile})
        with pytest.raises(InputError, match="not a TorchScript archive of plain tensors") as caught:
            read_weights(path)
        assert "\n" not in str(caught.value)
        assert not Path("was_run").exists()


def test_a_quantised_module_is_refused(tmp_path):
    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("weight", torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8))

        def forward(self, x):
            return x + self.weight.dequantize()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = saved(Quantised(), tmp_path / "model.pt")
    with pytest.raises(InputError, match="a Call where a plain tensor belongs"):
        read_weights(path)


def test_a_truncated_archive_is_refused(tmp_path):
    path = saved(Inner(), tmp_path / "model.pt")
    whole = path.read_bytes()
    for kept in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:kept])
        with pytest.raises(InputError) as caught:
            read_weights(path)
        assert "\n" not in str(caught.value)


def test_a_damaged_pickle_is_refused_or_inert(tmp_path):
    path = saved(Inner(), tmp_path / "model.pt")
    contents, random = members(path), np.random.default_rng(0)
    pickled = np.frombuffer(contents["model/data.pkl"], dtype=np.uint8)
    refused = []
    for _ in range(300):
        damaged = pickled.copy()
        damaged[random.integers(len(damaged), size=3)] = random.integers(256, size=3)
        rewritten(path, contents | {"model/data.pkl": damaged.tobytes()})
        # Damage to a name or to a view within its storage shows in nothing; any other must be an InputError.
        try:
            read_weights(path)
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 200
    assert not any("\n" in message for message in refused)


def test_weights_that_are_not_as_they_were_written_are_refused(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"visual.proj": torch.arange(1000.0)}, path)
    content = bytearray(path.read_bytes())
    content[content.find(torch.arange(1000.0).numpy().tobytes()) + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged: .* is not what its checksum says"):
        read_weights(path)
