import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import pytest
import torch
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.transforms import TextKNN
from lrdgraph.typing import NONE
from lrdgraph.visualization import PALETTE, plot_neighborhood, plot_relations

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.text import Annotation  # noqa: E402
from matplotlib.transforms import Bbox  # noqa: E402

NUM_ITEMS = 40


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


def make_data() -> HeteroData:
    generator = torch.Generator().manual_seed(0)
    data = HeteroData()
    data["item"].num_nodes = NUM_ITEMS
    data["item"].id = [f"B{index:03d}" for index in range(NUM_ITEMS)]
    rest = "refill for the gravel bicycle, generation WZ, forest green, limited"
    data["item"].text = [f"Number {index}: {rest}" for index in range(NUM_ITEMS)]
    data["item"].text[1:4] = ["costs $5_ or ^$", "", "w" * 200]
    data["item"].x = torch.randn(NUM_ITEMS, 8, generator=generator)
    data = TextKNN(k=20)(data)
    everyone = torch.arange(NUM_ITEMS)
    bought = torch.stack([everyone, (everyone + 1) % NUM_ITEMS])
    data["item", "also_bought", "item"].edge_index = bought
    return data


@pytest.fixture(scope="module")
def graph() -> LatentRelationGraph:
    torch.manual_seed(0)
    return LatentRelationGraph(make_data(), num_latent=4)


def arrows(ax: Axes) -> list[Annotation]:
    return [text for text in ax.texts if getattr(text, "arrow_patch", None)]


def labels(ax: Axes) -> list[str]:
    return [" ".join(t.get_text().split("\n")) for t in ax.texts if t.get_text()]


def label_boxes(ax: Axes) -> list[Bbox]:
    ax.figure.canvas.draw()
    written = [text for text in ax.texts if text.get_text()]
    assert all(text.get_fontsize() > 2 for text in written)
    framed = [text.get_bbox_patch() or text for text in written]
    return [
        artist.get_window_extent() for artist in [*framed, ax.title, ax.get_legend()]
    ]


@pytest.mark.parametrize("k", [1, 2, 3, 5, 12, 20])
@pytest.mark.parametrize("size", [None, (4, 3), (14, 14)])
def test_labels_never_overlap(
    graph: LatentRelationGraph, k: int, size: tuple[int, int] | None
) -> None:
    ax = pyplot.subplots(figsize=size, layout="constrained")[1] if size else None
    ax = plot_neighborhood(graph, "B000", 0.0, k, ax=ax)
    boxes = label_boxes(ax)
    assert len(boxes) == k + 3  # the item, title and legend
    for one, other in combinations(boxes, 2):
        assert Bbox.intersection(one, other) is None, (one, other)
    whole = ax.figure.bbox
    for box in boxes:
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1


def test_arrows_are_the_likely_edges(graph: LatentRelationGraph) -> None:
    ax = plot_neighborhood(graph, "B005", min_prob=0.4, k=NUM_ITEMS)
    own = graph.probability()[graph.edge_index[0] == 5]
    likely = own[(own >= 0.4) & (own > 0)]
    assert len(arrows(ax)) == likely.numel()
    widths = [arrow.arrow_patch.get_linewidth() for arrow in arrows(ax)]
    assert sorted(widths) == pytest.approx(sorted((0.6 + 2 * likely).tolist()))
    opacity = [arrow.arrow_patch.get_alpha() for arrow in arrows(ax)]
    assert sorted(opacity) == pytest.approx(sorted((0.3 + 0.7 * likely).tolist()))


def test_the_legend_tells_the_relations_apart(graph: LatentRelationGraph) -> None:
    ax = plot_neighborhood(graph, "B000", 0.0, NUM_ITEMS)
    legend = ax.get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    assert sorted(names) == sorted(graph.relations)
    looks = [(to_hex(h.get_color()), h.get_linestyle()) for h in legend.get_lines()]
    assert len(set(looks)) == len(looks)
    drawn = {to_hex(arrow.arrow_patch.get_edgecolor()) for arrow in arrows(ax)}
    assert drawn == {color for color, _ in looks}
    latent = [look for name, look in zip(names, looks, strict=True) if "latent" in name]
    assert [color.upper() for color, _ in latent] == PALETTE[:4]


def test_relations_of_any_name_are_in_the_legend(graph: LatentRelationGraph) -> None:
    names = [r"$\frac$", "_mine", "a_$b", "_"]
    data = make_data()
    for name in names:
        edges = data["item", "also_bought", "item"].edge_index
        data["item", name, "item"].edge_index = edges
    ax = plot_neighborhood(LatentRelationGraph(data, 0), "B000", relations=names)
    ax.figure.canvas.draw()
    assert sorted(t.get_text() for t in ax.get_legend().get_texts()) == sorted(names)
    gold = HeteroData()
    gold.gold_edge_index = torch.randint(NUM_ITEMS, (2, 300))
    gold.gold_edge_type = torch.arange(300) % len(names)
    gold.gold_relations = names
    ax = plot_relations(graph, gold)
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == names


def test_only_the_wanted_relations_are_drawn(graph: LatentRelationGraph) -> None:
    ax = plot_neighborhood(graph, "B000", relations=["also_bought"])
    assert len(arrows(ax)) == 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["also_bought"]


