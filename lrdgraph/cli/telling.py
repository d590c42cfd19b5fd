"""What the command line says: results on standard output, all else beside it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lrdgraph.cli.letters import printable, printable_lines
from lrdgraph.describe.description import shortened
from lrdgraph.explain import relation_name
from lrdgraph.files import atomic_write
from lrdgraph.typing import TRANSITION, Reason, Recommendation

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

WIDTH = 60  # letters of a title
TABLES = (".parquet", ".csv")
"""What the name of a table to write may end in."""


def say(text: str) -> None:
    """Tell what is being done, on standard error."""
    print(f"lrdgraph: {printable_lines(text)}", file=sys.stderr)


def print_table(table: pd.DataFrame) -> None:
    """Print a table of figures with three decimals."""
    print(printable_lines(table.round(3).to_string(na_rep="-")))


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
        whom = f"{printable(user)}, " if user else ""
        print(f"{whom}after {_called(graph, history[-1])}:")
    else:
        print(f"{printable(user) or 'somebody'}, of whom nothing is known:")
    if not found:
        print("  nothing is left to recommend")
    for rank, one in enumerate(found, start=1):
        print(f"{rank:>3}  {_called(graph, one.item)}  (score {one.score:.2f})")
        for reason in one.reasons:
            print(f"     because of {_because(graph, reason)}")
        if history and not one.reasons:
            print("     because of the history as a whole")


def _called(graph: LatentRelationGraph, item: str) -> str:
    title = printable(shortened(graph.texts[graph.index(item)], WIDTH))
    return f"{printable(item)} {title}".rstrip()


def _because(graph: LatentRelationGraph, reason: Reason) -> str:
    """Which purchase, and what relation leads on from it."""
    called, added = _called(graph, reason.item), f"adds {reason.contribution:.2f}"
    return f"{called}: {printable(_relation(graph, reason))}, {added}"


def _relation(graph: LatentRelationGraph, reason: Reason) -> str:
    if reason.relation == TRANSITION:
        return f"{TRANSITION}, {reason.probability:.0%} of its shoppers' steps"
    if reason.relation not in graph.latent_relations:
        return relation_name(graph, reason.relation)
    name = graph.relation_names.get(reason.relation, "unnamed")
    return f"'{name}' ({reason.relation}, {reason.probability:.0%} sure)"


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table whole or not at all, as Parquet or CSV as its name asks for."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        if path.suffix == ".parquet":
            table.to_parquet(file, index=False)
        else:
            table.to_csv(file, index=False)
