import numpy as np
import pytest
import shapiq
import torch

from mosaicreid.analyses.oracle.ablation import Ablated, attribute_values, cluster_values, subsample_people
from mosaicreid.config.settings import ExpertOptions
from mosaicreid.data.augment import normalise
from mosaicreid.data.loaders import Samples
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.models.backbone import ImageEncoder, build_clip
from mosaicreid.models.experts import Experts
from mosaicreid.models.reid import ReidModel, retrieval_features
from mosaicreid.models.router import Router
from mosaicreid.retrieval import evaluate
from mosaicreid.statistics.shapley import Game

INCLUDED = ("gender", "age", "hat", "bag")
SIZE = (32, 16)
PEOPLE = 5


def make_samples(number: int, seed: int, *, distractors: int = 0) -> Samples:
    """Images of people 1 to 5 by cameras 1 to 4 in turn, and of nobody."""
    random = np.random.default_rng(seed)
    schema = get_schema("market1501")
    people = np.array([[1 << random.integers(len(group.values)) for group in schema.groups] for _ in range(PEOPLE + 1)])
    people[0] = 0
    pids = np.concatenate([np.arange(number) % PEOPLE + 1, np.zeros(distractors, dtype=np.int64)])
    return Samples(
        random.integers(0, 256, (len(pids), 3, *SIZE), dtype=np.uint8),
        pids,
        np.unique(pids, return_inverse=True)[1],
        np.arange(len(pids)) // PEOPLE % 4 + 1,
        people[pids].astype(np.int64),
    )


@pytest.fixture(scope="module")
def ablated() -> Ablated:
    router = Router(get_schema("market1501"), INCLUDED)
    torch.manual_seed(0)
    encoder = ImageEncoder(build_clip("tiny", image_size=SIZE), cameras=0)
    experts = Experts(
        router.experts,
        ExpertOptions(last_k=4, rank=2, alpha=2.0),
        width=encoder.width,
        depth=len(encoder.blocks),
    )
    for layer in experts.layers:
        torch.nn.init.normal_(layer.lora_b, std=0.5)
    model = ReidModel(encoder, experts, identities=3)
    return Ablated(model=model, router=router, query=make_samples(15, 1), gallery=make_samples(30, 2))


def exact_values(worth: Game, *, players: int, measure: int) -> shapiq.InteractionValues:
    """shapiq's Shapley values of the mean over queries; ``measure`` 0 is average precision, 1 hits at rank 1."""
    game = shapiq.ExactComputer(n_players=players, game=lambda sets: 100 * np.nanmean(worth(sets)[:, measure], axis=1))
    return game("SV", order=1)


def test_the_worth_of_players_is_retrieval_with_their_experts_alone(ablated: Ablated) -> None:
    worth = ablated.game([("hat", "bag"), ("gender",), ("age",)])
    found = worth(np.array([[True, False, False], [False, False, False], [True, True, True]]))
    off = {"first": ("gender", "age"), "nobody": INCLUDED, "everybody": ()}
    for worths, names in zip(found, off.values(), strict=True):
        features = []
        for samples in (ablated.query, ablated.gallery):
            gate = ablated.router(torch.from_numpy(samples.codes), ablated.router.mask(names))
            with torch.no_grad():
                images = normalise(torch.from_numpy(samples.pixels))
                features.append(retrieval_features(ablated.model.eval().features(images, gate)))
        ids = ablated.query.pids, ablated.query.camids, ablated.gallery.pids, ablated.gallery.camids
        expected = evaluate(*features, *ids)
        assert np.nanmean(worths[0]) == pytest.approx(expected.mAP, rel=1e-4)
        assert np.nanmean(worths[1]) == pytest.approx(expected.cmc[1])


def test_sampled_values_add_up_and_their_intervals_hold_the_exact_ones(ablated: Ablated) -> None:
    table = attribute_values(ablated, pairs=30, seed=0)
    mean = table.groupby("player", sort=False)["value"].mean()
    assert set(mean.index) == {*INCLUDED, "(none)", "(all)"}
    assert mean[list(INCLUDED)].sum() == pytest.approx(mean["(all)"] - mean["(none)"])
    worth = ablated.game([(name,) for name in INCLUDED])
    exact = shapiq.ExactComputer(n_players=4, game=lambda sets: 100 * np.nanmean(worth(sets)[:, 0], axis=1))(
        "SV", order=1
    )
    half = table.groupby("player")["sampling_half"].first()
    for player, name in enumerate(INCLUDED):
        assert abs(mean[name] - exact[(player,)]) <= 2 * half[name] + 1e-9
    assert half["(all)"] == 0
    first = table.groupby("player")["rank1_value"].mean()
    exact = shapiq.ExactComputer(n_players=4, game=lambda sets: 100 * np.nanmean(worth(sets)[:, 1], axis=1))(
        "SV", order=1
    )
    half = table.groupby("player")["rank1_sampling_half"].first()
    for player, name in enumerate(INCLUDED):
        assert abs(first[name] - exact[(player,)]) <= 2 * half[name] + 1e-9
    assert table.groupby("query")["pid"].nunique().eq(1).all()


def test_exact_values_of_clusters_are_shapiqs(ablated: Ablated) -> None:
    clusters = {"worn": ("hat", "bag"), "gender": ("gender",), "age": ("age",)}
    mean = cluster_values(ablated, clusters).groupby("player")["value"].mean()
    worth = ablated.game(list(clusters.values()))
    exact = shapiq.ExactComputer(n_players=3, game=lambda sets: 100 * np.nanmean(worth(sets)[:, 0], axis=1))(
        "SV", order=1
    )
    for player, name in enumerate(clusters):
        assert mean[name] == pytest.approx(exact[(player,)], abs=1e-6)


def test_some_people_keep_an_image_per_camera_and_the_share_of_distractors() -> None:
    query, gallery = make_samples(20, 1), make_samples(40, 2, distractors=20)
    few, smaller = subsample_people(query, gallery, people=2, seed=0)
    assert len(np.unique(few.pids)) == 2
    assert len(few) == 8
    known = smaller.pids > 0
    assert set(smaller.pids[known]) == set(few.pids)
    assert len(np.unique(np.stack([smaller.pids, smaller.camids])[:, known], axis=1).T) == known.sum() == 8
    assert (~known).sum() == 4
    # Every image is one of the gallery's, with its own labels.
    for image, pid, camid, codes in zip(smaller.pixels, smaller.pids, smaller.camids, smaller.codes, strict=True):
        place = np.flatnonzero((gallery.pixels == image).all(axis=(1, 2, 3)))
        assert (gallery.pids[place], gallery.camids[place]) == (pid, camid)
        np.testing.assert_array_equal(gallery.codes[place[0]], codes)
    assert len(subsample_people(query, gallery, people=99, seed=0)[0]) == len(query)


def test_bad_input_is_named(ablated: Ablated) -> None:
    with pytest.raises(InputError, match="the players hold hat; expected every attribute of the model once: age, bag"):
        ablated.game([("hat",)])
    with pytest.raises(InputError, match="1 pairs of orders"):
        attribute_values(ablated, pairs=1, seed=0)
