"""Per-query average precision of many runs as one balanced array: the input of every analysis in ``mixed_effects``."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mosaicreid.errors import InputError
from mosaicreid.statistics.inputs import column_names, integers, labels, listed, numbers, require_columns, zero_or_one


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Average precision of C configurations x S seeds on the same Q queries.

    Attributes:
        ap: (C, S, Q) float64 average precision in 0..1.
        design: (C, A) float64, 1 where a configuration includes an attribute.
        configurations: C names; attributes: A names; seeds: S numbers.
        pids: (Q,) int64 identity of each query; the unit that is resampled.
    """

    ap: np.ndarray
    design: np.ndarray
    configurations: tuple[str, ...]
    attributes: tuple[str, ...]
    seeds: tuple[int, ...]
    pids: np.ndarray

    def index(self, configuration: str) -> int:
        """Position of a configuration; InputError lists the known ones."""
        if configuration not in self.configurations:
            known = listed(self.configurations)
            raise InputError(f"no runs of configuration {configuration!r}; the panel holds: {known}")
        return self.configurations.index(configuration)

    def without(self, configuration: str) -> "Panel":
        """The panel less one configuration."""
        keep = np.arange(len(self.configurations)) != self.index(configuration)
        names = tuple(name for name in self.configurations if name != configuration)
        return Panel(
            ap=self.ap[keep],
            design=self.design[keep],
            configurations=names,
            attributes=self.attributes,
            seeds=self.seeds,
            pids=self.pids,
        )


def build_panel(per_query: pd.DataFrame, design: pd.DataFrame, attributes: Sequence[str]) -> Panel:
    """Arrange per-query results of many runs in one balanced array.

    Args:
        per_query: columns configuration, seed, query, pid, ap (0..1); a row per run and query. Seeds and identities
            are whole numbers of any type, configurations and queries labels; their order and the index mean nothing.
        design: column configuration and a 0/1 column per attribute; a row per configuration, in the order wanted.
        attributes: the columns of ``design`` to analyse.

    Raises:
        InputError: a column is missing or has missing values; AP is not a number in 0..1, or equal everywhere or in all
            runs; a seed or identity is not a whole number, an attribute not 0 or 1; a run lacks queries or has one
            twice; a query changes its identity; fewer than two configurations, two queries, two identities or one seed;
            a configuration of ``per_query`` is unknown to ``design``.
    """
    columns = column_names("attributes", attributes)
    require_columns(per_query, ["configuration", "seed", "query", "pid", "ap"], "per-query table")
    require_columns(design, ["configuration", *columns], "design table")
    if not columns:
        raise InputError("got no attributes, expected at least one column of the design table")
    names = labels(design, "configuration", "design table")
    included = zero_or_one(design, columns).to_numpy()
    per_query = pd.DataFrame(
        {
            "configuration": labels(per_query, "configuration", "per-query table"),
            "seed": integers(per_query, "seed"),
            "query": labels(per_query, "query", "per-query table"),
            "pid": integers(per_query, "pid"),
            "ap": numbers(per_query, "ap", missing=True).to_numpy(),
        }
    )
    values = per_query["ap"].to_numpy()
    if values.size == 0 or not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        got = "no rows, so no seeds" if values.size == 0 else f"values from {values.min()} to {values.max()}"
        raise InputError(f"average precision must be in 0..1 for every run and query; got {got}")
    if values.min() == values.max():
        raise InputError(
            f"average precision is {values[0]:g} for every run and query; there is no variation to analyse"
        )
    if names.duplicated().any():
        twice = names[names.duplicated()].iloc[0]
        raise InputError(f"the design table names configuration {twice!r} twice, expected one row each")
    unknown = sorted(set(per_query["configuration"]) - set(names), key=str)
    if unknown:
        raise InputError(f"configuration {unknown[0]!r} has results but no row in the design table")

    chosen = names.isin(set(per_query["configuration"])).to_numpy()
    configurations = tuple(names[chosen])
    table = per_query.pivot_table(
        index=["configuration", "seed"], columns="query", values="ap", aggfunc=["size", "mean"], observed=True
    )
    counts, ap = table["size"], table["mean"]
    seeds = tuple(sorted(per_query["seed"].unique().tolist()))
    wanted = pd.MultiIndex.from_product([configurations, seeds], names=["configuration", "seed"])
    absent = [run for run in wanted if run not in ap.index]
    if absent:
        name, seed = absent[0]
        raise InputError(f"configuration {name!r} has no run of seed {seed}; every configuration needs the same seeds")
    uneven = np.flatnonzero((counts.to_numpy() != 1).any(axis=1))
    if len(uneven):
        name, seed = counts.index[uneven[0]]
        raise InputError(f"run {name!r} of seed {seed} lacks queries or repeats one; all need the same queries once")
    identity = per_query.groupby("query")["pid"].agg(["first", "nunique"])
    changing = identity.index[identity["nunique"] != 1]
    if len(changing):
        raise InputError(f"query {changing[0]} has different identities in different runs; are they of one dataset?")
    pids = identity.loc[ap.columns, "first"].to_numpy(np.int64)
    for what, count in {
        "configurations": len(configurations),
        "queries": len(pids),
        "query identities": len(np.unique(pids)),
    }.items():
        if count < 2:
            raise InputError(f"got {count} {what}, expected at least 2: nothing can be compared")
    runs = ap.loc[wanted].to_numpy()
    if (runs == runs[0]).all():
        raise InputError("every run has the same average precision on every query; the experts change nothing")
    return Panel(
        ap=runs.reshape(len(configurations), len(seeds), -1),
        design=included[chosen],
        configurations=configurations,
        attributes=tuple(map(str, columns)),
        seeds=seeds,
        pids=pids,
    )
