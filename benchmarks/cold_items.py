"""Items that arrive after training, known by their texts alone.

    python benchmarks/cold_items.py --dataset office --root DIR --seeds 0 1 2 \
        --out benchmarks/results/cold.json

Models are trained without a tenth of the items, which then join by their texts: see
arriving.py for the protocol. ``--part validation`` holds out another tenth, and asks
validation questions of the others; choices are made there. Pairs come from texts and
training histories alone. A row of the JSON is not run again.
"""

import logging
import warnings
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from arriving import Shop, hold_out, new_shoppers, warm_questions
from models import TEXT_MODEL, build, configure
from next_item import train
from pytorch_lightning import seed_everything
from record import Results, device
from torch import Tensor, nn

from lrdgraph.data.sequences import Question
from lrdgraph.datasets import AmazonReviews, PlantedRelations, ReChorus
from lrdgraph.metrics import rank_of_target, ranking_metrics
from lrdgraph.models import Popularity
from lrdgraph.text import TextEncoder, VectorCache, packaged_model
from lrdgraph.text.vector_step import VectorStep
from lrdgraph.typing import TEST, VAL

PARTS = {"test": TEST, "validation": VAL}
DATASETS = {
    "planted": lambda root: PlantedRelations(),
    "office": lambda root: ReChorus(root),
    "beauty": lambda root: AmazonReviews(root, "Beauty", "2014"),
}
MODELS = ("popularity", "text-knn-all", "text-knn-cold", "lrdrec")
COLUMNS = (
    ("cold", "all", "HR@10"),
    ("cold", "all", "NDCG@10"),
    ("cold", "cold", "HR@10"),
    ("cold", "cold", "NDCG@10"),
    ("warm", "before", "NDCG@10"),
    ("warm", "warm", "NDCG@10"),
    ("warm", "all", "NDCG@10"),
    ("warm", "all", "new in ten"),
    ("new shopper", "before", "NDCG@10"),
)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PROMINENCES = (-3, 0, 1)  # of new items in the rankings of LRDRec, in nats
LENGTHS = (1, 2, 3, 5, 20)  # last items of a history that text neighbours are sought of


class TextNeighbours(nn.Module):
    """Ranks by the cosine of a text and the mean of the last ones of the history."""

    def __init__(self, x: Tensor, length: int) -> None:
        super().__init__()
        self.unit, self.length = F.normalize(x), length

    def item_states(self) -> Tensor:
        """Text vectors of length one, ``[N, C]``."""
        return self.unit

    def forward(self, history: Tensor, states: Tensor) -> Tensor:
        """Scores of the catalogue after ``history [B, L]``, with shape ``[B, N]``."""
        padded = F.pad(states, (0, 0, 0, 1))
        return padded[history[:, -self.length :]].sum(1) @ states.T


@torch.no_grad()
def ranks(
    model: nn.Module, questions: Sequence[Question], among: slice
) -> dict[str, float]:
    """Metrics of the ranking among some of the items, over all questions."""
    states, found = model.to(DEVICE).eval().item_states(), []
    for question in on_device(questions):
        scores = states.new_full((len(question["target"]), len(states)), -torch.inf)
        scores[:, among] = model(question["history"], states)[:, among]
        seen = question["seen_row"], question["seen_item"]
        found.append(rank_of_target(scores, question["target"], seen))
    return ranking_metrics(torch.cat(found))


@torch.no_grad()
def new_in_ten(
    model: nn.Module, questions: Sequence[Question], first: int
) -> dict[str, float]:
    """Share of the ten best of all items that are new, those from ``first`` on."""
    states, found = model.to(DEVICE).eval().item_states(), []
    for question in on_device(questions):
        scores = model(question["history"], states)
        scores[question["seen_row"], question["seen_item"]] = -torch.inf
        found.append((scores.topk(10).indices >= first).float().mean(1))
    return {"new in ten": torch.cat(found).mean().item()}


def on_device(questions: Sequence[Question]) -> Iterator[dict[str, Tensor]]:
    """The questions, where models are asked."""
    for question in questions:
        yield {name: value.to(DEVICE) for name, value in question.items()}


def figures(
    before: nn.Module, grown: dict[str, nn.Module], shop: Shop, args: Namespace
) -> dict[str, dict]:
    """Metrics of known items, of those that arrive, and of new shoppers, by model."""
    options = (shop, PARTS[args.part], args.max_length)
    known, everything = slice(0, shop.num_warm), slice(None)
    warm = warm_questions(*options, shop.num_items)
    alone = ranks(before, warm_questions(*options, shop.num_warm), known)
    newly = ranks(before, new_shoppers(shop, args.max_length), known)
    return {
        name: {
            "cold": {
                "all": ranks(after, shop.cold, everything),
                "cold": ranks(after, shop.cold, slice(shop.num_warm, None)),
            },
            "warm": {
                "before": alone,
                "warm": ranks(after, warm, known),
                "all": ranks(after, warm, everything)
                | new_in_ten(after, warm, shop.num_warm),
            },
            "new shopper": {"before": newly},
        }
        for name, after in grown.items()
    }


