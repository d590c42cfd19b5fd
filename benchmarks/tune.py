"""Choose hyper-parameters on the validation part: as many trials for every model.

    python benchmarks/tune.py --dataset office --root DIR --setting no-observed \
        --model sasrec gru4rec caser tisasrec bsarec hstu --trials 4 \
        --out benchmarks/results/tune-office.json

The first trial is what the Transformer has on the data set; Optuna draws the next ones,
the first ten at random and the same for every model. The test part is never read. A
trial that the JSON already holds with the same configuration is not run again.
"""

import argparse
import logging
import warnings
from collections.abc import Callable
from functools import partial

import optuna
from models import TUNED, build, configure, given, parser_of
from next_item import SETTINGS, group, load, train, without_observed
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pytorch_lightning import seed_everything
from record import METRIC, Results, best, device, trials
from torch.nn import Module
from torch_geometric.data import HeteroData

SPACE = {
    "lr": FloatDistribution(5e-4, 5e-3, log=True),
    "dropout": CategoricalDistribution([0.2, 0.3, 0.4, 0.5, 0.6]),
    "num_layers": IntDistribution(1, 2),
}


def propose(rows: list[dict], first: dict) -> dict:
    """What to try next, after some trials of a model."""
    if not rows:
        return {name: first[name] for name in SPACE}
    # A seed for each number of trials, so that it does not matter when they were run.
    sampler = optuna.samplers.TPESampler(seed=len(rows))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for row in rows:
        value = row["validation"]["full"][METRIC]
        done = optuna.create_trial(
            params=row["trial"], distributions=SPACE, value=value
        )
        study.add_trial(done)
    return study.ask(SPACE).params


def validate(
    data: HeteroData,
    make: Callable[[HeteroData, dict], Module],
    config: dict,
    progress: bool,
    seed: int = 0,
) -> dict:
    """Train the model of ``make``, and return the figures of the validation part."""
    seed_everything(seed)
    net = make(data, config)
    task, module, trainer, seconds = train(net, data, config, progress)
    validation = trainer.validate(task, module, verbose=False)[0]
    return {
        "epochs": trainer.current_epoch,
        "validation": group(validation, "val/"),
        "seconds": round(seconds, 2),
        **device(),
    }


def table(rows: list[dict]) -> str:
    """The best trial of each model, and what it was the best of."""
    lines = ["| model | setting | trials | best trial | validation " + METRIC + " |"]
    lines.append("| --- | --- | --- | --- | --- |")
    groups: dict[tuple[str, ...], list[dict]] = {}
    for row in rows:
        fixed = sorted(row["config"].items() - row["trial"].items())
        key = row["model"], row["setting"], row["dataset"], str(fixed)
        groups.setdefault(key, []).append(row)
    for (model, setting, *_), members in groups.items():
        chosen = best(members)
        value = f"{chosen['validation']['full'][METRIC]:.4f}"
        cells = [model, setting, str(len(members)), str(chosen["trial"]), value]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    """Command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--setting", choices=SETTINGS, default="no-observed")
    parser.add_argument("--trials", type=int, default=4)
    return parser.parse_args()


def main() -> None:
    """Run all asked trials that are not there yet, one of each model after another."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    args = parse()
    results = Results(args.out, table)
    data = load(args.dataset, args.root, args.cache)
    if args.setting == "no-observed":
        data = without_observed(data)
    for number in range(args.trials):
        for model in args.model:
            key = {
                "dataset": args.dataset,
                "split_hash": data.split_hash,
                "model": model,
                "setting": args.setting,
            }
            config = configure(args.dataset, model, args) | given(model, args)
            done = trials(results.rows, key, config)
            if len(done) > number:
                continue
            trial = propose(done, TUNED[args.dataset])
            config |= trial
            make = partial(build, model)
            found = validate(data, make, config, not args.no_progress)
            results.add(key | {"trial": trial, "config": config} | found)


if __name__ == "__main__":
    main()
