import numpy as np
import pytest
import torch

from mosaicreid.analyses.oracle.fusion import cross_fitted_weights, fuse, fuse_crossfit, share_of_people
from mosaicreid.analyses.oracle.labels import label_agreement, similarity
from mosaicreid.errors import InputError
from mosaicreid.retrieval.metrics import evaluate_scores


def people(number: int, seed: int, noise: float) -> tuple[torch.Tensor, torch.Tensor, tuple[np.ndarray, ...]]:
    """Four images each of ``number`` people: similarities, agreements on six attributes of three values, identities."""
    generator = np.random.default_rng(seed)
    pids, camids = np.repeat(np.arange(number), 4), np.tile([1, 2, 3, 4], number)
    features = generator.normal(size=(number, 8))[pids] + noise * generator.normal(size=(4 * number, 8))
    codes = (1 << generator.integers(0, 3, (number, 6)))[pids]
    tensor = torch.from_numpy(features)
    return similarity(tensor, tensor), label_agreement(codes, codes), (pids, camids, pids, camids)


def test_weights_are_the_best_of_their_candidates() -> None:
    train, test, weights = people(10, 0, 0.1), people(12, 1, 2.0), (0.0, 0.5, 5.0)
    found = fuse(train, test, np.random.default_rng(0), weights=weights)
    for column, (similar, agreeing, ids) in {"train_mAP": train, "test_mAP": test}.items():
        by_hand = [100 * evaluate_scores(similar + w * agreeing, *ids).mAP for w in weights]
        np.testing.assert_allclose(found.weights[column], by_hand)
    # The training people are told apart without labels, so the smallest weight wins; the test people are not.
    assert found.weights.loc[found.weights["chosen_train"] == 1, "weight"].tolist() == [0.0]
    assert found.weights.loc[found.weights["chosen_best"] == 1, "weight"].item() > 0
    assert found.weights["chosen_crossfit"].sum() == pytest.approx(1)
    similar, agreeing, ids = test
    alone = evaluate_scores(similar, *ids)
    np.testing.assert_array_equal(found.answered["fusion"].ap, alone.per_query["ap"])
    assert found.answered["fusion"].hit.mean() == pytest.approx(alone.cmc[1])
    ap = {name: answered.ap.mean() for name, answered in found.answered.items()}
    assert ap["fusion-best"] >= ap["fusion-crossfit"] > ap["fusion"]


def test_hits_go_with_the_weights_that_average_precision_chose() -> None:
    similar, agreeing, ids = people(12, 1, 2.0)
    weights = (0.0, 0.5, 5.0)
    found = fuse_crossfit((similar, agreeing, ids), np.random.default_rng(3), weights=weights)
    tables = [evaluate_scores(similar + weight * agreeing, *ids).per_query for weight in weights]
    chosen = cross_fitted_weights(np.stack([table["ap"] for table in tables]), ids[0], np.random.default_rng(3))
    for query, weight in enumerate(chosen):
        assert found.ap[query] == tables[weight]["ap"][query]
        assert found.hit[query] == (tables[weight]["rank"][query] == 1)


def test_labels_that_carry_nothing_get_no_weight() -> None:
    similar, agreeing, ids = people(10, 0, 2.0)
    nothing = (similar, torch.zeros_like(agreeing), ids)
    found = fuse(nothing, nothing, np.random.default_rng(0))
    assert found.weights.loc[found.weights["chosen_best"] == 1, "weight"].item() == 0.0
    np.testing.assert_array_equal(found.answered["fusion-best"].ap, found.answered["fusion"].ap)


def test_a_query_is_scored_with_the_weight_of_the_other_half() -> None:
    # Person 7 alone wants candidate 0, person 8 candidate 1: each is given what the other wants.
    ap = np.array([[1.0, 0.9, 0.1, np.nan], [0.2, 0.3, 0.8, np.nan]])
    pids = np.array([7, 7, 8, 8])
    for seed in range(4):
        chosen = cross_fitted_weights(ap, pids, np.random.default_rng(seed))
        np.testing.assert_array_equal(ap[chosen, range(4)], [0.2, 0.3, 0.1, np.nan])
        np.testing.assert_array_equal(share_of_people(chosen, ap[0], pids, candidates=2), [0.5, 0.5])


def test_one_person_is_refused() -> None:
    with pytest.raises(InputError, match="got 1 query identities with a match"):
        cross_fitted_weights(np.array([[1.0, np.nan]]), np.array([3, 4]), np.random.default_rng(0))
