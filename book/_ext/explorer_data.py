"""What the explorer shows, gathered from result files and packed small enough to lie in a page.

Scores of all subsets of attributes are strings of fixed-width base-36 integers in the order of
``mosaicreid.statistics.shapley.subsets``: subset s stands at ``s * width``, and bit a of s is attribute a.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sources import source_of

from mosaicreid.datasets import TITLES, get_schema
from mosaicreid.names.terms import CONTROLS
from mosaicreid.published import DATASETS, METRICS
from results import ResultError, read_table, select

SHOWN_CONTROLS = ("permuted-trained", "fusion-crossfit", "labels", "predicted")
# Column of `leakage_subsets_<dataset>.csv`: its name in the page, decimals that the file has.
_PACKED = {
    **{metric: (metric, 3) for metric in METRICS},
    "entropy_bits": ("bits", 3),
    "shared_identities": ("shared", 0),
}
_SMALL = ("mAP",)


def files(*, small: bool) -> list[str]:
    """Every result file that an explorer is made from."""
    by_dataset = ("leakage_subsets", "table3") if small else ("leakage_subsets", "table3", "experiment_table3")
    names = [f"{name}_{dataset}" for name in by_dataset for dataset in DATASETS]
    if not small:
        names += ["published_glm", "published_glm_covariance", "published_glm_residual"]
        names += ["robust_gains", "oracle_controls"]
    return [f"{name}.csv" for name in names]


def line(row: object) -> int:
    """The line of a CSV file that a row of ``read_table`` stands in: the first holds the names of the columns."""
    return int(row) + 2  # type: ignore[call-overload]


def explorer_data(folder: Path, *, small: bool) -> dict[str, object]:
    """All that the script needs, as JSON's own types: scores with their place in the files, and the code behind each
    file. ``small`` keeps what attributes alone retrieve and the paper's scores, in mAP.

    Raises:
        ResultError: a file is missing, or its rows are not those of all subsets.
    """
    return {
        "metrics": list(_SMALL if small else METRICS),
        "codes": {name: source_of(name).code for name in files(small=small)},
        "datasets": [dataset_data(folder, dataset, small=small) for dataset in DATASETS],
    }


def dataset_data(folder: Path, dataset: str, *, small: bool) -> dict[str, object]:
    """One dataset's part of ``explorer_data``."""
    attributes = list(get_schema(dataset).attributes)
    name = f"leakage_subsets_{dataset}.csv"
    table = read_table(folder, name)
    if masks(table, attributes, name) != list(range(2 ** len(attributes))):
        raise ResultError(f"{name} does not list all subsets of {', '.join(attributes)} in the order of their bits")
    packed = {column: told for column, told in _PACKED.items() if not small or column in _SMALL}
    data: dict[str, object] = {
        "name": dataset,
        "title": TITLES[dataset],
        "attributes": attributes,
        "packed": {
            shown: {**pack(table[column], decimals), "column": column} for column, (shown, decimals) in packed.items()
        },
        "sets": trained_sets(folder, dataset, attributes, small=small),
    }
    if not small:
        data["glm"] = {metric: glm(folder, dataset, metric, ["Intercept", *attributes]) for metric in METRICS}
        data["controls"] = controls(folder, dataset)
    return data


def pack(cells: Iterable[str], decimals: int) -> dict[str, object]:
    """Numbers of so many decimals as one string: ``text``, ``width`` characters each, ``scale`` to divide by."""
    scale = 10**decimals
    digits = [np.base_repr(round(float(cell) * scale), 36).lower() for cell in cells]
    width = max(map(len, digits))
    return {"text": "".join(digit.zfill(width) for digit in digits), "width": width, "scale": scale}


def masks(table: pd.DataFrame, attributes: Sequence[str], name: str) -> list[int]:
    """The subset of each row, bit a for attribute a."""
    missing = [attribute for attribute in attributes if attribute not in table]
    if missing:
        raise ResultError(f"no columns {missing} in {name}; there are: {', '.join(table)}")
    return [int(mask) for mask in table[list(attributes)].astype(int).to_numpy() @ (1 << np.arange(len(attributes)))]


