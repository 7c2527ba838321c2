import copy
import itertools

import pytest
import torch
from expert_reference import LoopedExperts
from torch.utils._python_dispatch import TorchDispatchMode

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.errors import InputError
from mosaicreid.models.experts import ExpertLayer, Experts

OPTIONS = list(itertools.product(("mean", "cls", "max"), ("mean", "max"), ("every", "cls")))


def make_layer(experts=5, width=12, rank=3, *, reduction="mean", pooling="mean", injection="every", dropout=0.0):
    options = ExpertOptions(
        rank=rank, alpha=6.0, dropout=dropout, token_reduction=reduction, pooling=pooling, injection=injection
    )
    layer = ExpertLayer(options, experts=experts, width=width)
    torch.nn.init.normal_(layer.lora_b)
    return layer


def make_batch(layer, batch=4, tokens=7, dtype=torch.float64):
    generator = torch.Generator().manual_seed(batch + tokens)
    experts, _, width = layer.lora_a.shape
    x = torch.randn(batch, tokens, width, generator=generator, dtype=dtype)
    h = torch.randn(batch, tokens, width, generator=generator, dtype=dtype)
    gate = torch.randint(2, (batch, experts), generator=generator).float()
    gate[0] = 0
    gate[1] = 1
    return x.requires_grad_(), h.requires_grad_(), gate


def run(layer, x, h, gate):
    """The output, and the gradients of x and h under a fixed, uneven output gradient."""
    torch.manual_seed(3)
    output = layer(x, h, gate)
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output).sin()
    gradients = torch.autograd.grad((output * weights).sum(), (x, h), retain_graph=True)
    (output * weights).sum().backward()
    return output, gradients


@pytest.mark.parametrize(("reduction", "pooling", "injection"), OPTIONS)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_stacked_experts_equal_the_loop_over_peft_layers(reduction, pooling, injection, dropout):
    layer = make_layer(reduction=reduction, pooling=pooling, injection=injection, dropout=dropout).double()
    loop = LoopedExperts(copy.deepcopy(layer))
    x, h, gate = make_batch(layer)
    output, gradients = run(layer, x, h, gate)
    expected, expected_gradients = run(loop, x, h, gate)
    expected_a, expected_b = loop.gradients()
    exact = {"rtol": 1e-12, "atol": 1e-12}
    torch.testing.assert_close(output, expected, **exact)
    torch.testing.assert_close(gradients, expected_gradients, **exact)
    torch.testing.assert_close(layer.lora_a.grad, expected_a, **exact)
    torch.testing.assert_close(layer.lora_b.grad, expected_b, **exact)
    assert expected_a.abs().max() > 0.01


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_a_sample_without_active_experts_is_left_alone(pooling):
    layer = make_layer(pooling=pooling)
    x, h, gate = make_batch(layer, dtype=torch.float32)
    output = layer(x, h, gate)
    assert torch.equal(output[0], x[0])
    assert not torch.equal(output[1], x[1])


def test_only_the_cls_token_moves_under_cls_injection():
    layer = make_layer(injection="cls")
    x, h, gate = make_batch(layer, dtype=torch.float32)
    output = layer(x, h, gate)
    assert torch.equal(output[:, 1:], x[:, 1:])
    assert (output[1:, 0] != x[1:, 0]).all()


def test_a_gate_may_be_boolean():
    layer = make_layer()
    x, h, gate = make_batch(layer, dtype=torch.float32)
    assert torch.equal(layer(x, h, gate.bool()), layer(x, h, gate))


@pytest.mark.parametrize(("reduction", "pooling", "injection"), OPTIONS)
def test_new_experts_change_nothing_to_the_bit(reduction, pooling, injection):
    layer = make_layer(reduction=reduction, pooling=pooling, injection=injection)
    torch.nn.init.zeros_(layer.lora_b)
    x, h, gate = make_batch(layer, dtype=torch.float32)
    assert torch.equal(layer(x, h, gate), x)


class CountOperators(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        self.count += 1
        return function(*arguments, **(keywords or {}))


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_the_number_of_operators_depends_on_neither_experts_nor_samples(pooling):
    counts = set()
    for experts, batch in ((2, 3), (30, 3), (2, 20)):
        layer = make_layer(experts, pooling=pooling)
        x, h, gate = make_batch(layer, batch, dtype=torch.float32)
        with CountOperators() as mode:
            layer(x, h, gate).sum().backward()
        counts.add(mode.count)
    assert len(counts) == 1


@pytest.mark.parametrize(("reduction", "pooling", "injection"), OPTIONS)
def test_autocast_keeps_the_type_of_the_tokens(reduction, pooling, injection):
    layer = make_layer(reduction=reduction, pooling=pooling, injection=injection)
    x, h, gate = make_batch(layer, dtype=torch.float32)
    expected = layer(x, h, gate)
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(x.bfloat16(), h.bfloat16(), gate)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.15)


@pytest.mark.parametrize(("reduction", "pooling", "injection"), [("mean", "mean", "every"), ("max", "max", "cls")])
def test_the_layer_compiles_without_a_graph_break(reduction, pooling, injection):
    layer = make_layer(reduction=reduction, pooling=pooling, injection=injection)
    x, h, gate = make_batch(layer, dtype=torch.float32)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, h, gate), layer(x, h, gate))


def test_new_experts_start_as_peft_starts_them():
    torch.manual_seed(0)
    layer = ExpertLayer(ExpertOptions(rank=8, alpha=16.0), experts=40, width=64)
    torch.manual_seed(0)
    loop = LoopedExperts(layer).experts[0]
    loop.reset_lora_parameters("expert", True)
    assert not loop.lora_B["expert"].weight.any()
    assert not layer.lora_b.any()
    assert layer.scale == loop.scaling["expert"] == 2.0
    peft_bound = loop.lora_A["expert"].weight.abs().max().item()
    assert layer.lora_a.abs().max().item() == pytest.approx(peft_bound, rel=0.02)
    assert layer.lora_a.std().item() == pytest.approx(64**-0.5 / 3**0.5, rel=0.02)


def test_experts_know_their_blocks_and_names():
    experts = Experts(["hat=yes", "bag=yes"], ExpertOptions(last_k=2, rank=3, alpha=3.0), width=12, depth=6)
    assert experts.first_block == 4
    assert len(experts.layers) == 2
    assert sum(p.numel() for p in experts.parameters()) == 2 * 2 * 2 * 3 * 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": []}, "no expert named"),
        ({"last_k": 7}, "last 7 blocks; the encoder has 6"),
        ({"last_k": 0}, "last_k is 0"),
        ({"rank": 0}, "rank is 0"),
        ({"rank": 13}, "rank is 13"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"dropout": 1.0}, "dropout is 1"),
        ({"token_reduction": "sum"}, "unknown token_reduction 'sum'"),
        ({"pooling": "sum"}, "unknown pooling 'sum'"),
        ({"injection": "every token"}, "unknown injection"),
    ],
)
def test_bad_options_are_named_in_one_line(change, message):
    options = {"names": ["hat=yes"], "last_k": 6, "rank": 3, "alpha": 3.0} | change
    with pytest.raises(InputError, match=message) as caught:
        Experts(options.pop("names"), ExpertOptions(**options), width=12, depth=6)
    assert "\n" not in str(caught.value)
