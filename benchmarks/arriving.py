"""A shop before some of its items arrive, and what is asked of these: the protocol.

A tenth of the items that are bought is held out, with all their purchases, pairs and
relations, before anything is counted. The rest is split by leave-one-out. Asked is each
shopper's first purchase of each held-out item that comes after a known one: the history
is the shopper's known items before it, and whatever the shopper has is no candidate.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from next_item import prepare, without_observed
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.data import Histories, Questions
from lrdgraph.data.sequences import Question
from lrdgraph.transforms import KCore

INTERACTS = ("user", "interacts", "item")
SHARE = 0.1  # of the items


class Shop(NamedTuple):
    """A shop before items arrive, and these, which stand behind the others."""

    warm: HeteroData
    ids: list[str]
    texts: list[str]
    cold: list[Question]

    @property
    def num_warm(self) -> int:
        """Number of items that models are trained on."""
        return self.warm["item"].num_nodes

    @property
    def num_items(self) -> int:
        """Number of all items."""
        return self.num_warm + len(self.ids)


def hold_out(data: HeteroData, place: int, seed: int, cache: str, length: int) -> Shop:
    """The shop without a tenth of its items, and the questions about these.

    Args:
        data: Purchases and items; a split that they came with is left out.
        place: Which tenth, from 0 on.
        seed: Of the order in which items are held out.
        cache: Folder of text vectors.
        length: Number of history slots.
    """
    data = KCore(1)(_without_split(data))
    num_items = data["item"].num_nodes
    order = torch.randperm(num_items, generator=torch.Generator().manual_seed(seed))
    size = round(SHARE * num_items)
    held = torch.zeros(num_items, dtype=torch.bool)
    held[order[place * size : (place + 1) * size]] = True
    warm = KCore(1)(_without(data, held))
    ids, texts = (
        [value for value, cold in zip(data["item"][key], held, strict=True) if cold]
        for key in ("id", "text")
    )
    number = {name: i for i, name in enumerate([*warm["item"].id, *ids])}
    renumber = torch.tensor([number.get(name, -1) for name in data["item"].id])
    user, item = data[INTERACTS].edge_index
    asked = list(_questions(user, renumber[item], warm["item"].num_nodes))
    cold = [
        _batch(asked[first : first + 512], length, len(number))
        for first in range(0, len(asked), 512)
    ]
    return Shop(prepare(without_observed(warm), cache), ids, texts, cold)


def _without_split(data: HeteroData) -> HeteroData:
    """The data without the split, and the negatives, that it may have come with."""
    data = data.clone()
    for store in (data[INTERACTS], data["user"]):
        for name in [n for n in store if n == "split" or n.endswith("_negatives")]:
            del store[name]
    return data


def _without(data: HeteroData, held: Tensor) -> HeteroData:
    """The data without the purchases of some items."""
    data = data.clone()
    stays = ~held[data[INTERACTS].edge_index[1]]
    for name, value in list(data[INTERACTS].items()):
        data[INTERACTS][name] = value[..., stays]
    return data


def _questions(
    user: Tensor, item: Tensor, num_warm: int
) -> Iterator[tuple[list[int], int, list[int]]]:
    """Warm history, target and everything bought before, of each first purchase."""
    for bought in item.split(torch.bincount(user).tolist()):
        warm: list[int] = []
        seen: list[int] = []
        for target in bought.tolist():
            if target < num_warm:
                warm.append(target)
            elif warm and target not in seen:
                yield list(warm), target, list(seen)
            seen.append(target)


def _batch(
    asked: Sequence[tuple[list[int], int, list[int]]], length: int, padding: int
) -> Question:
    rows = [([padding] * length + history)[-length:] for history, _, _ in asked]
    seen = [(row, item) for row, (_, _, items) in enumerate(asked) for item in items]
    seen_row, seen_item = torch.tensor(seen, dtype=torch.long).view(-1, 2).t()
    return {
        "history": torch.tensor(rows),
        "target": torch.tensor([target for _, target, _ in asked]),
        "period": torch.zeros(len(asked), dtype=torch.long),
        "seen_row": seen_row,
        "seen_item": seen_item,
        "negatives": torch.empty(len(asked), 0, dtype=torch.long),
    }


def warm_questions(
    shop: Shop, part: int, length: int, num_items: int
) -> list[Question]:
    """What is asked of known items, for a catalogue that may have grown."""
    histories = Histories.from_data(shop.warm)._replace(num_items=num_items)
    asked = Questions(histories, part, length)
    places = torch.arange(len(asked)).split(512)
    return [asked.__getitems__(place.tolist()) for place in places]


def new_shoppers(shop: Shop, length: int) -> list[Question]:
    """The first purchases, after none, of the fifth of the shoppers who came last."""
    store = shop.warm[INTERACTS]
    user, item = store.edge_index
    first = torch.searchsorted(user, user.unique())
    latest = store.time[first].argsort(stable=True)[-(len(first) // 5) :]
    nobody: list[int] = []
    asked = [(nobody, target, nobody) for target in item[first[latest]].tolist()]
    return [_batch(asked, length, shop.num_warm)]
