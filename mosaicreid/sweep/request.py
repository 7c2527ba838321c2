"""What a sweep was asked for on Snakemake's command line (``--config``), checked before anything is planned."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaicreid import published
from mosaicreid.config.parsing import parse_settings
from mosaicreid.config.profiles import make_config
from mosaicreid.config.settings import Config
from mosaicreid.config.worlds import world_options
from mosaicreid.datasets import DATASETS, get_dataset
from mosaicreid.errors import InputError, one_of
from mosaicreid.files import check_space
from mosaicreid.sweep.variants import Variant, ablations, capacity, further_choices, last_k_variants, table3

_WHAT = ("profile", "datasets", "seeds", "identities", "world", "only", "variants", "settings", "people", "orders")
_BY_RUN = ("experts", "seed", "profile", "named")
# In `only`: every choice and control that is no part of the sweep itself, and the rows of Table 3.
_CHOICES, _TABLE3 = "choices", "table3"
_WHERE = ("data", "runs", "results", "executed", "cache")
# The paper's Table 6 is Market-1501's; what the paper leaves open is asked of the same dataset.
_WITH_VARIANTS = published.DEPTH_DATASET


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The runs of a sweep and where its files lie.

    ``every`` holds settings for all runs; ``settings`` is the profile with them. ``variants_on`` names the dataset with
    Table 6, the ablations and the further choices, or ``none``. ``only`` names the wanted runs; empty for all that
    belong to the sweep. ``identities`` is the number of people of a tiny world, ``world`` the options in which its
    datasets' worlds differ from their own. ``people`` and ``orders`` are the effort of the Shapley values by ablation
    (see ``analyses.oracle.compute.Effort``). ``cache`` is where each job keeps decoded images, empty for a folder
    beside the runs; variables in it (``$TMPDIR``) are those of the machine that the job runs on.
    """

    profile: str
    every: Mapping[str, Any]
    settings: Config
    datasets: tuple[str, ...]
    seeds: tuple[int, ...]
    variants_on: str
    only: tuple[str, ...]
    identities: int
    world: str
    people: int
    orders: int
    data: Path
    runs: Path
    results: Path
    executed: Path
    cache: str

    def variants(self, dataset: str) -> dict[str, Variant]:
        """Every run of one seed by the name of its folder."""
        if not self.only:
            return self._all(dataset)
        return {name: run for name, run in self._known(dataset).items() if name in self.only}

    def variant(self, dataset: str, name: str) -> Variant:
        """The run of ``dataset`` whose folder is called ``name``."""
        return self._known(dataset)[name]

    def settings_of(self, dataset: str, name: str) -> dict[str, Any]:
        """What differs from the profile in the run of ``dataset`` called ``name``, by dotted setting."""
        return {**self.every, **self.variant(dataset, name).overrides}

    def config_of(self, dataset: str, name: str, seed: int) -> Config:
        """All settings of the run of ``dataset`` and ``seed`` called ``name``."""
        variant = self.variant(dataset, name)
        named = {"data.dataset": dataset, "experts.configuration": variant.configuration, "seed": seed}
        return make_config(self.profile, {**named, **self.settings_of(dataset, name)})

    def shared_settings(self) -> dict[str, Any]:
        """What differs from the profile in the stages that runs share."""
        return {name: value for name, value in self.every.items() if not name.startswith("stages.experts.")}

    def pages(self, dataset: str) -> tuple[str, ...]:
        """The executed notebooks of ``dataset`` that become pages: a training run, and the statistics of tables."""
        return ("train", "paper", "ours") if dataset in published.DATASETS else ("train", "ours")

    def _all(self, dataset: str) -> dict[str, Variant]:
        wanted = [Variant(configuration=name) for name in table3(dataset)]
        if dataset == self.variants_on:
            wanted += [*last_k_variants(self.settings.experts.last_k), *ablations(self.settings)]
        if self.profile == "paper":
            wanted += capacity(self.settings)
        return {variant.name: variant for variant in wanted}

    def _known(self, dataset: str) -> dict[str, Variant]:
        """Every run that may be asked for by its name."""
        wanted = capacity(self.settings)
        if dataset == self.variants_on:
            wanted += further_choices(self.settings)
        return self._all(dataset) | {variant.name: variant for variant in wanted}


