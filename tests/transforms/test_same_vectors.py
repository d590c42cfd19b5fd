import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.testing import TransformContract
from lrdgraph.text.vector_step import VectorStep
from lrdgraph.transforms import Normalize, SameVectors, Whiten

GIVEN = torch.randn(9, 4, generator=torch.manual_seed(0)) + 3


class Earlier:
    """What a graph tells of its vectors."""

    encoder = "MiniLM"

    def __init__(self) -> None:
        mean, length = torch.ones(4).double(), torch.tensor(2.0).double()
        self.vector_steps = [VectorStep(mean), VectorStep(0 * mean, length=length)]


def make(x: Tensor, encoder: str = "MiniLM") -> HeteroData:
    ids = [f"i{row}" for row in range(len(x))]
    return HeteroData(item={"x": x, "id": ids, "encoder": encoder})


class TestSameVectors(TransformContract):
    idempotent = False  # what was centred is centred again

    def make(self) -> SameVectors:
        return SameVectors(Earlier())

    def data(self) -> HeteroData:
        return make(GIVEN)

    def bad_data(self) -> dict[str, HeteroData]:
        return {
            r"needs vectors in data\['item'\]\.x": HeteroData(item={"id": ["i0"]}),
            r"shape \[1, C\] in 'SameVectors' \(got \[1\]\)": make(torch.ones(1)),
            r"of the encoder 'MiniLM' \(got 'ada'\)": make(GIVEN, encoder="ada"),
            r"went through steps already": Normalize()(make(GIVEN)),
        }


def test_an_encoder_that_one_side_does_not_tell_is_no_other_one() -> None:
    earlier = Earlier()
    earlier.encoder = ""
    expected = SameVectors(Earlier())(make(GIVEN))["item"].x
    for steps, encoder in ((earlier, "ada"), (Earlier(), "")):
        found = SameVectors(steps)(make(GIVEN, encoder))["item"].x
        assert torch.equal(found, expected)


def test_it_does_what_was_done_to_the_vectors_of_the_graph() -> None:
    first = Normalize()(Whiten(3)(make(GIVEN)))
    earlier = Earlier()
    earlier.vector_steps = [VectorStep(**s) for s in first["item"].vector_steps]
    few = SameVectors(earlier)(make(GIVEN[2:5]))
    assert torch.allclose(few["item"].x, first["item"].x[2:5], atol=1e-6)
    for ours, theirs in zip(
        few["item"].vector_steps, first["item"].vector_steps, strict=True
    ):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
