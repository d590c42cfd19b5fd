"""Result files: what they record beside their rows, and going on with one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from statistics import mean, stdev

import torch
import torch_geometric
from memory import peak_mib as peak_mib
from torch_geometric.data import HeteroData

import lrdgraph
from lrdgraph.files import atomic_write
from lrdgraph.training.resuming import read_checkpoint

METRIC = "NDCG@10"  # of the full ranking, by which the validation part chooses
ALLOCATOR = ("LD_PRELOAD", "MALLOC_CONF", "GLIBC_TUNABLES")


class Results:
    """Rows of a result file, of which those that are there need not be run again.

    Args:
        path: JSON to go on with and to write; None keeps rows in memory alone.
        table: What shows rows; it is printed after each.
    """

    def __init__(self, path: Path | None, table: Callable[[list[dict]], str]) -> None:
        self.path, self.table, self.rows = path, table, read(path)
        versions()  # of now: code may have changed before the first row is there

    def lacks(self, wanted: dict) -> bool:
        """Whether no row says this."""
        return not any(wanted.items() <= row.items() for row in self.rows)

    def add(self, *rows: dict) -> None:
        """Keep rows, each with what made it, and show what there is by now."""
        self.rows += [{"versions": versions()} | row for row in rows]
        if self.path:
            write(self.path, self.rows)
        print(self.table(self.rows), flush=True)


def identify(
    dataset: str, data: HeteroData, model: str, setting: str, seed: int, config: dict
) -> dict:
    """What tells the row of a training from all others."""
    return {
        "dataset": dataset,
        "split_hash": data.split_hash,
        "model": model,
        "setting": setting,
        "seed": seed,
        "config": config,
    }


def read(path: Path | None) -> list[dict]:
    """The rows that are there already, none without a file."""
    if path is None or not path.exists():
        return []
    return json.loads(path.read_text())["rows"]


def write(path: Path, rows: list[dict]) -> None:
    """Write the JSON atomically, with the command and the versions that wrote it last.

    Rows of a file that was gone on with may be of others; see :meth:`Results.add`.
    """
    command = "python " + " ".join(sys.argv)
    text = json.dumps(
        {"command": command, "versions": versions(), "rows": rows}, indent=1
    )
    with atomic_write(path) as file:
        file.write(f"{text}\n".encode())


def best(rows: Sequence[dict]) -> dict:
    """The row that the validation part prefers."""
    return max(rows, key=lambda row: row["validation"]["full"][METRIC])


def trials(rows: Sequence[dict], asked: dict, config: dict) -> list[dict]:
    """Those with this configuration, but for what they try."""
    return [
        row
        for row in rows
        if asked.items() <= row.items() and row["config"] == config | row["trial"]
    ]


def epochs_in(folder: Path) -> int:
    """How many epochs its checkpoints have, those before an interruption, too."""
    last = folder / "last.ckpt"
    return read_checkpoint(last)["epoch"] + 1 if last.exists() else 0


def mean_and_spread(values: Sequence[float], digits: int = 4) -> str:
    """Mean, and the standard deviation of a sample where there are several."""
    told = f"{mean(values):.{digits}f}"
    return f"{told} ± {stdev(values):.{digits}f}" if len(values) > 1 else told


@cache
def versions() -> dict[str, str]:
    """Of Python, of what computes, and of this checkout where git knows it."""
    asked = ("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty")
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "lrdgraph": lrdgraph.__version__,
        "commit": told.stdout.strip(),
    }


def device() -> dict[str, str | int]:
    """What a model was trained on, and the most memory of a GPU that this took."""
    if not torch.cuda.is_available():
        return {"device": "cpu"}
    peak = torch.cuda.max_memory_allocated() // 2**20
    return {"device": torch.cuda.get_device_name(), "gpu_mib": peak}


def allocator() -> dict[str, str]:
    """What chose the allocator of memory; nothing where it is the system's own."""
    return {name: os.environ[name] for name in ALLOCATOR if name in os.environ}
