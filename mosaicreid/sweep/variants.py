"""The runs of a sweep: the configurations of Table 3 by name, the depths of Table 6, and the paper's open choices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from mosaicreid import published
from mosaicreid.config.settings import ExpertConfig
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


def ablations(usual: ExpertConfig) -> tuple[Variant, ...]:
    """What the paper leaves open, one choice at a time with all attributes; Table 3's ``all`` has the ``usual`` ones.

    Rank and pooling over active experts (Section 4.2 refers to a supplement), how tokens become one (Section 3.4),
    where the summary token is added (Section 3.4), which heads train and what the frozen encoder is (Section 3.5).
    Raw CLIP has no heads of its own, so its run starts with fresh ones.
    """
    ranks: tuple[Mapping[str, object], ...] = tuple({"experts.rank": rank} for rank in (1, 2, 4, 8, 16, 32))
    choices: tuple[Mapping[str, object], ...] = (
        *ranks,
        {"experts.pooling": "max"},
        {"experts.token_reduction": "cls"},
        {"experts.token_reduction": "max"},
        {"experts.injection": "cls"},
        {"experts.heads": "fresh"},
        {"experts.heads": "frozen"},
        {"experts.heads": "fresh", "experts.start": "clip"},
    )
    # A choice that is the usual one is `all` itself, under whose name its run would lie.
    return tuple(_variant("all", **choice) for choice in choices if not _is_usual(choice, usual))


def _is_usual(choice: Mapping[str, object], usual: ExpertConfig) -> bool:
    return all(getattr(usual, name.removeprefix("experts.")) == value for name, value in choice.items())


def _variant(configuration: str, **overrides: object) -> Variant:
    label = ",".join(f"{name.rpartition('.')[2]}={value}" for name, value in sorted(overrides.items()))
    return Variant(configuration=configuration, label=label, overrides=overrides)
