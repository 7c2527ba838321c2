"""Result tables: small CSV files, each with a JSON file beside it that says where its numbers came from."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mosaicreid import __version__
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path, sha256


def write_results(
    frame: pd.DataFrame,
    path: Path,
    *,
    inputs: Mapping[str, Path] | None = None,
    parameters: Mapping[str, object] | None = None,
) -> None:
    """Write ``frame`` (columns only, no index) to ``path`` (.csv) and its provenance to the same name with ``.json``.

    Provenance: package version, sha256 of every input file by name, and the parameters of the analysis. No time and
    no machine: equal inputs give equal bytes. Floats are written to ten significant digits, beyond which libraries
    differ between machines.

    Raises:
        InputError: ``path`` does not end in ``.csv``, or ``frame`` carries a named index (it would be lost).
    """
    path = Path(path)
    if path.suffix != ".csv":
        raise InputError(f"results are CSV files; got the path {path.name!r}, expected one that ends in .csv")
    if any(name is not None for name in frame.index.names):
        raise InputError(f"the index {list(frame.index.names)} would be lost in {path.name}; reset_index() it first")
    provenance = {
        "package": f"mosaicreid {__version__}",
        "inputs": {name: sha256(file) for name, file in sorted((inputs or {}).items())},
        "parameters": dict(sorted((parameters or {}).items())),
    }
    text = json.dumps(provenance, indent=2, sort_keys=True) + "\n"
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n")
    with atomic_path(path.with_suffix(".json")) as temporary:
        temporary.write_text(text)


def read_results(path: Path) -> pd.DataFrame:
    """Read a table that ``write_results`` wrote; InputError names the path where there is none."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no result table at {path}; expected a CSV file, which `make reproduce` writes")
    return pd.read_csv(path)
