"""Features, scores, identities and options of retrieval, against sorting by hand and every order of small ties."""

import math
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import textbook
import torch
from fuzz.campaign import must
from fuzz.mutate import odd

from mosaicreid.retrieval import Retrieval, evaluate, evaluate_scores
from mosaicreid.retrieval.ranked_lists import best_and_worst
from mosaicreid.retrieval.rerank import rerank

_RANKS = (1, 2, 5)


class _Images:
    def __init__(self, pids: Any, camids: Any) -> None:
        self.pids, self.camids = pids, camids


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        pass

    def attempt(self, random: Random, place: Path) -> None:
        generator = np.random.default_rng(random.getrandbits(32))
        random.choice([self._scores, self._scores, self._small_ties, self._features, self._rerank, self._lists])(
            random, generator
        )

    def _scores(self, random: Random, generator: np.random.Generator) -> None:
        ids = _ids(generator, random.randrange(1, 8), random.randrange(2, 30))
        distinct = generator.permutation(len(ids[0]) * len(ids[2])).reshape(len(ids[0]), len(ids[2]))
        answered = not math.isnan(_textbook(distinct, *ids))
        if random.random() < 0.5:
            kind = random.choice(["int16", "int64", "float32", "float64", "uint16", ">f8", ">i4"])
            scores = _laid_out(random, (distinct * random.choice([1, 2]) + 5).astype(kind))
            ids = tuple(_laid_out(random, part.astype(random.choice(["i1", "i2", "i8", ">i4"]))) for part in ids)
            if random.random() < 0.3:
                scores = torch.from_numpy(scores.astype("f8").copy())
            if not answered:
                return
            rows = random.choice([1, 3, 256])
            found = must(lambda: evaluate_scores(scores, *ids, ranks=_RANKS, block_rows=rows))
            _assert_textbook(found, distinct, ids)
            return
        arguments: list[Any] = [distinct.astype(float), *ids]
        options: dict[str, Any] = {"ranks": _RANKS}
        if random.random() < 0.25:
            options[random.choice(["ranks", "ties", "block_rows", "ranks"])] = random.choice(
                [odd(random), [0], [1.5], [], 1]
            )
        else:
            position = random.randrange(5)
            arguments[position] = _spoilt(random, generator, arguments[position])
        found = evaluate_scores(*arguments, **options)
        plain = [
            np.asarray(torch.as_tensor(part)) if isinstance(part, torch.Tensor) else np.asarray(part)
            for part in arguments
        ]
        assert all(part.dtype.kind in "biuf" for part in plain), "what is no number was taken"
        exact = [
            [[int(v) if part.dtype.kind in "biu" else float(v) for v in row] for row in np.atleast_2d(part)]
            for part in plain
        ]
        if len(np.unique(plain[0])) == plain[0].size and options.get("ranks") == _RANKS:
            _assert_textbook(found, exact[0], [part[0] for part in exact[1:]], ranks=_RANKS)

    def _small_ties(self, random: Random, generator: np.random.Generator) -> None:
        """The mean over every order of the gallery, which is what a tie means."""
        ids = _ids(generator, 2, 5)
        scores = generator.integers(0, 3, (2, 5)).astype(float) * random.choice([1, 1e-30, 1e30, -1])
        every = [
            _plain(scores[:, order], ids[0], ids[1], ids[2][list(order)], ids[3][list(order)])
            for order in map(list, permutations(range(5)))
        ]
        if any(result is None for result in every):
            return
        found = must(lambda: evaluate_scores(scores, *ids, ranks=_RANKS))
        assert math.isclose(found.mAP, np.mean([r[0] for r in every]), rel_tol=1e-9)
        assert math.isclose(found.mINP, np.mean([r[2] for r in every]), rel_tol=1e-9)
        for k in _RANKS:
            assert math.isclose(found.cmc[k], np.mean([r[1][k] for r in every]), rel_tol=1e-9, abs_tol=1e-12)
        bounds = [evaluate_scores(scores, *ids, ties=ties).mAP for ties in ("pessimistic", "optimistic")]
        assert math.isclose(bounds[0], min(r[0] for r in every)) or len(ids[0]) > 1
        assert bounds[0] - 1e-12 <= found.mAP <= bounds[1] + 1e-12

    def _features(self, random: Random, generator: np.random.Generator) -> None:
        ids = _ids(generator, random.randrange(1, 6), random.randrange(2, 20))
        width = random.randrange(1, 6)
        whole = [generator.integers(-4, 5, (len(ids[index]), width)).astype(float) for index in (0, 2)]
        similarity = random.choice(["cosine", "euclidean", "dot"])
        scores = _exact(similarity, *whole)
        if math.isnan(_textbook(scores, *ids)):
            return
        scale = random.choice([1.0, 2.0**-20, 2.0**20]) if similarity != "euclidean" else 1.0
        kind = random.choice(["f4", "f8", ">f4", "f2"]) if scale == 1 else "f8"
        features = [_laid_out(random, (part * scale).astype(kind)) for part in whole]
        if random.random() < 0.6:
            found = must(lambda: evaluate(*features, *ids, similarity=similarity, ranks=_RANKS, block_rows=3))
            expected = evaluate_scores(scores, *ids, ranks=_RANKS)
            assert math.isclose(found.mAP, expected.mAP, rel_tol=1e-9), f"{similarity}: {found.mAP} for {expected.mAP}"
            return
        spoilt = [*features, *ids]
        spoilt[random.randrange(2)] = _spoilt(random, generator, random.choice(features))
        found = evaluate(*spoilt, similarity=random.choice([similarity, similarity, odd(random)]))
        assert 0 <= found.mAP <= 1

    def _rerank(self, random: Random, generator: np.random.Generator) -> None:
        ids = _ids(generator, random.randrange(1, 5), random.randrange(4, 20))
        features = [generator.normal(size=(len(ids[index]), 4)) for index in (0, 2)]
        options: dict[str, Any] = {
            "k1": random.randrange(1, 6),
            "k2": 1,
            "original_weight": random.choice([0, 0.3, 1.0]),
        }
        if random.random() < 0.5:
            name = random.choice(list(options))
            options[name] = random.choice([odd(random), 0, 10**6, -0.1, 1.1])
        if random.random() < 0.3:
            features[0] = _spoilt(random, generator, features[0])
        reranker = rerank(*features, **options)
        scores = reranker(slice(0, len(ids[0])))
        assert scores.shape == (len(ids[0]), len(ids[2])) and scores.isfinite().all()
        assert float(scores.max()) <= 1e-9 and float(scores.min()) >= -1 - 1e-9
        if options["original_weight"] == 1 and not math.isnan(_textbook(np.zeros(scores.shape), *ids)):
            plain = evaluate(*features, *ids, similarity="euclidean")
            assert math.isclose(evaluate_scores(reranker, *ids).mAP, plain.mAP, rel_tol=1e-9)

    def _lists(self, random: Random, generator: np.random.Generator) -> None:
        ids = _ids(generator, random.randrange(1, 6), random.randrange(2, 20))
        if math.isnan(_textbook(np.zeros((len(ids[0]), len(ids[2]))), *ids)):
            return
        features = [generator.normal(size=(len(ids[index]), 4)) for index in (0, 2)]
        table = evaluate(*features, *ids).per_query
        query, gallery = _Images(*ids[:2]), _Images(*ids[2:])
        options: dict[str, Any] = {"queries": random.randrange(1, 4), "depth": random.randrange(1, 9)}
        spoilt = random.random()
        if spoilt < 0.3:
            options[random.choice(list(options))] = odd(random)
        elif spoilt < 0.5:
            features[random.randrange(2)] = _spoilt(random, generator, features[0])
        elif spoilt < 0.7:
            column = random.choice(list(table))
            table = random.choice(
                [table.drop(columns=column), table.assign(**{column: [odd(random)] * len(table)}), table.iloc[:0], "x"]
            )
        best, worst = best_and_worst(table, query, gallery, *features, **options)
        answered = table.dropna(subset="ap")
        assert len(best) == len(worst) == min(options["queries"], len(answered))
        unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in map(np.asarray, features)]
        for ranked in [*best, *worst]:
            scores = unit[0][ranked.query] @ unit[1].T
            junk = (ids[2] == -1) | ((ids[2] == ids[0][ranked.query]) & (ids[3] == ids[1][ranked.query]))
            order = [item for item in np.argsort(-scores, kind="stable") if not junk[item]][: options["depth"]]
            assert ranked.gallery.tolist() == order
            assert ranked.correct.tolist() == [bool(ids[2][item] == ids[0][ranked.query]) for item in order]
        assert max([r.ap for r in worst], default=0) <= min([r.ap for r in best], default=1) or len(answered) < 2 * len(
            best
        )


