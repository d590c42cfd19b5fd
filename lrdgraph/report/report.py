"""A page about the relations of a graph, in one file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from torch_geometric.data import HeteroData

from lrdgraph.convert.xml import legal
from lrdgraph.describe import Description, describe
from lrdgraph.describe.description import LAG_NAMES, tell_habits
from lrdgraph.describe.pairs import titles_of
from lrdgraph.files import atomic_write
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.models import LRDRec
from lrdgraph.report.explorer import look, look_of_lent, neighborhoods

_TEMPLATES = Path(__file__).parent / "templates"
_NUM_RECOMMENDATIONS, _NUM_REASONS = 3, 2


def write_report(
    graph: LatentRelationGraph,
    path: str | Path,
    data: HeteroData | None = None,
    *,
    health: Mapping[str, Sequence[float]] | None = None,
    recommender: LRDRec | None = None,
    histories: Sequence[Sequence[str]] = (),
    max_items: int = 1000,
    descriptions: Sequence[Description] | None = None,
) -> None:
    """Write one HTML page about the latent relations of a graph.

    The page shows how much each relation is used, what it is (see
    :func:`~lrdgraph.describe.describe`) and what it shares with observed relations; one
    can walk through the neighbourhoods of items. It loads nothing from anywhere.

    .. code-block:: python

        write_report(graph, 'report.html', data, recommender=model,
                     histories=[['B00006IE7J', 'B00006IEI4']])

    Args:
        graph: A trained graph with latent relations.
        path: Name of the file, which is written as a whole or not at all.
        data: What the graph was made of, for titles and attributes.
        health: Values of any figures after each epoch of training, to draw.
        recommender: A recommender over the graph, to explain recommendations of.
        histories: For each shopper to recommend to, external item ids, oldest first.
        max_items: Number of items at most whose neighbourhoods are part of the page.
        descriptions: One per latent relation in the order of the graph, such as what
            :func:`~lrdgraph.describe.name_relations` gave (default: described here).

    Raises:
        KeyError: If an item of a history is unknown.
        ValueError: If the graph has no latent relation, ``data`` has other items,
            there are histories but no recommender, descriptions of other relations, or
            if ``max_items`` is not positive.
    """
    if max_items < 1:
        raise ValueError(
            f"'max_items' needs to be a positive integer (got {max_items})"
        )
    if histories and recommender is None:
        raise ValueError("'histories' need a 'recommender' to explain (got none)")
    path = Path(path).expanduser()
    if descriptions is None:
        descriptions = describe(graph, data)
    _check_relations(graph, descriptions)
    titles = titles_of(graph, data)
    named = dict(zip(graph.ids, titles, strict=True))
    shoppers = [
        _shopper(recommender, history, named) for history in histories if recommender
    ]
    exemplars = [pair for one in descriptions for pair in one.exemplars]
    mentioned = [item for shopper in shoppers for item in shopper["items"]]
    mentioned += [item for pair in exemplars for item in (pair.head, pair.tail)]
    looks = look(graph, descriptions)
    num_pairs = int(graph.static.sum())
    num_unrelated = num_pairs - sum(one.num_pairs for one in descriptions)
    page = _render(
        num_items=graph.num_items,
        num_pairs=num_pairs,
        descriptions=descriptions,
        looks={one["key"]: one for one in (look_of_lent(), *looks)},
        unrelated=num_unrelated / num_pairs,
        heatmap=_heatmap(descriptions),
        charts=[_chart(name, values) for name, values in (health or {}).items()],
        shoppers=shoppers,
        explorer={
            "relations": looks,
            **neighborhoods(graph, titles, mentioned, max_items),
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(page.encode())


def _check_relations(
    graph: LatentRelationGraph, descriptions: Sequence[Description]
) -> None:
    got, needed = [one.relation for one in descriptions], [*graph.latent_relations[1:]]
    if got != needed:
        raise ValueError(f"'descriptions' need to be of {needed} (got {got})")


def _render(**content: Any) -> str:
    """The page. Its script is named by its hash, so that no other one can run."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_TEMPLATES / "explorer.js").read_text(encoding="utf-8")
    digest = hashlib.sha256(script.encode()).digest()
    page = environment.get_template("page.html").render(
        **content,
        script=script,
        script_hash=base64.b64encode(digest).decode(),
        style=(_TEMPLATES / "style.css").read_text(encoding="utf-8"),
        lag_names=LAG_NAMES,
        tell_habits=tell_habits,
    )
    return legal(page)


def _heatmap(descriptions: Sequence[Description]) -> dict[str, Any]:
    """What relations share with facts: columns, and a row of overlaps per relation.

    ``heat`` is the logarithm of the lift, from -1 (a 16th of the usual) to 1.
    """
    lift: dict[str, float] = {}
    for one in descriptions:
        for overlap in one.overlaps:
            lift[overlap.name] = max(lift.get(overlap.name, 0.0), overlap.lift)
    columns = sorted(lift, key=lambda name: -lift[name])
    rows = []
    for one in descriptions:
        found = {overlap.name: overlap for overlap in one.overlaps}
        cells = [
            {"name": name, "heat": _heat(found[name].lift), "overlap": found[name]}
            for name in columns
            if name in found
        ]
        if cells:
            rows.append({"relation": one.relation, "name": one.name, "cells": cells})
    return {"columns": columns, "rows": rows}


def _heat(lift: float) -> float:
    return max(-1.0, min(1.0, math.log2(max(lift, 1 / 16)) / 4))


def _chart(name: str, values: Sequence[float]) -> dict[str, Any]:
    """A line through the finite values, in a box of 100 times 100."""
    known = [(x, y) for x, y in enumerate(values) if math.isfinite(y)]
    low = min((y for _, y in known), default=0.0)
    high = max((y for _, y in known), default=0.0)
    width, height = max(len(values) - 1, 1), (high - low) or 1.0
    points = (
        f"{100 * x / width:.2f},{100 * (high - y) / height:.2f}" for x, y in known
    )
    last = known[-1][1] if known else math.nan
    return {
        "name": name,
        "points": " ".join(points),
        "low": low,
        "high": high,
        "last": last,
        "epochs": len(values),
    }


def _shopper(
    recommender: LRDRec, history: Sequence[str], titles: Mapping[str, str]
) -> dict[str, Any]:
    """A history and what is recommended after it, with titles, newest first."""
    found = recommender.recommend(history, k=_NUM_RECOMMENDATIONS)
    return {
        "items": [*history, *(one.item for one in found)],
        "history": [(item, titles[item]) for item in reversed(history)],
        "recommendations": [
            {
                "item": one.item,
                "title": titles[one.item],
                "score": one.score,
                "reasons": [
                    (reason, titles[reason.item])
                    for reason in one.reasons[:_NUM_REASONS]
                ],
            }
            for one in found
        ],
    }
