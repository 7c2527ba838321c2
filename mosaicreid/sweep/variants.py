"""The runs of a sweep: the configurations of Table 3 by name, the depths of Table 6, and the paper's open choices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from mosaicreid import published
from mosaicreid.datasets import get_schema


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One trained model of a sweep: an inclusion set by name, and what else differs from the profile.

    ``overrides`` maps dotted names of ``Config`` to values (``{"experts.rank": 4}``), and ``label`` says the same in
    short (``rank=4``; empty for Table 3's rows).
    """

    configuration: str
    label: str = ""
    overrides: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the run's folder: ``all``, or ``all@rank=4``."""
        return f"{self.configuration}@{self.label}" if self.label else self.configuration


def table3(dataset: str) -> tuple[str, ...]:
    """The inclusion sets of Table 3, in the published order: 25 for Market-1501, 20 for DukeMTMC.

    Of a dataset that the paper does not have: everything, every cluster and union, every attribute, and the baseline.

    Raises:
        InputError: unknown ``dataset``.
    """
    schema = get_schema(dataset)
    if dataset in published.DATASETS:
        return tuple(published.load_printed(3, dataset)["configuration"])
    return tuple(dict.fromkeys(("all", *schema.clusters, *schema.unions, *schema.attributes, "baseline")))


def forest_rows(dataset: str) -> tuple[str, ...]:
    """``table3`` in the order in which a random forest gets its rows, which its draws depend on: the paper's forest saw
    DukeMTMC's baseline first. Errors as ``table3``."""
    if dataset in published.DATASETS:
        return tuple(published.load_experiments(dataset)["configuration"])
    return table3(dataset)


def last_k_variants(depth: int) -> tuple[Variant, ...]:
    """Table 6: experts in the last K = 1, 2, 4, 8, 12 of twelve blocks, or the same fractions of ``depth`` blocks.

    The last is Table 3's ``all`` itself: experts in every block is what both profiles have.
    """
    printed = published.load_table(6)["last_k"]
    scaled = sorted({math.ceil(k * depth / printed.max()) for k in printed.tolist()})
    return (
        *(_variant("all", **{"experts.last_k": k}) for k in scaled if k < depth),
        Variant(configuration="all"),
    )


def ablations() -> tuple[Variant, ...]:
    """What the paper leaves open, one choice at a time with all attributes; the defaults are Table 3's ``all``.

    Rank and pooling over active experts (Section 4.2 refers to a supplement), how tokens become one (Section 3.4),
    where the summary token is added (Section 3.4), which heads train and what the frozen encoder is (Section 3.5).
    Raw CLIP has no heads of its own, so its run starts with fresh ones.
    """
    return (
        *(_variant("all", **{"experts.rank": rank}) for rank in (1, 2, 8, 16, 32)),
        _variant("all", **{"experts.pooling": "max"}),
        _variant("all", **{"experts.token_reduction": "cls"}),
        _variant("all", **{"experts.token_reduction": "max"}),
        _variant("all", **{"experts.injection": "cls"}),
        _variant("all", **{"experts.heads": "fresh"}),
        _variant("all", **{"experts.heads": "frozen"}),
        _variant("all", **{"experts.heads": "fresh", "experts.start": "clip"}),
    )


def _variant(configuration: str, **overrides: object) -> Variant:
    label = ",".join(f"{name.rpartition('.')[2]}={value}" for name, value in sorted(overrides.items()))
    return Variant(configuration=configuration, label=label, overrides=overrides)
