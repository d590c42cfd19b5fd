"""The recommender: relational convolution, sequence encoder, typed-edge scoring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lrdgraph import pretrained
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.models import carry_over, large, recommending, sampled
from lrdgraph.models.agreement import check_channels
from lrdgraph.models.newcomers import Newcomers
from lrdgraph.models.sampled import Asked, Common, Reach
from lrdgraph.models.sasrec import SASRec
from lrdgraph.nn.conv.typed_mean import FrozenTypedMean
from lrdgraph.nn.evaluation_mode import evaluating
from lrdgraph.nn.frozen_convs import FrozenConvs
from lrdgraph.nn.precision import in_single_precision
from lrdgraph.nn.scoring import Messages, Paths, RelationalScorer, own_transitions
from lrdgraph.ragged import by_parts, distinct
from lrdgraph.typing import TRANSITION, Batch, TypedEdges

KEPT = 1 << 26
"""Weights of pairs that are kept while many histories are scored: 256 MiB."""
EDGES = 1 << 14  # pairs that are weighed at a time where there are very many


class LRDRec(SASRec):
    r"""Recommends over a :class:`~lrdgraph.LatentRelationGraph`, trained end to end.

    .. math::
        \text{score}(j \mid \text{history}) = z^\top h_j + b_j + v^\top
        \text{trend}_j + \sum_t \sum_r g_{r,\Delta(t)}\, w_r(t, j)

    with item states :math:`h` from text, id and soft-typed convolution, a user state
    :math:`z` from an encoder of the history (a causal Transformer by default), and
    messages along the typed edges. A gradient reaches the DVAE through every edge that
    a history touches.

    Args:
        graph: The item graph.
        hidden_channels: Size ``C`` of item and user states.
        max_length: Number of history slots ``L``; older items are left out.
        num_layers: Number of layers of the encoder.
        num_convs: Number of soft-typed convolutions.
        dropout: Dropout probability.
        encoder: What reads the history, by name; see :class:`SASRec`. ``'tisasrec'``
            needs times, which :meth:`recommend` does not know.
        relation_weight: Weight of the likelihood of the pairs under the DVAE.
        presence_weight: Weight of the share of pairs that have a relation. Above 0, a
            pair has *none* unless something speaks for a relation.
        confidence_weight: Weight of the mean entropy of a pair's posterior. Above 0
            each pair is drawn to one relation.
        spread_weight: Weight of the (negative) entropy of the mean posterior. Above 0
            all relations are used, and what belongs together is split over them.
        information_weight: Weight of what the relation of a pair tells too little, up
            to 1.3 bits. Above 0, relations are distinct and certain at once.
        newness: Share of the items that count as new in each step of training, so that
            items can arrive later; see :class:`~lrdgraph.models.newcomers.Newcomers`.
        num_negatives: Number of items that stand for a large catalogue in each step of
            training; see :class:`SASRec`.
        in_batch: Share of them that others of the batch bought next; see there.
        trend: What :class:`~lrdgraph.transforms.Trends` found, with shape
            ``[N, T, F]``; None leaves time out.

    Raises:
        ValueError: If the graph's DVAE reconstructs states of another size or has the
            objective ``'released'``, if ``newness`` is not in ``[0, 1)``, or for what
            :class:`SASRec` raises.
    """

    num_pairs = 512
    """Pairs that the DVAE sees in a step."""

    def __init__(
        self,
        graph: LatentRelationGraph,
        hidden_channels: int = 64,
        *,
        max_length: int = 20,
        num_layers: int = 1,
        num_convs: int = 1,
        dropout: float = 0.4,
        encoder: str = "transformer",
        relation_weight: float = 0.3,
        presence_weight: float = 0.1,
        confidence_weight: float = 0.0,
        spread_weight: float = 0.0,
        information_weight: float = 0.0,
        newness: float = 0.1,
        num_negatives: int | None = None,
        in_batch: float = 0.0,
        trend: Tensor | None = None,
    ) -> None:
        check_channels(graph, hidden_channels)
        if graph.num_latent and graph.objective == "released":
            raise ValueError(
                "the objective 'released' learns from whole histories, in RCF or KDA "
                "(got LRDRec): give the graph another one, such as 'lrd'"
            )
        super().__init__(
            graph.num_items,
            hidden_channels,
            max_length=max_length,
            num_layers=num_layers,
            dropout=dropout,
            encoder=encoder,
            x=graph.x,
            trend=trend,
            num_negatives=num_negatives,
            in_batch=in_batch,
        )
        self.graph = graph
        self.arguments: dict[str, Any] = {
            "hidden_channels": hidden_channels,
            "max_length": max_length,
            "num_layers": num_layers,
            "num_convs": num_convs,
            "dropout": dropout,
            "encoder": encoder,
            "relation_weight": relation_weight,
            "presence_weight": presence_weight,
            "confidence_weight": confidence_weight,
            "spread_weight": spread_weight,
            "information_weight": information_weight,
            "newness": newness,
            "num_negatives": num_negatives,
            "in_batch": in_batch,
        }
        self.relation_weight = relation_weight
        self.presence_weight = presence_weight
        self.confidence_weight = confidence_weight
        self.spread_weight = spread_weight
        self.information_weight = information_weight
        convolved = sum(name != TRANSITION for name in graph.relations)
        self.convs = FrozenConvs(hidden_channels, convolved, num_convs)
        self.scorer = RelationalScorer(len(graph.relations), max_length)
        self.newcomers = Newcomers(graph, newness)
        self._kept: Tensor | None = None

    @torch.no_grad()
    def type_edges(self) -> FrozenTypedMean:
        """Type all edges anew for the convolutions.

        Transitions are left out: in the state of an item, the share of a single
        interaction could not be taken back where that interaction is predicted.
        """
        static = self.graph.static.nonzero().squeeze(-1)
        weight = self.graph.static_weights(static)
        edge_index = self.graph.edge_index[:, static]
        return FrozenTypedMean(edge_index, weight, self.num_items)

    def item_ids(self, item: Tensor | None = None) -> Tensor:
        """Embedding of ids, lent by others to new items; see :class:`SASRec`."""
        look_up = super().item_ids
        return self.newcomers.ids(look_up(item), look_up, item)

    def item_bias(self) -> Tensor:
        """Bias of every item, the same for all new ones, with shape ``[N]``."""
        return self.newcomers.biases(self.bias)

    def item_trend(self, periods: slice = slice(None)) -> Tensor:
        """What is in fashion, new items never being so, with shape ``[N, T]``."""
        return super().item_trend(periods) * ~self.newcomers.new.unsqueeze(1)

    def edges(self, edge_id: Tensor | None = None) -> TypedEdges:
        """Relations of pairs as they count here: see :class:`LatentRelationGraph`."""
        if self._kept is not None and edge_id is not None and not self.training:
            kept = self._kept.index_select(0, edge_id)
            return TypedEdges(self.graph.edge_index[:, edge_id], kept)
        edges: TypedEdges = self.newcomers(self.graph(edge_id))
        return edges

    @torch.no_grad()
    def edge_weights(self) -> Tensor:
        """Weights of all pairs, as in evaluation, a part at a time, ``[E, R]``."""
        every = torch.arange(self.graph.num_edges, device=self.bias.device)
        with evaluating(self):
            return by_parts(lambda part: self.edges(part).weight, every, EDGES)

    @contextmanager
    def edges_kept(self) -> Iterator[None]:
        """Weigh pairs once, for whoever scores many histories and learns nothing.

        Without, those that leave a history are weighed whenever it is scored. Where
        weights would take more than 256 MiB, that is so all the same.
        """
        few = self.graph.num_edges * len(self.graph.relations) <= KEPT
        self._kept = self.edge_weights() if few else None
        try:
            yield
        finally:
            self._kept = None

    def item_states(self, item: Tensor | None = None) -> Tensor:
        """State of items ``[n]``, or of all, with shape ``[n, C]``."""
        states = super().item_states(item)
        if item is None:
            return self.convs(states, self.type_edges)
        return self.convs.some(states, item, self._unconvolved, self.type_edges)

    @torch.no_grad()
    def _unconvolved(self) -> Tensor:
        """States of all items before the convolutions, as in evaluation, ``[N, C]``."""
        with evaluating(self):
            return super().item_states()

    def messages(self, paths: Paths, target: Tensor | None = None) -> list[Messages]:
        """What the typed edges of the history add; see :meth:`SASRec.messages`.

        With ``target``, transitions leave out what an interaction itself contributed.
        """
        sent = self.along(paths, self.edges)
        if target is None or TRANSITION not in self.graph.relations:
            return [sent]
        return [sent, self._own_evidence(paths, target)]

    def along(self, paths: Paths, typed: Callable[[Tensor], TypedEdges]) -> Messages:
        """What reaches items along the paths' edges, typed by their places ``[M]``."""
        item, index = distinct(paths.item, self.num_items)
        owner, edge_id = self.graph.edges_from(item)
        degree = torch.bincount(owner, minlength=item.numel())
        return self.scorer(paths._replace(item=index), typed(edge_id), degree)

    def _own_evidence(self, paths: Paths, target: Tensor) -> Messages:
        """The (negative) share that each row's own interaction has in its target."""
        goal = target[paths.row]
        return self._own_share(paths, goal, self.graph.find(paths.item, goal))

    def _own_share(self, paths: Paths, goal: Tensor, edge_id: Tensor) -> Messages:
        new = self.newcomers.new
        counted = (edge_id >= 0) & ~new[paths.item] & ~new[goal]
        path = counted.nonzero().squeeze(-1)
        edge_id = edge_id[path]
        own = own_transitions(paths, self.graph.window, self.num_items)[path]
        change = self.graph.transition_weight(edge_id, own)
        change = change - self.graph.transition_weight(edge_id)
        gate = self.scorer.gates()[self.graph.relations.index(TRANSITION)]
        value = gate[paths.distance[path]] * change
        return Messages(paths.row[path], goal[path, None], value.unsqueeze(1))

    def reach(self, asked: Asked, common: Common) -> Reach:
        """Items next to histories, to be compared with in training."""
        near = -(-(self.num_negatives or 0) // large.NEAR)
        return sampled.reach(self.graph, asked, common, near)

    @in_single_precision
    def with_messages(
        self, own: Tensor, near: Tensor, asked: Asked, reach: Reach | None
    ) -> tuple[Tensor, Tensor]:
        """Add what comes along the typed edges; see :meth:`SASRec.with_messages`."""
        assert reach is not None
        table = self.edges(reach.edge_id).weight @ self.scorer.gates()  # [K, L]
        step = sampled.steps(reach, asked)
        sent = sampled.messages(step, reach, asked, table, near.size(1))
        if TRANSITION in self.graph.relations:
            paths, edge_id = sampled.won(step, reach, asked)
            target = asked.target[paths.row]
            row, _, value = self._own_share(paths, target, edge_id)
            place = row, torch.zeros_like(row)
            sent = sent.index_put(place, value.squeeze(1), accumulate=True)
        return own + sent[:, 0], near + sent[:, 1:]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of a training batch; their sum is to be minimised.

        Returns:
            ``next_item``, and with latent relations those of
            :meth:`LatentRelationGraph.relation_losses` that have weight.
        """
        self.newcomers.draw()
        if self.num_negatives:
            drawn = large.draw_pairs(self.graph, self.num_pairs)
            loss, states, drawn = large.next_item_loss(self, batch, drawn)
        else:
            states, drawn = self.item_states(), None
            loss = self._next_item_loss(states, batch)
        losses = {"next_item": loss}
        if self.graph.num_latent:
            found = self.graph.relation_losses(states, self.num_pairs, drawn)
            weights = {name: getattr(self, f"{name}_weight") for name in found}
            losses |= {name: w * found[name] for name, w in weights.items() if w}
        return losses

    # In a user's hands: functions of a model, as methods.
    recommend = recommending.recommend
    recommend_all = recommending.recommend_all
    over = carry_over.over
    with_items = carry_over.with_items
    save_pretrained = pretrained.save_pretrained
    from_pretrained = classmethod(pretrained.from_pretrained)
    push_to_hub = pretrained.push_to_hub
