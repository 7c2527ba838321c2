"""``mosaicreid world``: what the synthetic world looks like and what is known of it beforehand."""

import argparse
from pathlib import Path
from typing import Any

# With this seed, of four images exactly one, two and three show the truth at the levels 0.25, 0.5 and 0.75.
_EXACT_SEED = 134


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command ``world``."""
    parser = subparsers.add_parser(
        "world",
        help="contact sheets and ground truth of the synthetic world",
        description="Draw the contact sheets RESULTS/figures/world_*.png and write the default worlds' ground truth, "
        "RESULTS/world.csv; needs no data.",
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="where to write (default: results)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    import pandas as pd

    from mosaicreid.datasets import DATASETS, get_folder_dataset
    from mosaicreid.names.provenance import SYNTHETIC
    from mosaicreid.plotting import save_figure
    from mosaicreid.results import write_results
    from mosaicreid.world.contact_sheets import (
        people_sheet,
        plot_information,
        save_photograph,
        values_sheet,
        visibility_sheet,
    )
    from mosaicreid.world.people import make_world

    truth = pd.DataFrame([{"dataset": dataset, **row} for dataset in DATASETS for row in make_world(dataset).truth()])
    kinds = dict.fromkeys(DATASETS, SYNTHETIC)
    write_results(truth, arguments.results / "world.csv", parameters={"data": kinds})
    figures = arguments.results / "figures"
    for dataset in DATASETS:
        save_photograph(people_sheet(dataset), figures / f"world_people_{dataset}.png")
        save_photograph(values_sheet(dataset), figures / f"world_values_{dataset}.png")
        sheet = visibility_sheet(dataset, get_folder_dataset(dataset).synthetic.rare_values, seed=_EXACT_SEED)
        save_photograph(sheet, figures / f"world_visibility_{dataset}.png")
    save_figure(plot_information(truth), figures / "world_truth.svg")
    print(f"wrote {arguments.results / 'world.csv'} and {figures}/world_*")