def trained_sets(folder: Path, dataset: str, attributes: Sequence[str], *, small: bool) -> list[dict[str, object]]:
    """The inclusion sets that the paper or we trained: name, mask, the scores of either (ours with the SD over seeds),
    and our gain in mAP over the world's baseline with its simultaneous interval; the baseline has no gain. Of each,
    the line in its file."""
    found: dict[str, dict[str, object]] = {}
    published = f"table3_{dataset}.csv"
    table = read_table(folder, published)
    for place, (mask, row) in enumerate(
        zip(masks(table, attributes, published), table.to_dict("records"), strict=True)
    ):
        scores = {metric: float(row[metric]) for metric in (_SMALL if small else METRICS)}
        name = row["configuration"]
        found[name] = {"name": name, "mask": mask, "paper": scores, "paperLine": line(place)}
    if small:
        return list(found.values())
    ours = f"experiment_table3_{dataset}.csv"
    table = read_table(folder, ours)
    gains = select(read_table(folder, "robust_gains.csv"), f"dataset={dataset}").reset_index(names="place")
    gains = gains.set_index("configuration")
    for place, (mask, row) in enumerate(zip(masks(table, attributes, ours), table.to_dict("records"), strict=True)):
        name = row["configuration"]
        entry = found.setdefault(name, {"name": name, "mask": mask})
        if entry["mask"] != mask:
            raise ResultError(f"{name!r} has other attributes in {ours} than in {published}")
        entry["ours"] = {metric: [float(row[metric]), float(row[f"{metric}_sd"])] for metric in METRICS}
        entry["oursLine"] = line(place)
        entry["seeds"] = int(row["seeds"])
        if name in gains.index:
            entry["gain"] = [float(gains.loc[name, column]) for column in ("gain", "sim_low", "sim_high")]
            entry["gainLine"] = line(gains.loc[name, "place"])
    return list(found.values())


def glm(folder: Path, dataset: str, metric: str, terms: Sequence[str]) -> dict[str, object]:
    """The paper's GLM: coefficients by term, their covariances (the triangle up to the diagonal, row by row), and what
    else the interval of a prediction needs."""
    where = f"dataset={dataset},metric={metric}"
    coefficients = select(read_table(folder, "published_glm.csv"), where).set_index("term")["coef"]
    pairs = select(read_table(folder, "published_glm_covariance.csv"), where).set_index(["term", "other"])["covariance"]
    residual = select(read_table(folder, "published_glm_residual.csv"), where).iloc[0]
    return {
        "coef": [float(coefficients[term]) for term in terms],
        "covariance": [float(pairs[a, b]) for place, a in enumerate(terms) for b in terms[: place + 1]],
        "residual": float(residual["residual_variance"]),
        "quantile": float(residual["t_quantile"]),
    }


def controls(folder: Path, dataset: str) -> list[dict[str, object]]:
    """mAP of the controls with all attributes, in the drawn world: name, title, score, interval, line in the file."""
    table = read_table(folder, "oracle_controls.csv")
    rows = [select(table, f"dataset={dataset},control={control}").iloc[0] for control in SHOWN_CONTROLS]
    return [
        {
            "name": row["control"],
            "title": CONTROLS[row["control"]],
            "mAP": [float(row[column]) for column in ("mAP", "ci_low", "ci_high")],
            "line": line(row.name),
        }
        for row in rows
    ]


def presets(data: dict[str, object]) -> list[tuple[str, list[str], set[str]]]:
    """The trained sets to jump to: configuration, titles of the datasets that have it, attributes of all of these.

    Raises:
        ResultError: the union of a name's attributes over datasets is not the same set within each of them.
    """
    datasets: list[dict] = data["datasets"]  # type: ignore[assignment]
    named: dict[str, dict[str, set[str]]] = {}
    for dataset in datasets:
        for entry in dataset["sets"]:
            members = {name for bit, name in enumerate(dataset["attributes"]) if entry["mask"] >> bit & 1}
            named.setdefault(entry["name"], {})[dataset["title"]] = members
    found = []
    for name, by_title in named.items():
        union = set().union(*by_title.values())
        for dataset in datasets:
            if dataset["title"] in by_title and by_title[dataset["title"]] != union & set(dataset["attributes"]):
                raise ResultError(f"{name!r} means different sets of shared attributes in {' and '.join(by_title)}")
        found.append((name, list(by_title), union))
    return found
