"""Whatever callers hand to retrieval gives the right result or one line that says what was expected instead."""

import warnings

import numpy as np
import pandas as pd
import pytest
import textbook
import torch
from scipy import sparse

from mosaicreid.errors import InputError
from mosaicreid.retrieval.metrics import evaluate, evaluate_scores

RNG = np.random.default_rng(0)
QUERY, GALLERY = RNG.integers(-8, 9, (7, 5)) / 2, RNG.integers(-8, 9, (31, 5)) / 2
IDS = (np.arange(7) % 3 + 1, np.arange(7) % 2, np.arange(31) % 5 - 1, np.arange(31) // 3 % 2)
SCORES = QUERY @ GALLERY.T


def same(found, expected):
    np.testing.assert_array_equal(found.per_query, expected.per_query)
    assert found.cmc == expected.cmc


def readonly(array):
    array = array.copy()
    array.setflags(write=False)
    return array


def field_of_records(array):
    records = np.zeros(array.shape, dtype=[("flag", "i1"), ("value", array.dtype)])
    records["value"] = array
    return records["value"]


def shuffled_index(array):
    index = np.random.default_rng(1).permutation(len(array))
    return pd.Series(array, index=index) if array.ndim == 1 else pd.DataFrame(array, index=index, columns=list("vwxyz"))


LAYOUTS = {
    "list": lambda array: array.tolist(),
    "tuple": lambda array: tuple(map(tuple, array.tolist())) if array.ndim == 2 else tuple(array.tolist()),
    "backwards": lambda array: array[::-1].copy()[::-1],
    "every second": lambda array: np.repeat(array, 2, axis=0)[::2],
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "read-only": readonly,
    "column-major": np.asfortranarray,
    "unaligned": field_of_records,
    "pandas": shuffled_index,
    "tensor": torch.from_numpy,
    "masked nowhere": lambda array: np.ma.masked_array(array, mask=False),
}
FEATURE_LAYOUTS = LAYOUTS | {
    "parameter": lambda array: torch.nn.Parameter(torch.from_numpy(array)),
    "in a graph": lambda array: torch.from_numpy(array).requires_grad_() * 1,
    "columns of a wider tensor": lambda array: torch.from_numpy(np.repeat(array, 2, axis=1))[:, ::2],
    "float16": lambda array: array.astype(np.float16),
    "half": lambda array: torch.from_numpy(array).half(),
    "bfloat16": lambda array: torch.from_numpy(array).bfloat16(),
    "float32": lambda array: array.astype(np.float32),
}


@pytest.mark.parametrize("layout", FEATURE_LAYOUTS)
@pytest.mark.parametrize("similarity", ["euclidean", "dot"])
def test_features_of_any_layout_and_type(layout, similarity):
    change = FEATURE_LAYOUTS[layout]
    expected = evaluate(QUERY, GALLERY, *IDS, similarity=similarity)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(change(QUERY), change(GALLERY), *IDS, similarity=similarity)
        mixed = evaluate(QUERY, change(GALLERY), *IDS, similarity=similarity)
    same(found, expected)
    same(mixed, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
def test_identities_of_any_layout_and_type(layout, dtype):
    found = evaluate(QUERY, GALLERY, *(LAYOUTS[layout](array.astype(dtype)) for array in IDS))
    same(found, evaluate(QUERY, GALLERY, *IDS))
    assert found.per_query[["pid", "camid"]].dtypes.tolist() == [np.int64, np.int64]


@pytest.mark.parametrize("change", [np.uint64, np.uint16, "Int64", "int64[pyarrow]", "category"])
def test_identities_without_junk_of_other_types(change):
    ids = [np.abs(array) for array in IDS]
    changed = [pd.Series(array).astype(change) if isinstance(change, str) else array.astype(change) for array in ids]
    same(evaluate(QUERY, GALLERY, *changed), evaluate(QUERY, GALLERY, *ids))


@pytest.mark.parametrize("layout", [*FEATURE_LAYOUTS, "callable", "callable of arrays"])
def test_scores_of_any_layout(layout):
    change = {
        "callable": lambda array: torch.from_numpy(array).requires_grad_().__getitem__,
        "callable of arrays": lambda array: array.__getitem__,
    }.get(layout) or FEATURE_LAYOUTS[layout]
    change = change if layout != "pandas" else pd.DataFrame
    whole = np.floor(SCORES)
    before = whole.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(evaluate_scores(change(whole), *IDS, block_rows=3), evaluate_scores(before, *IDS))
    np.testing.assert_array_equal(whole, before)


@pytest.mark.parametrize(
    "dtype", [np.bool_, *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)), "float8_e5m2"]
)
def test_scores_of_any_type_against_the_textbook(dtype):
    levels = np.random.default_rng(2).integers(0, 2 if dtype is np.bool_ else 3, SCORES.shape)
    match = IDS[0][:, None] == IDS[2]
    scores = torch.from_numpy(levels).to(getattr(torch, dtype)) if dtype == "float8_e5m2" else levels.astype(dtype)
    for ties, shift in (("optimistic", 0.5), ("pessimistic", -0.5)):
        expected = textbook.evaluate(levels + shift * match, *IDS)
        found = evaluate_scores(scores, *IDS, ties=ties)
        assert [found.mAP, found.mINP] == pytest.approx([expected[0], expected[2]], abs=1e-12)
        assert found.cmc == pytest.approx(expected[1], abs=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.uint32])
