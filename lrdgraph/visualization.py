"""Pictures of the graph: the neighbourhood of an item, the use of the relations."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.convert import likely_edges
from lrdgraph.typing import NONE, Neighbor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lrdgraph.graph import LatentRelationGraph

PALETTE = "#0072B2 #E69F00 #009E73 #D55E00 #CC79A7 #56B4E9 #882255".split()
"""Colours that colour-blind readers can tell apart: Okabe & Ito (2008), and wine."""

_INK, _FAINT = "#222222", "#BBBBBB"
_GREYS, _BROKEN = ("#333333", "#777777", "#AAAAAA"), ("--", ":", "-.")
_LINE_LENGTH, _NUM_LINES = 28, 3  # of a label


def plot_neighborhood(
    graph: LatentRelationGraph,
    item: str,
    min_prob: float = 0.5,
    k: int = 12,
    relations: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw an item, the items it leads to, and the relations that lead there.

    Latent relations have colours, the others are broken lines in grey; the width and
    opacity of an arrow are its probability. Items reached by the same relations stand
    together.

    Args:
        graph: The graph.
        item: External item id.
        min_prob: Probability from which an arrow is drawn.
        k: Number of neighbours at most. Taken are those that one reaches most often by
            following a random relation, so that a relation with few pairs is not
            crowded out by one with many.
        relations: Names of the relations to draw, by default all of the graph.
        ax: Where to draw, by default a new figure with room for all labels.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is missing.
        KeyError: If the item or a relation is unknown.
        ValueError: If ``min_prob`` is not from 0 to 1 or ``k`` is not positive.
    """
    if k < 1:
        raise ValueError(f"'k' needs to be positive (got {k})")
    arrows = _arrows(graph, item, min_prob, k, relations)
    rows = max(2, (len(arrows) + 1) // 2)
    ax = ax or _new_axes(10.0, 1.5 + 0.7 * rows)
    ax.set(xlim=(-2.2, 2.2), ylim=(-1.2, 1.2))
    ax.set_axis_off()
    ax.set_title(f"What {item} leads to", color=_INK, weight="bold", parse_math=False)
    labels = dict(zip(graph.ids, graph.texts, strict=True))
    style, size = _styles(graph), _font_size(ax, rows)
    for place, (target, found) in zip(
        _places(len(arrows)), arrows.items(), strict=True
    ):
        _draw_arrows(ax, place, found, style)
        _draw_neighbor(ax, place, _short(labels[target] or target), size)
    _draw_centre(ax, _short(labels[item] or item), size)
    shown = {arrow.relation for found in arrows.values() for arrow in found}
    key = {name: style[name] for name in style if name in shown}
    _draw_legend(ax, key, min_prob, size)
    return ax


def plot_relations(
    graph: LatentRelationGraph, gold: HeteroData | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how many pairs each latent relation has, ``'none'`` included.

    A pair belongs to its most probable relation. Pairs are the candidates that do not
    owe their existence to transitions or, with ``gold``, the pairs whose relation is
    known; bars are then divided by the known relation.

    Args:
        graph: A graph with latent relations.
        gold: Data with ``gold_edge_index [2, M]``, ``gold_edge_type [M]`` and
            ``gold_relations: list[str]``, such as
            :class:`~lrdgraph.datasets.PlantedRelations`.
        ax: Where to draw, by default a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If the graph has no latent relation.
    """
    if not graph.num_latent:
        raise ValueError("'graph' needs latent relations to plot (got none)")
    names = [*graph.latent_relations[1:], NONE]
    ax = ax or _new_axes(8.0, 1.5 + 0.35 * len(names))
    if gold is None:
        count = _assign(graph, graph.edge_index[:, graph.static])
        color = [_styles(graph)[name][0] for name in names[:-1]] + [_FAINT]
        ax.barh(names, count.tolist(), color=color)
    else:
        count = _draw_known(ax, graph, gold, names)
    for row, number in enumerate(count.tolist()):
        share = number / max(int(count.sum()), 1)
        ax.text(number, row, f" {number:,} ({share:.0%})", va="center", color=_INK)
    _tidy_bars(ax, "pairs" if gold is None else "pairs of known relation")
    return ax


def _new_axes(width: float, height: float) -> Axes:
    """Axes of a new figure, sized in inches."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plotting needs matplotlib (got none): pip install lrdgraph[plot]"
        ) from error
    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def _styles(graph: LatentRelationGraph) -> dict[str, tuple[str, str]]:
    """Colour and line of each relation: a colour if latent, a broken grey if given."""
    latent = graph.latent_relations[1:]
    given = [name for name in graph.relations if name not in latent]
    colors, greys = len(PALETTE), len(_GREYS)
    styles = {}
    for place, name in enumerate(latent):
        styles[name] = PALETTE[place % colors], ("-", "-.")[place // colors % 2]
    for place, name in enumerate(given):
        line = _BROKEN[(place + place // greys) % len(_BROKEN)]
        styles[name] = _GREYS[place % greys], line
    return styles


def _arrows(
    graph: LatentRelationGraph,
    item: str,
    min_prob: float,
    k: int,
    relations: Sequence[str] | None,
) -> dict[str, list[Neighbor]]:
    """Arrows to each of ``k`` neighbours, those with the same relations together."""
    arrows: dict[str, list[Neighbor]] = defaultdict(list)
    reach: dict[str, float] = defaultdict(float)
    edges = likely_edges(graph, min_prob, relations, [item])
    for name, (place, probability) in edges.items():
        target, probs = graph.edge_index[1, place], probability.tolist()
        for index, prob in zip(target.tolist(), probs, strict=True):
            neighbor = graph.ids[index]
            arrows[neighbor].append(Neighbor(neighbor, name, prob))
            reach[neighbor] += prob / sum(probs)
    nearest = sorted(arrows, key=lambda neighbor: -reach[neighbor])[:k]
    nearest.sort(key=lambda neighbor: [a.relation for a in arrows[neighbor][::-1]])
    return {neighbor: arrows[neighbor] for neighbor in nearest}


def _places(num_places: int) -> list[tuple[float, float]]:
    """Points on two arcs, clockwise from the top right, evenly spread in height."""
    right = (num_places + 1) // 2
    return [*_arc(right, 1.0), *reversed(_arc(num_places - right, -1.0))]


def _arc(num_places: int, side: float) -> list[tuple[float, float]]:
    heights = torch.linspace(1, -1, num_places).tolist() if num_places > 1 else [0.0]
    return [(side * (0.7 + 0.4 * (1 - y * y) ** 0.5), y) for y in heights[:num_places]]


def _font_size(ax: Axes, rows: int) -> float:
    """Largest size, up to 9.5 points, at which no label meets another or the rim."""
    points = 72 / ax.figure.dpi
    row = ax.bbox.height * points / 1.2 / (rows - 1)
    column = ax.bbox.width * points / 4.4
    return min(9.5, row / (1.3 * _NUM_LINES), column / (0.6 * _LINE_LENGTH))


def _short(text: str) -> str:
    """At most three lines of a text."""
    return textwrap.fill(text, _LINE_LENGTH, max_lines=_NUM_LINES, placeholder=" …")


def _draw_arrows(
    ax: Axes,
    place: tuple[float, float],
    arrows: list[Neighbor],
    style: dict[str, tuple[str, str]],
) -> None:
    """One arrow per relation, bent so that all of them can be seen."""
    for number, arrow in enumerate(arrows):
        color, line = style[arrow.relation]
        bend = 0.16 * (number - (len(arrows) - 1) / 2)
        properties = {
            "arrowstyle": "-|>,head_width=0.25,head_length=0.5",
            "connectionstyle": f"arc3,rad={bend}",
            "color": color,
            "linestyle": line,
            "linewidth": 0.6 + 2 * arrow.probability,
            "alpha": 0.3 + 0.7 * arrow.probability,
            "shrinkA": 0,
            "shrinkB": 6,
        }
        ax.annotate("", place, (0, 0), arrowprops=properties)


def _draw_neighbor(
    ax: Axes, place: tuple[float, float], label: str, size: float
) -> None:
    side, align = (1, "left") if place[0] > 0 else (-1, "right")
    offset: dict[str, Any] = {"xytext": (9 * side, 0), "textcoords": "offset points"}
    text: dict[str, Any] = {"ha": align, "va": "center", "color": _INK}
    ax.plot(*place, "o", color=_INK, markersize=6)
    ax.annotate(label, place, **offset, **text, fontsize=size, parse_math=False)


def _draw_centre(ax: Axes, label: str, size: float) -> None:
    box: dict[str, Any] = {"boxstyle": "round,pad=0.5", "fc": "white", "ec": _INK}
    text: dict[str, Any] = {"ha": "center", "va": "center", "color": _INK, "zorder": 5}
    ax.text(
        0, 0, label, **text, fontsize=size, weight="bold", bbox=box, parse_math=False
    )


def _draw_legend(
    ax: Axes, style: dict[str, tuple[str, str]], min_prob: float, size: float
) -> None:
    if not style:
        note = f"no relation has a probability of {min_prob:g} or more"
        ax.text(0, -0.8, note, ha="center", color=_INK, fontsize=size)
        return
    handles = {
        name: ax.plot([], [], color=color, linestyle=line, linewidth=2.5)[0]
        for name, (color, line) in style.items()
    }
    sizes = {"handlelength": 3, "fontsize": size, "title_fontsize": size}
    title = f"probability ≥ {min_prob:g}"
    _add_legend(ax, handles, 0, ncols=5, title=title, **sizes)


def _add_legend(ax: Axes, handles: dict[str, Any], y: float, **options: Any) -> None:
    """A legend that has names as they are, with a dollar or an underscore in front."""
    options |= {"loc": "upper center", "bbox_to_anchor": (0.5, y), "frameon": False}
    places = [str(place) for place in range(len(handles))]
    legend = ax.legend([*handles.values()], places, **options)
    for text, name in zip(legend.get_texts(), handles, strict=True):
        text.set(text=name, parse_math=False)


@torch.no_grad()
def _assign(graph: LatentRelationGraph, edge_index: Tensor) -> Tensor:
    """Number of pairs in ``latent_1``, ..., ``latent_K`` and ``'none'``."""
    posterior = graph.infer(edge_index)
    label = posterior.argmax(dim=-1)
    return torch.bincount(label, minlength=graph.num_latent + 1).roll(-1)


def _draw_known(
    ax: Axes, graph: LatentRelationGraph, gold: HeteroData, names: list[str]
) -> Tensor:
    """Bars divided by the known relation; the number of pairs in each bar."""
    total = torch.zeros(len(names), dtype=torch.long)
    handles = {}
    for kind, name in enumerate(gold.gold_relations):
        pairs = gold.gold_edge_index[:, gold.gold_edge_type == kind]
        count = _assign(graph, pairs.to(graph.x.device)).cpu()
        color, hatch = PALETTE[kind % len(PALETTE)], "//" * (kind // len(PALETTE))
        bars: dict[str, Any] = {"color": color, "hatch": hatch, "edgecolor": "white"}
        left = total.tolist()
        handles[name] = ax.barh(names, count.tolist(), left=left, **bars)
        total = total + count
    _add_legend(ax, handles, -0.15, ncols=4)
    return total


def _tidy_bars(ax: Axes, unit: str) -> None:
    ax.invert_yaxis()
    ax.margins(x=0.15)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlabel(unit, color=_INK)
    ax.set_title("Use of the latent relations", color=_INK, weight="bold")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0, colors=_INK)
