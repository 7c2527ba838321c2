"""Where exported experts come from: written, read back, and refused where it does not say enough."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from mosaicreid.config.profiles import make_config
from mosaicreid.errors import InputError
from mosaicreid.models.backbone import ImageEncoder, build_clip
from mosaicreid.models.origin import ORIGIN, Origin, encoder_digest, read_origin, write_origin


def test_what_is_written_is_read(tmp_path: Path) -> None:
    config = make_config("tiny", {"experts.rank": 2, "model.camera_embedding": 1.0, "seed": 7})
    origin = Origin(encoder="a" * 64, config=config)
    write_origin(tmp_path, origin)
    assert read_origin(tmp_path) == origin


def test_a_digest_is_of_names_shapes_and_values() -> None:
    torch.manual_seed(0)
    encoder = ImageEncoder(build_clip("tiny", image_size=(16, 8)), cameras=2)
    before = encoder_digest(encoder)
    assert before == encoder_digest(encoder.eval())
    assert before == encoder_digest(encoder.double())
    for tensor in (encoder.camera_embedding, encoder.visual.conv1.weight):
        with torch.no_grad():
            tensor.view(-1)[0] += 0.5
        assert encoder_digest(encoder) != before
        with torch.no_grad():
            tensor.view(-1)[0] -= 0.5
    line, other = nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False)
    other.weight.data = line.weight.data.reshape(2, 3)
    assert encoder_digest(line) != encoder_digest(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stated: stated["config"]["model"].pop("camera_embedding"), r"does not state model\.camera_embedding"),
        (lambda stated: stated["config"].update(model=3), r"does not state model\.camera_embedding"),
        (lambda stated: stated["config"]["experts"].update(colour=1), "unknown setting of config.experts 'colour'"),
        (lambda stated: stated["config"]["experts"].update(rank="2"), "expected int"),
        (lambda stated: stated.pop("encoder"), "encoder: field required"),
        (lambda stated: stated.update(more=1), "more: extra inputs"),
    ],
)
def test_what_it_does_not_say_is_one_line(tmp_path: Path, change, message: str) -> None:
    write_origin(tmp_path, Origin(encoder="a" * 64, config=make_config("tiny")))
    stated = json.loads((tmp_path / ORIGIN).read_text())
    change(stated)
    (tmp_path / ORIGIN).write_text(json.dumps(stated))
    with pytest.raises(InputError, match=message) as caught:
        read_origin(tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / ORIGIN).unlink()
    with pytest.raises(InputError, match=r"no origin\.json"):
        read_origin(tmp_path)