def _ids(generator: np.random.Generator, queries: int, gallery: int) -> tuple[np.ndarray, ...]:
    pids = generator.integers(-1, 4, gallery)
    return generator.integers(1, 4, queries), generator.integers(1, 3, queries), pids, generator.integers(1, 4, gallery)


def _textbook(scores: Any, *ids: np.ndarray) -> float:
    result = _plain(scores, *ids)
    return math.nan if result is None else result[0]


def _plain(scores: Any, *ids: Any) -> Any:
    """What the textbook says; None where no query has a match."""
    rankings = [
        textbook.ranked_matches(row, pid, camid, ids[2], ids[3])
        for row, pid, camid in zip(scores, *ids[:2], strict=True)
    ]
    return textbook.evaluate(scores, *ids, ranks=_RANKS) if any(map(any, rankings)) else None


def _assert_textbook(found: Retrieval, scores: Any, ids: Any, ranks: Any = _RANKS) -> None:
    expected = textbook.evaluate(scores, *ids, ranks=ranks)
    assert math.isclose(found.mAP, expected[0], rel_tol=1e-12), f"mAP {found.mAP}, expected {expected[0]}"
    assert all(math.isclose(found.cmc[k], expected[1][k], abs_tol=1e-12) for k in ranks)
    assert math.isclose(found.mINP, expected[2], rel_tol=1e-12)
    assert np.allclose(found.per_query["ap"], expected[3], rtol=1e-12, equal_nan=True)


