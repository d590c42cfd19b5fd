"""What each choice of the recommender is worth, one changed at a time.

    python benchmarks/levers.py --dataset office --root DIR --seeds 0 1 2 \
        --out benchmarks/results/levers-office.json

Relations from metadata are left out. Figures are those of the validation part, as these
are choices; the test part is never read. Each row is compared with the recommender as
it is by a paired t-test over seeds, on NDCG@10 of the full ranking. What discovery is
worth is in ablation.py. A row of the JSON is not run again.
"""

import argparse
from functools import cache

from ablation import compare, parse
from models import DATA, configure
from next_item import load, without_observed
from record import Results, identify
from torch_geometric.data import HeteroData
from tune import METRIC, validate

AS_IS = "as it is"
LEVERS: dict[str, tuple[str, dict]] = {
    AS_IS: ("lrdrec", {}),
    "trends": ("lrdrec-timed", {}),
    "last weights, not their average": ("lrdrec", {"average": False}),
    "no convolution": ("lrdrec", {"num_convs": 0}),
    "two convolutions": ("lrdrec", {"num_convs": 2}),
    "no latent relations": ("lrdrec-no-latent", {}),
    "an information term": ("lrdrec", {"information_weight": 0.3}),
    "no item counts as new": ("lrdrec", {"newness": 0.0}),
    "noise in place of texts": ("lrdrec", {"text_model": None}),
    "10 neighbours": ("lrdrec", {"num_neighbors": 10}),
    "40 neighbours": ("lrdrec", {"num_neighbors": 40}),
    "transitions to the next item alone": ("lrdrec", {"window": 1}),
    "transitions to the five next": ("lrdrec", {"window": 5}),
    "gates and DVAE at the same rate": ("lrdrec", {"gate_lr": "lr", "dvae_lr": "lr"}),
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
        config = dict(zip(DATA, made, strict=True))
        return without_observed(load(args.dataset, args.root, args.cache, config))

    for seed in args.seeds:
        for name in args.rows:
            config = configured(name, args)
            data = data_of(*(config[choice] for choice in DATA))
            model, progress = LEVERS[name][0], not args.no_progress
            row = identify(args.dataset, data, model, "no-observed", seed, config)
            row["lever"] = name
            if results.lacks(row):
                results.add(row | validate(data, model, config, progress, seed))


if __name__ == "__main__":
    main()
