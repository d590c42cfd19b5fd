"""What the command line says: results on standard output, all else beside it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import pandas as pd

from lrdgraph.datasets.files import atomic_write
from lrdgraph.typing import TRANSITION, Reason, Recommendation

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

WIDTH = 60  # letters of a title


def say(text: str) -> None:
    """Tell what is being done, on standard error."""
    print(f"lrdgraph: {text}", file=sys.stderr)


def on_terminal() -> bool:
    """Whether somebody watches, for whom progress bars are."""
    return sys.stderr.isatty()


def print_metrics(metrics: Mapping[str, float]) -> None:
    """Print figures such as ``'test/HR@5'`` as a table, a row for each part."""
    rows: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        part, _, metric = name.rpartition("/")
        rows.setdefault(part, {})[metric] = value
    table = pd.DataFrame.from_dict(rows, orient="index")
    print(table.to_string(float_format="{:.4f}".format, na_rep=""))


def print_recommendations(
    graph: LatentRelationGraph,
    history: Sequence[str],
    found: Sequence[Recommendation],
    user: str = "",
) -> None:
    """Print items with titles, and their reasons in words."""
    if history:
        print(f"{user}{', ' if user else ''}after {_called(graph, history[-1])}:")
    else:
        print(f"{user or 'somebody'}, of whom nothing is known:")
    for rank, one in enumerate(found, start=1):
        print(f"{rank:>3}  {_called(graph, one.item)}  (score {one.score:.2f})")
        for reason in one.reasons:
            print(f"     because of {_because(graph, reason)}")
        if history and not one.reasons:
            print("     because of the history as a whole")


def _called(graph: LatentRelationGraph, item: str) -> str:
    title = shorten(graph.texts[graph.index(item)], WIDTH, placeholder=" …")
    return f"{item} {title}".rstrip()


def _because(graph: LatentRelationGraph, reason: Reason) -> str:
    """Which purchase, and what relation leads on from it."""
    called, added = _called(graph, reason.item), f"adds {reason.contribution:.2f}"
    return f"{called}: {_relation(graph, reason)}, {added}"


def _relation(graph: LatentRelationGraph, reason: Reason) -> str:
    if reason.relation == TRANSITION:
        return f"{TRANSITION}, {reason.probability:.0%} of its shoppers' steps"
    if reason.relation not in graph.latent_relations:
        return reason.relation
    name = graph.relation_names.get(reason.relation, "unnamed")
    return f"'{name}' ({reason.relation}, {reason.probability:.0%} sure)"


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table whole or not at all, in the format that the name asks for.

    Raises:
        ValueError: If the name asks for neither Parquet nor CSV.
    """
    path = Path(path)
    check_table_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        if path.suffix == ".parquet":
            table.to_parquet(file, index=False)
        else:
            table.to_csv(file, index=False)


def check_table_name(path: str | Path) -> None:
    """See to it that a table can be written, before it is made."""
    if Path(path).suffix not in (".parquet", ".csv"):
        raise ValueError(f"--out needs to end in .parquet or .csv (got '{path}')")