def _exact(similarity: str, queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Scores of whole numbers of which equal ones are equal."""
    products = queries @ gallery.T
    square = (gallery**2).sum(axis=1)
    if similarity == "dot":
        return products
    if similarity == "euclidean":
        return 2 * products - square
    return products * np.abs(products) / np.maximum(square, 1)


def _laid_out(random: Random, array: np.ndarray) -> np.ndarray:
    """The same numbers, otherwise in memory."""
    match random.randrange(5):
        case 0:
            return np.asfortranarray(array)
        case 1:
            return np.ascontiguousarray(array[::-1])[::-1]
        case 2:
            return np.repeat(array, 2, axis=0)[::2]
        case 3:
            fixed = array.copy()
            fixed.flags.writeable = False
            return fixed
        case _:
            return array


def _spoilt(random: Random, generator: np.random.Generator, values: np.ndarray) -> Any:
    flat = values.astype(float).copy()
    where = tuple(random.randrange(size) for size in flat.shape)
    flat[where] = random.choice([math.nan, math.inf, -math.inf, 1e300, 2.0**63, 0.5, -1.0])
    choices = [
        *(flat, values.astype(complex), values.astype(str), values.astype(object), values.astype("M8[s]"), values > 0),
        *(values[:-1], values[None], values.ravel(), values[:0], values.tolist(), None, odd(random), [[1], [1, 2]]),
        *(
            torch.as_tensor(flat).to_sparse(),
            torch.as_tensor(flat).to(torch.cfloat),
            torch.as_tensor(flat, device="meta"),
        ),
        *(
            np.ma.masked_less(values, 1),
            values.astype(np.longdouble),
            values.astype("u8"),
            torch.as_tensor(flat).half(),
        ),
    ]
    return random.choice(choices)
