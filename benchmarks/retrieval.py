"""Time and peak memory of ranking a Market-1501-sized gallery, against the bare matrix product and a full argsort.

    python benchmarks/retrieval.py [--gallery 19732 100000] [--repeats 3]
    python benchmarks/retrieval.py --gallery 1000000 --repeats 1 --methods product evaluate
    python benchmarks/retrieval.py --gallery 19732 --methods product rerank

Every measurement is a process of its own, so that its peak is its own (the interpreter and PyTorch included); those of
a repeat follow each other, and ratios are between the fastest of the repeats. CPU time is that of all threads together:
it suffers less than the wall clock from whatever else the machine is doing. Memory is what features and peak leave
between them, the interpreter's and PyTorch's own taken off.

product   queries times gallery in blocks of 512 queries into one buffer, nothing else
evaluate  all metrics of mosaicreid.retrieval.metrics, on features that cluster by identity
random    the same on features without any structure, whose matches lie all over the ranking
ties      the same on features of few small integers, whose scores are exact and mostly tied
rerank    evaluate after k-reciprocal re-ranking, on the clustered features
argsort   the textbook on the clustered features: the distance matrix, its argsort, a loop over the queries
"""

import argparse
import json
import resource
import subprocess
import sys
import time

from figures import add_json, write_figures

NUM_QUERIES, WIDTH, NUM_PIDS, NUM_CAMIDS = 3368, 1280, 750, 6
METHODS = ("product", "evaluate", "random", "ties", "rerank", "argsort")
BLOCK = 512
# Chosen so that mAP comes out between 0.8 and 0.9, where trained models are.
SPREAD = 2.5


def measure(method: str, num_gallery: int) -> dict[str, float]:
    """Seconds, CPU seconds, GiB beyond the libraries and mAP of one method in this process; the clock starts when there
    are features."""
    import numpy as np
    import torch

    from mosaicreid.retrieval.metrics import evaluate, evaluate_scores
    from mosaicreid.retrieval.rerank import rerank

    libraries = peak_gib()
    rng = np.random.default_rng(0)
    query_pids, gallery_pids = rng.integers(1, NUM_PIDS + 1, NUM_QUERIES), rng.integers(NUM_PIDS + 1, size=num_gallery)
    query_camids, gallery_camids = (rng.integers(NUM_CAMIDS, size=len(pids)) for pids in (query_pids, gallery_pids))
    ids = (query_pids, query_camids, gallery_pids, gallery_camids)
    generator = torch.Generator().manual_seed(0)
    query, gallery = torch.empty(NUM_QUERIES, WIDTH), torch.empty(num_gallery, WIDTH)
    for features in (query, gallery):
        if method == "ties":
            features.random_(0, 2, generator=generator)
        else:
            features.normal_(generator=generator)
    if method in ("evaluate", "rerank", "argsort"):
        centres = torch.randn(NUM_PIDS + 1, WIDTH, generator=generator) / SPREAD
        for features, pids in ((query, query_pids), (gallery, gallery_pids)):
            for rows, people in zip(features.split(BLOCK), torch.from_numpy(pids).split(BLOCK), strict=True):
                rows += centres[people]
    torch.mm(query[:64], gallery[:64].T)

    start, start_cpu = time.perf_counter(), time.process_time()
    mean_ap = float("nan")
    if method == "product":
        buffer = torch.empty(BLOCK, num_gallery)
        for rows in query.split(BLOCK):
            torch.mm(rows, gallery.T, out=buffer[: len(rows)])
    elif method == "rerank":
        mean_ap = evaluate_scores(rerank(query, gallery), *ids).mAP
    elif method == "argsort":
        mean_ap, _ = argsort_textbook(query, gallery, *ids)
    else:
        mean_ap = evaluate(query, gallery, *ids, similarity="dot" if method == "ties" else "euclidean").mAP
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    return {"seconds": seconds, "cpu": cpu, "gib": peak_gib() - libraries, "mAP": mean_ap}


def peak_gib() -> float:
    """Of this process, until now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def argsort_textbook(query, gallery, query_pids, query_camids, gallery_pids, gallery_camids):
    """mAP and CMC the way most evaluators compute them: everything sorted, everything kept."""
    import numpy as np

    distance = query.square().sum(1, keepdim=True) + gallery.square().sum(1)
    distance = distance.addmm_(query, gallery.T, alpha=-2).numpy()
    order = np.argsort(distance, axis=1)
    matches = gallery_pids[order] == query_pids[:, None]
    precisions, curves = [], []
    for row, match, pid, camid in zip(order, matches, query_pids, query_camids, strict=True):
        match = match[(gallery_pids[row] != pid) | (gallery_camids[row] != camid)]
        if not match.any():
            continue
        found = match.cumsum()
        curves.append(np.minimum(found, 1)[:50])
        precisions.append((found / np.arange(1, len(found) + 1) * match).sum() / match.sum())
    return np.mean(precisions), np.mean(curves, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gallery", type=int, nargs="+", default=[19732, 100_000], metavar="G")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[name for name in METHODS if name != "rerank"])
    parser.add_argument("--measure", nargs=2, metavar=("METHOD", "G"), help=argparse.SUPPRESS)
    add_json(parser)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure[0], int(arguments.measure[1]))))
        return
    print(f"{NUM_QUERIES} queries, width {WIDTH}; best of {arguments.repeats}")
    figures = {}
    for num_gallery in arguments.gallery:
        runs: dict[str, list[dict[str, float]]] = {method: [] for method in arguments.methods}
        for _ in range(arguments.repeats):
            for method in arguments.methods:
                command = [sys.executable, __file__, "--measure", method, str(num_gallery)]
                runs[method].append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
        best = {
            method: {quantity: min(run[quantity] for run in taken) for quantity in ("seconds", "cpu")}
            for method, taken in runs.items()
        }
        features = 4 * WIDTH * (NUM_QUERIES + num_gallery) / 2**30
        print(f"gallery {num_gallery}, features {features:.2f} GiB")
        for method, taken in runs.items():
            line = f"  {method:9s}"
            for quantity, name in (("seconds", "s"), ("cpu", "s CPU")):
                line += f" {best[method][quantity]:6.2f} {name}"
                if "product" in best:
                    line += f" ({best[method][quantity] / best['product'][quantity]:.2f} x product)"
            gib = max(run["gib"] for run in taken)
            print(f"{line}  {gib:.2f} GiB  mAP {100 * taken[0]['mAP']:.2f}")
            of_method = {"cpu": best[method]["cpu"], "gib": gib, "beyond": gib - features}
            if "product" in best:
                of_method["ratio"] = best[method]["cpu"] / best["product"]["cpu"]
            figures |= {f"{method}_{name}_{num_gallery}": value for name, value in of_method.items()}
    write_figures(arguments.json, __file__, figures)


if __name__ == "__main__":
    main()
