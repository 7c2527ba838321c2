"""Controls with stand-in features whose answers are known, in place of trained models."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from mosaicreid.analyses.oracle.controls import Probe, run_controls
from mosaicreid.analyses.oracle.labels import WEIGHTS
from mosaicreid.data.loaders import Samples
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.models.router import Router
from mosaicreid.retrieval.metrics import evaluate, evaluate_scores

SCHEMA = get_schema("dukemtmc")
PEOPLE, CAMERAS = 12, 3


@dataclass(frozen=True, kw_only=True)
class StandIn(Probe):
    """Pixels are features already: a weak trace of the person, and the labels one-hot. Told codes are appended one-hot,
    so the router helps as far as codes are constant within a person and differ between people."""

    def baseline_features(self, samples: Samples) -> Tensor:
        return torch.from_numpy(np.asarray(samples.pixels))

    def routed_features(self, samples: Samples, codes: np.ndarray, *, model: nn.Module | None = None) -> Tensor:
        if model is not None and model is self.permuted:
            return self.baseline_features(samples)
        bits = np.concatenate([codes[:, [a]] >> np.arange(8) & 1 for a in range(codes.shape[1])], axis=1)
        norm = np.maximum(np.linalg.norm(bits, axis=1, keepdims=True), 1)
        plain = self.baseline_features(samples)
        return torch.cat([plain / plain.norm(dim=1, keepdim=True), torch.from_numpy(bits / norm)], dim=1)


def one_hot(codes: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [codes[:, [a]] >> np.arange(len(group.values)) & 1 for a, group in enumerate(SCHEMA.groups)], axis=1
    )


def make_probe(*, distractors: int = 0, permuted: nn.Module | None = None, labels: float = 0.0) -> StandIn:
    """``labels``: how strongly features show the attributes. Every third pair of people shares its labels."""
    generator = np.random.default_rng(0)
    vectors = np.stack([1 << generator.integers(0, len(group.values), 2 * PEOPLE) for group in SCHEMA.groups], axis=1)
    vectors[1::6] = vectors[::6]
    person = generator.normal(size=(2 * PEOPLE + 1, 16))

    def samples(pids: np.ndarray, camids: np.ndarray) -> Samples:
        codes = np.where(pids[:, None] > 0, vectors[pids - 1], 0).astype(np.int64)
        trace = person[pids] + 3.0 * generator.normal(size=(len(pids), 16))
        features = np.concatenate([trace, labels * one_hot(codes)], axis=1)
        return Samples(features, pids, np.unique(pids, return_inverse=True)[1], camids, codes)

    test = np.arange(1, PEOPLE + 1)
    gallery = np.concatenate([np.repeat(test, CAMERAS), np.zeros(distractors, dtype=np.int64)])
    return StandIn(
        schema=SCHEMA,
        baseline=None,
        model=None,
        permuted=permuted,
        router=Router(SCHEMA, SCHEMA.attributes),
        train=samples(np.repeat(test + PEOPLE, 6), np.tile(np.arange(6) % CAMERAS + 1, PEOPLE)),
        query=samples(np.repeat(test, 2), np.tile([1, 2], PEOPLE)),
        gallery=samples(gallery, np.arange(len(gallery)) % CAMERAS + 1),
    )


def answers(probe: Probe, **options: tuple[float, ...]) -> dict[str, pd.Series]:
    table = run_controls(probe, seed=0, **options).per_query
    assert not table.duplicated(["control", "level", "query"]).any()
    return {name: rows.set_index("query")["ap"] for name, rows in table[table["level"] == 0].groupby("control")}


@pytest.fixture(scope="module")
def found() -> dict[str, pd.Series]:
    return answers(make_probe(), noise=(0.0, 0.5))


def test_baseline_and_oracle_retrieve_with_their_features(found: dict[str, pd.Series]) -> None:
    probe = make_probe()
    for name, features in {
        "baseline": (probe.baseline_features(probe.query), probe.baseline_features(probe.gallery)),
        "oracle": (
            probe.routed_features(probe.query, probe.query.codes),
            probe.routed_features(probe.gallery, probe.gallery.codes),
        ),
    }.items():
        expected = evaluate(*features, *probe.ids).per_query["ap"]
        np.testing.assert_allclose(found[name], expected, rtol=1e-6)
    assert found["oracle"].mean() > found["baseline"].mean() + 0.1


def test_hits_are_those_of_rank_one() -> None:
    probe = make_probe()
    table = run_controls(probe, seed=0, noise=()).per_query
    rows = table[table["control"] == "oracle"].set_index("query")
    features = [probe.routed_features(samples, samples.codes) for samples in (probe.query, probe.gallery)]
    expected = evaluate(*features, *probe.ids)
    np.testing.assert_array_equal(rows["hit"], expected.per_query["rank"] == 1)
    assert rows["hit"].mean() == pytest.approx(expected.cmc[1])
    assert 0 < table["hit"].mean() < 1


def test_labels_alone_rank_by_the_attributes_that_agree(found: dict[str, pd.Series]) -> None:
    probe = make_probe()
    for query in range(0, 2 * PEOPLE, 5):
        own = (probe.gallery.pids == probe.query.pids[query]) & (probe.gallery.camids == probe.query.camids[query])
        agreeing = (probe.gallery.codes[~own] == probe.query.codes[query]).sum(axis=1)
        match = probe.gallery.pids[~own] == probe.query.pids[query]
        # All matches agree on everything, and so do the look-alikes' images; nobody else does.
        tied = int((agreeing == len(SCHEMA.groups)).sum())
        hits, generator = int(match.sum()), np.random.default_rng(0)
        orders = [np.sort(generator.permutation(tied)[:hits]) + 1 for _ in range(4000)]
        expected = np.mean([np.mean(np.arange(1, hits + 1) / order) for order in orders])
        assert found["labels"][query] == pytest.approx(expected, abs=0.02)


class Sighted(StandIn):
    """Its experts also see a little of who a person is, which no label says."""

    def routed_features(self, samples: Samples, codes: np.ndarray, *, model: nn.Module | None = None) -> Tensor:
        told = super().routed_features(samples, codes, model=model)
        return torch.cat([told, 0.5 * torch.nn.functional.one_hot(torch.from_numpy(samples.pids))], dim=1)


@pytest.mark.parametrize("kind", [StandIn, Sighted])
def test_what_experts_add_given_the_labels_has_the_labels_in_both_scores(kind: type[StandIn]) -> None:
    plain = make_probe()
    # Of two attributes alone, so that labels do not settle everything.
    few = {
        name: replace(samples, codes=np.where(np.arange(samples.codes.shape[1]) < 2, samples.codes, 1))
        for name, samples in (("query", plain.query), ("gallery", plain.gallery))
    }
    probe = kind(**{**plain.__dict__, **few})
    found = answers(probe, noise=())
    people = np.unique(probe.query.pids)
    first = np.isin(probe.query.pids, np.random.default_rng(0).permutation(people)[: len(people) // 2])
    for name, features in {
        "fusion-crossfit": probe.baseline_features,
        "oracle-fusion-crossfit": lambda samples: probe.routed_features(samples, samples.codes),
    }.items():
        query, gallery = (torch.nn.functional.normalize(features(samples)) for samples in (probe.query, probe.gallery))
        agreeing = (probe.query.codes[:, None] == probe.gallery.codes).mean(axis=2)
        ap = np.stack(
            [
                evaluate_scores((query @ gallery.T).numpy() + weight * agreeing, *probe.ids).per_query["ap"]
                for weight in WEIGHTS
            ]
        )
        for half in (first, ~first):
            best = ap[:, ~half].mean(axis=1).argmax()
            np.testing.assert_allclose(found[name].to_numpy()[half], ap[best, half], rtol=1e-5)
    # Experts that know labels and nothing else add nothing to them.
    added = (found["oracle-fusion-crossfit"] - found["fusion-crossfit"]).mean()
    assert added > 0.1 if kind is Sighted else abs(added) < 0.02


def test_consistent_permutation_keeps_what_labels_give_away_and_inconsistent_does_not(
    found: dict[str, pd.Series],
) -> None:
    assert found["permuted-people"].mean() > found["baseline"].mean() + 0.1
    assert found["permuted-images"].mean() < found["baseline"].mean()


def test_noise_starts_at_the_oracle_and_hurts(found: dict[str, pd.Series]) -> None:
    for where in ("query", "gallery", "both"):
        pd.testing.assert_series_equal(found[f"noise-{where}"], found["oracle"], check_names=False)
    table = run_controls(make_probe(), seed=0, noise=(0.5,)).per_query
    wrong = table[table["level"] == 0.5].groupby("control")["ap"].mean()
    assert wrong["noise-both"] < wrong["noise-query"] < found["oracle"].mean()
    assert wrong["noise-both"] < wrong["noise-gallery"] < found["oracle"].mean()


def test_look_alikes_are_told_apart_by_the_image_alone(found: dict[str, pd.Series]) -> None:
    codes, pids = make_probe().query.codes, make_probe().query.pids
    alike = [q for q in range(len(pids)) if ((codes == codes[q]).all(axis=1) & (pids != pids[q])).any()]
    assert 0 < len(alike) < len(pids)
    assert found["alike-oracle"].index.tolist() == alike
    # Equal gates add the same to every score, so the order is the baseline's.
    pd.testing.assert_series_equal(found["alike-oracle"], found["alike-baseline"], check_names=False)
    assert (found["alike-baseline"] < 1).any()


def test_predicted_labels_are_the_oracles_where_features_show_them() -> None:
    shown = answers(make_probe(labels=30.0), noise=())
    hidden = answers(make_probe(labels=0.0), noise=())
    assert shown["predicted"].mean() == pytest.approx(shown["oracle"].mean(), abs=0.05)
    assert hidden["predicted"].mean() < hidden["oracle"].mean() - 0.1


def test_heads_and_weights_come_with_the_answers() -> None:
    found = run_controls(make_probe(labels=30.0), seed=0, noise=())
    assert found.heads["attribute"].tolist() == list(SCHEMA.attributes)
    assert (found.heads["images"] == 2 * PEOPLE).all()
    assert found.weights["chosen_train"].sum() == found.weights["chosen_best"].sum() == 1


def test_distractors_get_labels_only_where_there_are_some(found: dict[str, pd.Series]) -> None:
    assert "distractors-lent" not in found
    with_them = answers(make_probe(distractors=30), noise=())
    assert with_them["distractors-lent"].mean() < with_them["oracle"].mean()


def test_the_model_trained_on_permuted_labels_answers_for_itself() -> None:
    with_it = answers(make_probe(permuted=nn.Identity()), noise=())
    # The stand-in for that model ignores what its router is told.
    pd.testing.assert_series_equal(with_it["permuted-trained"], with_it["baseline"], check_names=False)
    assert "permuted-trained" not in answers(make_probe(), noise=())


def test_the_seed_decides_the_answers() -> None:
    probe = make_probe(distractors=5)
    first, second = (run_controls(probe, seed=3, noise=(0.3,)).per_query for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert not first.equals(run_controls(probe, seed=4, noise=(0.3,)).per_query)


def test_bad_input_is_named() -> None:
    probe = make_probe()
    with pytest.raises(InputError, match=r"in 0\.\.1; got 7"):
        run_controls(probe, seed=0, noise=(7.0,))
    alone = replace(probe.query, pids=np.full_like(probe.query.pids, 1))
    with pytest.raises(InputError, match="got 1 query identities"):
        run_controls(replace(probe, query=alone), seed=0)
    nobody = replace(probe.query, pids=probe.query.pids + 1000)
    with pytest.raises(InputError, match="has a match"):
        run_controls(replace(probe, query=nobody), seed=0)
