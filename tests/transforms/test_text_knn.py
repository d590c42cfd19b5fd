import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.testing import TransformContract
from lrdgraph.transforms import TextKNN, text_knn


def make(x: Tensor) -> HeteroData:
    data = HeteroData()
    data["item"].id = [f"item {row}" for row in range(len(x))]
    data["item"].x = x
    data["item"].num_nodes = len(x)
    return data


class TestTextKNN(TransformContract):
    def make(self) -> TextKNN:
        return TextKNN(k=2)

    def data(self) -> HeteroData:
        return make(torch.randn(5, 4, generator=torch.Generator().manual_seed(0)))

    def bad_data(self) -> dict[str, HeteroData]:
        broken, without = make(torch.eye(2)), make(torch.eye(2))
        broken["item"].x[1, 0] = float("nan")
        del without["item"].x
        return {
            r"finite in 'TextKNN' \(got nan for 'item 1'": broken,
            r"'TextKNN' needs vectors .*'EmbedText'": without,
        }


def pairs(data: HeteroData) -> list[tuple[int, int]]:
    edge_index = data["item", "text_knn", "item"].edge_index
    assert edge_index.dtype == torch.long
    return list(zip(*edge_index.tolist(), strict=True))


def naive(x: Tensor, k: int) -> list[tuple[int, int]]:
    filled = [i for i, row in enumerate(x.tolist()) if any(row)]
    found = []
    for i in filled:
        cosine = torch.cosine_similarity(x[i].double(), x.double(), dim=1).tolist()
        others = [j for j in filled if j != i]
        nearest = sorted(others, key=lambda j: (-round(cosine[j], 7), j))[:k]
        found += [(i, j) for j in sorted(nearest)]
    return found


@given(
    # Small whole numbers, so that zero vectors, duplicates and ties abound.
    st.lists(st.tuples(*3 * [st.integers(-2, 2)]), max_size=12).map(
        lambda rows: torch.tensor(rows, dtype=torch.float).reshape(-1, 3)
    ),
    st.integers(1, 13),
)
def test_neighbours_are_those_of_a_naive_loop(x, k):
    assert pairs(TextKNN(k)(make(x))) == naive(x, k)


@pytest.mark.parametrize("rows", [1, 7, 40, 64])
def test_blocks_of_rows_make_no_difference(monkeypatch, rows):
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(text_knn, "_ROWS", rows)
    found = pairs(TextKNN(k=3)(make(x)))
    assert len(found) == 40 * 3
    assert found == naive(x, 3)


def test_more_items_than_rows_of_a_block():
    x = torch.randn(600, 8, generator=torch.Generator().manual_seed(0))
    assert pairs(TextKNN(k=4)(make(x))) == naive(x, 4)


def test_equal_texts_tie_whatever_their_place():
    x = torch.randn(1, 384, generator=torch.Generator().manual_seed(0))
    found = pairs(TextKNN(k=2)(make(x.repeat(301, 1))))
    expected = [(i, j) for i in range(301) for j in sorted({0, 1, 2} - {i})[:2]]
    assert found == expected


def test_length_of_a_vector_does_not_matter():
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    scaled = x * 10.0 ** torch.arange(-15, 15)[:, None]
    assert pairs(TextKNN(k=5)(make(scaled))) == pairs(TextKNN(k=5)(make(x)))


def test_k_and_repr():
    assert str(TextKNN()) == "TextKNN(k=20)"
    with pytest.raises(ValueError, match=r"'k' needs to be a positive integer.*got 0"):
        TextKNN(0)


def clustered(num_items: int) -> Tensor:
    """Vectors as those of a shop: in groups, some equal."""
    generator = torch.Generator().manual_seed(0)
    centre = torch.randn(num_items // 30, 16, generator=generator)
    group = torch.randint(len(centre), (num_items,), generator=generator)
    x = centre[group] + 0.5 * torch.randn(num_items, 16, generator=generator)
    x[num_items // 2] = x[0]
    return x


def test_an_approximate_search_of_all_cells_is_exact():
    pytest.importorskip("faiss")
    x = torch.cat([clustered(900), torch.zeros(2, 16)])
    assert pairs(TextKNN(5, num_probes=99)(make(x))) == naive(x, 5)


def test_an_approximate_search_misses_little():
    pytest.importorskip("faiss")
    data = make(clustered(6000))
    exact = set(pairs(TextKNN(10)(data)))
    near = pairs(TextKNN(10, num_probes=64)(data))
    assert near == sorted(set(near))
    assert all(source != target for source, target in near)
    assert len(exact.intersection(near)) > 0.95 * len(exact)
    few = pairs(TextKNN(10, num_probes=2)(data))
    assert len(exact.intersection(few)) < len(exact.intersection(near))
    assert pairs(TextKNN(10, num_probes=64)(data)) == near


def test_an_approximate_search_of_equal_texts():
    pytest.importorskip("faiss")
    x = clustered(3000)
    x[:700] = x[0]
    found = pairs(TextKNN(4, num_probes=16)(make(x)))
    assert len(found) == len(set(found)) == 4 * 3000
    assert all(source != target for source, target in found)
    equal = {*range(700), 1500}  # the last one by construction
    assert all(target in equal for source, target in found if source < 700)


@pytest.mark.parametrize("num_items", [0, 1, 2, 5])
def test_an_approximate_search_of_hardly_any_items(num_items):
    pytest.importorskip("faiss")
    x = clustered(60)[:num_items]
    assert pairs(TextKNN(3, num_probes=2)(make(x))) == naive(x, 3)


def test_no_item_is_the_neighbour_of_too_many():
    data = make(clustered(300))
    every = pairs(TextKNN(8)(data))
    x = data["item"].x.double()
    kept = pairs(TextKNN(8, max_in_degree=9)(data))
    expected = []
    for item in range(300):
        sources = [source for source, target in every if target == item]
        cosine = {s: torch.cosine_similarity(x[s], x[item], dim=0) for s in sources}
        nearest = sorted(sources, key=lambda s: (-round(float(cosine[s]), 6), s))[:9]
        expected += [(source, item) for source in nearest]
    assert len(expected) < len(every)
    assert kept == sorted(expected)


def test_what_the_approximate_search_needs():
    wanted = r"'num_probes' needs to be a positive integer .*got 0"
    with pytest.raises(ValueError, match=wanted):
        TextKNN(num_probes=0)
    options = "num_probes=8, max_in_degree=200"
    assert str(TextKNN(20, 8, 200)) == f"TextKNN(k=20, {options})"


def test_very_short_vectors_have_neighbours_in_cells():
    pytest.importorskip("faiss")
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    tiny = x * torch.logspace(-30, 0, 40).unsqueeze(1)
    assert pairs(TextKNN(3, num_probes=8)(make(tiny))) == naive(x, 3)
