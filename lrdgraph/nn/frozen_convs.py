"""Convolutions of item states over edges that are typed once in a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.conv.soft_rgcn_conv import SoftRGCNConv
from lrdgraph.nn.conv.typed_mean import FrozenTypedMean
from lrdgraph.nn.precision import in_single_precision


class FrozenConvs(nn.ModuleList):
    """Soft-typed convolutions, each of which adds to the states of all items or some.

    Typing every edge at every step would cost several times the step itself. So in
    training edges keep their types from the first step on, or from the first one after
    an evaluation or after :meth:`forget`; an evaluation sees its own.

    Args:
        channels: Size ``C`` of item states.
        num_relations: Number of relations ``R``.
        num_convs: Number of convolutions.
    """

    def __init__(self, channels: int, num_relations: int, num_convs: int) -> None:
        super().__init__(
            SoftRGCNConv(channels, channels, num_relations) for _ in range(num_convs)
        )
        self._mean: FrozenTypedMean | None = None
        self._heard: list[Tensor] = []

    def forget(self) -> None:
        """Let the next step type edges anew."""
        self._mean, self._heard = None, []

    def _apply(self, fn: Any, recurse: bool = True) -> FrozenConvs:
        self.forget()  # what is on the device where edges were typed
        moved: FrozenConvs = super()._apply(fn, recurse)
        return moved

    def _convs(self) -> list[SoftRGCNConv]:
        return [conv for conv in self if isinstance(conv, SoftRGCNConv)]

    @in_single_precision
    def forward(
        self, states: Tensor, type_edges: Callable[[], FrozenTypedMean]
    ) -> Tensor:
        """States ``[N, C]`` of all items, with what their neighbours add.

        Args:
            states: States of all items, with shape ``[N, C]``.
            type_edges: What types edges anew.
        """
        if not len(self):
            return states
        kept = self._mean if self.training else None
        self.forget()  # before there are new ones
        mean = kept or type_edges()
        self._mean = mean if self.training else None
        for conv in self._convs():
            states = states + F.gelu(conv.frozen(states, mean))
        return states

    @in_single_precision
    def some(
        self,
        states: Tensor,
        item: Tensor,
        everybody: Callable[[], Tensor],
        type_edges: Callable[[], FrozenTypedMean],
    ) -> Tensor:
        """States of some items, which hear what neighbours said when edges were typed.

        What all items hear is kept, ``N * R * C`` numbers a convolution, so that a step
        costs what it looks at (the historical embeddings of "GNNAutoScale", Fey et al.,
        ICML 2021). It has no gradient.

        Args:
            states: States of the items, with shape ``[n, C]``.
            item: Which items these are, ``[n]``.
            everybody: What computes the states of all items, ``[N, C]``.
            type_edges: What types edges anew.
        """
        if not len(self):
            return states
        kept = self._heard if self.training else []
        self.forget()  # before there are new ones
        every = kept or self._hear(everybody(), type_edges())
        self._heard = every if self.training else []
        for conv, heard in zip(self._convs(), every, strict=True):
            states = states + F.gelu(conv.mixed(states, heard.index_select(0, item)))
        return states

    @torch.no_grad()
    def _hear(self, states: Tensor, mean: FrozenTypedMean) -> list[Tensor]:
        """What each item hears in each convolution, by relation, ``[N, R, C]`` each."""
        heard = []
        for conv in self._convs():
            heard.append(mean.whole(states))
            if len(heard) < len(self):
                states = states + F.gelu(conv.frozen(states, mean))
        return heard
