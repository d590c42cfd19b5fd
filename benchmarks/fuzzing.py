"""Readers are given broken files: what comes of it has to be data or a clear error."""

import resource
import traceback
import warnings
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic
from typing import NamedTuple

import torch
from breaking import break_file
from readers import READERS
from record import peak_mib
from torch_geometric.data import HeteroData

import lrdgraph
from lrdgraph.datasets import INTERACTS

KINDS = [(name, kind) for name, (_, kinds) in READERS.items() for kind in kinds]
PATIENCE = 120  # seconds for one input, after which it counts as a failure
MEMORY = 4 * 2**30  # bytes that a reader may allocate beside what there is


class Outcome(NamedTuple):
    """What a reader made of the input of a seed: ``data``, ``error`` or ``failure``."""

    seed: int
    reader: str
    kind: str
    what: str
    message: str


def attempt(seed: int) -> Outcome:
    """Write the files of some reader, break one, and read them."""
    random = Random(seed)
    reader, kind = random.choice(KINDS)
    with TemporaryDirectory() as root:
        folder = Path(root) / "files"
        folder.mkdir()
        read = READERS[reader][0](folder, kind)
        broken = random.choice(sorted(p for p in folder.rglob("*") if p.is_file()))
        if random.random() < 0.02:
            broken.unlink()
        else:
            break_file(broken, random)
        try:
            check(read())
        except (FileNotFoundError, ValueError) as error:
            if _is_ours(error):
                return Outcome(seed, reader, kind, "error", str(error)[:200])
            return Outcome(seed, reader, kind, "failure", traceback.format_exc())
        except Exception:
            return Outcome(seed, reader, kind, "failure", traceback.format_exc())
    return Outcome(seed, reader, kind, "data", "")


def _is_ours(error: Exception) -> bool:
    """Whether the library raised it, and quotes what it is about."""
    raised_in = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    inside = raised_in.is_relative_to(Path(lrdgraph.__file__).parent)
    plain = type(error) in (FileNotFoundError, ValueError)
    return inside and plain and "'" in str(error)


def check(data: HeteroData) -> None:
    """Whether data is of the form that :mod:`lrdgraph.datasets` promises."""
    assert data.validate()
    for node in ("user", "item"):
        ids = data[node].id
        assert len(ids) == len(set(ids)) == data[node].num_nodes > 0, "ids"
        assert all(name and name == name.strip() for name in ids), "ids"
        "\n".join(ids).encode()
    for name, values in data["item"].items():
        if isinstance(values, list) and name != "vector_steps":
            assert len(values) == data["item"].num_nodes, name
            "\n".join(values).encode()
    store = data[INTERACTS]
    assert store.time.numel() == store.num_edges > 0, "times"
    assert (store.time >= 0).all(), "times"
    for source, name, target in data.edge_types:
        edge_index = data[source, name, target].edge_index
        sizes = torch.tensor([[data[source].num_nodes], [data[target].num_nodes]])
        assert edge_index.dtype == torch.int64, name
        assert ((edge_index >= 0) & (edge_index < sizes)).all(), name


def _work(first: int, deadline: float, wire: Connection) -> None:
    """Try one seed after the other, saying which one before."""
    warnings.simplefilter("ignore")
    used = int(Path("/proc/self/statm").read_text().split()[5]) * 4096
    resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, used + MEMORY))
    seed = first
    while monotonic() < deadline:
        wire.send(seed)
        wire.send((attempt(seed), peak_mib()))
        seed += 1
    wire.send(None)


def fuzz(first: int, seconds: float) -> Iterator[tuple[Outcome, int]]:
    """Outcomes of one seed after the other, and the peak of memory (MiB) so far.

    A process of its own does the work, so that its end or its silence is an outcome.
    """
    context = get_context("forkserver")
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        seed = first
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(first, deadline, theirs))
        process.start()
        theirs.close()
        try:
            while (seed := ours.recv()) is not None:
                if not ours.poll(PATIENCE):
                    raise TimeoutError(f"{PATIENCE} seconds")
                yield ours.recv()
        except (EOFError, TimeoutError) as error:
            what = f"no answer ({type(error).__name__} {error})"
            yield Outcome(seed, *Random(seed).choice(KINDS), "failure", what), 0
            first = seed + 1
        process.kill()
        process.join()
