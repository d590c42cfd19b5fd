"""``lrdgraph train``: from tables to a kept model, and on with a kept one."""

from __future__ import annotations

import shutil
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import torch
from torch_geometric.data import HeteroData

from lrdgraph.cli.begun import check_begun, note_begun
from lrdgraph.cli.checks import check_model_folder, check_purchases, check_server
from lrdgraph.cli.discover import discovered
from lrdgraph.cli.evaluate import measure, tell_final
from lrdgraph.cli.options import settle
from lrdgraph.cli.settings import CHECKPOINTS, Settings, open_model
from lrdgraph.cli.shop import make_encoder, prepare, read_shop, tell_shop
from lrdgraph.cli.telling import print_metrics, print_table, say
from lrdgraph.describe import describe, overview
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.models import LRDRec
from lrdgraph.transforms import TrainOnAll

_EPOCHS = 100  # at most, unless told
_NEGATIVES, _QUESTIONS = 1024, 2000  # of a large catalogue, in training and evaluation


def run(args: Namespace) -> None:
    """Train, evaluate, describe and keep a model.

    Raises:
        ValueError: If options do not go together, or if nobody bought enough.
    """
    settle(args, args.continue_from)
    under_way = (Path(args.out) / CHECKPOINTS).exists()
    check_model_folder(args.out, args.overwrite or under_way)
    check_begun(args)
    earlier, known = None, Settings()
    if args.continue_from:
        earlier, known = open_model(args.continue_from)
        check_server(args.continue_from, known, args)
        if not args.final:
            tell_final(args.continue_from, known)
    _check_trends(args, earlier)
    _settle_epochs(args)
    settings = known.given(args)
    data = read_shop(args, settings)
    if args.final:
        data = TrainOnAll()(data)
    else:
        check_purchases(data)
    sentence = f"{tell_shop(data)}, from {_names(args)}."
    encoder = make_encoder(settings, args.vectors)
    torch.manual_seed(args.seed)
    trends = earlier.trend is not None if earlier else args.trends
    old = earlier.graph if earlier else None
    data = prepare(data, encoder, args.neighbours, args.large, trends, old)
    model = _go_on(args, earlier, data) if earlier else _begin(args, data)
    _train(args, model, data)
    metrics = {} if args.final else measure(model, data, _questions(args))
    _name_relations(model.graph, data)
    replace(
        settings, final=args.final or known.final, data=sentence, metrics=metrics
    ).write(args.out)
    model.save_pretrained(args.out, data=sentence, metrics=metrics)
    shutil.rmtree(Path(args.out) / CHECKPOINTS)
    if metrics:
        print_metrics(metrics)
    print(f"\nThe model is in {args.out}")


def _check_trends(args: Namespace, earlier: LRDRec | None) -> None:
    """Whether what is known of trends goes with the other options."""
    if args.trends and earlier:
        raise ValueError(
            "--trends need a new model: --continue-from keeps what "
            f"'{args.continue_from}' knows of them"
        )
    if args.large and (args.trends or (earlier and earlier.trend is not None)):
        raise ValueError("--trends need all items in each step, which --large spares")


def _settle_epochs(args: Namespace) -> None:
    """For how many epochs to train, which only a validation can tell."""
    if args.final and args.epochs is None:
        raise ValueError(
            "--final needs --epochs: train without it first, which tells after how "
            "many epochs a model is the best"
        )
    args.epochs = args.epochs or _EPOCHS


def _names(args: Namespace) -> str:
    """The files that were given, without their folders."""
    paths = (args.interactions, args.items, args.relations)
    return ", ".join(Path(path).name for path in paths if path)


def _questions(args: Namespace) -> int | None:
    """How many purchases to foretell at most, each among all items."""
    return _QUESTIONS if args.large else None


def _begin(args: Namespace, data: HeteroData) -> LRDRec:
    """A new model, its relations discovered unless a checkpoint has them already."""
    if (Path(args.out) / CHECKPOINTS / "last.ckpt").exists():
        graph = LatentRelationGraph(data, args.num_latent, objective=args.objective)
    else:
        graph = discovered(data, args)
    return LRDRec(
        graph,
        max_length=args.max_length,
        encoder=args.sequence_encoder,
        relation_weight=args.relation_weight,
        num_negatives=_NEGATIVES if args.large else None,
        trend=data["item"].get("trend"),
    )


def _go_on(args: Namespace, earlier: LRDRec, data: HeteroData) -> LRDRec:
    """The earlier model over the new data."""
    old = earlier.graph
    _check_texts(args, old, data)
    if args.large and not earlier.num_negatives:
        earlier.arguments["num_negatives"] = _NEGATIVES  # of the model over new data
    graph = LatentRelationGraph(data, old.num_latent, old.state_channels, old.objective)
    return earlier.over(graph, trend=data["item"].get("trend"))


def _check_texts(args: Namespace, old: LatentRelationGraph, data: HeteroData) -> None:
    """Whether the table of items has the old ones, too, and not the new ones alone."""
    texts = dict(zip(data["item"].id, data["item"].text, strict=True))
    told = [id for id, text in zip(old.ids, old.texts, strict=True) if text]
    known = [id for id in told if id in texts]
    kept = sum(texts[id] != "" for id in known)
    if 2 * kept < len(known):
        raise ValueError(
            f"'{args.items}' needs to have all items, old and new (got a text for "
            f"{kept:,} of {len(known):,} that '{args.continue_from}' has a text of)"
        )


def _train(args: Namespace, model: LRDRec, data: HeteroData) -> None:
    from lrdgraph.cli.fitting import ToldNextItem, fit_or_stop, quiet_trainer, tell_best
    from lrdgraph.data.datamodule import SequenceDataModule
    from lrdgraph.training.next_item import MONITOR

    batches = SequenceDataModule(
        data, model.max_length, args.batch_size, num_questions=_questions(args)
    )
    folder = Path(args.out) / CHECKPOINTS
    if (folder / "last.ckpt").exists():
        say(f"going on with the run in {folder}")
    note_begun(args)
    say(f"training for {args.epochs} epochs{'' if args.final else ' at most'}")
    monitor = None if args.final else MONITOR
    trainer = quiet_trainer(folder, args.epochs, args.patience, monitor)
    try:
        fit_or_stop(trainer, ToldNextItem(model), batches)
    except KeyboardInterrupt:
        say("interrupted; the same command goes on after the last whole epoch")
        raise
    if not args.final:
        tell_best(folder)
    model.eval()


def _name_relations(graph: LatentRelationGraph, data: HeteroData) -> None:
    """Names for the latent relations; those that have one already keep it."""
    if graph.num_latent:
        descriptions = describe(graph, data)
        found = {one.relation: one.name for one in descriptions}
        graph.relation_names = found | graph.relation_names
        table = overview(descriptions)
        table["name"] = [graph.relation_names[name] for name in table.index]
        print_table(table)
        print()
