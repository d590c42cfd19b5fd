"""All pairs that latent relations live on, and what can be counted over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.convert.xml import legal
from lrdgraph.describe.description import Habits, Overlap
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.typing import TRANSITION

_NUM_WORDS = 8
_COMMON = 0.1  # share of pairs that a word needs to be said of all
_SURE_WORD = 3.0  # standard errors from which a difference is no accident
_NO_ATTRIBUTES = ("id", "text", "title", "vector_steps")


@dataclass(frozen=True)
class Pairs:
    """The ``P`` pairs of a graph that latent relations live on, in main memory.

    Attributes:
        titles: One per item of the graph.
        edge_index: Source and target, with shape ``[2, P]``.
        back: Place of the reverse among the pairs, -1 if there is none, ``[P]``.
        posterior: Probability of each outcome, with shape ``[P, K + 1]``.
        lags: Shoppers by lag, as in :func:`~lrdgraph.habits.count_habits`, ``[P, B]``.
        facts: For each observed relation and attribute, where it holds, ``[P]``.
        has_word: How often (0 or 1) a title has a word, with shape ``[N, V]``.
        words: The words, with shape ``[V]``.
    """

    titles: list[str]
    edge_index: NDArray[np.int64]
    back: Tensor
    posterior: Tensor
    lags: Tensor
    facts: dict[str, Tensor]
    has_word: csr_matrix
    words: NDArray[np.object_]

    def habits(self, own: Tensor) -> Habits | None:
        """When shoppers come from head to tail of the pairs in the mask ``own [P]``."""
        lags, usual = self.lags[own].sum(dim=0), self.lags.sum(dim=0)
        came, usually_came = float(lags[:-1].sum()), float(usual[:-1].sum())
        if not lags.sum() or not usually_came:
            return None
        share = came / float(lags.sum())
        timing = (lags[:-1] / max(came, 1)).tolist()
        return Habits(share, share / usually_came * float(usual.sum()), tuple(timing))

    def symmetry(self, own: Tensor) -> float | None:
        """Share of the reverse pairs that are in the mask ``own [P]``, too."""
        back = self.back[own]
        back = back[back >= 0]
        return float(own[back].float().mean()) if back.numel() else None

    def overlaps(self, own: Tensor) -> tuple[Overlap, ...]:
        """How much more often the facts hold in the mask ``own [P]`` than elsewhere."""
        found = []
        for name, holds in self.facts.items():
            usual = float(holds.float().mean())
            if usual and own.any():
                share = float(holds[own].float().mean())
                found.append(Overlap(name, share, share / usual))
        return tuple(sorted(found, key=lambda overlap: -overlap.lift))

    def changes(self, own: Tensor) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Words that tails gain, and words that they lose, by McNemar's test."""
        head, tail = (self.has_word[items] for items in self.edge_index[:, own.numpy()])
        both = head.multiply(tail).sum(axis=0)
        gained = np.asarray(tail.sum(axis=0) - both).ravel()
        lost = np.asarray(head.sum(axis=0) - both).ravel()
        z = (gained - lost) / np.sqrt(np.maximum(gained + lost, 1))
        return self._surest(z), self._surest(-z)

    def shared(self, own: Tensor) -> tuple[str, ...]:
        """Words that both titles have more often in the mask than over all pairs.

        Those of fewer than a tenth of its pairs say nothing of the rest.
        """
        number = int(own.sum())
        usual = np.asarray(self._both.mean(axis=0)).ravel() * number
        here = np.asarray(self._both[own.numpy()].sum(axis=0)).ravel()
        # The 1 keeps a word that few pairs have from being remarkable anywhere.
        z = (here - usual) / np.sqrt(usual + 1)
        return self._surest(np.where(here >= _COMMON * number, z, 0))

    @cached_property
    def _both(self) -> csr_matrix:
        """Which words the two titles of each pair share, with shape ``[P, V]``."""
        head, tail = (self.has_word[items] for items in self.edge_index)
        return head.multiply(tail).tocsr()

    def _surest(self, z: NDArray[np.float64]) -> tuple[str, ...]:
        order = np.argsort(-z, kind="stable")[:_NUM_WORDS]
        return tuple(self.words[order[z[order] >= _SURE_WORD]].tolist())


@torch.no_grad()
def gather(graph: LatentRelationGraph, data: HeteroData | None) -> Pairs:
    """Count what descriptions need; see :func:`describe` for the arguments."""
    titles = titles_of(graph, data)
    place = graph.static.nonzero().squeeze(-1)
    source, target = graph.edge_index[:, place]
    rank = torch.full((graph.num_edges + 1,), -1, device=place.device)
    rank[place] = torch.arange(place.numel(), device=place.device)
    edge_index = torch.stack([source, target]).cpu().numpy()
    facts = dict(
        zip(graph.observed_relations, graph.observed[place].cpu().t() > 0, strict=True)
    )
    if TRANSITION in graph.relations:
        facts[TRANSITION] = graph.transitions[place].cpu() > 0
    if data is not None:
        facts |= _equal_attributes(data, edge_index)
    return Pairs(
        titles,
        edge_index,
        rank[graph.find(target, source)].cpu(),  # -1 is found at the end, where -1 is
        graph.posterior(place).cpu(),
        graph.lags[place].cpu(),
        facts,
        *_word_table(titles),
    )


def titles_of(graph: LatentRelationGraph, data: HeteroData | None) -> list[str]:
    """One line per item: its title, failing that its text, failing that its id.

    Raises:
        ValueError: If ``data`` has other items than the graph.
    """
    if data is not None and list(data["item"].id) != graph.ids:
        raise ValueError(
            f"'data' needs the {graph.num_items} items that 'graph' was made of, in "
            f"their order (got {data['item'].num_nodes} items, or others)"
        )
    titles = graph.texts if data is None else data["item"].get("title", graph.texts)
    lines = (" ".join(legal(title).split()) for title in titles)
    return [line or name for line, name in zip(lines, graph.ids, strict=True)]


def _equal_attributes(
    data: HeteroData, edge_index: NDArray[np.int64]
) -> dict[str, Tensor]:
    """Where both items have the same known value of an attribute."""
    equal = {}
    for name, values in data["item"].items():
        if isinstance(values, list) and name not in _NO_ATTRIBUTES:
            value = np.array(values, dtype=object)
            head, tail = value[edge_index]
            holds = (head == tail) & (head != "")
            equal[f"same {name}"] = torch.from_numpy(holds.astype(bool))
    return equal


def _word_table(titles: list[str]) -> tuple[csr_matrix, NDArray[np.object_]]:
    """Which title ``[N]`` has which word ``[V]``, and the words."""
    # Takes a second, which whoever describes nothing need not wait.
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found = pd.Series(titles).str.lower().str.findall(r"\w[\w'-]*\w").explode().dropna()
    found = found[~found.isin(ENGLISH_STOP_WORDS)]
    code, words = pd.factorize(found.to_numpy(dtype=object))
    shape = len(titles), len(words)
    table = coo_matrix((np.ones(len(code)), (found.index, code)), shape).tocsr()
    return (table > 0).astype(np.int64), words
