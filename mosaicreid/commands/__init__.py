"""Command groups. A group is a module with ``add(subparsers)``; heavy imports stay inside the functions that run."""

import argparse
from typing import Any

from mosaicreid.commands import (
    analyse,
    compare,
    coverage,
    data,
    experiment,
    leakage,
    oracle,
    priors,
    train,
    verdicts,
    world,
)
from mosaicreid.commands.sweeps import card, cost, rehearse
from mosaicreid.commands.worlds import hardness, recovery, strength


def add_commands(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add every command group to the top-level parser."""
    for group in (
        data,
        priors,
        leakage,
        analyse,
        train,
        experiment,
        compare,
        coverage,
        oracle,
        strength,
        hardness,
        recovery,
        world,
        verdicts,
        card,
        cost,
        rehearse,
    ):
        group.add(subparsers)
