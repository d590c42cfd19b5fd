from collections.abc import Callable, Sequence

import pytest
import torch
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.transforms import TextKNN

MakeGraph = Callable[..., LatentRelationGraph]

AWKWARD = [
    "Stift „Grün“ & 筆 🖊",
    "<b>Bold</b> &amp; ]]> \"quoted\" 'too' &#10;",
    "<script>alert('x')</script>",
    "tab\tand\nline\r\nends\r",
    "back\\slash \\n <urn:x> \\u0041 {} ^`|",
    '"',
    "",
    "007",
    " spaces  within ",
]
"""What is hard to write in some format."""


def _make_graph(
    texts: Sequence[str], ids: Sequence[str] | None = None
) -> LatentRelationGraph:
    generator = torch.Generator().manual_seed(0)
    data = HeteroData()
    data["item"].num_nodes = len(texts)
    data["item"].id = list(ids or (f"B{index:03d}" for index in range(len(texts))))
    data["item"].text = list(texts)
    data["item"].x = torch.randn(len(texts), 8, generator=generator)
    data = TextKNN(k=3)(data)
    transition = data["item", "transition", "item"]
    transition.edge_index = torch.tensor([[0, 0, 4], [1, 5, 0]])
    transition.count = torch.tensor([3, 1, 2])
    transition.window = 3
    data["item"].count = torch.ones(len(texts), dtype=torch.long)
    torch.manual_seed(0)
    return LatentRelationGraph(data, num_latent=2)


@pytest.fixture(scope="session")
def make_graph() -> MakeGraph:
    """A graph with text neighbours, transitions and two latent relations."""
    return _make_graph


@pytest.fixture(scope="session")
def awkward() -> LatentRelationGraph:
    """A graph whose ids, texts and one relation are hard to write."""
    ids = [f"{text}{index}" for index, text in enumerate(AWKWARD)]
    graph = _make_graph(AWKWARD, ids)
    graph.relations = ('<same> "brand"\t& more', *graph.relations[1:])
    return graph