def read_sweep(config: Mapping[str, Any]) -> Sweep:
    """The sweep that Snakemake's ``config`` asks for; what is not said has the default of its profile.

    Tables lie beside the runs unless ``results`` says otherwise: what is committed is replaced on demand alone.

    Raises:
        InputError: an unknown key, profile, dataset or run, a seed or size that is not a number, a value that is
            missing, a setting that differs by run, or a folder for runs, results or pages that cannot be written.
    """
    for key, value in config.items():
        if key not in (*_WHAT, *_WHERE):
            raise one_of("key of --config", key, (*_WHAT, *_WHERE))
        # `make paper DATA=` and the like: an empty value is a slip, except where it means none.
        if value in (None, "") and key not in ("only", "settings", "world"):
            raise InputError(f"--config {key}= is empty; expected a value, or the key left out")
        # Snakemake reads values as YAML, of which only text and whole numbers are what was typed.
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            raise InputError(f"--config {key}={str(value)[:40]} is not text to Snakemake; expected it in quotes, twice")
    every = parse_settings(str(config.get("settings") or ""))
    for name in every:
        if name.split(".")[0] in _BY_RUN or name == "data.dataset":
            raise InputError(f"settings={name}=...: this differs by run; see `datasets`, `seeds` and `variants`")
        if isinstance(every[name], dict):
            raise InputError(f"settings={name}=... is a group; expected settings one by one, like data.height=64")
    profile = str(config.get("profile", "tiny"))
    settings = make_config(profile, every)
    datasets = _words(config, "datasets", " ".join(DATASETS))
    for dataset in datasets:
        get_dataset(dataset)
    only = str(config.get("only") or "").split()
    if _CHOICES in only:
        named = (*capacity(settings), *further_choices(settings))
        only = ["all", *(name for name in only if name != _CHOICES), *(variant.name for variant in named)]
    if _TABLE3 in only:
        rows = (name for dataset in datasets for name in table3(dataset))
        only = list(dict.fromkeys([*(name for name in only if name != _TABLE3), *rows]))
    variants_on = str(config.get("variants", _WITH_VARIANTS if _WITH_VARIANTS in datasets else "none"))
    if variants_on not in (*datasets, "none"):
        raise one_of("dataset for variants", variants_on, (*datasets, "none"))
    tiny = profile == "tiny"
    runs = Path(str(config.get("runs", f"runs/{profile}")))
    results = Path(str(config.get("results", runs / "results")))
    sweep = Sweep(
        profile=profile,
        every=every,
        settings=settings,
        datasets=datasets,
        seeds=_seeds(config),
        variants_on=variants_on,
        only=tuple(only),
        # Enough people for attribute vectors to be shared as in the real annotations, few enough for minutes.
        identities=_number("identities", config.get("identities", 600), least=4, most=9998),
        world=_world(config, datasets),
        people=_number("people", config.get("people", 24), least=2, most=10**6),
        orders=_number("orders", config.get("orders", 10), least=2, most=10**6),
        data=Path(str(config.get("data", "data/tiny" if tiny else "data"))),
        runs=runs,
        results=results,
        executed=Path(str(config.get("executed", results / "executed"))),
        cache=str(config.get("cache", "")),
    )
    for name in sweep.only:
        if not any(name in sweep._known(dataset) for dataset in datasets):
            raise InputError(
                f"only={name}: no run of {', '.join(datasets)} has this name; see `snakemake -n` without only"
            )
    check_space(dict.fromkeys((sweep.runs, sweep.results, sweep.executed), 0))
    return sweep


def _world(config: Mapping[str, Any], datasets: tuple[str, ...]) -> str:
    settings = str(config.get("world") or "")
    # A user's own dataset has no world.
    for dataset in set(datasets) & set(DATASETS):
        world_options(dataset, settings)
    return settings


def _seeds(config: Mapping[str, Any]) -> tuple[int, ...]:
    seeds = tuple(_number("seeds", seed, least=0, most=2**32 - 1) for seed in _words(config, "seeds", "0"))
    if len(set(seeds)) < len(seeds):
        raise InputError(f"seeds={config.get('seeds')!r}; expected different numbers, none of them twice")
    return seeds


def _words(config: Mapping[str, Any], key: str, default: str) -> tuple[str, ...]:
    words = tuple(str(config.get(key, default)).split())
    if not words or len(set(words)) < len(words):
        raise InputError(f"{key}={' '.join(words)!r}; expected words apart by spaces, none of them twice")
    return words


def _number(key: str, text: object, *, least: int, most: int) -> int:
    word = str(text)
    # Digits alone: int() also takes spaces, signs, underscores and other scripts' digits, which paths would keep.
    number = int(word) if re.fullmatch(r"[0-9]{1,12}", word) else least - 1
    if not least <= number <= most:
        shown = word if len(word) <= 40 else f"{word[:37]}..."
        raise InputError(f"{key}: got {shown!r}, expected a whole number of {least} or above, {most} at most")
    return number
