"""CLIP's weights in a model: fitted to its grid, or refused by name with the likely cause and nothing copied."""

import pytest
import torch
from clip_reid_reference import WIDTH, clip_reid_state

from mosaicreid.errors import InputError
from mosaicreid.models.backbone import build_clip
from mosaicreid.models.weights import is_clip_reid, load_clip


def square():
    """CLIP's tensors for square images, 4 x 4 patches."""
    return build_clip("tiny", image_size=(32, 32)).state_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {"visual.proj": torch.full((96, 64), torch.nan)}, "1 not finite: visual.proj; likely"),
        (lambda state: {"visual.proj": torch.full((96, 64), 1e300, dtype=torch.float64)}, "1 not finite: visual.proj;"),
        (
            lambda state: {"visual.proj": torch.ones(96, 64, dtype=torch.int8)},
            r"1 of another type: visual.proj torch.int8, expected torch.float32;",
        ),
        (lambda state: {"visual.proj": torch.ones(96, 64, dtype=torch.complex64)}, "visual.proj torch.complex64"),
        (lambda state: {"visual.proj": torch.ones(64, 96)}, r"visual.proj \(64, 96\), expected \(96, 64\)"),
        (lambda state: {"visual.positional_embedding": torch.ones(17)}, r"positional_embedding \(17,\), expected"),
        (lambda state: {"visual.positional_embedding": torch.ones(17, 5)}, r"positional_embedding \(17, 5\), expected"),
        (lambda state: {"visual.positional_embedding": torch.ones(1, 96)}, r"positional_embedding \(1, 96\), expected"),
        (lambda state: {"visual.positional_embedding": torch.tensor(1.0)}, r"positional_embedding \(\), expected"),
        (lambda state: {"classifier.weight": torch.ones(2)}, "1 not known to this model: classifier.weight"),
    ],
)
def test_clip_weights_that_do_not_fit_are_named_and_not_copied(change, message):
    clip = build_clip("tiny", image_size=(64, 32))
    before = {name: value.clone() for name, value in clip.state_dict().items()}
    state = square()
    with pytest.raises(InputError, match=message) as caught:
        load_clip(clip, state | change(state))
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in clip.state_dict().items())


@pytest.mark.parametrize(
    ("kept", "cause"),
    [
        (
            lambda name: name.startswith("visual."),
            "the image encoder alone, without the text tower; expected model.text=none with it",
        ),
        (lambda name: not name.startswith("visual."), "the text tower alone"),
        (lambda name: name == "logit_scale", "the weights of another kind of model"),
        (lambda name: name != "ln_final.bias", "another architecture, or damage"),
        (
            lambda name: "resblocks.3" not in name,
            "another architecture: a vision tower with width 96, 3 blocks and patches of 8 pixels, where this model "
            "has width 96, 4 blocks and patches of 8 pixels",
        ),
    ],
)
def test_the_likely_cause_of_missing_tensors_is_said(kept, cause):
    state = {name: value for name, value in square().items() if kept(name)}
    with pytest.raises(InputError, match=f"likely cause: {cause}$"):
        load_clip(build_clip("tiny", image_size=(64, 32)), state)


def test_weights_of_another_architecture_are_said_to_be():
    with torch.device("meta"):
        shapes = {name: t.shape for name, t in build_clip("ViT-L-14", image_size=(224, 224)).state_dict().items()}
    state = {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}
    cause = "another architecture: a vision tower with width 1024, 24 blocks and patches of 14 pixels, where this model"
    with pytest.raises(InputError, match=f"likely cause: {cause} has width 96, 4 blocks and patches of 8 pixels"):
        load_clip(build_clip("tiny", image_size=(64, 32)), state)


def test_positions_are_resized_where_the_grid_differs_in_shape_alone():
    state = build_clip("tiny", image_size=(64, 64)).state_dict()
    clip = build_clip("tiny", image_size=(128, 32))
    own = state["visual.positional_embedding"]
    assert own.shape == clip.visual.positional_embedding.shape
    load_clip(clip, state)
    # Each of the square's 64 positions by its row and column, at the centres of 16 x 4 cells.
    square = own[1:].view(8, 8, -1)
    rows = [(max(0, (i - 1) // 2), min(7, (i + 1) // 2), 0.75 if i % 2 else 0.25) for i in range(16)]
    for i, (above, below, weight) in enumerate(rows):
        weight = 1.0 if above == below else weight
        mixed = weight * square[above] + (1 - weight) * square[below]
        for j in range(4):
            expected = (mixed[2 * j] + mixed[2 * j + 1]) / 2
            torch.testing.assert_close(clip.visual.positional_embedding[1 + 4 * i + j], expected)
    assert torch.equal(clip.visual.positional_embedding[0], own[0])


def test_positions_of_the_model_s_own_grid_are_left_alone():
    for size in ((64, 32), (32, 32), (24, 72)):
        state = build_clip("tiny", image_size=size).state_dict()
        clip = build_clip("tiny", image_size=size)
        load_clip(clip, state)
        assert torch.equal(clip.visual.positional_embedding, state["visual.positional_embedding"])


def test_clip_weights_of_another_shape_are_named():
    clip = build_clip("tiny", image_size=(64, 32))
    state = square()
    state["visual.positional_embedding"] = torch.zeros(12, WIDTH)
    with pytest.raises(InputError, match="12 entries, expected 33"):
        load_clip(clip, state)
    with pytest.raises(InputError, match="this is a CLIP-ReID checkpoint"):
        load_clip(clip, clip_reid_state())
    with pytest.raises(InputError, match="missing: "):
        load_clip(clip, {"visual.proj": torch.zeros(96, 64)})
    assert is_clip_reid(clip_reid_state())
    assert not is_clip_reid(square())
