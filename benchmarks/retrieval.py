"""Time and peak memory of ranking a Market-1501-sized gallery, against the bare matrix product and a full argsort.

    python benchmarks/retrieval.py [--gallery 19732 100000] [--repeats 3]

Every measurement is a process of its own (so that its peak is its own, the interpreter and PyTorch included), and those
of one repeat follow each other; ratios are between the fastest of the repeats. ``product``: queries times gallery, nothing
else. ``evaluate``: all metrics of mosaicreid.retrieval. ``ties``: the same on features of few small integers, whose scores
are exact and mostly tied. ``argsort``: the textbook, a full distance matrix, its argsort and a loop over the queries.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

NUM_QUERIES, WIDTH, NUM_PIDS, NUM_CAMIDS = 3368, 1280, 750, 6
METHODS = ("product", "evaluate", "ties", "argsort")


def measure(method: str, num_gallery: int) -> dict[str, float]:
    """Seconds and peak GiB of one method in this process; the features are made before the clock starts."""
    import numpy as np
    import torch

    from mosaicreid.retrieval import evaluate

    rng = np.random.default_rng(0)
    query_pids, gallery_pids = rng.integers(1, NUM_PIDS + 1, NUM_QUERIES), rng.integers(NUM_PIDS + 1, size=num_gallery)
    query_camids, gallery_camids = (
        rng.integers(NUM_CAMIDS, size=NUM_QUERIES),
        rng.integers(NUM_CAMIDS, size=num_gallery),
    )
    generator = torch.Generator().manual_seed(0)
    query, gallery = torch.empty(NUM_QUERIES, WIDTH), torch.empty(num_gallery, WIDTH)
    for features in (query, gallery):
        if method == "ties":
            features.random_(0, 2, generator=generator)
        else:
            features.normal_(generator=generator)
    ids = (query_pids, query_camids, gallery_pids, gallery_camids)
    torch.mm(query[:64], gallery[:64].T)

    start = time.perf_counter()
    if method == "product":
        torch.mm(query, gallery.T)
    elif method == "argsort":
        argsort_textbook(query, gallery, *ids)
    else:
        evaluate(query, gallery, *ids, similarity="dot" if method == "ties" else "cosine")
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def argsort_textbook(query, gallery, query_pids, query_camids, gallery_pids, gallery_camids):
    """mAP and Rank-1 as most evaluators compute them."""
    import numpy as np
    import torch

    query, gallery = torch.nn.functional.normalize(query), torch.nn.functional.normalize(gallery)
    distance = (2 - 2 * query @ gallery.T).numpy()
    order = np.argsort(distance, axis=1)
    precisions, hits = [], []
    for row, pid, camid in zip(order, query_pids, query_camids, strict=True):
        kept = row[~((gallery_pids[row] == pid) & (gallery_camids[row] == camid))]
        match = gallery_pids[kept] == pid
        if not match.any():
            continue
        precisions.append((np.cumsum(match) / np.arange(1, len(match) + 1))[match].mean())
        hits.append(match[0])
    return np.mean(precisions), np.mean(hits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gallery", type=int, nargs="+", default=[19732, 100_000], metavar="G")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--measure", nargs=2, metavar=("METHOD", "G"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure[0], int(arguments.measure[1]))))
        return
    print(f"{NUM_QUERIES} queries, width {WIDTH}; best of {arguments.repeats}")
    for num_gallery in arguments.gallery:
        runs: dict[str, list[dict[str, float]]] = {method: [] for method in arguments.methods}
        for _ in range(arguments.repeats):
            for method in arguments.methods:
                command = [sys.executable, __file__, "--measure", method, str(num_gallery)]
                runs[method].append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
        best = {method: min(run["seconds"] for run in taken) for method, taken in runs.items()}
        print(f"gallery {num_gallery}")
        for method, taken in runs.items():
            ratio = f"{best[method] / best['product']:5.2f} x product" if "product" in best else ""
            print(f"  {method:9s} {best[method]:7.2f} s  {max(run['gib'] for run in taken):5.2f} GiB  {ratio}")


if __name__ == "__main__":
    main()
