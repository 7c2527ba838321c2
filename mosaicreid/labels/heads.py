"""Linear attribute heads on frozen features: predicted labels in place of the oracle's."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import entropy
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from mosaicreid.attributes import Schema
from mosaicreid.errors import InputError


@dataclass(frozen=True, kw_only=True)
class AttributeHeads:
    """One multinomial logistic regression per attribute; an attribute with one value in training predicts that one."""

    schema: Schema
    heads: tuple[Pipeline | int, ...]

    def probabilities(self, features: NDArray[np.floating]) -> list[NDArray[np.float64]]:
        """Per attribute the (N, values) probabilities of its values; 0 for a value never seen in training."""
        result = []
        for group, head in zip(self.schema.groups, self.heads, strict=True):
            table = np.zeros((len(features), len(group.values)))
            if isinstance(head, int):
                table[:, head] = 1.0
            else:
                table[:, head.classes_] = head.predict_proba(features)
            result.append(table)
        return result

    def codes(self, features: NDArray[np.floating]) -> NDArray[np.int64]:
        """(N, A) codes of the most probable value of every attribute."""
        return np.stack([1 << table.argmax(axis=1) for table in self.probabilities(features)], axis=1)


def fit_heads(
    features: NDArray[np.floating], codes: NDArray[np.integer], schema: Schema, *, regularisation: float = 100.0
) -> AttributeHeads:
    """Fit a head per attribute on the images where it has exactly one label.

    Args:
        features: (N, D) of training identities. codes: (N, A). regularisation: L2 strength (1 / C) on standardised
            features; of 0.1 to 1000, the default read best in a pilot's world.

    Raises:
        InputError: numbers of images or attributes that do not fit, or an attribute without any label.
    """
    if len(features) != len(codes) or codes.shape[1] != len(schema.groups):
        raise InputError(
            f"got {len(features)} features and codes of shape {codes.shape}; expected a row each and "
            f"{len(schema.groups)} attributes"
        )
    heads: list[Pipeline | int] = []
    for column, group in enumerate(schema.groups):
        values, single = single_labels(codes[:, column])
        if not single.any():
            raise InputError(f"no training image has one label of {group.name!r}; nothing to learn it from")
        seen = np.unique(values[single])
        if len(seen) == 1:
            heads.append(int(seen[0]))
            continue
        head = make_pipeline(StandardScaler(), LogisticRegression(C=1 / regularisation, max_iter=300))
        with warnings.catch_warnings():
            # A head that is not quite converged predicts as well; what counts is its accuracy, which is reported.
            warnings.simplefilter("ignore", ConvergenceWarning)
            heads.append(head.fit(features[single], values[single]))
    return AttributeHeads(schema=schema, heads=tuple(heads))


def single_labels(codes: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Value number of every code of one attribute (N,), and whether it holds exactly one label."""
    single = (codes != 0) & (codes & (codes - 1) == 0)
    return np.log2(np.where(single, codes, 1)).astype(np.int64), single


def score_heads(
    heads: AttributeHeads, features: NDArray[np.floating], codes: NDArray[np.integer], *, bins: int = 10
) -> pd.DataFrame:
    """Accuracy and calibration of the heads on images with one label of an attribute.

    Returns:
        One row per attribute: attribute, images, accuracy, majority (accuracy of always naming the commonest value
        here), calibration_error (expected calibration error over equally wide confidence bins, Guo et al. 2017),
        unread_bits: H(label | predicted label), the bits of the label that the prediction leaves open, from the shares
        on these images (few images for many values understate it).
    """
    rows = []
    for column, (group, table) in enumerate(zip(heads.schema.groups, heads.probabilities(features), strict=True)):
        values, single = single_labels(codes[:, column])
        truth, probability = values[single], table[single]
        predicted = probability.argmax(axis=1)
        right = predicted == truth
        rows.append(
            {
                "attribute": group.name,
                "images": int(single.sum()),
                "accuracy": right.mean() if len(right) else np.nan,
                "majority": np.bincount(truth).max() / len(truth) if len(truth) else np.nan,
                "calibration_error": calibration_error(probability.max(axis=1), right, bins=bins),
                "unread_bits": unread_bits(truth, predicted),
            }
        )
    return pd.DataFrame(rows)


def unread_bits(truth: NDArray[np.integer], predicted: NDArray[np.integer]) -> float:
    """H(T | P) = H(T) - I(T; P) in bits, of the observed shares of values (N,) and predictions (N,); NaN for none."""
    if not len(truth):
        return float("nan")
    known = mutual_info_score(truth, predicted)
    return max(0.0, float((entropy(np.bincount(truth)) - known) / np.log(2)))


def calibration_error(confidence: Sequence[float] | NDArray, right: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Mean, over ``bins`` equally wide confidence bins, of how far accuracy is from confidence, weighted by size."""
    confidence = np.asarray(confidence, dtype=float)
    if not len(confidence):
        return float("nan")
    edge = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(edge, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))
