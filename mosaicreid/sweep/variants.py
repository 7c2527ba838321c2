"""The runs of a sweep: the configurations of Table 3 by name, the depths of Table 6, and the paper's open choices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from mosaicreid import published
from mosaicreid.config.settings import Config
from mosaicreid.datasets import get_schema
from mosaicreid.sweep.choices import CHOICES, Trained


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


def ablations(usual: Config) -> tuple[Variant, ...]:
    """What the paper leaves open and every sweep tries, one choice at a time; Table 3's ``all`` has the ``usual`` ones.

    Depths are Table 6's.
    """
    return _variants("sweep", usual, but=("experts.last_k",))


def capacity(usual: Config) -> tuple[Variant, ...]:
    """Controls for what experts bring besides labels: as many parameters, and as much training."""
    return _variants("paper", usual)


def further_choices(usual: Config) -> tuple[Variant, ...]:
    """Every other choice of ``choices.CHOICES`` that shares the earlier stages with ``all``."""
    return _variants("choices", usual)


def _variants(trained: Trained, usual: Config, *, but: tuple[str, ...] = ()) -> tuple[Variant, ...]:
    found = []
    for choice in CHOICES:
        if choice.trained != trained or choice.setting in but:
            continue
        for value in choice.values:
            overrides = {choice.setting: value, **choice.besides}
            # A choice that is the usual one is `all` itself, under whose name its run would lie.
            if any(_of(usual, name) != part for name, part in overrides.items()):
                found.append(_variant(choice.configuration, **overrides))
    return tuple(found)


def _of(settings: Config, name: str) -> object:
    group, _, rest = name.partition(".")
    return getattr(settings.experts, rest) if group == "experts" else settings.value(name)


def _variant(configuration: str, **overrides: object) -> Variant:
    label = ",".join(sorted(f"{name.rpartition('.')[2]}={value}" for name, value in overrides.items()))
    named = [name for name in overrides if not name.startswith("experts.")]
    # Settings of the experts are in a run's name by themselves.
    return Variant(configuration=configuration, label=label, overrides=overrides | ({"named": named} if named else {}))
