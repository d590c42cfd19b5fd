"""Several processes train as one does, and stop cleanly when one of them dies."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lrdgraph.training.resuming import read_checkpoint

pytestmark = pytest.mark.slow
SCRIPT = """
import json, logging, os, sys, torch
from pytorch_lightning import seed_everything
from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.models import LRDRec
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.testing import tiny_shop

class Told(NextItem):
    def on_train_epoch_start(self):
        super().on_train_epoch_start()
        trained.append(self.current_epoch)


trained = []
folder, devices, epochs, options = sys.argv[1], *map(json.loads, sys.argv[2:])
torch.set_num_threads(1)
seed_everything(0)
shop = tiny_shop(num_users=300)
graph = LatentRelationGraph(shop, num_latent=3, state_channels=16)
task = Told(LRDRec(graph, 16, max_length=10, dropout=0.2, **options))
module = SequenceDataModule(shop, 10, batch_size=64 // devices)
trainer = make_trainer(folder, max_epochs=epochs, progress=False, devices=devices)
print("PROCESS", trainer.global_rank, os.getpid(), flush=True)
fit(trainer, task, module)
found = trainer.test(task, module, verbose=False)[0]
weights = sum(float(p.detach().double().sum()) for p in task.parameters())
told = {"figures": found, "weights": weights, "steps": trainer.global_step}
told |= {"epochs": len(task.health["perplexity"]), "trained": trained}
with open(f"{trainer.global_rank}-of-{devices}.json", "w") as file:
    json.dump(told, file)
trainer.strategy.barrier()  # when the first process ends, it ends the other ones
"""


def start(script: Path, devices: int, epochs: int, **options: int) -> subprocess.Popen:
    script.write_text(SCRIPT)
    words = [json.dumps(value) for value in (devices, epochs, options)]
    command = [sys.executable, script.name, f"kept-{devices}", *words]
    return subprocess.Popen(
        command,
        cwd=script.parent,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results(script: Path, devices: int, epochs: int, **options: int) -> list[dict]:
    """What each process had in the end."""
    output, _ = start(script, devices, epochs, **options).communicate()
    names = [f"{rank}-of-{devices}.json" for rank in range(devices)]
    files = [script.parent / name for name in names]
    assert all(file.exists() for file in files), output
    return [json.loads(file.read_text()) for file in files]


def test_two_processes_learn_what_one_does(tmp_path):
    """With sparse gradients; the other test has dense ones."""
    [alone] = results(tmp_path / "train.py", 1, 3, num_negatives=32)
    first, second = results(tmp_path / "train.py", 2, 3, num_negatives=32)
    assert first == second
    assert first["steps"] == alone["steps"]
    for name in ("test/NDCG@10", "test/MRR"):  # of 300 questions
        assert first["figures"][name] == pytest.approx(alone["figures"][name], abs=0.03)


def test_a_process_that_dies_ends_all_and_training_goes_on(tmp_path):
    training = start(tmp_path / "train.py", 2, 60)
    assert training.stdout is not None
    second = next(
        int(line.split()[2]) for line in training.stdout if line.startswith("PROCESS 1")
    )
    kept = tmp_path / "kept-2" / "last.ckpt"
    while not kept.exists() and training.poll() is None:
        time.sleep(0.1)
    os.kill(second, signal.SIGKILL)
    training.communicate(timeout=120)
    assert training.returncode != 0
    done = read_checkpoint(kept)["epoch"] + 1
    first, second = results(tmp_path / "train.py", 2, done + 2)
    assert first == second
    assert first["trained"] == [done, done + 1]
    (tmp_path / "whole").mkdir()
    whole, _ = results(tmp_path / "whole" / "train.py", 2, done + 2)
    assert whole["trained"] == list(range(done + 2))
    assert first == whole | {"trained": first["trained"]}
