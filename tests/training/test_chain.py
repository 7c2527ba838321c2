"""A whole run against its stages run by hand, one after the other, and its scores against a textbook's."""

import numpy as np
import pandas as pd
import pytest
import textbook
import torch
from open_clip import tokenize
from stage_reference import tower
from tiny_world import small, write_world
from training_reference import Experts, encode_images

from mosaicreid.data.captions import captions
from mosaicreid.data.folders import read_dataset
from mosaicreid.data.loaders import Samples
from mosaicreid.datasets import get_dataset, get_schema
from mosaicreid.models.build import HEADS, build_models
from mosaicreid.names.shown import value_title
from mosaicreid.training.distributed import make_accelerator
from mosaicreid.training.run import Outcome, train_run
from mosaicreid.training.stages import Context, pretrain, train_baseline, train_experts, tune_prompts

SEED = 2


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world") / "market")


@pytest.fixture(scope="module")
def outcome(world, tmp_path_factory) -> Outcome:
    return train_run(small(seed=SEED), root=world, runs=tmp_path_factory.mktemp("runs"))


def numbers(history: pd.DataFrame) -> pd.DataFrame:
    return history.drop(columns=["seconds", "cpu_seconds", "images_per_second"])


def test_a_run_is_its_stages_one_after_the_other(world, outcome, tmp_path, quick_collections):
    config, schema = small(seed=SEED), get_schema("market1501")
    train = read_dataset(get_dataset("market1501"), world).train
    pixels = np.stack([decoded(world, name, config) for name in train.paths])
    codes = read_dataset(get_dataset("market1501"), world).annotation["train"].lookup(train.pids).astype(np.int64)
    people = sorted(set(train.pids.tolist()))
    samples = Samples(pixels, train.pids, np.array([people.index(pid) for pid in train.pids]), train.camids, codes)
    context = Context(
        config=config,
        samples=samples,
        accelerator=make_accelerator(config.runtime),
        shared=tmp_path,
        images="by hand",
        labels="by hand",
    )
    models = build_models(config, identities=6, cameras=6)
    said = [captions(schema, row[None])[0] for row in codes]
    tokens = tokenize(said, context_length=48)
    # Padding changes last digits alone, which Adam would magnify.
    tokens = tokens[:, : int(tokens.argmax(dim=1).max()) + 1]
    which = torch.tensor([sorted(set(said)).index(caption) for caption in said])
    histories = [pretrain(context, models.clip, tokens, which)]
    texts, history = tune_prompts(context, models.clip)
    histories += [history, train_baseline(context, models.baseline, texts)]
    for name in HEADS:
        getattr(models.model, name).load_state_dict(getattr(models.baseline, name).state_dict())
    histories.append(train_experts(context, models.model, models.router, texts, tmp_path / "experts.pt"))
    pd.testing.assert_frame_equal(numbers(pd.concat(histories, ignore_index=True)), numbers(outcome.history))
    for name, value in outcome.models.model.state_dict().items():
        assert torch.equal(value, models.model.state_dict()[name]), name


def decoded(world, name, config):
    from PIL import Image

    with Image.open(world / name) as image:
        shape = (config.data.width, config.data.height)
        return np.asarray(image.convert("RGB").resize(shape, Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def features(outcome: Outcome, samples: Samples) -> np.ndarray:
    """CLS and projected features of images as they are, under the gates of all their labels, plainly."""
    state = {name: value.double() for name, value in outcome.models.model.state_dict().items()}
    positions = get_schema("market1501").expert_positions.tolist()
    gate = torch.tensor([[code[column] >> bit & 1 for column, bit in positions] for code in samples.codes.tolist()])
    experts = Experts(gate=gate, first_block=0, scale=1.0, dropout=0.0)
    images = torch.from_numpy(np.array(samples.pixels)).double() / 127.5 - 1
    _, cls, projected = encode_images(tower(state, "encoder.visual."), images, experts=experts)
    return torch.cat([cls, projected], dim=1).numpy()


def test_scores_are_the_textbooks_on_plain_features(outcome):
    query, gallery = features(outcome, outcome.query), features(outcome, outcome.gallery)
    np.testing.assert_allclose(outcome.query_features, query, atol=1e-4)
    np.testing.assert_allclose(outcome.gallery_features, gallery, atol=1e-4)
    query, gallery = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (query, gallery))
    ids = (outcome.query.pids, outcome.query.camids, outcome.gallery.pids, outcome.gallery.camids)
    mean_ap, cmc, mean_inp, per_query = textbook.evaluate(query @ gallery.T, *ids, ranks=(1, 5, 10))
    scores = outcome.run.scores
    assert scores["mAP"] == pytest.approx(mean_ap)
    assert [scores[f"rank{k}"] for k in (1, 5, 10)] == pytest.approx([cmc[k] for k in (1, 5, 10)])
    assert scores["mINP"] == pytest.approx(mean_inp)
    assert outcome.run.per_query["ap"].tolist() == pytest.approx(per_query)
    assert outcome.run.per_query["pid"].tolist() == outcome.query.pids.tolist()


def test_what_a_run_cost_is_what_its_history_says(outcome):
    cost, history = outcome.run.cost, outcome.history
    for stage in ("pretrain", "prompts", "baseline", "experts"):
        assert cost[f"{stage}_seconds"] == pytest.approx(history.loc[history["stage"] == stage, "seconds"].sum())
    assert cost["images_per_second"] == history["images_per_second"].iloc[-1]
    experts = sum(p.numel() for name, p in outcome.models.model.named_parameters() if name.startswith(("exp", "class")))
    assert cost["trained_parameters"] == experts + 96 + 64
    everything = sum(p.numel() for p in outcome.models.model.parameters())
    assert cost["trained_parameters"] + cost["frozen_parameters"] == everything


def test_the_gate_shown_is_that_of_the_first_queries(outcome):
    gate, names = outcome.gate(4)
    schema = get_schema("market1501")
    assert names == tuple(value_title("market1501", expert) for expert in schema.experts)
    assert names[0] == "Gender: male"
    codes = outcome.query.codes[:4]
    expected = [[float(row[column] >> bit & 1) for column, bit in schema.expert_positions] for row in codes]
    assert gate.tolist() == expected
