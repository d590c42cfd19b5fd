"""From a Parquet file of purchases to batches: seconds and memory as shoppers come.

    python benchmarks/reading.py --out benchmarks/results/reading.json

Invented purchases, ten a shopper, with ids as text, and half as many items as
shoppers. Each size is read in a process of its own, for its peak memory to be its own.
"""

import argparse
import time
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from record import peak_mib, read, write

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import from_tables
from lrdgraph.transforms import LeaveOneOut


def invent(number: int, folder: Path) -> list[Path]:
    """Write so many purchases, and their items."""
    generator = np.random.default_rng(0)
    users, items = number // 10, number // 20
    events = pd.DataFrame(
        {
            "user_id": generator.integers(users, size=number),
            "item_id": generator.zipf(1.3, size=number) % items,
            "time": generator.integers(1_600_000_000, 1_700_000_000, size=number),
        }
    )
    events[["user_id", "item_id"]] = "no." + events[["user_id", "item_id"]].astype(str)
    names = [f"no.{item}" for item in range(items)]
    things = pd.DataFrame({"item_id": names, "title": [f"thing {n}" for n in names]})
    paths = [folder / "purchases.parquet", folder / "items.parquet"]
    for table, path in zip((events, things), paths, strict=True):
        table.to_parquet(path)
    return paths


def measure(purchases: Path, items: Path) -> dict:
    """Read, divide and cut into windows."""
    before, start = peak_mib(), time.perf_counter()
    data = LeaveOneOut()(from_tables(purchases, items))
    module = SequenceDataModule(data)
    return {
        "windows": len(module.training),
        "seconds": round(time.perf_counter() - start, 1),
        "peak_mib": peak_mib(),
        "libraries_mib": before,
    }


def main() -> None:
    """Measure each size that is not there yet, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = [100_000, 1_000_000, 10_000_000]
    parser.add_argument("--sizes", nargs="+", type=int, default=sizes)
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    args = parser.parse_args()
    rows = read(args.out)
    for number in args.sizes:
        if number in [row["interactions"] for row in rows]:
            continue
        with TemporaryDirectory() as folder, get_context("spawn").Pool(1) as pool:
            paths = invent(number, Path(folder))
            rows.append({"interactions": number} | pool.apply(measure, paths))
        if args.out:
            write(args.out, rows)
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
