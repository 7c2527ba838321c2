"""Counting: how often intervals hold their target, how wide they are, and whether their middle is off."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """What one method says of one simulated data set, and what is true: (K,) each, in one unit.

    ``together``: the intervals claim to hold all at once, so that one that misses its target makes all miss.

    Raises:
        InputError: arrays of different lengths, or none.
    """

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    target: NDArray[np.float64]
    together: bool = False

    def __post_init__(self) -> None:
        """Refuse what is not an estimate, two ends and a target each."""
        shapes = [np.shape(values) for values in (self.estimate, self.low, self.high, self.target)]
        if len(set(shapes)) > 1 or len(shapes[0]) != 1 or not shapes[0][0]:
            raise InputError(
                f"got estimates, ends and targets of shapes {shapes}; expected one row of each, equally long"
            )

    @property
    def held(self) -> NDArray[np.bool_]:
        """(K,), or (1,) of intervals that claim to hold together. An interval without ends holds nothing."""
        inside: NDArray[np.bool_] = (self.low <= self.target) & (self.target <= self.high)
        return np.atleast_1d(inside.all()) if self.together else inside


def summary(found: Iterable[Intervals]) -> dict[str, float]:
    """Over simulated data sets, of one method with the same targets: its numbers as columns of a table.

    intervals (how many were judged), covered (share) with std_err (data sets are independent, the intervals within one
    are not), least (coverage of the interval that is covered least), bias (mean of estimate less target) with
    bias_std_err, largest_bias (that of the target where it is largest, with its sign), mean_width.

    Raises:
        InputError: fewer than two data sets.
    """
    all_of = list(found)
    if len(all_of) < 2:
        raise InputError(f"got {len(all_of)} simulated data sets; expected 2 at least")
    held = np.stack([intervals.held for intervals in all_of]).astype(float)
    error = np.stack([intervals.estimate - intervals.target for intervals in all_of])
    width = np.stack([intervals.high - intervals.low for intervals in all_of])
    root = np.sqrt(len(all_of))
    biases = error.mean(axis=0)
    return {
        "intervals": held.size,
        "covered": held.mean(),
        "std_err": held.mean(axis=1).std(ddof=1) / root,
        "least": held.mean(axis=0).min(),
        "bias": error.mean(),
        "bias_std_err": error.mean(axis=1).std(ddof=1) / root,
        "largest_bias": biases[np.abs(biases).argmax()],
        "mean_width": float(np.nanmean(width)),
    }


def tabulate(found: dict[tuple[str, ...], list[Intervals]], *, keys: tuple[str, ...]) -> pd.DataFrame:
    """A row per method: ``keys`` (what the names in ``found`` are), and ``summary``."""
    return pd.DataFrame(
        [dict(zip(keys, names, strict=True)) | summary(intervals) for names, intervals in found.items()]
    )
