"""Text vectors into the store, beside nothing but the model's forward passes.

    python benchmarks/embedding.py --out benchmarks/results/embedding.json

The texts of an invented shop, each with a number so that none is there twice, by
MiniLM. *Bare* are the forward passes alone, over batches of tokens that are sorted by
length and ready in memory; *store* is all that a user's call does: tokens, passes,
pooling, shards on disk, vectors in the order of the texts. Both take turns, block by
block, so that a machine that changes its speed changes both.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from models import TEXT_MODEL
from record import peak_mib, write

from lrdgraph.datasets import PlantedRelations
from lrdgraph.text import TextEncoder, VectorCache, packaged_model


@torch.no_grad()
def bare(encoder: TextEncoder, texts: list[str]) -> float:
    """Seconds of the forward passes alone."""
    tokenizer, model = encoder._loaded
    order = sorted(texts, key=lambda text: -len(tokenizer(text)["input_ids"]))
    size = encoder.batch_size
    batches = [
        tokenizer(order[at : at + size], padding=True, return_tensors="pt")
        for at in range(0, len(order), size)
    ]
    start = time.perf_counter()
    for batch in batches:
        model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
    return time.perf_counter() - start


def stored(store: VectorCache, texts: list[str]) -> float:
    """Seconds of a call of the store."""
    start = time.perf_counter()
    store(texts)
    return time.perf_counter() - start


def main() -> None:
    """Take turns, print the ratio, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--size", type=int, default=1024, help="texts a block")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    encoder = TextEncoder(packaged_model(TEXT_MODEL), progress=False)
    shop = PlantedRelations()[0]["item"].text
    seconds: dict[str, list[float]] = {"bare": [], "store": []}
    with tempfile.TemporaryDirectory() as folder:
        store = VectorCache(encoder, folder, progress=False)
        store(shop[:64])  # loads the model, and hashes its files
        for block in range(args.blocks):
            numbers = range(block * args.size, (block + 1) * args.size)
            texts = [f"{shop[n % len(shop)]} {n}" for n in numbers]
            seconds["bare"].append(bare(encoder, texts))
            seconds["store"].append(stored(store, texts))
    ratios = [b / s for b, s in zip(*seconds.values(), strict=True)]
    row = {
        "dataset": "planted",
        "model": TEXT_MODEL,
        "config": {
            "texts": args.blocks * args.size,
            "threads": torch.get_num_threads(),
        },
        "seconds": {name: round(sum(found), 2) for name, found in seconds.items()},
        "metrics": {"throughput of bare passes": round(median(ratios), 4)},
        "peak_mib": peak_mib(),
    }
    print(row)
    if args.out:
        write(args.out, [row])


if __name__ == "__main__":
    main()