def test_a_rare_relation_is_not_crowded_out(graph: LatentRelationGraph) -> None:
    wanted = ["text_knn", "also_bought"]
    ax = plot_neighborhood(graph, "B010", k=1, relations=wanted)
    assert [label[:10] for label in labels(ax)] == ["Number 11:", "Number 10:"]


def test_texts_are_shortened_and_never_markup() -> None:
    torch.manual_seed(0)
    data = make_data()
    star = torch.stack([torch.zeros(3, dtype=torch.long), torch.arange(1, 4)])
    data["item", "star", "item"].edge_index = star
    graph = LatentRelationGraph(data, num_latent=0)
    ax = plot_neighborhood(graph, "B000", relations=["star"])
    ax.figure.canvas.draw()
    assert "costs $5_ or ^$" in labels(ax)
    assert "B002" in labels(ax)  # which has no text
    for text in ax.texts:
        lines = text.get_text().split("\n")
        assert len(lines) <= 3
        assert max(map(len, lines)) <= 28


def test_an_item_that_leads_nowhere(graph: LatentRelationGraph) -> None:
    ax = plot_neighborhood(graph, "B000", 1.0, relations=["latent_1"])
    assert not arrows(ax)
    assert "no relation has a probability of 1 or more" in labels(ax)


def test_given_axes_are_used(graph: LatentRelationGraph) -> None:
    figure, (left, right) = pyplot.subplots(1, 2)
    assert plot_neighborhood(graph, "B000", ax=left) is left
    assert plot_relations(graph, ax=right) is right
    assert pyplot.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"item": "B999"}, KeyError, r"item 'B999' needs to be one of the 40"),
        ({"k": 0}, ValueError, r"'k' needs to be positive \(got 0\)"),
        ({"min_prob": 2.0}, ValueError, r"'min_prob' needs to be from 0 to 1"),
        ({"relations": ["friend"]}, KeyError, r"also_bought.*got 'friend'"),
    ],
)
def test_bad_input_is_named(
    graph: LatentRelationGraph, arguments: dict, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        plot_neighborhood(graph, **{"item": "B000", **arguments})
    assert not pyplot.get_fignums()


@pytest.mark.parametrize("plot", [plot_neighborhood, plot_relations])
def test_without_matplotlib_the_extra_is_named(
    graph: LatentRelationGraph, plot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    arguments = ("B000",) if plot is plot_neighborhood else ()
    with pytest.raises(ImportError, match=r"pip install lrdgraph\[plot\]"):
        plot(graph, *arguments)


def bars(ax: Axes) -> Counter[str]:
    """Length of all bars of each relation."""
    ax.figure.canvas.draw()
    names = [label.get_text() for label in ax.get_yticklabels()]
    lengths: Counter[str] = Counter()
    for bar in ax.patches:
        lengths[names[round(bar.get_y() + bar.get_height() / 2)]] += bar.get_width()
    return lengths


def most_probable(graph: LatentRelationGraph, pairs: torch.Tensor) -> Counter[str]:
    with torch.no_grad():
        posterior = graph.infer(pairs)
    return Counter(graph.latent_relations[r] for r in posterior.argmax(-1).tolist())


def test_relations_are_counted(graph: LatentRelationGraph) -> None:
    ax = plot_relations(graph)
    expected = most_probable(graph, graph.edge_index)
    assert bars(ax) == expected
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [*graph.latent_relations[1:], NONE]
    total = expected.total()
    for text, name in zip(ax.texts, names, strict=True):
        share = f"{expected[name]} ({expected[name] / total:.0%})"
        assert text.get_text().strip() == share


def test_pairs_that_owe_themselves_to_transitions_are_not_counted() -> None:
    data = make_data()
    everyone = torch.arange(NUM_ITEMS)
    far = torch.stack([everyone, (everyone + 20) % NUM_ITEMS])
    store = data["item", "transition", "item"]
    store.edge_index, store.count, store.window = far, torch.ones(NUM_ITEMS).long(), 3
    data["item"].count = torch.ones(NUM_ITEMS).long()
    graph = LatentRelationGraph(data, num_latent=2)
    assert not graph.static.all()
    assert bars(plot_relations(graph)).total() == graph.static.sum()


def test_known_relations_divide_the_bars(graph: LatentRelationGraph) -> None:
    gold = HeteroData()
    gold.gold_edge_index = torch.randint(NUM_ITEMS, (2, 300))
    gold.gold_edge_type = torch.arange(300) % 3
    gold.gold_relations = ["accessory", "refill", "upgrade"]
    ax = plot_relations(graph, gold)
    assert bars(ax) == most_probable(graph, gold.gold_edge_index)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == gold.gold_relations
    for kind, container in enumerate(ax.containers):
        pairs = gold.gold_edge_index[:, gold.gold_edge_type == kind]
        lengths = [int(bar.get_width()) for bar in container]
        expected = most_probable(graph, pairs)
        names = [*graph.latent_relations[1:], NONE]
        assert lengths == [expected[name] for name in names]


def test_a_graph_without_latent_relations_has_none_to_count() -> None:
    graph = LatentRelationGraph(make_data(), num_latent=0)
    with pytest.raises(ValueError, match="needs latent relations"):
        plot_relations(graph)
