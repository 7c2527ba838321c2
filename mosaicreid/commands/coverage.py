"""``mosaicreid coverage``: the simulation study behind the robust intervals, in one command."""

import argparse
from pathlib import Path
from typing import Any

from mosaicreid.commands.arguments import whole_number


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the top-level parser."""
    parser = subparsers.add_parser(
        "coverage",
        help="simulate data whose truth is known and count how often each interval contains it",
        description="Simulate per-query results with known attribute effects on Table 3's design of Market-1501, with "
        "one and with three seeds, and write the coverage of every kind of interval to RESULTS/robust_coverage.csv.",
    )
    parser.add_argument(
        "--replications", type=whole_number, default=1000, help="simulated data sets per case (default: 1000)"
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="seed of the simulation (default: 0)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder to write (default: results)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the study and draw its figure."""
    from mosaicreid.analyses.robust.figures import plot_coverage
    from mosaicreid.analyses.robust.write import write_coverage
    from mosaicreid.plotting import save_figure
    from mosaicreid.published import DATASETS, attributes, load_table
    from mosaicreid.results import read_results

    design = load_table(3, DATASETS[0])[list(attributes(DATASETS[0]))]
    write_coverage(arguments.results, design, replications=arguments.replications, seed=arguments.seed)
    table = read_results(arguments.results / "robust_coverage.csv")
    save_figure(plot_coverage(table), arguments.results / "figures" / "robust_coverage.svg")
    print(table.to_string(index=False, float_format="%.3f"))
    return 0
