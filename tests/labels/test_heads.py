import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.labels.heads import (
    calibration_error,
    fit_heads,
    score_heads,
    single_labels,
    unread_bits,
)

SCHEMA = get_schema("dukemtmc")


def world(images: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Features that show every attribute's value on an axis of its own, and one attribute with a single value."""
    generator = np.random.default_rng(0)
    values = np.stack([generator.integers(0, len(group.values), images) for group in SCHEMA.groups], axis=1)
    values[:, 3] = 0
    features = values + 0.3 * generator.normal(size=values.shape)
    return features, 1 << values


def test_codes_of_readable_features_are_right() -> None:
    features, codes = world()
    heads = fit_heads(features[:200], codes[:200], SCHEMA)
    binary = [column for column, group in enumerate(SCHEMA.groups) if len(group.values) == 2]
    assert (heads.codes(features[200:])[:, binary] == codes[200:][:, binary]).mean() > 0.9
    assert (heads.codes(features)[:, 3] == 1).all()


def test_probabilities_are_those_of_logistic_regression() -> None:
    features, codes = world()
    heads = fit_heads(features, codes, SCHEMA, regularisation=2.0)
    scaler = StandardScaler().fit(features)
    reference = LogisticRegression(C=0.5, max_iter=300).fit(
        scaler.transform(features), np.log2(codes[:, 0]).astype(int)
    )
    mine = heads.probabilities(features)[0]
    np.testing.assert_allclose(mine, reference.predict_proba(scaler.transform(features)), rtol=1e-9)
    assert all(np.allclose(table.sum(axis=1), 1) for table in heads.probabilities(features))


def test_a_value_never_seen_gets_no_probability() -> None:
    features, codes = world()
    column = SCHEMA.attributes.index("upcolour")
    seen = codes[:, column] != 4
    heads = fit_heads(features[seen], codes[seen], SCHEMA)
    assert (heads.probabilities(features)[column][:, 2] == 0).all()


def test_unlabelled_and_double_labels_do_not_count() -> None:
    values, single = single_labels(np.array([0, 1, 2, 3, 4]))
    assert single.tolist() == [False, True, True, False, True]
    assert values[single].tolist() == [0, 1, 2]
    features, codes = world()
    codes[:100] = 0
    table = score_heads(fit_heads(features, codes, SCHEMA), features, codes)
    assert (table["images"] == 200).all()
    assert (table["accuracy"] >= table["majority"] - 0.02).all()


def test_calibration_error_by_hand() -> None:
    # Bin 0.6-0.7: confidence 0.65, two right of four; bin 0.9-1: confidence 0.95, all right.
    confidence = [0.65] * 4 + [0.95] * 4
    right = np.array([True, True, False, False, True, True, True, True])
    assert calibration_error(confidence, right) == pytest.approx(0.5 * 0.15 + 0.5 * 0.05)
    assert np.isnan(calibration_error([], np.array([], dtype=bool)))


def test_unread_bits_by_hand() -> None:
    four = np.array([0, 1, 2, 3])
    assert unread_bits(four, four) == pytest.approx(0)
    assert unread_bits(four, np.zeros(4, dtype=int)) == pytest.approx(2)
    assert unread_bits(four, four // 2) == pytest.approx(1)
    # One of two equally frequent values, read rightly in three cases of four.
    truth, predicted = np.repeat([0, 1], 4), np.array([0, 0, 0, 1, 1, 1, 1, 0])
    assert unread_bits(truth, predicted) == pytest.approx(-0.75 * np.log2(0.75) - 0.25 * np.log2(0.25))
    assert np.isnan(unread_bits(np.array([], dtype=int), np.array([], dtype=int)))


def test_bad_input_is_named() -> None:
    features, codes = world()
    with pytest.raises(InputError, match="got 10 features and codes of shape"):
        fit_heads(features[:10], codes, SCHEMA)
    codes[:, 1] = 0
    with pytest.raises(InputError, match="no training image has one label of 'bag'"):
        fit_heads(features, codes, SCHEMA)
