"""Next-item prediction on real data: one table, one JSON.

    python benchmarks/next_item.py --dataset office --root DIR \
        --model lrdrec sasrec popularity --setting observed --seeds 0 1 2 \
        --out benchmarks/results/office.json

With ``--tuned``, a JSON that tune.py wrote with the same options, each model has what
its best trial had. Rows that the JSON already holds with the same configuration are not
run again, so an interrupted benchmark resumes.
"""

import argparse
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import record
import torch
from models import DATA, NUM_PERIODS, TUNED, build, configure, given, parser_of
from pytorch_lightning import Trainer, seed_everything
from record import Results, best, device, identify, mean_and_spread, peak_mib, trials
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import Compose

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import AmazonReviews, MovieLens, PlantedRelations, ReChorus
from lrdgraph.health import health
from lrdgraph.models import Popularity
from lrdgraph.text import TextEncoder, VectorCache, packaged_model
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.transforms import (
    EmbedText,
    LeaveOneOut,
    Normalize,
    TextKNN,
    Transitions,
    Trends,
    Whiten,
)
from lrdgraph.typing import TEXT_KNN, TRANSITION

COLUMNS = (
    ("sampled", "HR@5"),
    ("sampled", "NDCG@5"),
    ("full", "HR@5"),
    ("full", "HR@10"),
    ("full", "NDCG@10"),
    ("full", "MRR"),
)
BREADTH = (  # by how often training saw the target; and what is shown
    ("head", "NDCG@10"),
    ("tail", "NDCG@10"),
    ("cold", "NDCG@10"),
    ("full", "coverage@10"),
    ("full", "popularity@10"),
)
NUM_NEGATIVES = 99  # where the data brings none
SETTINGS = ("observed", "no-observed")  # with or without relations from metadata
VECTORS = {"normalized": [Normalize()], "whitened": [Whiten(), Normalize()], "raw": []}


def read(name: str, root: str | None) -> HeteroData:
    """The data set as it is, from its raw files."""
    datasets = {
        "office": lambda: ReChorus(root),
        "beauty": lambda: AmazonReviews(root, "Beauty", "2014"),
        "ml-100k": lambda: MovieLens(root),
        "planted": lambda: PlantedRelations(),
    }
    return datasets[name]()[0]


def load(
    name: str, root: str | None, cache: str, config: dict | None = None
) -> HeteroData:
    """The data set with a split, text vectors, neighbours and transitions.

    MovieLens gets negatives, for the sampled protocol.
    """
    data = prepare(read(name, root), cache, TUNED[name] | (config or {}))
    if name == "ml-100k":
        data["user"].val_negatives, data["user"].test_negatives = draw_negatives(data)
    return data


def prepare(data: HeteroData, cache: str, config: dict | None = None) -> HeteroData:
    """Everything that models need, from what a data set gives."""
    made = DATA | (config or {})
    steps = [
        EmbedText(encoder(made["text_model"], cache)),
        *VECTORS[made.get("vectors", "normalized")],
        TextKNN(made["num_neighbors"]),
        Transitions(made["window"], made["min_count"]),
        Trends(NUM_PERIODS),
    ]
    if "split" not in data["user", "interacts", "item"]:  # Office brings the authors'
        steps.insert(0, LeaveOneOut())
    return Compose(steps)(data)


def encoder(text_model: str | None, cache: str) -> Callable[[list[str]], Tensor]:
    """What reads the texts: a package's model, or None, for which all are noise."""
    if text_model is None:
        return noise
    return VectorCache(TextEncoder(packaged_model(text_model)), cache)


def noise(texts: list[str]) -> Tensor:
    """Vectors that say nothing, and the same of each item in each run."""
    return torch.randn(len(texts), 384, generator=torch.Generator().manual_seed(0))


def draw_negatives(data: HeteroData) -> tuple[Tensor, Tensor]:
    """Two draws of items that a user never had, uniformly, ``[U, 99]`` each."""
    generator = torch.Generator().manual_seed(0)
    allowed = torch.ones(data["user"].num_nodes, data["item"].num_nodes)
    allowed[tuple(data["user", "interacts", "item"].edge_index)] = 0
    return tuple(
        torch.multinomial(allowed, NUM_NEGATIVES, generator=generator) for _ in "12"
    )


def without_observed(data: HeteroData) -> HeteroData:
    """Only relations from texts and training histories, none from metadata."""
    data = data.clone()
    for source, relation, target in data.edge_types:
        if source == target and relation not in (TEXT_KNN, TRANSITION):
            del data[source, relation, target]
    return data


def train(
    net: torch.nn.Module, data: HeteroData, config: dict, progress: bool
) -> tuple[NextItem, SequenceDataModule, Trainer, float]:
    """Train to the early stop; the seconds that it took are the last of the results."""
    rates = ("lr", "gate_lr", "dvae_lr", "weight_decay", "dvae_weight_decay")
    task = NextItem(net, **{name: config[name] for name in rates})
    module = SequenceDataModule(data, net.max_length, config["batch_size"])
    limits = {k: config[k] for k in ("max_epochs", "patience")}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        average = config.get("average", True)
        trainer = make_trainer(folder, **limits, average=average, progress=progress)
        if not isinstance(net, Popularity):
            fit(trainer, task, module)
    return task, module, trainer, time.perf_counter() - start


