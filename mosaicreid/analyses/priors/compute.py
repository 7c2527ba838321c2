"""Figure 4: how common each attribute value is, per image, in the real datasets and in the synthetic world."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaicreid.attributes import Annotation
from mosaicreid.data.folders import Images

UNLABELLED = "unlabelled"
SEVERAL = "several"


def attribute_priors(annotation: Annotation, pids: npt.ArrayLike) -> pd.DataFrame:
    """The prior probability of each attribute value over images of the identities ``pids`` (N,).

    Images of identities without annotation (distractors, junk) do not count. Every other image falls into exactly one
    row per attribute: one of the values, ``unlabelled``, or ``several`` where more than one is annotated; rows of no
    image are kept. Columns: attribute, value, images, identities (those with at least one image), share (of the
    annotated images, 0..1; NaN where there is none).
    """
    wanted = np.asarray(pids, dtype=np.int64)
    wanted = wanted[np.isin(wanted, annotation.pids)]
    people, images_of = np.unique(wanted, return_counts=True)
    codes = annotation.lookup(people).astype(np.int64)
    rows = []
    for column, group in enumerate(annotation.schema.groups):
        code = codes[:, column]
        states = {value: code == 1 << bit for bit, value in enumerate(group.values)}
        states |= {UNLABELLED: code == 0, SEVERAL: code & (code - 1) > 0}
        for value, mask in states.items():
            rows.append((group.name, value, int(images_of[mask].sum()), int(mask.sum())))
    frame = pd.DataFrame(rows, columns=["attribute", "value", "images", "identities"])
    return frame.assign(share=frame["images"] / (len(wanted) or np.nan))


def dataset_priors(images: Mapping[str, Images], annotation: Mapping[str, Annotation]) -> pd.DataFrame:
    """``attribute_priors`` of train, of test (query and gallery together), and of both (split ``all``).

    The rows ``unlabelled`` and ``several`` are left out where no identity is in them.

    ``images`` by train, query and gallery; ``annotation`` by train and test. Columns: dataset, split, and those of
    ``attribute_priors``.
    """
    splits = {
        "train": attribute_priors(annotation["train"], images["train"].pids),
        "test": attribute_priors(annotation["test"], np.concatenate([images["query"].pids, images["gallery"].pids])),
    }
    together = splits["train"].copy()
    together[["images", "identities"]] += splits["test"][["images", "identities"]]
    # Every annotated image is in one row of each attribute.
    together["share"] = together["images"] / together.groupby("attribute")["images"].transform("sum")
    tables = [table.assign(split=split) for split, table in (splits | {"all": together}).items()]
    frame = pd.concat(tables, ignore_index=True).assign(dataset=annotation["train"].schema.dataset)
    empty = frame["value"].isin([UNLABELLED, SEVERAL]) & (frame["identities"] == 0)
    return frame.loc[~empty, ["dataset", "split", "attribute", "value", "images", "identities", "share"]]
