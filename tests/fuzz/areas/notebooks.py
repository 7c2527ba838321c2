"""Executed notebooks and notebooks' parameters: a page shows what the notebook has and nothing of its machine."""

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import nbformat
from fuzz.campaign import must
from fuzz.mutate import NUMBERS, TEXTS, bad_json, bad_text, odd
from nbformat import v4

from mosaicreid.sweep.notebooks import check_parameters, write_executed


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        self._home = str(user)
        self._data = f"{user}/datasets/market1501"
        code = v4.new_code_cell(f'root = "{self._data}"', execution_count=1)
        code.metadata["mystnb"] = {"image": {"alt": "a curve"}}
        code.outputs = [
            v4.new_output("stream", name="stdout", text=f"reading {self._data}/query\n"),
            v4.new_output("stream", name="stderr", text="50 %\n"),
            v4.new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": f"<Figure in {user}>"}),
        ]
        notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# Title"), code])
        notebook.metadata["papermill"] = {"exception": None, "parameters": {"root": self._data, "seed": 0}}
        self._document = json.loads(nbformat.writes(notebook))

    def attempt(self, random: Random, place: Path) -> None:
        (self._page if random.random() < 0.6 else self._parameters)(random, place)

    def _page(self, random: Random, place: Path) -> None:
        source, target = place / "run.ipynb", place / "pages" / "page.ipynb"
        valid = random.random() < 0.1
        text = json.dumps(self._document) if valid else bad_json(random, self._document)
        if not valid and random.random() < 0.1:
            text = bad_text(random, text)
        source.write_bytes(text.encode("utf-8", "surrogatepass"))
        write = lambda: write_executed(source, target, title="Shown")  # noqa: E731
        try:
            must(write) if valid else write()
        except Exception:
            assert not target.exists(), "refused, and written all the same"
            raise
        page = nbformat.read(target, as_version=4)
        nbformat.validate(page)
        shown = target.read_text(encoding="utf-8")
        given = json.loads(text)
        assert not re.search(rf"{re.escape(self._home)}(?![\w-])", shown), "a page with the home folder"
        assert len(page.cells) == len(given["cells"])
        assert given["metadata"]["papermill"].get("exception") is None
        outputs = [output for cell in page.cells for output in cell.get("outputs", [])]
        assert all(output.get("name") != "stderr" for output in outputs)

    def _parameters(self, random: Random, place: Path) -> None:
        known: dict[str, type] = {"dataset": str, "seed": int, "alpha": float, "show": bool}
        namespace: dict[str, Any] = {"dataset": "market1501", "seed": 0, "alpha": 0.5, "show": True}
        given = random.choice([{}, {"seed": 1}, {"dataset": "dukemtmc", "alpha": 1}])
        valid = random.random() < 0.2
        if not valid:
            name = random.choice([*known, "sead", "print", "x.y"])
            given = given | {name: random.choice([odd(random), *NUMBERS, *TEXTS])}
        namespace |= given
        cell = "# Parameters\n" + "".join(f"{name} = {value!r}\n" for name, value in given.items() if "." not in name)
        namespace["In"] = ["", "dataset = 1", cell]
        check = lambda: check_parameters(namespace, **known)  # noqa: E731
        must(check) if valid else check()
        for name in given:
            assert name in known or "." in name, f"{name} is no parameter"
        for name, kind in known.items():
            fits = type(namespace[name]) is kind or (kind is float and type(namespace[name]) is int)
            assert fits, f"{name} is {namespace[name]!r}"
