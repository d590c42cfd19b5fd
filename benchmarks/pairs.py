"""What one pass over all candidate pairs costs: posterior and reconstruction.

    python benchmarks/pairs.py --out benchmarks/results/pairs.json

Invented text vectors (384 features), eight latent relations. Pairs are taken a block at
a time, so what grows with them is the result alone; 32 items stand against each pair in
reconstruction. Ratios to the first row are what to read: machines differ.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter

import torch
from record import peak_mib, write

from lrdgraph.habits import LAGS
from lrdgraph.nn import RelationDVAE
from lrdgraph.nn.dvae import marginal_loss
from lrdgraph.typing import PairEvidence

NUM_ITEMS, BLOCK = 50_000, 8192


@torch.no_grad()
def measure(num_pairs: int) -> dict:
    """Seconds of each part over all pairs, after a warm-up."""
    torch.manual_seed(0)
    dvae = RelationDVAE(384, 64, 8, len(LAGS) + 1).eval()
    x, states = torch.randn(NUM_ITEMS, 384), torch.randn(NUM_ITEMS, 64)
    edge_index = torch.randint(NUM_ITEMS, (2, num_pairs))
    lags = torch.randint(9, (num_pairs, len(LAGS) + 1)).float()
    chance, negatives = torch.rand(num_pairs, len(LAGS)) / 100, torch.arange(32)
    observed = torch.empty(num_pairs, 0)
    seconds = dict.fromkeys(("roles", "posterior", "habits", "items"), 0.0)
    start = perf_counter()
    roles = dvae.roles(x)
    seconds["roles"] = perf_counter() - start
    for first in range(0, num_pairs, BLOCK):
        block = slice(first, first + BLOCK)
        pairs = PairEvidence(
            edge_index[:, block], lags[block], chance[block], negatives, observed
        )
        times = [perf_counter()]
        posterior = dvae.posterior(roles, pairs.edge_index)
        times.append(perf_counter())
        marginal_loss(posterior, dvae.habit_likelihood(pairs))
        times.append(perf_counter())
        marginal_loss(posterior, dvae.item_likelihood(states, pairs))
        times.append(perf_counter())
        for place, name in enumerate(("posterior", "habits", "items")):
            seconds[name] += times[place + 1] - times[place]
    return {name: round(value, 3) for name, value in seconds.items()}


def main() -> None:
    """Measure growing numbers of pairs, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON to write")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    measure(BLOCK)
    rows = []
    for num_pairs in (250_000, 500_000, 1_000_000):
        seconds = measure(num_pairs)
        rows.append(
            {
                "dataset": "invented",
                "model": "RelationDVAE",
                "seed": 0,
                "config": {"num_pairs": num_pairs, "threads": args.threads},
                "metrics": {},
                "seconds": seconds | {"all": round(sum(seconds.values()), 3)},
                "peak_mib": peak_mib(),
            }
        )
        sys.stdout.write(f"{num_pairs} pairs: {rows[-1]['seconds']}\n")
    if args.out:
        write(args.out, rows)


if __name__ == "__main__":
    main()
