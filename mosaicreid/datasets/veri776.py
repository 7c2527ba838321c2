"""VeRi-776 (Liu et al., 2016): vehicles under 20 cameras, with colour and type."""

from mosaicreid.attributes import Schema
from mosaicreid.datasets.definition import ForeignDataset, multiclass

VERI776 = ForeignDataset(
    name="veri776",
    title="VeRi-776",
    # Values in the order of the authors' numbers, from 1.
    schema=Schema(
        "veri776",
        (
            multiclass("colour", "yellow orange green gray red blue white golden brown black", "paint", "Colour"),
            multiclass("type", "sedan suv van hatchback mpv pickup bus truck estate", "body", "Type"),
        ),
    ),
    form="veri776",
    images={"train": 37778, "query": 1678, "gallery": 11579},
)
