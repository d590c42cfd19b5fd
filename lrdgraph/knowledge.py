"""What is known of items: typed relations, and attributes with values, as triples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.candidates import relation_pairs
from lrdgraph.typing import TEXT_KNN, TRANSITION

VIRTUAL = "virtual"
"""Name of the relation that every item of a history has to every candidate."""


class Knowledge(NamedTuple):
    """Relations among items and values of attributes, on one set of entities.

    Entities are the ``N`` items, then *no value* (``N``, also the padding of
    histories), then all values. Relation 0 is :data:`VIRTUAL`, of which there are no
    triples; then come relations among items, then attributes, such as the brand.

    Attributes:
        relations: Names of the ``P`` relations.
        num_attributes: How many of the last relations are attributes.
        num_entities: Number of items, values and *no value*.
        value: The value of each item, with shape ``[N, P]``; ``N`` where it has none,
            and for relations that have no values.
        head: Items with shape ``[T]``.
        relation: Which relation holds, with shape ``[T]``.
        tail: The item or the value that it holds to, with shape ``[T]``.
    """

    relations: tuple[str, ...]
    num_attributes: int
    num_entities: int
    value: Tensor
    head: Tensor
    relation: Tensor
    tail: Tensor

    @classmethod
    def from_data(
        cls, data: HeteroData, relations: Sequence[str], attributes: Sequence[str] = ()
    ) -> Knowledge:
        """Gather triples from data.

        Args:
            data: Data as documented in :mod:`lrdgraph.datasets`.
            relations: Names of relations among items, ``('item', name, 'item')``.
            attributes: Names of attributes, lists of strings in ``data['item']`` where
                ``''`` stands for unknown.

        Raises:
            ValueError: If a relation or an attribute is missing, if a name is taken, if
                there is not a single triple, or for what
                :func:`~lrdgraph.candidates.relation_pairs` raises.
        """
        names = (VIRTUAL, *relations, *attributes)
        _check_names(data, names, relations, attributes)
        num_items, pairs = data["item"].num_nodes, relation_pairs(data)
        value = torch.full((num_items, len(names)), num_items)
        num_entities = num_items + 1
        triples = []
        for place, name in enumerate(names[1:], start=1):
            if name in relations:
                head, tail = pairs.get(name, value.new_empty(2, 0))
            else:
                code, values = _codes(data["item"][name])
                value[:, place] = torch.where(code < 0, num_items, code + num_entities)
                num_entities += values
                head = (code >= 0).nonzero().squeeze(-1)
                tail = value[head, place]
            triples.append(torch.stack([head, torch.full_like(head, place), tail]))
        if not sum(t.size(1) for t in triples):
            raise ValueError(f"{names[1:]} need at least one triple (got none)")
        head, relation, tail = torch.cat(triples, dim=1)
        sizes = len(attributes), num_entities
        return cls(names, *sizes, value, head, relation, tail)

    @property
    def num_items(self) -> int:
        """Number of items ``N``."""
        return self.value.size(0)


def known_relations(data: HeteroData) -> tuple[list[str], list[str]]:
    """Names of the relations among items, and of the attributes, that the data has.

    Relations are those that are neither counted (``transition``), found
    (``text_knn``), nor pairs of items that share an attribute, which stands for them.
    """
    names = [n for s, n, t in data.edge_types if s == t == "item"]
    attributes = [
        n[5:] for n in names if n.startswith("same_") and n[5:] in data["item"]
    ]
    made = {TRANSITION, TEXT_KNN, *(f"same_{name}" for name in attributes)}
    return [name for name in names if name not in made], attributes


def _codes(column: Sequence[str]) -> tuple[Tensor, int]:
    """Number of each string, -1 for an empty one, and how many there are."""
    code, values = pd.factorize(pd.Series(column, dtype=object).replace("", None))
    return torch.from_numpy(code).long(), len(values)


def _check_names(
    data: HeteroData,
    names: Sequence[str],
    relations: Sequence[str],
    attributes: Sequence[str],
) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"relations need different names (got {list(names)})")
    there = [n for s, n, t in data.edge_types if s == t == "item"]
    if missing := [name for name in relations if name not in there]:
        raise ValueError(f"'relations' needs some of {there} (got {missing})")
    if missing := [name for name in attributes if name not in data["item"]]:
        have = sorted(data["item"].keys())
        raise ValueError(
            f"'attributes' needs attributes of items, {have} (got {missing})"
        )
