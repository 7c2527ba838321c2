"""The run files of a saved model under labels of any origin: the annotation's, a table's, or predicted ones."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mosaicreid.analyses.saved.sources import Saved, read_saved
from mosaicreid.attributes import ImageAnnotation
from mosaicreid.data.check import protocol_problems
from mosaicreid.data.folders import ReidData, read_dataset
from mosaicreid.data.loaders import Samples, load_samples
from mosaicreid.datasets import get_dataset
from mosaicreid.errors import InputError, one_of
from mosaicreid.files import check_space, expanded, sha256
from mosaicreid.labels.heads import fit_heads, single_labels
from mosaicreid.labels.permuted import Codes
from mosaicreid.labels.table import read_labels
from mosaicreid.retrieval.metrics import evaluate
from mosaicreid.runs import Run, environment, read_run, run_folder, run_name, write_run
from mosaicreid.training.distributed import make_accelerator
from mosaicreid.training.inference import extract_features
from mosaicreid.training.optimiser import count_parameters
from mosaicreid.training.run import PRECISIONS, describe_device, peak_memory
from mosaicreid.training.session import name_caches_without_user

# Of whom the router is told what; a name that ends in .csv is a table.
LABELS = ("oracle", "predicted")


def evaluate_saved(
    source: Path,
    *,
    root: Path,
    output: Path,
    labels: str = "oracle",
    dataset: str | None = None,
    encoder: Path | None = None,
    off: Sequence[str] = (),
    cache: Path | None = None,
) -> Run:
    """Evaluate the model in ``source`` on the dataset in ``root``; the run below ``output`` that was written.

    Its files are those of an ordinary run (``runs.write_run``), in ``output/<dataset>/<name>/seed<k>``. Under
    ``environment.evaluation``, config.json says what was evaluated, and with which labels.

    Args:
        source: the folder of a run, or of the adapters that it exported.
        labels: ``oracle`` (the dataset's annotation), ``predicted`` (by linear heads that learn the training images'
            annotation from features without experts), or the path of a CSV table (``labels.table``).
        dataset: the dataset's name; None for the one that the experts were trained on.
        encoder: as ``read_saved``.
        off: attributes or experts ``attribute=value`` that are switched off for all images.
        cache: the folder of decoded images; None for ``_cache`` in ``output``.

    Raises:
        InputError: a source, dataset or table that does not fit, or an evaluation that is there already.
            Nothing has been written then.
    """
    name_caches_without_user()
    if labels not in LABELS and not labels.endswith(".csv"):
        raise one_of("labels", labels, (*LABELS, "the path of a .csv table"))
    saved = read_saved(source, encoder=encoder, dataset=dataset)
    config, router, output = saved.config, saved.router, Path(output)
    folder = run_folder(output, dataset=config.data.dataset, name=run_name(config), seed=config.seed)
    if folder.exists():
        raise InputError(f"{folder} is there already; expected another --output, for nothing is overwritten")
    if router is None and (labels != "oracle" or off):
        raise InputError(f"{source} has no experts; expected neither --labels nor --off with a baseline")
    if config.experts.routing in ("always", "random", "permuted"):
        raise InputError(
            f"the experts in {source} were routed {config.experts.routing!r}, a control that no label steers; expected "
            "experts that were trained on labels"
        )
    if router is not None:
        # For the names that do not exist; the mask itself belongs on the device.
        router.mask(off)
    data = read_dataset(config.dataset, root)
    _check_data(data, saved, labels=labels)
    table = (
        None
        if labels in LABELS or router is None
        else read_labels(Path(labels), data, get_dataset(config.data.dataset), router.attributes)
    )
    accelerator = make_accelerator(config.runtime)
    decoded = expanded(cache) if cache else output / "_cache"
    check_space({folder: 0, decoded: 0})
    train, query, gallery = load_samples(data, config.data, folder=decoded)
    for module in filter(None, (saved.model, saved.plain, router)):
        module.to(accelerator.device)
    how: dict[str, Any] = {
        "batch_size": config.data.evaluation_batch_size,
        "device": accelerator.device,
        "precision": PRECISIONS[config.runtime.precision],
    }
    started = time.perf_counter()
    if table is not None:
        query, gallery = _labelled(query, table[0]), _labelled(gallery, table[1])
    elif labels == "predicted" and router is not None:
        plain = [
            extract_features(saved.plain, samples, None, **how).cpu().numpy() for samples in (train, query, gallery)
        ]
        heads = fit_heads(plain[0], train.codes, config.schema)
        query, gallery = _labelled(query, heads.codes(plain[1])), _labelled(gallery, heads.codes(plain[2]))
    mask = None if router is None else router.mask(off)
    features = [extract_features(saved.model, samples, router, mask=mask, **how) for samples in (query, gallery)]
    retrieval = evaluate(features[0], features[1], query.pids, query.camids, gallery.pids, gallery.camids)
    seconds = time.perf_counter() - started
    parameters = count_parameters(saved.model)
    described = environment(device=describe_device(accelerator), instructions=torch.backends.cpu.get_cpu_capability())
    if folder.exists():
        raise InputError(f"{folder} has been written meanwhile; nothing is overwritten")
    write_run(
        folder,
        config=config,
        environment=described | {"evaluation": _account(source, labels, off)},
        scores={"mAP": retrieval.mAP, **{f"rank{k}": retrieval.cmc[k] for k in (1, 5, 10)}, "mINP": retrieval.mINP},
        cost={
            "evaluation_seconds": seconds,
            "peak_memory_bytes": peak_memory(accelerator.device),
            "frozen_parameters": int(parameters[["trained", "frozen"]].to_numpy().sum()),
        },
        per_query=retrieval.per_query,
        history=saved.history,
    )
    return read_run(folder)


def _account(source: Path, labels: str, off: Sequence[str]) -> dict[str, Any]:
    table = {} if labels in LABELS else {"labels_sha256": sha256(Path(labels))}
    return {"source": str(source), "labels": labels, "off": sorted(off)} | table


def _check_data(data: ReidData, saved: Saved, *, labels: str) -> None:
    problems = protocol_problems(data.query, data.gallery)
    if problems:
        raise InputError(f"{data.root} cannot be evaluated: {'; '.join(problems)}")
    cameras = saved.plain.encoder.camera_embedding
    if cameras is not None and data.cameras > len(cameras):
        raise InputError(
            f"{data.root} has {data.cameras} cameras, the encoder's camera embedding {len(cameras)}; expected no more"
        )
    if saved.router is not None and labels in LABELS and data.annotation is None:
        raise InputError(
            f"{data.root} has no annotation, which {labels} labels come from; expected one, or --labels TABLE.csv"
        )
    if labels == "predicted" and data.annotation is not None:
        own = data.annotation["train"]
        paths, pids = data.train.paths, data.train.pids
        codes = own.lookup_paths(paths) if isinstance(own, ImageAnnotation) else own.lookup(pids)
        for column, group in enumerate(own.schema.groups):
            if not single_labels(codes[:, column])[1].any():
                raise InputError(f"{data.root} has no training image with one label of {group.name} to learn from")


def _labelled(samples: Samples, codes: Codes) -> Samples:
    return replace(samples, codes=codes.astype(np.int64))
