"""Features of a trained model, with all of its experts or with any of them switched off.

A gate decides an image's features, and variants often give an image the same gate: someone without a hat does not
notice that the experts for hats are off. So each image is computed once per distinct gate, and the blocks before the
first expert once for all of them. Table 3 trains each inclusion set; this asks the same of one model with all experts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from mosaicreid.data.loaders import Samples, evaluation_batches
from mosaicreid.models.reid import ReidModel, retrieval_features
from mosaicreid.models.router import Router


def extract_features(
    model: ReidModel,
    samples: Samples,
    router: Router | None,
    *,
    batch_size: int,
    device: torch.device | str,
    precision: torch.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Retrieval features of all images, (N, 2 widths) float32 on ``device``, not normalised.

    ``router`` makes the gate from the samples' attribute codes; None for a model without experts. ``precision`` is the
    type of autocast, None for none; ``mask`` (E,), of ``Router.mask``, switches experts off.
    Model and router must be on ``device``; the model's mode is left as it was.

    Raises:
        InputError: a router and experts that do not belong together, or a batch size below 1.
    """
    rows = []
    with _evaluating(model), _autocast(device, precision):
        for batch in evaluation_batches(samples, batch_size=batch_size, device=device):
            gate = None if router is None else router(batch.codes, mask)
            rows.append(retrieval_features(model.features(batch.images, gate, batch.camids)).float())
    return torch.cat(rows)


def extract_variants(
    model: ReidModel,
    samples: Samples,
    router: Router,
    masks: Tensor,
    *,
    batch_size: int,
    device: torch.device | str,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Features as ``extract_features`` under each of V masks on the experts, (V, N, 2 widths) float32 on ``device``.

    ``masks`` (V, E) of 0 and 1, as ``Router.mask`` makes them. The arguments and errors are otherwise the same.
    """
    parts = []
    with _evaluating(model), _autocast(device, precision):
        for batch in evaluation_batches(samples, batch_size=batch_size, device=device):
            gates = torch.stack([router(batch.codes, mask) for mask in masks])
            prefix = model.prefix(batch.images, batch.camids)
            parts.append(_suffixes(model, prefix, gates, batch_size))
    return torch.cat(parts, dim=1)


def _suffixes(model: ReidModel, prefix: Tensor, gates: Tensor, batch_size: int) -> Tensor:
    """Features (V, B, 2 widths) of one batch under ``gates`` (V, B, E), every distinct pair of image and gate once."""
    images = torch.arange(len(prefix), device=prefix.device).expand(gates.shape[:2])
    pairs = torch.cat([images[:, :, None].to(gates.dtype), gates], dim=2).flatten(0, 1)
    distinct, position = torch.unique(pairs, dim=0, return_inverse=True)
    image, gate = distinct[:, 0].long(), distinct[:, 1:]
    parts = [
        retrieval_features(model.suffix(prefix[images_of_part], some)).float()
        for images_of_part, some in zip(image.split(batch_size), gate.split(batch_size), strict=True)
    ]
    return torch.cat(parts)[position].unflatten(0, gates.shape[:2])


def _autocast(device: torch.device | str, precision: torch.dtype | None) -> torch.autocast:
    return torch.autocast(torch.device(device).type, dtype=precision, enabled=precision is not None)


@contextmanager
def _evaluating(model: ReidModel) -> Iterator[None]:
    """Evaluation mode without gradients, and the mode from before afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
