"""Time and peak memory of scoring every subset of attributes, against ranking the images for one subset after another.

    python benchmarks/leakage.py DIR

DIR is the folder of the annotation files and file lists, as for ``mosaicreid leakage --annotations``. The reference
scores every query against every gallery image by counting agreements and ranks by those scores; it is measured on one
subset and multiplied by their number.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import torch
from figures import add_json, write_figures

from mosaicreid.analyses.leakage.compute import attribute_agreement, find_candidates
from mosaicreid.analyses.leakage.tables import leakage_shapley, leakage_table
from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.folders import read_file_list
from mosaicreid.datasets import DATASETS, get_dataset
from mosaicreid.retrieval.metrics import evaluate_scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("annotations", type=Path, metavar="DIR")
    add_json(parser)
    arguments = parser.parse_args()
    folder = arguments.annotations
    total = 0.0
    for dataset in DATASETS:
        start = time.perf_counter()
        images = read_file_list(folder / f"{dataset}.files.txt.gz", get_dataset(dataset))
        query, gallery = images["query"], images["gallery"]
        annotation = read_annotation(folder / get_dataset(dataset).annotation.file_name, get_dataset(dataset))["test"]
        table = leakage_table(find_candidates(query, gallery, annotation), annotation)
        leakage_shapley(table, annotation.schema)
        seconds = time.perf_counter() - start
        total += seconds

        start = time.perf_counter()
        people, person = (torch.from_numpy(array) for array in np.unique(query.pids, return_inverse=True))
        others, other = (torch.from_numpy(array) for array in np.unique(gallery.pids, return_inverse=True))
        agree = attribute_agreement(annotation.schema, annotation.lookup(people)[:, None], annotation.lookup(others))
        counted = torch.from_numpy(agree.sum(axis=2, dtype=np.int16))
        ids = query.pids, query.camids, gallery.pids, gallery.camids
        mean_ap = evaluate_scores(lambda rows, c=counted, p=person, o=other: c[p[rows]][:, o], *ids).mAP
        single = time.perf_counter() - start
        assert abs(100 * mean_ap - table["mAP"].iloc[-1]) < 1e-9
        print(
            f"{dataset}: {len(table)} subsets in {seconds:.2f} s, distractors both ways; one subset image by image "
            f"{single:.2f} s, all of them twice {2 * len(table) * single / seconds:,.0f} times as long"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"both: {total:.2f} s, peak {peak:.2f} GiB (the reference included)")
    write_figures(arguments.json, __file__, {"seconds": total, "peak_gib": peak})


if __name__ == "__main__":
    main()
