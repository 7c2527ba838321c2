"""Ranked lists against a plain loop, and the figures of a run."""

import numpy as np
import pandas as pd
import pytest
import torch

from mosaicreid.data.loaders import Samples
from mosaicreid.errors import InputError
from mosaicreid.retrieval.metrics import evaluate
from mosaicreid.retrieval.ranked_lists import best_and_worst
from mosaicreid.training.figures import plot_gate, plot_learning_rate, plot_losses, plot_ranked_lists


def samples(pids, camids):
    pids = np.array(pids)
    pixels = np.zeros((len(pids), 3, 8, 4), dtype=np.uint8)
    labels = np.unique(pids, return_inverse=True)[1]
    return Samples(pixels, pids, labels, np.array(camids), np.zeros((len(pids), 2), dtype=np.int64))


@pytest.fixture
def retrieval():
    generator = torch.Generator().manual_seed(0)
    query = samples([1, 2, 3, 4], [1, 1, 2, 2])
    gallery = samples([1, 1, 2, 2, 3, 3, 4, 4, 0, 0], [1, 2, 1, 2, 1, 2, 1, 2, 1, 2])
    return query, gallery, torch.randn(4, 5, generator=generator), torch.randn(10, 5, generator=generator)


def test_lists_are_the_head_of_each_ranking(retrieval):
    query, gallery, ours, theirs = retrieval
    result = evaluate(ours, theirs, query.pids, query.camids, gallery.pids, gallery.camids)
    best, worst = best_and_worst(result.per_query, query, gallery, ours, theirs, queries=2, depth=4)
    aps = result.per_query["ap"].to_numpy()
    assert [each.ap for each in best] == sorted(aps)[:1:-1]
    assert [each.ap for each in worst] == sorted(aps)[:2]
    for each in (*best, *worst):
        assert each.ap == aps[each.query]
        allowed = [
            index
            for index in range(10)
            if not (gallery.pids[index] == query.pids[each.query] and gallery.camids[index] == query.camids[each.query])
        ]
        scores = torch.cosine_similarity(ours[each.query][None], theirs[allowed]).numpy()
        expected = np.array(allowed)[np.argsort(-scores)][:4]
        assert each.gallery.tolist() == expected.tolist()
        assert each.correct.tolist() == (gallery.pids[expected] == query.pids[each.query]).tolist()


def test_figures_show_what_they_are_given(retrieval):
    history = pd.DataFrame(
        {"stage": ["prompts", "prompts", "experts"], "epoch": [1, 2, 1], "learning_rate": [1, 0.5, 2]}
    ).assign(loss=[3.0, 2.0, 1.0], i2t=[2.0, 1.0, 0.5], id=[np.nan, np.nan, 0.25])
    panels = plot_losses(history).axes
    assert [axis.get_title(loc="left") for axis in panels] == ["prompt learning", "the experts"]
    assert [line.get_label() for line in panels[0].lines] == ["weighted sum", "image to text"]
    assert panels[1].lines[1].get_ydata().tolist() == [0.25]
    assert plot_learning_rate(history).axes[0].lines[0].get_ydata().tolist() == [1, 0.5]
    gate = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    axis = plot_gate(gate, ("hat=yes", "up=long", "up=short")).axes[0]
    assert axis.images[0].get_array().tolist() == gate.T.tolist()
    assert [label.get_text() for label in axis.get_yticklabels()] == ["hat=yes", "up=long", "up=short"]
    assert plot_gate(torch.zeros(3, 0), ()).axes[0].texts[0].get_text() == "no experts"


def test_frames_tell_right_from_wrong_without_colour(retrieval):
    query, gallery, ours, theirs = retrieval
    result = evaluate(ours, theirs, query.pids, query.camids, gallery.pids, gallery.camids)
    best, _ = best_and_worst(result.per_query, query, gallery, ours, theirs, queries=1, depth=9)
    figure = plot_ranked_lists(best, query, gallery)
    frames = [frame.get_linestyle() for frame in figure.axes[0].patches]
    assert frames == ["-" if correct else "--" for correct in best[0].correct]
    assert len(set(frames)) == 2


def test_every_photograph_stands_in_its_frame_under_its_title(retrieval):
    query, gallery, ours, theirs = retrieval
    result = evaluate(ours, theirs, query.pids, query.camids, gallery.pids, gallery.camids)
    lists, _ = best_and_worst(result.per_query, query, gallery, ours, theirs, queries=2, depth=3)
    axis = plot_ranked_lists(lists, query, gallery).axes[0]
    canvas = axis.images[0].get_array()
    height, width = query.pixels.shape[2:]
    framed = iter(axis.patches)
    titles = iter([text.get_text() for text in axis.texts])
    for each in lists:
        assert next(titles) == f"AP {100 * each.ap:.0f} %"
        for rank, index in enumerate(each.gallery, start=1):
            assert next(titles) == str(rank)
            left, top = (round(number + 0.5) for number in next(framed).get_xy())
            shown = canvas[top : top + height, left : left + width]
            np.testing.assert_array_equal(shown, gallery.pixels[index].transpose(1, 2, 0))
    assert next(framed, None) is next(titles, None) is None


def test_lists_end_where_nothing_is_left_and_show_no_junk():
    query, gallery = samples([1], [1]), samples([1, 1, -1, 2], [1, 2, 2, 1])
    ours, theirs = torch.eye(4)[:1], torch.eye(4) + 0.1
    result = evaluate(ours, theirs, query.pids, query.camids, gallery.pids, gallery.camids)
    best, worst = best_and_worst(result.per_query, query, gallery, ours * 1e-30, theirs, depth=10)
    for lists in (best, worst):
        assert sorted(lists[0].gallery.tolist()) == [1, 3]
        assert lists[0].correct.tolist() == (gallery.pids[lists[0].gallery] == 1).tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": 0}, "got queries 0; expected 1 or more"),
        ({"queries": -1}, "got queries -1"),
        ({"depth": 2.5}, "got depth 2.5"),
        ({"query_features": torch.ones(3, 5)}, r"got features \(3, 5\) and \(10, 5\) .* expected a row per image"),
        ({"query_features": torch.ones(4, 4)}, "equally wide"),
        ({"gallery_features": torch.ones(9, 5)}, "expected a row per image"),
        ({"per_query": pd.DataFrame({"query": [4], "ap": [0.5]})}, "what evaluate returned for them"),
        ({"per_query": pd.DataFrame({"ap": [0.5]})}, "what evaluate returned for them"),
        ({"per_query": pd.DataFrame({"query": [0], "ap": ["high"]})}, "what evaluate returned for them"),
        ({"per_query": "ap"}, "per_query is of type str"),
    ],
)
def test_bad_input_gives_one_line(retrieval, change, message):
    query, gallery, ours, theirs = retrieval
    arguments = {
        "per_query": evaluate(ours, theirs, query.pids, query.camids, gallery.pids, gallery.camids).per_query,
        "query": query,
        "gallery": gallery,
        "query_features": ours,
        "gallery_features": theirs,
    }
    with pytest.raises(InputError, match=message) as caught:
        best_and_worst(**arguments | change)
    assert "\n" not in str(caught.value)
