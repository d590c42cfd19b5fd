"""What each choice of the recommender is worth, one changed at a time.

    python benchmarks/levers.py --dataset office --root DIR --seeds 0 1 2 \
        --out benchmarks/results/levers-office.json

Relations from metadata are left out. Figures are those of the validation part, as these
are choices; the test part is never read. Each row is compared with the recommender as
it is by a paired t-test over seeds, on NDCG@10 of the full ranking. What discovery is
worth is in ablation.py. A row of the JSON is not run again.
"""

import argparse
from functools import cache, partial

from ablation import compare, parse
from models import DATA, build, configure, recommender
from next_item import load, without_observed
from record import METRIC, Results, identify
from torch import Tensor
from torch.nn import Module
from torch.nn import functional as F
from torch_geometric.data import HeteroData
from tune import validate

from lrdgraph import LatentRelationGraph
from lrdgraph.models import LRDRec
from lrdgraph.nn.conv.typed_mean import FrozenTypedMean
from lrdgraph.nn.scoring import Messages, Paths


class OwnLeftIn(LRDRec):
    """Predicts a transition from counts that hold this very transition."""

    def _own_evidence(self, paths: Paths, target: Tensor) -> Messages:
        nobody = super()._own_evidence(paths, target)
        return Messages(*(part[:0] for part in nobody))


class HearsAll(LRDRec):
    """Convolves over every weight, however small beside others."""

    def type_edges(self) -> FrozenTypedMean:
        """As the model does, with nothing dropped."""
        static = self.graph.static.nonzero().squeeze(-1)
        weight = self.graph.static_weights(static)
        edge_index = self.graph.edge_index[:, static]
        return FrozenTypedMean(edge_index, weight, self.num_items, min_weight=0.0)


class Cosines(LRDRec):
    """Scores by cosines over a temperature, to which biases and messages are added."""

    temperature = 0.07

    def item_states(self, item: Tensor | None = None) -> Tensor:
        """States of length 1."""
        return F.normalize(super().item_states(item), dim=-1)

    def user_states(self, *args: Tensor) -> Tensor:
        """States as long as the temperature is low."""
        return F.normalize(super().user_states(*args), dim=-1) / self.temperature

    def last_states(self, *args: Tensor) -> Tensor:
        """The same, after the last slot alone."""
        return F.normalize(super().last_states(*args), dim=-1) / self.temperature


class WarmCosines(Cosines):
    """The same, of a temperature at which scores differ less."""

    temperature = 0.2


OF_OURS = {
    "lrdrec-own-left-in": OwnLeftIn,
    "lrdrec-hears-all": HearsAll,
    "lrdrec-cosines": Cosines,
    "lrdrec-warm-cosines": WarmCosines,
}
AS_IS = "as it is"
MADE = (*DATA, "vectors")  # choices that data are made with
LEVERS: dict[str, tuple[str, dict]] = {
    AS_IS: ("lrdrec", {}),
    "trends": ("lrdrec-timed", {}),
    "last weights, not their average": ("lrdrec", {"average": False}),
    "no convolution": ("lrdrec", {"num_convs": 0}),
    "two convolutions": ("lrdrec", {"num_convs": 2}),
    "convolution over every weight": ("lrdrec-hears-all", {}),
    "no latent relations": ("lrdrec-no-latent", {}),
    "an information term": ("lrdrec", {"information_weight": 0.3}),
    "relation weight of .03": ("lrdrec", {"relation_weight": 0.03}),
    "relation weight of .1": ("lrdrec", {"relation_weight": 0.1}),
    "relation weight of 1": ("lrdrec", {"relation_weight": 1.0}),
    "no item counts as new": ("lrdrec", {"newness": 0.0}),
    "three tenths count as new": ("lrdrec", {"newness": 0.3}),
    "noise in place of texts": ("lrdrec", {"text_model": None}),
    "vectors as they are": ("lrdrec", {"vectors": "raw"}),
    "vectors whitened": ("lrdrec", {"vectors": "whitened"}),
    "10 neighbours": ("lrdrec", {"num_neighbors": 10}),
    "40 neighbours": ("lrdrec", {"num_neighbors": 40}),
    "transitions to the next item alone": ("lrdrec", {"window": 1}),
    "transitions to the five next": ("lrdrec", {"window": 5}),
    "gates and DVAE at the same rate": ("lrdrec", {"gate_lr": "lr", "dvae_lr": "lr"}),
    "own transition left in": ("lrdrec-own-left-in", {}),
    "cosines, temperature .07": ("lrdrec-cosines", {}),
    "cosines, temperature .2": ("lrdrec-warm-cosines", {}),
    "no weight decay": ("lrdrec", {"weight_decay": 0.0}),
    "weight decay of .1": ("lrdrec", {"weight_decay": 0.1}),
    "dropout of .2": ("lrdrec", {"dropout": 0.2}),
    "dropout of .6": ("lrdrec", {"dropout": 0.6}),
    "GRU4Rec's encoder": ("lrdrec-gru4rec", {}),
    "BSARec's encoder": ("lrdrec-bsarec", {}),
    "HSTU's encoder": ("lrdrec-hstu", {}),
    "no graph, texts and ids": ("sasrec-text", {}),
    "no graph, ids alone": ("sasrec", {}),
}


def configured(name: str, args: argparse.Namespace) -> dict:
    """Every hyper-parameter of a row; ``'lr'`` stands for the rate of all others."""
    model, changed = LEVERS[name]
    config = configure(args.dataset, model, args)
    return config | {k: config["lr"] if v == "lr" else v for k, v in changed.items()}


def make(model: str, data: HeteroData, config: dict) -> Module:
    """A fresh model: one of the benchmarks', or ours with something changed in it."""
    if model not in OF_OURS:
        return build(model, data, config)
    graph = LatentRelationGraph(data, config["num_latent"], config["hidden_channels"])
    return recommender(graph, config, kind=OF_OURS[model])


def table(rows: list[dict]) -> str:
    """Mean and spread of every row, its difference to the first, and p."""
    values: dict[str, dict[int, float]] = {}
    for row in rows:
        figure = row["validation"]["full"][METRIC]
        values.setdefault(row["lever"], {})[row["seed"]] = figure
    return compare(values, AS_IS, f"validation {METRIC}")


def main() -> None:
    """Run all asked rows that are not there yet, seed by seed."""
    args = parse(__doc__, LEVERS, [0, 1, 2])
    results = Results(args.out, table)

    @cache
    def data_of(*made: object) -> HeteroData:
        config = dict(zip(MADE, made, strict=True))
        return without_observed(load(args.dataset, args.root, args.cache, config))

    for seed in args.seeds:
        for name in args.rows:
            config = configured(name, args)
            data = data_of(*(config.get(k, "normalized") for k in MADE))
            model, progress = LEVERS[name][0], not args.no_progress
            row = identify(args.dataset, data, model, "no-observed", seed, config)
            row["lever"] = name
            if results.lacks(row):
                found = validate(data, partial(make, model), config, progress, seed)
                results.add(row | found)


if __name__ == "__main__":
    main()
