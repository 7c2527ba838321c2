"""Controls as runs: labels that say nothing, labels that are predicted, and a baseline that trains as long."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_world import small, write_world

from mosaicreid.config.profiles import make_config
from mosaicreid.data.loaders import Samples
from mosaicreid.errors import InputError
from mosaicreid.labels import routing
from mosaicreid.labels.routing import route
from mosaicreid.runs import run_name
from mosaicreid.training.run import Outcome, train_run


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world") / "market1501")


@pytest.fixture(scope="module")
def train(world: Path, tmp_path_factory: pytest.TempPathFactory):
    runs = tmp_path_factory.mktemp("runs")
    return lambda **overrides: train_run(small(**overrides), root=world, runs=runs)


def gates(outcome: Outcome, samples: Samples) -> torch.Tensor:
    assert outcome.models.router is not None
    return outcome.models.router.cpu()(torch.from_numpy(samples.codes))


def test_the_router_gets_the_labels_that_are_asked_for(train) -> None:
    usual = train()
    always = train(experts__routing="always")
    assert always.run.folder.parent.name == "all@routing=always"
    assert (gates(always, always.gallery) == 1).all()
    permuted, random = train(experts__routing="permuted"), train(experts__routing="random")
    for each in (permuted, random):
        everybody = [part.query.codes.tolist() + part.gallery.codes.tolist() for part in (each, usual)]
        assert sorted(everybody[0]) == sorted(everybody[1])
    # Somebody else's labels, one set for all images of a person; another image's, a set for each.
    assert (permuted.query.codes != usual.query.codes).any(axis=1).all()
    by_person = [permuted.gallery.codes[permuted.gallery.pids == pid] for pid in np.unique(permuted.gallery.pids)]
    assert all((codes == codes[0]).all() for codes in by_person)
    by_person = [random.gallery.codes[random.gallery.pids == pid] for pid in np.unique(random.gallery.pids)]
    assert not all((codes == codes[0]).all() for codes in by_person)
    predicted = train(experts__routing="predicted")
    assert (predicted.gallery.codes > 0).all()
    for each in (always, permuted, random, predicted):
        assert not torch.equal(each.query_features, usual.query_features)
    again = train(experts__routing="random")
    assert (again.gallery.codes == random.gallery.codes).all()


def test_predicted_training_labels_come_from_heads_that_have_not_seen_the_person(monkeypatch) -> None:
    schema = make_config("tiny").schema
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 4)
    people = np.stack([1 << generator.integers(0, len(group.values), 10) for group in schema.groups], axis=1)
    samples = Samples(np.zeros((40, 3, 2, 2), dtype=np.uint8), labels + 1, labels, 1 + labels % 2, people[labels])
    features = generator.normal(size=(40, 6))
    seen = []

    class Heads:
        def codes(self, own):
            return np.ones((len(own), len(schema.groups)), dtype=np.int64)

    def fit(known, codes, schema):
        seen.append({int(np.flatnonzero((features == row).all(axis=1))[0]) for row in known})
        return Heads()

    monkeypatch.setattr(routing, "fit_heads", fit)
    result = route("predicted", (samples, samples, samples), schema=schema, seed=0, read=lambda _: features)
    assert (result[0].codes == 1).all()
    assert seen[0] == set(range(40))
    left_out = [set(range(40)) - part for part in seen[1:]]
    assert sorted(image for part in left_out for image in part) == list(range(40))
    for part in left_out:
        assert {labels[image] for image in part}.isdisjoint({labels[image] for image in set(range(40)) - part})


def test_a_baseline_trains_on_for_as_long_as_experts_do(train) -> None:
    usual, longer = (
        train(experts__configuration="baseline"),
        train(experts__configuration="baseline", experts__longer=True),
    )
    assert longer.run.folder.parent.name == "baseline@longer=True"
    rows = longer.history[longer.history["stage"] == "experts"]
    settings = small().stages
    assert len(rows) == settings.experts.epochs
    rate, decay = settings.baseline.learning_rate, settings.baseline.decay
    fallen = [sum(epoch >= milestone for milestone in settings.experts.milestones) for epoch in range(1, len(rows) + 1)]
    assert rows["learning_rate"].tolist() == pytest.approx([rate * decay**times for times in fallen])
    before, after = usual.models.baseline.state_dict(), longer.models.baseline.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in ("classifier.weight", "encoder.visual.proj"))
    with pytest.raises(InputError, match="expected 'baseline'"):
        small(experts__longer=True)


def test_a_run_is_named_after_what_is_said_to_differ() -> None:
    margin = {"stages.experts.triplet_margin": 0.5}
    assert run_name(make_config("tiny", margin)) == "all"
    named = make_config("tiny", margin | {"named": ["stages.experts.triplet_margin"], "experts.rank": 2})
    assert run_name(named) == "all@rank=2,triplet_margin=0.5"
    for name in ("stages.experts", "experts.rank", "seed", "stages.experts.margin", "data.height.x", ""):
        with pytest.raises(InputError, match="unknown setting"):
            make_config("tiny", {"named": [name]})
