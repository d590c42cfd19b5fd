"""How much of a SASRec figure is the model, and how much the way it is measured.

    python benchmarks/protocols.py --dataset office --root DIR --seeds 0 1 2 \
        --out benchmarks/results/protocols-office.json

Few things are trained (a loss, a dropout) and the same trained model is then ranked in
several ways. Test questions whose last two purchases share a moment are counted, too:
what their target is depends on the order of the file; and how much of training is later
than a test question. A row of the JSON is not run again. No text is read.
"""

import argparse
import logging
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from models import TUNED, configure
from next_item import train
from pytorch_lightning import seed_everything
from record import Results, mean_and_spread
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.data.sequences import Question
from lrdgraph.datasets import AmazonReviews, MovieLens, PlantedRelations, ReChorus
from lrdgraph.metrics import rank_among, rank_of_target, ranking_metrics
from lrdgraph.models import Popularity, SASRec
from lrdgraph.transforms import LeaveOneOut, Transitions
from lrdgraph.typing import TEST, TRAIN, Batch

NUM_NEGATIVES = 99
MODELS = ("softmax", "bce", "softmax, no dropout", "bce, no dropout", "popularity")
SHOWN = ("HR@10", "NDCG@10")


class OneNegative(SASRec):
    """SASRec with the loss of its paper: one random negative, binary cross-entropy."""

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The target against one item that the window does not hold."""
        history, rows, target = self.training_rows(batch)
        states = self.item_states()
        users = self.user_states(states, history)[rows.batch, rows.slot]
        negative = torch.randint(self.num_items, target.shape)
        known = (negative.unsqueeze(1) == history[rows.batch]).any(1)
        counts = (~known & (negative != target)).float()
        right, wrong = (
            (users * states[item]).sum(-1) + self.bias[item]
            for item in (target, negative)
        )
        loss = -F.logsigmoid(right) - counts * F.logsigmoid(-wrong)
        return {"next_item": loss.sum() / max(target.numel(), 1)}


def load(name: str, root: str | None) -> HeteroData:
    """Histories with a split, and how often each item was bought in training."""
    datasets = {
        "office": lambda: ReChorus(root),
        "beauty": lambda: AmazonReviews(root, "Beauty", "2014"),
        "ml-100k": lambda: MovieLens(root),
        "planted": lambda: PlantedRelations(),
    }
    data = datasets[name]()[0]
    if "split" not in data["user", "interacts", "item"]:
        data = LeaveOneOut()(data)
    return Transitions()(data)


def tied(data: HeteroData) -> float:
    """Share of test questions whose target has the time of the purchase before it."""
    store = data["user", "interacts", "item"]
    place = (store.split == TEST).nonzero().squeeze(1)
    before = (place - 1).clamp(min=0)
    same = store.edge_index[0, before] == store.edge_index[0, place]
    return (same & (store.time[before] == store.time[place])).float().mean().item()


def later(data: HeteroData) -> float:
    """Share of the training interactions that are later than a test question, mean."""
    store = data["user", "interacts", "item"]
    trained = store.time[store.split == TRAIN].sort().values
    asked = store.time[store.split == TEST]
    earlier = torch.searchsorted(trained, asked, right=True).double().mean()
    return 1 - earlier.item() / len(trained)


def build(name: str, data: HeteroData, config: dict) -> torch.nn.Module:
    """A fresh model."""
    if name == "popularity":
        return Popularity(data["item"]["count"])
    kind = OneNegative if name.startswith("bce") else SASRec
    options = {key: config[key] for key in ("max_length", "num_layers", "dropout")}
    return kind(data["item"].num_nodes, config["hidden_channels"], **options)


def ranks(
    scores: Tensor, question: Question, count: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    """Rank of each target ``[B]`` under every protocol.

    Args:
        scores: Scores of the catalogue, ``[B, N]``.
        question: The test questions.
        count: Training interactions of each item, ``[N]``.
        generator: Draws the negatives.
    """
    target, rows = question["target"], torch.arange(len(scores))
    seen = (question["seen_row"], question["seen_item"])
    none = (seen[0][:0], seen[1][:0])
    allowed = torch.ones_like(scores)
    allowed[seen] = 0
    allowed[rows, target] = 0
    strict = (scores > scores[rows, target].unsqueeze(1)) & (allowed > 0)
    found = {
        "full": rank_of_target(scores, target, seen),
        "full, seen items stay": rank_of_target(scores, target, none),
        "full, ties won": strict.sum(1),
    }
    for name, weight in (("uniform", allowed), ("by popularity", allowed * count)):
        drawn = torch.multinomial(weight, NUM_NEGATIVES, generator=generator)
        found[f"99 {name}"] = rank_among(scores, target, drawn)
    if question["negatives"].size(1):
        found["99 given"] = rank_among(scores, target, question["negatives"])
    return found


@torch.no_grad()
def measure(model: torch.nn.Module, module: SequenceDataModule, count: Tensor) -> dict:
    """Test metrics under every protocol."""
    model.eval()
    states, generator = model.item_states(), torch.Generator().manual_seed(0)
    parts: dict[str, list[Tensor]] = {}
    for question in module.test_dataloader():
        scores = model(question["history"], states)
        for name, rank in ranks(scores, question, count, generator).items():
            parts.setdefault(name, []).append(rank)
    return {name: ranking_metrics(torch.cat(part)) for name, part in parts.items()}


def table(rows: list[dict]) -> str:
    """Means over seeds (and their spread): a line for each model and protocol."""
    lines = ["| model | protocol | seeds | " + " | ".join(SHOWN) + " |"]
    lines.append("| --- " * (3 + len(SHOWN)) + "|")
    for model in dict.fromkeys(row["model"] for row in rows):
        same = [row["metrics"] for row in rows if row["model"] == model]
        for protocol in same[0]:
            cells = [mean_and_spread([m[protocol][s] for m in same]) for s in SHOWN]
            lines.append(
                f"| {model} | {protocol} | {len(same)} | {' | '.join(cells)} |"
            )
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=TUNED, default="planted")
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument("--model", nargs="*", choices=MODELS, default=MODELS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.set_defaults(max_length=20, patience=5)
    return parser.parse_args()


def main() -> None:
    """Run all asked rows that are not there yet."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    args = parse()
    results, data = Results(args.out, table), load(args.dataset, args.root)
    known = {"dataset": args.dataset, "split_hash": data.split_hash}
    known |= {"tied": tied(data), "later": later(data)}
    print(known)
    for model in args.model:
        for seed in args.seeds if model != "popularity" else args.seeds[:1]:
            config = configure(args.dataset, "sasrec", args)
            if model.endswith("no dropout"):
                config["dropout"] = 0.0
            row = known | {"model": model, "seed": seed, "config": config}
            if not results.lacks(row):
                continue
            seed_everything(seed)
            net = build(model, data, config)
            task, module, trainer, _ = train(net, data, config, progress=False)
            metrics = measure(task.model, module, data["item"]["count"])
            results.add(row | {"epochs": trainer.current_epoch, "metrics": metrics})


if __name__ == "__main__":
    main()
