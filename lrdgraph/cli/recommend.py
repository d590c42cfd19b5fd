"""``lrdgraph recommend``: items with reasons, printed or as a table."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Set
from pathlib import Path
from typing import Any

from lrdgraph.cli.checks import check_file
from lrdgraph.cli.settings import Settings, open_model
from lrdgraph.cli.shop import of_users, read_attributes, read_known
from lrdgraph.cli.telling import (
    TABLES,
    on_terminal,
    print_recommendations,
    say,
    write_table,
)
from lrdgraph.datasets.cleaning import as_ids
from lrdgraph.datasets.reading import read_lines
from lrdgraph.datasets.tables import KINDS, kind_of, read_table
from lrdgraph.graph import LatentRelationGraph

_VALUES = 5  # of a column that are told


def run(args: Namespace) -> None:
    """Recommend to a history, to users, or to somebody unknown."""
    _check(args)
    model, remembered = open_model(args.model)
    settings = remembered.given(args)
    wanted: dict[str, Any] = {
        "k": args.k,
        "among": _among(args, model.graph, settings),
        "seen": args.seen,
        "max_per_relation": args.max_per_relation,
    }
    if not args.interactions:
        history = args.history or []
        print_recommendations(model.graph, history, model.recommend(history, **wanted))
        return
    _, histories = read_known(args.interactions, model.graph, settings)
    histories = of_users(histories, args.user)
    if args.out:
        table = model.recommend_all(histories, **wanted, progress=on_terminal())
        write_table(table, args.out)
        print(f"{len(table):,} recommendations to {len(histories):,} users: {args.out}")
        return
    for user, history in histories.items():
        found = model.recommend(history, **wanted)
        print_recommendations(model.graph, history, found, user)


def _check(args: Namespace) -> None:
    """Whether the options go together, before anything is loaded."""
    for given, needed, why in (
        (args.user, args.interactions, "--user needs --interactions"),
        (args.out, args.interactions, "--out needs --interactions"),
        (args.where, args.items, "--where needs --items"),
        (
            args.interactions,
            args.user or args.out,
            "--interactions needs --user ID to "
            "print for, or --out FILE to write all users to",
        ),
    ):
        if given and not needed:
            raise ValueError(why)
    if args.history and args.interactions:
        raise ValueError("--history and --interactions are two ways to tell the same")
    if args.out:
        check_file(args.out, TABLES)


def _among(
    args: Namespace, graph: LatentRelationGraph, settings: Settings
) -> Set[str] | None:
    """Items that may be recommended; None where nothing limits them."""
    if not args.among and not args.where:
        return None
    allowed = set(graph.ids)
    if args.among:
        allowed &= _listed(args.among, graph, settings.id_of_items)
    if args.where:
        allowed &= _holding(args.where, args.items, graph, settings.id_of_items)
    if not allowed:
        options = " and ".join(
            option
            for option, given in (("--among", args.among), ("--where", args.where))
            if given
        )
        raise ValueError(f"no item of the model is left by {options}")
    return allowed


def _listed(path: str, graph: LatentRelationGraph, item: str) -> set[str]:
    """The ids in a file, those that the model doesn't know being told of."""
    if not Path(path).exists():
        raise FileNotFoundError(f"--among names no file (got '{path}')")
    if kind_of(Path(path)) not in KINDS:
        ids = {line.strip() for line in read_lines(Path(path))}
    else:
        table = read_table(path, "among", (item,))
        if item not in table.columns:
            got = list(table.columns)
            raise ValueError(f"'{path}' needs the column {item!r} (got {got})")
        ids = set(as_ids(table[item], "among").categories)
    unknown = sorted(ids.difference(graph.ids))
    if unknown:
        say(
            f"{len(unknown):,} of the {len(ids):,} ids of '{path}' are not the model's "
            f"and left out, such as {unknown[0]!r}; 'lrdgraph add' brings in new items"
        )
    return ids


def _holding(
    conditions: list[str], path: str, graph: LatentRelationGraph, item: str
) -> set[str]:
    """The items of which all conditions ``NAME=VALUE`` hold."""
    table = read_attributes(path, graph, item)
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals or name not in table.columns:
            raise ValueError(
                f"--where needs NAME=VALUE with a NAME out of {list(table.columns)} "
                f"(got {condition!r})"
            )
        values, table = table[name], table[table[name] == value]
        if table.empty and len(values):
            some = sorted(values.unique())[:_VALUES]
            raise ValueError(
                f"--where {condition} holds for no item of the model that is left: "
                f"{name!r} is one of {some}{'' if len(some) < _VALUES else ' ...'}"
            )
    return set(table.index)
