"""Names of code that a reader of the built book would meet: in tables, and in the labels of figures."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.names.terms import TERMS, VARIANTS
from mosaicreid.published import load_table

_SCHEMAS = [get_schema(dataset) for dataset in DATASETS]
ATTRIBUTES = {name for schema in _SCHEMAS for name in schema.attributes}
CONFIGURATIONS = {name for dataset in DATASETS for name in load_table(3, dataset)["configuration"]}
_CODES = {
    key for titles in TERMS.values() for key, title in titles.items() if key != title and re.search("[_A-Z-]", key)
}
# Wherever they stand: no word of English, and no name of the paper's. "Rank-1" and "mAP" are its own.
ANYWHERE = {*DATASETS, *(name for name in ATTRIBUTES if name.endswith("colour"))}
# As a whole cell or label only: a word in a sentence otherwise.
ALONE = (ATTRIBUTES | CONFIGURATIONS | _CODES | {option for option in VARIANTS if "=" in option}) - {"mAP", "baseline"}
# A word with an underscore, a setting with its value, parts joined without a space.
_IDENTIFIER = re.compile(r"\w_\w|(?<![\w ])\w+=\w|[a-z]\+[a-z]")


def raw_names(texts: list[str]) -> list[str]:
    """Those of ``texts`` that show a name of code."""
    return [
        text
        for text in texts
        if _IDENTIFIER.search(text) or text in ALONE or any(re.search(rf"\b{name}\b", text) for name in ANYWHERE)
    ]


def table_texts(page: str) -> Iterator[str]:
    """The headers and cells of a page's tables, without what is set as code or as mathematics."""
    for table in re.findall(r"<table.*?</table>", page, re.S):
        for cell in re.findall(r"<(?:t[dh]|caption)\b[^>]*>(.*?)</(?:t[dh]|caption)>", table, re.S):
            text = re.sub(r"<(code|math|script)\b.*?</\1>", "", cell, flags=re.S)
            yield " ".join(unescape(re.sub(r"<[^>]+>", "", text)).split())


def figure_texts(figure: Path) -> list[str]:
    """The labels in a figure: matplotlib draws them as shapes, and keeps their text in a comment."""
    return [unescape(text.strip()) for text in re.findall(r"<!--(.*?)-->", figure.read_text(encoding="utf-8"), re.S)]