def test_the_ends_of_a_type_are_scores_like_others(dtype):
    ends = np.iinfo(dtype)
    scores = np.array([[ends.max, ends.min, ends.max // 2]], dtype=dtype)
    assert evaluate_scores(scores, [1], [0], [2, 1, 3], [1, 1, 1]).per_query["rank"].tolist() == [3]
    assert evaluate_scores(scores, [1], [0], [2, 3, 1], [1, 1, 1]).per_query["rank"].tolist() == [2]


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        (np.array([1, 5]), [1, 5]),
        (np.array([5, 1], dtype=">u2"), [5, 1]),
        (range(1, 4), [1, 2, 3]),
        ((k for k in (2, 3)), [2, 3]),
        ([np.int64(2), 3], [2, 3]),
        (torch.tensor([1, 2]), [1, 2]),
        (pd.Series([4, 1], index=[7, 7]), [4, 1]),
        ((1, 1, 5), [1, 5]),
        ((10**18, 2**64 - 1), [10**18, 2**64 - 1]),
    ],
)
def test_ranks_of_any_kind(ranks, expected):
    found = evaluate(QUERY, GALLERY, *IDS, ranks=ranks).cmc
    assert list(found) == expected
    assert all(type(k) is int for k in found)
    everywhere = evaluate(QUERY, GALLERY, *IDS, ranks=tuple(range(1, 60))).cmc
    assert found == {k: everywhere[min(k, 59)] for k in expected}


GOOD = {
    "query_features": QUERY,
    "gallery_features": GALLERY,
    **dict(zip(("query_pids", "query_camids", "gallery_pids", "gallery_camids"), IDS, strict=True)),
}
RAGGED = [[1.0, 2.0], [3.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query_features": QUERY.astype(complex)}, "query features have shape .* complex128; expected real numbers"),
        ({"query_features": torch.from_numpy(QUERY).to(torch.cfloat)}, "tensor of torch.complex64, .* dense real"),
        ({"query_features": QUERY.astype(int)}, "query features have shape .* torch.int64; expected floating point"),
        ({"gallery_features": GALLERY > 0}, "gallery features .* torch.bool; expected floating point"),
        ({"gallery_features": GALLERY.astype(np.longdouble)}, "expected real numbers of up to 64 bits"),
        ({"gallery_features": GALLERY.astype(str)}, "gallery features have shape .* dtype <U.*; expected real numbers"),
        ({"gallery_features": GALLERY.astype(object)}, "dtype object; expected real numbers"),
        ({"gallery_features": pd.DataFrame(GALLERY).astype("Float64")}, "dtype object; expected real numbers"),
        ({"gallery_features": RAGGED}, "gallery features of type list are no array of numbers: setting an array"),
        ({"gallery_features": None}, r"gallery features have shape \(\) and dtype object"),
        ({"gallery_features": torch.from_numpy(GALLERY).to_sparse()}, "torch.sparse_coo, on cpu; expected dense"),
        ({"gallery_features": torch.empty(31, 5, device="meta")}, "on meta; expected dense"),
        ({"gallery_features": sparse.csr_array(GALLERY)}, r"have shape \(\) and dtype object"),
        ({"gallery_features": np.ma.masked_less(GALLERY, 0)}, "gallery features have masked values"),
        ({"gallery_features": GALLERY[:, :0], "query_features": QUERY[:, :0]}, r"have shape \(31, 0\)"),
        ({"gallery_features": GALLERY[:, 0]}, r"have shape \(31,\)"),
        ({"gallery_features": GALLERY[:30]}, "expected a row per identity"),
        ({"gallery_features": np.where(GALLERY == 4, np.nan, GALLERY)}, "query 0 has scores that are not finite"),
        ({"query_features": np.where(QUERY[3, 3] == QUERY, np.inf, QUERY)}, "has scores that are not finite"),
        ({"query_features": QUERY[:0], "query_pids": [], "query_camids": []}, "query has 0 identities and 0 cameras"),
        ({"gallery_features": GALLERY[:0], "gallery_pids": [], "gallery_camids": []}, "gallery has 0 identities"),
        (
            {"gallery_pids": IDS[2].astype(np.uint64)},
            r"gallery_pids holds 18446744073709551615; expected .* below 2\^63",
        ),
        ({"query_pids": [2**64] * 7}, "query_pids has shape .* dtype object"),
        ({"query_pids": [2**63, *[-1] * 6]}, "query_pids has shape .*; expected one integer per image"),
        ({"query_pids": [1.5] * 7}, "dtype float64; expected one integer per image"),
        ({"query_pids": pd.Series([1, None] * 3 + [1], dtype="Int64")}, "expected one integer per image"),
        ({"query_pids": np.ma.masked_equal(IDS[0], 1)}, "query_pids have masked values"),
        ({"query_pids": [[1]] * 7}, r"query_pids has shape \(7, 1\)"),
        ({"query_pids": 1}, r"query_pids has shape \(\)"),
        ({"query_pids": IDS[0][:5]}, "query has 5 identities and 7 cameras"),
        ({"query_camids": ["c1"] * 7}, "query_camids has shape .* dtype <U2; expected one integer"),
        ({"query_camids": [True] * 7}, "query_camids has shape .* dtype bool"),
        ({"query_camids": np.zeros(7, "timedelta64[s]")}, "query_camids has shape .* timedelta64"),
        ({"query_camids": RAGGED}, "query_camids of type list are no array of numbers"),
        ({"ranks": (1, 1.5)}, r"got ranks \(1, 1.5\); expected at least one whole number, each 1 or more"),
        ({"ranks": 5}, "got ranks 5; expected at least one"),
        ({"ranks": "15"}, "got ranks '15'; expected at least one"),
        ({"ranks": np.array([1.0, 5.0])}, "expected at least one whole number"),
        ({"ranks": [np.nan]}, "expected at least one whole number"),
        ({"ranks": np.zeros((2, 2), int)}, r"got ranks array\(\[\[0, 0\], \[0, 0\]\]\); expected"),
        ({"ranks": [-1]}, "each 1 or more"),
        ({"ranks": None}, "got ranks None"),
        ({"block_rows": 1.5}, "got block_rows 1.5; expected 1 or more, a whole number"),
        ({"block_rows": "8"}, "got block_rows '8'"),
        ({"block_rows": -3}, "got block_rows -3"),
        ({"ties": None}, "unknown ties 'NoneType'"),
        ({"ties": np.array(["expected", "best"])}, "unknown ties 'ndarray'"),
        ({"similarity": ["dot"]}, "unknown similarity 'list'; expected one of: cosine, euclidean, dot"),
        ({"device": "gpu"}, "cannot compute on device 'gpu': Expected one of cpu"),
        ({"device": "cuda:99"}, "cannot compute on device 'cuda:99'"),
        ({"device": 3.5}, "cannot compute on device 3.5"),
        ({"device": torch.float64}, "cannot compute on device torch.float64"),
        ({"device": "meta"}, "cannot compute on device 'meta'"),
    ],
)
def test_bad_input_gives_one_line(change, message):
    with pytest.raises(InputError, match=message) as caught:
        evaluate(**GOOD | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (SCORES.astype(complex), "scores have shape .* complex128; expected real numbers"),
        (SCORES.astype(str), "scores have shape .*; expected real numbers"),
        (SCORES[:, :30], r"scores have shape \(7, 30\); expected \(queries, gallery\) \(7, 31\)"),
        (SCORES.T, r"scores have shape \(31, 7\)"),
        (np.full(SCORES.shape, np.nan), "query 0 has scores that are not finite"),
        (np.full(SCORES.shape, 2**63, dtype=np.uint64), r"scores reach 2\^63 or more"),
        (np.full(SCORES.shape, -(2**63)), "query 0 has scores that are -9223372036854775808 or 9223372036854775807"),
        (np.ma.masked_less(SCORES, 0), "scores have masked values"),
        (sparse.csr_array(SCORES), "expected real numbers"),
        (None, "expected real numbers"),
        (RAGGED, "scores of type list are no array of numbers"),
        (lambda rows: None, "expected real numbers"),
        (lambda rows: SCORES, r"scores have shape \(7, 31\); expected \(queries, gallery\) \(3, 31\)"),
        (lambda rows: SCORES[rows].astype(complex), "expected real numbers"),
    ],
)
def test_bad_scores_give_one_line(scores, message):
    with pytest.raises(InputError, match=message) as caught:
        evaluate_scores(scores, *IDS, block_rows=3)
    assert "\n" not in str(caught.value)
