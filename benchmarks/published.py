"""RCF, KDA and LRD in their authors' setting: one table, one JSON.

    python benchmarks/published.py --dataset office --root DIR --model kda-lrd rcf-lrd \
        --out benchmarks/results/office-relational.json

Text vectors are of unit length, as the authors' are, which are not public (OpenAI's
``text-embedding-ada-002``): these are MiniLM's. The best epoch is that of validation
among the given negatives; where the data brings none, 99 are drawn. With the setting
``attributes``, no relation among items is known (also bought, also viewed), only what
they are (brand, category, genre). Larger batches are no longer the authors' setting,
but on a GPU an epoch costs what its steps do. Ranking a large catalogue takes hours on
a processor: ``--num-questions`` draws the shoppers to validate and to test on. Rows
that the JSON already holds are not run again.
"""

import argparse
import logging
import tempfile
import time
import warnings
from itertools import product
from pathlib import Path

import torch.nn.functional as F
from models import TEXT_MODEL
from next_item import draw_negatives, encoder, group, read, table
from pytorch_lightning import seed_everything
from record import Results, device, epochs_in, identify, peak_mib
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.data.choices import TrainingChoices
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.data.sequences import Histories
from lrdgraph.datasets import INTERACTS
from lrdgraph.knowledge import Knowledge, known_relations
from lrdgraph.models import KDA, RCF
from lrdgraph.training import NextChoice, fit, make_choice_trainer
from lrdgraph.transforms import EmbedText, LeaveOneOut, TextKNN

DATASETS = ("office", "beauty", "ml-100k")
SETTINGS = ("observed", "attributes")

# The authors' commands and logs (ysh-1998/LRD, README and 17e4df4, 3cfcde9).
SETTING = {
    "hidden_channels": 64,
    "max_length": 20,
    "num_layers": 5,
    "num_heads": 4,
    "batch_size": 256,
    "num_negatives": 1,
    "l2": 1e-6,
    "relation_weight": 10.0,
    "spare_held_out": True,
}
MODELS = {
    "kda-lrd": {"lr": 1e-3, "num_latent": 8, "objective": "released"},
    "rcf-lrd": {"lr": 1e-4, "num_latent": 5, "objective": "released"},
    "kda": {"lr": 1e-3, "num_latent": 0},
    "rcf": {"lr": 1e-4, "num_latent": 0},
    "kda-ours": {
        "lr": 1e-3,
        "num_latent": 8,
        "objective": "marginal",
        "relation_weight": 0.3,
        "presence_weight": 0.1,
    },
}


def load(name: str, root: str, cache: str) -> HeteroData:
    """The data set with a split, negatives, and text vectors of unit length."""
    data = read(name, root)
    if "split" not in data[INTERACTS]:  # Office brings the authors'
        data = LeaveOneOut()(data)
        data["user"].val_negatives, data["user"].test_negatives = draw_negatives(data)
    data = EmbedText(encoder(TEXT_MODEL, cache))(data)
    data["item"].x = F.normalize(data["item"].x)
    return data


def attributes_alone(data: HeteroData) -> HeteroData:
    """The data without relations among items, but for what they have in common."""
    data = data.clone()
    for relation in known_relations(data)[0]:
        del data["item", relation, "item"]
    return data


def build(name: str, data: HeteroData, config: dict) -> RCF:
    """A fresh model."""
    known = Knowledge.from_data(data, *known_relations(data))
    if config.get("objective") == "marginal":  # ours lives on pairs of similar texts
        data = TextKNN(20)(data)
    channels, latent = config["hidden_channels"], config["num_latent"]
    objective = config.get("objective", "marginal")
    graph = LatentRelationGraph(data, latent, channels, objective)
    kind = KDA if name.startswith("kda") else RCF
    names = ("max_length", "num_layers", "num_heads")
    weights = [option for option in config if option.endswith("_weight")]
    return kind(
        graph,
        known,
        data["user"].num_nodes,
        channels,
        knowledge_weight=known.head.numel()
        / data["user", "interacts", "item"].num_edges,
        **{option: config[option] for option in (*names, *weights)},
    )


def run(row: dict, data: HeteroData, args: argparse.Namespace) -> dict:
    """Train, read the test part once, and return its figures."""
    seed_everything(row["seed"])
    config = row["config"]
    net = build(row["model"], data, config)
    task = NextChoice(net, config["lr"], l2=config["l2"], rank_catalogue=args.catalogue)
    choices = TrainingChoices(
        Histories.from_data(data),
        config["max_length"],
        config["num_negatives"],
        spare_held_out=config["spare_held_out"],
    )
    module = SequenceDataModule(
        data,
        config["max_length"],
        config["batch_size"],
        choices,
        config.get("num_questions"),
    )
    names = ("dataset", "setting", "model", "seed")
    place = "-".join(str(row[name]) for name in names)
    folder = Path(args.checkpoints or tempfile.mkdtemp()) / place
    trainer = make_choice_trainer(
        folder,
        max_epochs=args.max_epochs,
        progress=not args.no_progress,
    )
    before = epochs_in(folder)
    start, used = time.perf_counter(), time.process_time()
    fit(trainer, task, module)
    trained, used = time.perf_counter() - start, time.process_time() - used
    epochs = epochs_in(folder)
    now = max(epochs - before, 1)
    validation = trainer.validate(task, module, verbose=False)[0]
    start = time.perf_counter()
    test = trainer.test(task, module, verbose=False)[0]
    return {
        "epochs": epochs,
        "parameters": sum(p.numel() for p in net.parameters()),
        "metrics": group(test, "test/"),
        "validation": group(validation, "val/"),
        "seconds": {
            "train": round(trained, 2),
            "epoch": round(trained / now, 2),
            "epoch_processor": round(used / now, 2),
            "test": round(time.perf_counter() - start, 2),
        },
        "peak_mib": peak_mib(),
        **device(),
    }


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=DATASETS, default="office")
    parser.add_argument("--root", required=True, help="folder with the raw files")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=["kda-lrd"])
    parser.add_argument("--setting", nargs="+", choices=SETTINGS, default=["observed"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[2019])
    parser.add_argument("--max-epochs", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=SETTING["batch_size"])
    parser.add_argument("--lr", type=float, help="learning rate, if not the authors'")
    parser.add_argument(
        "--num-questions", type=int, help="validate and test on so many"
    )
    parser.add_argument("--catalogue", action="store_true", help="rank it in the test")
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--checkpoints", help="folder to go on from")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.add_argument("--no-progress", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Run all asked rows that are not there yet."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    args = parse()
    results = Results(args.out, table)
    full = load(args.dataset, args.root, args.cache)
    for setting, model, seed in product(args.setting, args.model, args.seeds):
        config = {
            "text_model": TEXT_MODEL,
            "max_epochs": args.max_epochs,
            **SETTING,
            **MODELS[model],
            "batch_size": args.batch_size,
        }
        if args.num_questions:
            config["num_questions"] = args.num_questions
        if args.lr:
            config["lr"] = args.lr
        row = identify(args.dataset, full, model, setting, seed, config)
        if results.lacks(row):
            data = full if setting == "observed" else attributes_alone(full)
            results.add(row | run(row, data, args))
    print(f"\nsplit {full.split_hash}\n{table(results.rows)}")


if __name__ == "__main__":
    main()
