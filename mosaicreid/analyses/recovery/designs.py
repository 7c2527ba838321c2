"""Sets of configurations to train: which rows tell the attributes' effects apart best, for as many rows as the paper's.

All are (rows, attributes) arrays of 0/1 whose first row is the baseline, which is trained in any case.
"""

import numpy as np
from numpy.typing import NDArray

from mosaicreid.errors import InputError
from mosaicreid.statistics.shapley import subsets

# Every subset is a candidate of the exchange.
_MOST_ATTRIBUTES = 16
_STARTS = 4


def balanced(rows: int, attributes: int, *, seed: int) -> NDArray[np.float64]:
    """Random rows, every attribute in half of them (or in one more or less), drawn until all effects can be told.

    Raises:
        InputError: no more rows than parameters.
    """
    _check(rows, attributes)
    generator = np.random.default_rng(seed)
    half = np.arange(rows - 1) < (rows - 1) // 2
    while True:
        design = np.column_stack([generator.permutation(half) for _ in range(attributes)]).astype(float)
        design = np.vstack([np.zeros(attributes), design])
        if np.linalg.matrix_rank(_terms(design)) == attributes + 1:
            return design


def alone(rows: int, attributes: int) -> NDArray[np.float64]:
    """Every attribute alone, over and over until the rows are full; what is repeated is trained again.

    Raises:
        InputError: no more rows than parameters.
    """
    _check(rows, attributes)
    singles = np.eye(attributes)[np.arange(rows - 1) % attributes]
    return np.vstack([np.zeros(attributes), singles])


def d_optimal(rows: int, attributes: int, *, seed: int) -> NDArray[np.float64]:
    """Rows whose effects have the smallest generalised variance where effects add up: det(X'X) is as large as found.

    Fedorov's exchange over all subsets of the attributes, from several ``balanced`` starts: the one row and the one
    subset whose exchange enlarges the determinant most are exchanged until none does. The baseline stays.

    Raises:
        InputError: no more rows than parameters; more than 16 attributes, whose subsets are too many to try.
    """
    _check(rows, attributes)
    if attributes > _MOST_ATTRIBUTES:
        raise InputError(
            f"got {attributes} attributes; expected at most {_MOST_ATTRIBUTES}, whose subsets are all tried"
        )
    candidates = _terms(subsets(attributes).astype(float))
    best, largest = np.empty(0), -np.inf
    for start in range(_STARTS):
        design = _exchange(_terms(balanced(rows, attributes, seed=seed + start)), candidates)
        found = log_determinant(design[:, 1:])
        if found > largest + 1e-9:
            best, largest = design[:, 1:], found
    return best


def log_determinant(design: NDArray[np.float64]) -> float:
    """Logarithm of det(X'X), X being an intercept and the columns of ``design``; -inf if effects are inseparable."""
    sign, value = np.linalg.slogdet(_terms(design).T @ _terms(design))
    return float(value) if sign > 0 else -np.inf


def _exchange(design: NDArray[np.float64], candidates: NDArray[np.float64]) -> NDArray[np.float64]:
    while True:
        inverse = np.linalg.inv(design.T @ design)
        own = ((design @ inverse) * design).sum(axis=1)
        others = ((candidates @ inverse) * candidates).sum(axis=1)
        cross = design @ inverse @ candidates.T
        # The determinant grows by this factor when a row leaves and a candidate comes (Fedorov 1972).
        factor = (1 - own[:, None]) * (1 + others) + cross**2
        factor[0] = 0.0
        row, candidate = np.unravel_index(factor.argmax(), factor.shape)
        if factor[row, candidate] <= 1 + 1e-9:
            return design
        design = design.copy()
        design[row] = candidates[candidate]


def _terms(design: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.ones(len(design)), design])


def _check(rows: int, attributes: int) -> None:
    if rows <= attributes + 1:
        raise InputError(
            f"got {rows} rows for {attributes + 1} parameters (an intercept and {attributes} attributes); expected more"
        )
