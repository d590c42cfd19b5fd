"""The heart: an item graph whose latent edge types are learned."""

from __future__ import annotations

from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from lrdgraph import arrivals, convert, inference, objectives
from lrdgraph.candidates import Candidates, unite
from lrdgraph.facts import KnownFacts
from lrdgraph.nn.fact_dvae import FactDVAE
from lrdgraph.ragged import find, ragged_arange
from lrdgraph.text.vector_step import VectorStep
from lrdgraph.typing import NONE, TRANSITION, TypedEdges


class LatentRelationGraph(nn.Module):
    r"""Candidate item pairs, each with observed, counted and latent relations.

    The relations of a pair are, in this order, the observed ones of the data (one-hot,
    ``text_knn`` among them), ``transition`` (how often shoppers went from one item to
    the other, see :class:`~lrdgraph.transforms.Transitions`) and ``latent_1`` to
    ``latent_K``, the posterior of a :class:`~lrdgraph.nn.PairDVAE`.

    An interaction is never evidence for itself: latent relations live only on pairs
    that do not owe their existence to transitions, and :meth:`transition_weight` leaves
    out what the predicted interaction itself contributed.

    Args:
        data: Items with ``x [N, C_text]`` and relations ``('item', name, 'item')``; or
            the :attr:`candidates` of another graph.
        num_latent: Number ``K`` of latent relations; 0 leaves the DVAE out.
        state_channels: Size of the item states that reconstruct pairs.
        objective: What decides relations: :data:`~lrdgraph.objectives.OBJECTIVES`.

    Attributes:
        ids: External item ids.
        texts: Item texts.
        relations: Names of the ``R`` relations that carry weight.
        relation_names: What people call some of the relations, such as what
            :func:`~lrdgraph.describe.describe` found; kept with the model.
        latent_relations: Names of the ``K + 1`` outcomes of the posterior, ``'none'``
            first.
        facts: What of the data is known to the objective ``'facts'``; else nothing.
        edge_index: Candidate pairs sorted by source, with shape ``[2, E]``; this and
            the other buffers are those of :class:`~lrdgraph.candidates.Candidates`.

    Raises:
        ValueError: If latent relations have no pair to live on, if a relation of the
            data is called like one of them, if two items have one id, if the objective
            is unknown, or for what :func:`~lrdgraph.candidates.unite` raises.
    """

    x: Tensor
    edge_index: Tensor
    key: Tensor
    start: Tensor
    observed: Tensor
    static: Tensor
    scale: Tensor
    transitions: Tensor
    popularity: Tensor
    lags: Tensor
    chance: Tensor
    cumulative_weight: Tensor
    alike: Tensor

    def __init__(
        self,
        data: HeteroData | Candidates,
        num_latent: int = 8,
        state_channels: int = 64,
        objective: str = "marginal",
    ) -> None:
        super().__init__()
        if num_latent < 0:
            raise ValueError(f"'num_latent' needs to be 0 or more (got {num_latent})")
        candidates = data if isinstance(data, Candidates) else unite(data)
        self.ids, self.texts = candidates.ids, candidates.texts
        self._index = {name: index for index, name in enumerate(self.ids)}
        if len(self._index) < len(self.ids):
            again = [i for place, i in enumerate(self.ids) if self._index[i] > place]
            raise ValueError(f"item ids need to be different (got {again[0]!r} twice)")
        self.observed_relations = candidates.observed_relations
        self.window, self.min_count = candidates.window, candidates.min_count
        counted = [TRANSITION] if self.window else []
        latent = tuple(f"latent_{k + 1}" for k in range(num_latent))
        self.latent_relations = (NONE, *latent)
        self.relations = (*self.observed_relations, *counted, *latent)
        if taken := sorted({*self.latent_relations} & {*self.observed_relations}):
            raise ValueError(
                "relations of the data need other names than latent ones (got "
                f"{taken}): rename them, or set 'num_latent' to 0"
            )
        self.objective = objectives.check_objective(objective)
        self.state_channels = state_channels
        self.encoder = candidates.encoder
        self.relation_names: dict[str, str] = {}
        self.vector_steps = nn.ModuleList(deepcopy(candidates.vector_steps))
        for name, value in candidates.tensors().items():
            self.register_buffer(name, value)
        if num_latent and not self.static.any():
            raise ValueError(
                "latent relations need pairs that exist for another reason than "
                "transitions (got none): apply lrdgraph.transforms.TextKNN, or set "
                "'num_latent' to 0"
            )
        facts = self.observed[:, :0]
        if num_latent:
            self.dvae = objectives.make_dvae(
                objective, candidates, num_latent, state_channels
            )
            if isinstance(self.dvae, FactDVAE):
                facts = self.observed[:, self.dvae.place]
                alike = self.static.cumsum(0)
                self.register_buffer("alike", alike, persistent=False)
        self.facts = KnownFacts(self.edge_index, facts, self.num_items)

    @property
    def num_items(self) -> int:
        """Number of items ``N``."""
        return self.x.size(0)

    @property
    def num_edges(self) -> int:
        """Number of candidate pairs ``E``."""
        return self.edge_index.size(1)

    @property
    def num_latent(self) -> int:
        """Number of latent relations ``K`` besides ``'none'``."""
        return len(self.latent_relations) - 1

    @property
    def candidates(self) -> Candidates:
        """The items and pairs that the graph was made of."""
        values = [getattr(self, name) for name in Candidates._fields]
        steps = cast("list[VectorStep]", list(self.vector_steps))
        return Candidates(*values)._replace(vector_steps=steps)

    def find(self, source: Tensor, target: Tensor) -> Tensor:
        """Place of each pair in the graph, -1 where it is no candidate.

        Args:
            source: Item indices with shape ``[M]``.
            target: Item indices with shape ``[M]``.
        """
        return find(self.key, source * self.num_items + target)

    def edges_from(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Place of all pairs that leave the given items.

        Args:
            source: Item indices with shape ``[M]``.

        Returns:
            For each pair the position of its source in ``source``, and its place in
            the graph; both ``[sum of out-degrees]``.
        """
        first = self.start[source]
        return ragged_arange(first, self.start[source + 1] - first)

    def sample_pairs(self, num_pairs: int) -> Tensor:
        """Places of static pairs to learn relations from, with shape ``[num_pairs]``.

        Three quarters are drawn by the root of the number of shoppers who went from
        source to target, the rest uniformly; with the objective ``'facts'`` all are.
        """
        weight = self.alike if self.objective == "facts" else self.cumulative_weight
        drawn = torch.randint(int(weight[-1]), (num_pairs,), device=self.x.device)
        return torch.searchsorted(weight, drawn, right=True)

    def read(self, item: Tensor) -> Tensor:
        """What the DVAE reads of items ``[n]``: texts, and with ``'facts'`` counts."""
        x, counts = self.x[item], self.facts.counts[item]
        return torch.cat([x, counts], dim=1) if counts.size(1) else x

    def latent(self, edge_id: Tensor) -> Tensor:
        """Posterior without *none*, 0 on pairs known from transitions alone."""
        place = self.static[edge_id].nonzero().squeeze(-1)
        posterior = self.posterior(edge_id[place])[:, 1:]
        empty = posterior.new_zeros(edge_id.numel(), self.num_latent)
        return empty.index_copy(0, place, posterior)

    def transition_weight(self, edge_id: Tensor, own: Tensor | None = None) -> Tensor:
        r"""Weight :math:`\log(1 + c_{ij}) / (n_i n_j)^{1/4}` of *transition*.

        Args:
            edge_id: Places of pairs, with shape ``[M]``.
            own: How many of the counted transitions belong to the interaction with the
                target that is being predicted, ``[M]``. They are left out of
                :math:`c_{ij}`, and that interaction out of the target's popularity
                :math:`n_j`, so that it is no evidence for itself.
        """
        source, target = self.edge_index[:, edge_id]
        count, popularity = self.transitions[edge_id], self.popularity[target]
        if own is not None:
            count, popularity = count - own, popularity - 1
            count = count * (count >= self.min_count)  # what is left may be too few
        product = self.popularity[source].clamp(min=1) * popularity.clamp(min=1)
        return torch.log1p(count) * product**-0.25

    def forward(self, edge_id: Tensor | None = None) -> TypedEdges:
        """Weigh the relations of pairs, differentiable with respect to the DVAE.

        Args:
            edge_id: Places of the pairs, with shape ``[M]``; None for all of them.
        """
        if edge_id is None:
            edge_id = torch.arange(self.num_edges, device=self.x.device)
        scale = self.scale[edge_id].unsqueeze(-1)
        weights = [self.observed[edge_id] * scale]
        if TRANSITION in self.relations:
            weights.append(self.transition_weight(edge_id).unsqueeze(-1))
        if self.num_latent:
            weights.append(self.latent(edge_id) * scale)
        return TypedEdges(self.edge_index[:, edge_id], torch.cat(weights, dim=-1))

    def index(self, item: str) -> int:
        """Internal index of an external item id.

        Raises:
            KeyError: If the item is unknown.
        """
        if item not in self._index:
            raise KeyError(
                f"item {item!r} needs to be one of the {self.num_items} items of the "
                f"graph, such as {self.ids[0]!r}"
            )
        return self._index[item]

    # Functions of a graph, as methods: how it learns, grows, and goes out.
    infer = inference.infer
    posterior = inference.posterior
    static_weights = inference.static_weights
    relation_losses = objectives.relation_losses
    with_items = arrivals.with_items
    foretold = convert.foretold
    neighbors = convert.neighbors
    probability = convert.probability
    save = convert.save
    to_data = convert.to_data
    to_frame = convert.to_frame
    to_networkx = convert.to_networkx

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_items={self.num_items}, "
            f"num_edges={self.num_edges}, relations={list(self.relations)})"
        )
