"""What callers hand to retrieval, as tensors and arrays that compute rightly; what cannot is an InputError.

Arrays may be of any byte order, stride and writability, tensors on any device and part of any graph; lists and pandas
objects count by position. Nothing is modified, and features are copied only where PyTorch cannot read them in place.
"""

import operator
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mosaicreid.errors import InputError, one_of

# Largest entries of a row between which squares and their sums keep their digits.
_RANGE = {torch.float32: (2.0**-40, 2.0**40), torch.float64: (2.0**-480, 2.0**480)}


def feature_pair(query: object, gallery: object, device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
    """(Q, D) and (G, D') of one floating type and device: the wider type, at least float32, where the gallery is.

    Rows whose entries are so small or large that float32 would lose their products have all of them in float64.

    Raises:
        InputError: not two axes or no columns, not floating point, a device that is not there, float64 rows below
            2^-480 or above 2^480.
    """
    gallery_tensor = _features("gallery", gallery, device)
    query_tensor = _features("query", query, gallery_tensor.device)
    dtype = torch.promote_types(query_tensor.dtype, gallery_tensor.dtype)
    pair = {"query": query_tensor.to(dtype), "gallery": gallery_tensor.to(dtype)}
    odd = {name: row for name, tensor in pair.items() if (row := _first_out_of_range(tensor)) is not None}
    if odd and dtype == torch.float64:
        name, row = odd.popitem()
        low, high = _RANGE[dtype]
        raise InputError(
            f"the largest of {name} features {row} is {pair[name][row].abs().max():g}; expected {low:g} to {high:g}, "
            "where products have digits (multiply all features by one number)"
        )
    if odd:
        return pair["query"].double(), pair["gallery"].double()
    return pair["query"], pair["gallery"]


def tensor_of(name: str, values: object) -> Tensor:
    """Numbers of any kind as a dense tensor without gradients, sharing memory where PyTorch can.

    Raises:
        InputError: no array of booleans, integers or floating-point numbers of at most 64 bits.
    """
    if isinstance(values, Tensor):
        if values.layout != torch.strided or values.is_meta or values.is_complex() or values.is_quantized:
            raise InputError(
                f"{name} are a tensor of {values.dtype}, {values.layout}, on {values.device}; expected dense real "
                "numbers"
            )
        return values.detach()
    array = array_of(name, values)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InputError(
            f"{name} have shape {array.shape} and dtype {array.dtype}; expected real numbers of up to 64 bits"
        )
    with warnings.catch_warnings():
        # That the array cannot be written to: nothing here writes to it.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return torch.from_numpy(array)
        except (TypeError, ValueError):
            return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), order="C"))


def array_of(name: str, values: object) -> NDArray:
    """``values`` as an array of whatever type they are.

    Raises:
        InputError: rows of different lengths, or masked values.
    """
    if np.ma.is_masked(values):
        raise InputError(f"{name} have masked values; expected a number everywhere")
    try:
        return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{name} of type {type(values).__name__} are no array of numbers: {first_line(error)}"
        ) from error


def integers(name: str, values: object) -> NDArray[np.int64]:
    """One integer per image, (N,); an empty list counts as none.

    Raises:
        InputError: another shape or type, or a number beyond int64.
    """
    array = array_of(name, values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputError(f"{name} has shape {array.shape} and dtype {array.dtype}; expected one integer per image")
    if array.size and array.max() > np.iinfo(np.int64).max:
        raise InputError(f"{name} holds {array.max()}; expected integers below 2^63 (is it -1 that was made unsigned?)")
    return array.astype(np.int64)


def count(name: str, value: object) -> int:
    """A whole number of 1 or more; InputError otherwise."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"got {name} {one_line(value)}; expected 1 or more, a whole number")
    return number


def counts(name: str, values: object) -> tuple[int, ...]:
    """Whole numbers, at least one, each 1 or more; InputError otherwise."""
    try:
        numbers = tuple(operator.index(value) for value in values)  # type: ignore[attr-defined]
    except TypeError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise InputError(f"got {name} {one_line(values)}; expected at least one whole number, each 1 or more")
    return numbers


def choice(what: str, value: object, expected: tuple[str, ...]) -> str:
    """``value``, which is one of ``expected``; InputError otherwise."""
    if not isinstance(value, str) or value not in expected:
        raise one_of(what, value if isinstance(value, str) else type(value).__name__, expected)
    return value


def one_line(value: object) -> str:
    """How ``value`` looks, in one line of bounded length."""
    return " ".join(repr(value).split())[:80]


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _features(name: str, values: object, device: torch.device | str | None) -> Tensor:
    tensor = tensor_of(f"{name} features", values)
    if tensor.ndim != 2 or not tensor.is_floating_point() or not tensor.shape[1]:
        raise InputError(
            f"{name} features have shape {tuple(tensor.shape)} and dtype {tensor.dtype}; expected floating point and "
            "(images, width), equally wide"
        )
    try:
        tensor = tensor if device is None else tensor.to(torch.device(device))
    except (RuntimeError, TypeError, AssertionError) as error:
        raise InputError(f"cannot compute on device {one_line(device)}: {first_line(error)}") from error
    if tensor.is_meta:
        raise InputError("cannot compute on device 'meta', which holds no numbers; expected cpu or a GPU")
    return tensor.float() if tensor.element_size() < torch.float32.itemsize else tensor


def _first_out_of_range(features: Tensor) -> int | None:
    low, high = _RANGE[features.dtype]
    # Several times as fast as the norm of order infinity.
    largest = torch.maximum(features.amax(dim=1), -features.amin(dim=1))
    odd = (largest > 0) & ~((largest >= low) & (largest <= high)) & largest.isfinite()
    return int(odd.nonzero()[0]) if odd.any() else None
