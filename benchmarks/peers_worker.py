"""One model's part of peers.py, in a process (and an interpreter) of its own.

    python benchmarks/peers_worker.py FOLDER

peers.py lays ``shop.npz`` and ``task.json`` into the folder, and finds ``report.json``
and ``recommended.npz`` there. What only one of the libraries needs is imported where it
is used, so that no process has the memory of both.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from memory import peak_mib
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything

PACKAGES = ("torch", "pytorch-lightning", "numpy", "pandas")
K, REPEATS = 10, 3  # of the ranking; its median counts
NEEDED = """\
the peer needs RecTools, in an environment of its own (it asks for an older Lightning):
    python -m venv PEER && PEER/bin/pip install 'rectools[torch]==0.19.0' torch==2.13.0
and is then found by peers.py --peer-python PEER/bin/python"""


def clocks() -> np.ndarray:
    """Seconds that went by, and those that the processor worked for this process."""
    return np.array([time.perf_counter(), time.process_time()])


class Fitted(NamedTuple):
    """A trained model: how it recommends, and what it took to come so far."""

    recommend: Callable[[], pd.DataFrame]
    epochs: list[np.ndarray]
    libraries_mib: int
    library: str


class Epochs(Callback):
    """Notes what each pass over the training data took."""

    def __init__(self) -> None:
        self.taken: list[np.ndarray] = []
        self.start = clocks()

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Start the clocks."""
        self.start = clocks()

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Read the clocks."""
        self.taken.append(clocks() - self.start)


def make_trainer(epochs: int, *callbacks: Callback) -> Trainer:
    """RecTools' own default, on a processor, with clocks."""
    return Trainer(
        max_epochs=epochs,
        min_epochs=epochs,
        limit_val_batches=0,
        callbacks=[*callbacks, Epochs()],
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def clocked(trainer: Any) -> list[np.ndarray]:
    """What the epochs of a trainer took."""
    [epochs] = [c for c in trainer.callbacks if isinstance(c, Epochs)]
    return epochs.taken


def fit_peer(shop: dict[str, np.ndarray], part: int, config: dict[str, Any]) -> Fitted:
    """RecTools' SASRec."""
    try:
        from rectools.dataset import Dataset
        from rectools.models import SASRecModel
    except ImportError:
        sys.exit(NEEDED)
    libraries = peak_mib()
    purchases = pd.DataFrame(
        {
            "user_id": shop["user"],
            "item_id": shop["item"],
            "weight": 1,
            "datetime": pd.to_datetime(shop["time"], unit="s"),
        }
    )
    model = SASRecModel(
        n_blocks=config["num_layers"],
        n_heads=config["num_heads"],
        n_factors=config["hidden_channels"],
        session_max_len=config["max_length"],
        dropout_rate=config["dropout"],
        batch_size=config["batch_size"],
        lr=config["lr"],
        loss="softmax",
        recommend_torch_device="cpu",
        get_trainer_func=make_trainer,
        get_trainer_func_kwargs={"epochs": config["max_epochs"]},
    ).fit(Dataset.construct(purchases[shop["split"] == 0]))
    before = Dataset.construct(purchases[shop["split"] < part])
    users = np.unique(shop["user"][shop["split"] == part])

    def recommend() -> pd.DataFrame:
        return model.recommend(
            users, before, K, filter_viewed=True, on_unsupported_targets="warn"
        )

    return Fitted(recommend, clocked(model.fit_trainer), libraries, "rectools")


def fit_ours(
    shop: dict[str, np.ndarray], part: int, config: dict[str, Any], name: str
) -> Fitted:
    """A model of lrdgraph."""
    from models import build

    from lrdgraph.data.datamodule import SequenceDataModule
    from lrdgraph.training import NextItem
    from lrdgraph.training.averaging import WeightAverage
    from lrdgraph.typing import TEST

    libraries = peak_mib()
    data = as_data(shop, config)
    model: Any = build(name, data, config)
    rates = ("lr", "gate_lr", "dvae_lr", "weight_decay", "dvae_weight_decay")
    task = NextItem(model, **{rate: config[rate] for rate in rates})
    module = SequenceDataModule(data, config["max_length"], config["batch_size"])
    average = WeightAverage()
    trainer = make_trainer(config["max_epochs"], average)
    trainer.fit(task, module)
    for parameter, mean in zip(task.parameters(), average.average, strict=True):
        parameter.data.copy_(mean)
    questions = module.test_dataloader() if part == TEST else module.val_dataloader()

    def recommend() -> pd.DataFrame:
        return best(model.eval(), questions)

    return Fitted(recommend, clocked(trainer), libraries, "lrdgraph")


def as_data(shop: dict[str, np.ndarray], config: dict[str, Any]) -> Any:
    """The shop as lrdgraph's data, with pairs of items where it brings vectors."""
    from models import NUM_NEIGHBORS, WINDOW
    from torch_geometric.data import HeteroData
    from torch_geometric.transforms import Compose

    from lrdgraph.transforms import TextKNN, Transitions

    data = HeteroData()
    data["user"].num_nodes = int(shop["user"].max()) + 1
    data["item"].num_nodes = int(shop["num_items"])
    store = data["user", "interacts", "item"]
    store.edge_index = torch.from_numpy(np.stack([shop["user"], shop["item"]]))
    store.time, store.split = map(torch.from_numpy, (shop["time"], shop["split"]))
    if not config.get("num_pairs"):
        return data
    data["item"].id = list(map(str, range(data["item"].num_nodes)))
    data["item"].x = torch.from_numpy(shop["x"])
    steps = [TextKNN(NUM_NEIGHBORS), Transitions(WINDOW, config["min_count"])]
    return Compose(steps)(data)


@torch.no_grad()
def best(model: Any, questions: Any) -> pd.DataFrame:
    """The best items that each user has not seen, as the peer's table."""
    from lrdgraph.nn import scoring

    # Small results kept among large scores would keep the memory of these, too.
    user = torch.empty(len(questions.dataset), dtype=torch.long)
    item, score = user.new_empty(len(user), K), torch.empty(len(user), K)
    states, end = model.item_states(), 0
    with getattr(model, "edges_kept", nullcontext)():
        for question in questions:
            rows = slice(end, end := end + len(question["user"]))
            user[rows] = question["user"]
            scores = model(question["history"], states)
            scores[question["seen_row"], question["seen_item"]] = -torch.inf
            score[rows], item[rows] = scoring.best(scores, K)
            del scores  # before there are the next ones
    return pd.DataFrame(
        {
            "user_id": user.numpy().repeat(K),
            "item_id": item.flatten().numpy(),
            "score": score.flatten().numpy(),
            "rank": np.tile(np.arange(1, K + 1), len(user)),
        }
    )


def ranked(recommend: Callable[[], pd.DataFrame]) -> tuple[np.ndarray, pd.DataFrame]:
    """What a ranking took, and what it gave."""
    start = clocks()
    found = recommend()
    return clocks() - start, found


def summary(taken: Sequence[np.ndarray]) -> dict[str, float | list[float]]:
    """Medians of the seconds and of the processor's, and all of the former."""
    seconds, processor = np.median(taken, axis=0).round(3).tolist()
    each = [round(float(clock[0]), 3) for clock in taken]
    return {"seconds": seconds, "processor_seconds": processor, "each": each}


def main() -> None:
    """Train, rank, report."""
    folder = Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    with np.load(folder / "shop.npz") as arrays:
        shop = dict(arrays)
    torch.set_num_threads(task["threads"])
    seed_everything(task["seed"], verbose=False)
    asked = (shop, task["part"], task["config"])
    peer = task["model"] == "rectools"
    fitted = fit_peer(*asked) if peer else fit_ours(*asked, task["model"])
    taken, tables = zip(
        *(ranked(fitted.recommend) for _ in range(REPEATS)), strict=True
    )
    report = {
        "epoch": summary(fitted.epochs),
        "full_ranking": summary(taken),
        "peak_mib": peak_mib(),
        "libraries_mib": fitted.libraries_mib,
        "versions": {name: version(name) for name in (*PACKAGES, fitted.library)},
    }
    columns = ("user_id", "item_id", "rank")
    user, item, rank = (tables[0][name].to_numpy() for name in columns)
    np.savez(folder / "recommended.npz", user=user, item=item, rank=rank)
    (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