def run(
    data: HeteroData,
    make: Callable[[HeteroData, dict], torch.nn.Module],
    seed: int,
    config: dict,
    progress: bool,
) -> dict:
    """Train the model of ``make``, read the test part once, and return its figures."""
    seed_everything(seed)
    net = make(data, config)
    task, module, trainer, trained = train(net, data, config, progress)
    validation = trainer.validate(task, module, verbose=False)[0]
    start = time.perf_counter()
    test = trainer.test(task, module, verbose=False)[0]
    seconds = {
        "train": trained,
        "epoch": trained / max(trainer.current_epoch, 1),
        "full_ranking": time.perf_counter() - start,
    }
    return {
        "epochs": trainer.current_epoch,
        "run": task.run,  # defaults of the library, too
        "metrics": group(test, "test/"),
        "validation": group(validation, "val/"),
        **discovered(net),
        "seconds": {k: round(v, 2) for k, v in seconds.items()},
        "peak_mib": peak_mib(),
        **device(),
    }


def discovered(net: torch.nn.Module) -> dict[str, dict[str, float]]:
    """How discovery is doing after training, where there is any."""
    graph = getattr(net, "graph", None)
    if graph is None or not graph.num_latent:
        return {}
    return {"health": health(graph.eval())._asdict()}


def group(flat: dict[str, float], prefix: str) -> dict[str, dict[str, float]]:
    """``{'test/sampled/HR@5': ...}`` to ``{'sampled': {'HR@5': ...}, 'full': ...}``."""
    grouped: dict[str, dict[str, float]] = {}
    for key, value in flat.items():
        *protocol, name = key.removeprefix(prefix).split("/")
        grouped.setdefault(protocol[0] if protocol else "full", {})[name] = value
    return grouped


def table(rows: list[dict]) -> str:
    """Mean (and spread over seeds) of every model and setting; then their breadth."""
    known = [row for row in rows if "coverage@10" in row["metrics"].get("full", {})]
    tables = [_table(rows, COLUMNS), _table(known, BREADTH)]
    return "\n\n".join(tables[: 1 + bool(known)])


def _table(rows: list[dict], columns: tuple[tuple[str, str], ...]) -> str:
    head = ["model", "setting", "seeds", *(f"{p} {m}" for p, m in columns)]
    groups: dict[tuple[str, ...], list[dict]] = {}
    for row in rows:
        config = str(sorted(row["config"].items()))
        key = (row["model"], row["setting"], row["dataset"], config)
        groups.setdefault(key, []).append(row)
    lines = [head]
    for (model, setting, *_), members in groups.items():
        cells = [_cell(members, p, m) for p, m in columns]
        lines.append([model, setting, str(len(members)), *cells])
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, rule, *lines[1:]])


def _cell(rows: list[dict], protocol: str, metric: str) -> str:
    values = [r["metrics"][protocol][metric] for r in rows if protocol in r["metrics"]]
    if not values:
        return "–"
    digits = 1 if metric.startswith("popularity") else 4
    return mean_and_spread(values, digits)


def parse() -> argparse.Namespace:
    """Command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--setting", nargs="+", choices=SETTINGS, default=["observed"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--tuned", type=Path, help="JSON of tune.py, to take its best")
    return parser.parse_args()


def tuned(path: Path, row: dict) -> dict:
    """The configuration of a row, with what the best trial of tune.py had."""
    if row["model"].startswith("popularity"):
        return row["config"]
    asked = {k: row[k] for k in ("dataset", "split_hash", "model", "setting")}
    found = trials(record.read(path), asked, row["config"])
    if not found:
        raise SystemExit(f"'--tuned' needs trials of {row} (got {path})")
    return row["config"] | best(found)["trial"]


def main() -> None:
    """Run all asked rows that are not there yet."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    args = parse()
    results = Results(args.out, table)
    full = load(args.dataset, args.root, args.cache)
    for setting in args.setting:
        data = full if setting == "observed" else without_observed(full)
        for model in args.model:
            chance = not model.startswith("popularity")
            for seed in args.seeds if chance else args.seeds[:1]:
                config = configure(args.dataset, model, args) | given(model, args)
                row = identify(args.dataset, full, model, setting, seed, config)
                if args.tuned:
                    row["config"] = config = tuned(args.tuned, row)
                if results.lacks(row):
                    make, progress = partial(build, model), not args.no_progress
                    results.add(row | run(data, make, seed, config, progress))
    print(f"\nseen items masked in full ranking; split {full.split_hash}")
    print(table(results.rows))


if __name__ == "__main__":
    main()