def vectors(shop: Shop, args: Namespace) -> Tensor:
    """Text vectors of all items, those that arrive made like those of the others."""
    x = encoder(args)(shop.texts)
    for step in shop.warm["item"].vector_steps:
        x = VectorStep(**step)(x)
    return torch.cat([shop.warm["item"].x, x])


def encoder(args: Namespace) -> VectorCache:
    """What makes text vectors."""
    return VectorCache(TextEncoder(packaged_model(TEXT_MODEL)), args.cache)


def best_length(shop: Shop, among: slice, args: Namespace) -> int:
    """Number of last items with which text neighbours rank best."""
    x = vectors(shop, args)
    found = [ranks(TextNeighbours(x, n), shop.cold, among)["NDCG@10"] for n in LENGTHS]
    return LENGTHS[found.index(max(found))]


def models(
    shop: Shop, model: str, config: dict, args: Namespace
) -> tuple[nn.Module, dict[str, nn.Module], int]:
    """The model before, models after items arrive, and how many epochs it was trained.

    What is shown of new items at which prominence is asked of the same trained model.
    """
    if model == "popularity":
        count = shop.warm["item"]["count"]
        after = Popularity(F.pad(count, (0, len(shop.ids))))
        return Popularity(count), {model: after}, 0
    if model.startswith("text-knn"):
        x, length = vectors(shop, args), config["num_last"]
        after = TextNeighbours(x, length)
        return TextNeighbours(x[: shop.num_warm], length), {model: after}, 0
    net = build("lrdrec", shop.warm, config)
    _, _, trainer, _ = train(net, shop.warm, config, not args.no_progress)
    new = (shop.ids, shop.texts, encoder(args))
    grown = {p: net.with_items(*new, prominence=p) for p in PROMINENCES}
    named = {f"{model}, prominence {p}" if p else model: m for p, m in grown.items()}
    return net, named, trainer.current_epoch


def table(rows: list[dict]) -> str:
    """Means over seeds, and how far each is ahead of the better text neighbours."""
    names = [" ".join(column) for column in COLUMNS]
    head = ["dataset", "model", "seeds", *names, "ahead in all", "ahead in cold"]
    lines, found = [head, ["---"] * len(head)], {}
    for row in rows:
        found.setdefault((row["dataset"], row["model"]), []).append(row)
    for (dataset, model), members in found.items():
        cells = [f"{_mean(members, column):.4f}" for column in COLUMNS]
        near = [m for (d, n), m in found.items() if d == dataset and "knn" in n]
        ahead = [_ahead(members, near, among) for among in ("all", "cold")]
        lines.append([dataset, model, str(len(members)), *cells, *ahead])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ahead(rows: list[dict], others: list[list[dict]], among: str) -> str:
    """Relative difference in NDCG@10 of held-out items to the best of the others."""
    column = ("cold", among, "NDCG@10")
    best = max((_mean(other, column) for other in others), default=0)
    return f"{100 * (_mean(rows, column) / best - 1):+.0f} %" if best else "–"


def _mean(rows: list[dict], column: tuple[str, str, str]) -> float:
    part, among, metric = column
    return sum(row["metrics"][part][among][metric] for row in rows) / len(rows)


def parse() -> Namespace:
    """Command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=DATASETS, default="planted")
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--part", choices=PARTS, default="test")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.add_argument("--no-progress", action="store_true")
    parser.set_defaults(patience=5, num_latent=8, num_convs=1, max_length=20)
    return parser.parse_args()


def configured(model: str, shops: dict[str, Shop], args: Namespace) -> dict:
    """Every choice of a row."""
    if model == "popularity":
        return {}
    if model.startswith("text-knn"):  # the best one in one of the two rankings
        shop = shops["validation"]
        first = shop.num_warm if model == "text-knn-cold" else 0
        return {"num_last": best_length(shop, slice(first, None), args)}
    return configure(args.dataset, model, args)


def main() -> None:
    """Run all asked rows that are not there yet."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    args = parse()
    results, data = Results(args.out, table), DATASETS[args.dataset](args.root)[0]
    for seed in args.seeds:
        shops = {
            part: hold_out(data, place, seed, args.cache, args.max_length)
            for place, part in enumerate(PARTS)
        }
        shop = shops[args.part]
        for model in args.model:
            row = {
                "dataset": args.dataset,
                "part": args.part,
                "split_hash": shop.warm.split_hash,
                "model": model,
                "seed": seed,
                "config": configured(model, shops, args),
            }
            if not results.lacks(row):
                continue
            seed_everything(seed)
            before, grown, epochs = models(shop, model, row["config"], args)
            found = {"epochs": epochs, **device()}
            results.add(
                *(
                    row | found | {"model": name, "metrics": metrics}
                    for name, metrics in figures(before, grown, shop, args).items()
                )
            )


if __name__ == "__main__":
    main()
