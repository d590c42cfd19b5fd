"""Small shops, complete up to the candidate pairs."""

from collections.abc import Mapping, Sequence

import pandas as pd
from torch_geometric.data import HeteroData
from torch_geometric.transforms import Compose

from lrdgraph.datasets import PlantedRelations, assemble
from lrdgraph.testing.text import HashTextEncoder
from lrdgraph.transforms import (
    EmbedText,
    LeaveOneOut,
    Normalize,
    TextKNN,
    Transitions,
)

Pairs = Sequence[tuple[int, int]]


def make_shop(
    histories: Sequence[Sequence[int]],
    num_items: int,
    relations: Mapping[str, Pairs] | None = None,
) -> HeteroData:
    """A shop written by hand, with vectors and without a split.

    Args:
        histories: The items of each user, from 0 to ``num_items - 1``, at least one.
        num_items: Number of items; item 3 has the id ``'i3'``.
        relations: The pairs of each observed relation.
    """
    rows = [(f"u{user}", i) for user, items in enumerate(histories) for i in items]
    interactions = pd.DataFrame(rows, columns=["user", "item"])
    pairs = [
        (source, name, target)
        for name, found in (relations or {}).items()
        for source, target in found
    ]
    table = pd.DataFrame(pairs, columns=["head", "relation", "tail"])
    names = [f"i{index}" for index in range(num_items)]
    data = assemble(
        interactions.assign(
            item=[names[i] for i in interactions["item"]], time=range(len(rows))
        ),
        pd.DataFrame({"item": names, "text": [f"thing {name}" for name in names]}),
        table.assign(
            head=[names[i] for i in table["head"]],
            tail=[names[i] for i in table["tail"]],
        ),
    )
    return EmbedText(HashTextEncoder(8))(data)


def tiny_shop(num_users: int = 150, num_items: int = 192, seed: int = 0) -> HeteroData:
    """Planted relations with a split, hashed vectors, text neighbours, transitions."""
    complete = Compose(
        [
            LeaveOneOut(),
            EmbedText(HashTextEncoder(32)),
            Normalize(),
            TextKNN(k=8),
            Transitions(),
        ]
    )
    shop = PlantedRelations(num_users=num_users, num_items=num_items, seed=seed)
    return complete(shop[0])
