"""What every convolution over typed edges has to keep to."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from lrdgraph.testing.gradients import check_gradients

IN_CHANNELS, OUT_CHANNELS = 4, 5
NUM_ITEMS, NUM_EDGES, NUM_RELATIONS = 7, 12, 3


class ConvContract(ABC):
    """Tests of a typed convolution, ``(x, edge_index, edge_weight) -> [N, C_out]``.

    ``x [N, C_in]`` are item states, ``edge_index [2, E]`` goes from source to target,
    and ``edge_weight [E, R]`` weighs each relation on each edge.

    Example:
        >>> from lrdgraph.nn import SoftRGCNConv
        >>> from lrdgraph.testing import ConvContract
        >>> class TestSoftRGCNConv(ConvContract):
        ...     def make(self, in_channels, out_channels, num_relations):
        ...         return SoftRGCNConv(in_channels, out_channels, num_relations)
    """

    @abstractmethod
    def make(
        self, in_channels: int, out_channels: int, num_relations: int
    ) -> nn.Module:
        """The convolution."""

    def test_every_item_has_a_new_state(self) -> None:
        """Also where there is no edge at all."""
        x, edge_index, weight = _graph()
        for num_edges in (NUM_EDGES, 1, 0):
            part = edge_index[:, :num_edges], weight[:num_edges]
            states = self._conv()(x, *part)
            expected = (NUM_ITEMS, OUT_CHANNELS)
            assert states.shape == expected, f"needs {expected}: {states.shape}"
            assert states.isfinite().all(), "a state is not finite"

    def test_an_item_hears_its_sources_and_nobody_else(self) -> None:
        """An edge leads from its source to its target, and not back."""
        conv, (x, edge_index, weight) = self._conv(), _graph()
        before = conv(x, edge_index, weight)
        for item in range(NUM_ITEMS):
            changed = x.clone()
            changed[item] += 1
            after = conv(changed, edge_index, weight)
            heard = (after - before).abs().amax(dim=-1) > 1e-4
            hears = torch.zeros(NUM_ITEMS, dtype=torch.bool)
            hears[edge_index[1, edge_index[0] == item]] = True
            others = torch.arange(NUM_ITEMS) != item  # itself, as it likes
            assert_close(heard[others], hears[others])

    def test_neither_order_nor_numbers_matter(self) -> None:
        """Edges may come in any order, and items may have any numbers."""
        conv, (x, edge_index, weight) = self._conv(), _graph()
        states = conv(x, edge_index, weight)
        order = torch.arange(NUM_EDGES).flip(0)
        assert_close(conv(x, edge_index[:, order], weight[order]), states)
        backwards = NUM_ITEMS - 1 - edge_index
        assert_close(conv(x.flip(0), backwards, weight).flip(0), states)

    def test_an_edge_without_weight_is_no_edge(self) -> None:
        """So that relations may be switched off by their weight."""
        conv, (x, edge_index, weight) = self._conv(), _graph()
        weight[::2] = 0
        kept = edge_index[:, 1::2], weight[1::2]
        assert_close(conv(x, edge_index, weight), conv(x, *kept))

    def test_relations_differ(self) -> None:
        """The same edges mean something else in another relation."""
        conv, (x, edge_index, weight) = self._conv(), _graph()
        moved = conv(x, edge_index, weight.roll(1, dims=1))
        difference = (moved - conv(x, edge_index, weight)).abs().max()
        assert difference > 1e-4, "all relations are the same"

    def test_gradient_reaches_states_weights_and_parameters(self) -> None:
        """Through the weights it goes on to whatever has made them."""
        conv, (x, edge_index, weight) = self._conv(), _graph()
        x, weight = x.requires_grad_(), weight.requires_grad_()
        states = conv(x, edge_index, weight)
        states.backward(torch.randn(states.shape, generator=_generator()))
        assert x.grad is not None, "no gradient reaches the states"
        assert x.grad[edge_index[0]].any(dim=1).all(), "no gradient reaches a source"
        assert weight.grad is not None, "no gradient reaches the weights"
        assert weight.grad.any(dim=1).all(), "no gradient reaches an edge's weights"
        check_gradients(conv)

    def test_evaluation_repeats_and_changes_no_input(self) -> None:
        """No random number acts, and what was given is kept."""
        conv, given = self._conv(), _graph()
        assert_close(conv(*given), conv(*given), atol=0, rtol=0)
        for value, expected in zip(given, _graph(), strict=True):
            assert_close(value, expected, atol=0, rtol=0)

    def _conv(self) -> nn.Module:
        torch.manual_seed(0)
        return self.make(IN_CHANNELS, OUT_CHANNELS, NUM_RELATIONS).eval()


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _graph() -> tuple[Tensor, Tensor, Tensor]:
    """Item states, different edges between different items, and their weights."""
    generator = _generator()
    x = torch.randn(NUM_ITEMS, IN_CHANNELS, generator=generator)
    pairs = (~torch.eye(NUM_ITEMS, dtype=torch.bool)).nonzero()
    chosen = torch.randperm(len(pairs), generator=generator)[:NUM_EDGES]
    logits = torch.randn(NUM_EDGES, NUM_RELATIONS, generator=generator)
    return x, pairs[chosen].t(), logits.softmax(dim=-1)
