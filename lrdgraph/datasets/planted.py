"""An embedded data set whose relations are known."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from lrdgraph.datasets._catalogue import (
    RELATIONS,
    SEGMENT_SIZE,
    Catalogue,
    make_catalogue,
)
from lrdgraph.datasets._shopping import Shop
from lrdgraph.datasets.assemble import assemble
from lrdgraph.datasets.base import ItemDataset, Transform
from lrdgraph.datasets.cleaning import join_text

_DAY = 86_400
_OPENING = 1_577_836_800  # 2020-01-01
_SHARE_SEEN = 0.3  # of the accessory and complement pairs, in 'also_bought'
_SHARE_WRONG = 0.25  # of the pairs of 'also_bought'


class PlantedRelations(ItemDataset):
    r"""A shop invented from a seed, in which every related pair of items is known.

    The catalogue covers twenty kinds of devices in ten domains. Six relations are
    planted, and each can be told from the two texts:

    ==============  ====================================================  =============
    relation        from item to item                                     followed
    ==============  ====================================================  =============
    ``accessory``   device to an add-on that fits its brand, line and     1 to 2 steps
                    generation                                            after
    ``complement``  device to another product of the brand for the same   2 to 4 steps
                    activity                                              after
    ``refill``      device to what it uses up, original or third-party,   from 3 steps
                    again for exactly its generation                      on, repeatedly
    ``variant``     refill to the same refill in another colour, taste    3 to 5 steps
                    or size, and back                                     after
    ``upgrade``     product to its next generation                        from 8 steps
                                                                          on, once
    ``substitute``  product to its rival of another brand, of the same    never
                    kind, tier and generation, and back
    ==============  ====================================================  =============

    Leaf categories do not give the relations away: two devices of a category may be an
    ``upgrade``, a ``substitute`` or nothing, and refills, accessories and supplies of a
    kind share one category. The wording of a role is the same in all domains.

    A user shops in one to three domains. With probability ``1 - noise`` the next item
    follows a relation from an earlier item, at the relation's own time; else, and where
    no relation leads on, it is a popular item (Zipf's law) of the user's domains.
    Nobody buys an item twice, a planned purchase never substitutes an earlier one, and
    with the upgrade of a device its accessories, complements and refills end.

    The data follow the contract of :mod:`lrdgraph.datasets`, with ``title``,
    ``category`` and ``brand`` per item. Observed relations are ``also_bought``, which
    knows 30 % of the ``accessory`` and ``complement`` pairs and is wrong in a quarter
    of its own, and ``same_brand``. The truth is no edge type, so that no model takes it
    for observed, but three attributes of the data itself:

    * ``gold_edge_index`` of shape ``[2, E]``, sorted by source: the planted pairs;
    * ``gold_edge_type`` of shape ``[E]``: the relation of each, in the order of
    * ``gold_relations``: the names of the relations.

    :class:`~lrdgraph.transforms.KCore` keeps the pairs of the items that it keeps.

    Args:
        root: Folder to store the result in, which pays if ``pre_transform`` takes long;
            see :class:`ItemDataset`. By default nothing is written to disk.
        transform: Applied to the data at every access.
        pre_transform: Applied to the data once, before it is stored.
        num_users: Number of histories, each of 5 to 20 items (default: 2500).
        num_items: Size of the catalogue, at least 48. The default of 960 is one market
            (two rival brands) of every kind; a larger catalogue has more markets, more
            brands and proportionally more pairs (default: 960).
        noise: Probability of a step that follows no relation; at 1, histories know
            nothing of the relations (default: 0.3).
        seed: Of everything random, independent of torch's and NumPy's global state.
        force_reload: Whether to invent the shop even if a stored result exists.
        cache: Folder of the stored result, if there is a ``root``.

    Raises:
        ValueError: If ``num_users``, ``num_items`` or ``noise`` is out of range.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
        *,
        num_users: int = 2500,
        num_items: int = SEGMENT_SIZE * 20,
        noise: float = 0.3,
        seed: int = 0,
        force_reload: bool = False,
        cache: str | Path | None = None,
    ) -> None:
        _require_at_least(1, "num_users", num_users)
        _require_at_least(SEGMENT_SIZE, "num_items", num_items)
        if not 0 <= noise <= 1:
            raise ValueError(
                f"'noise' needs to be from 0 to 1 in 'PlantedRelations' (got {noise})"
            )
        self.num_users = num_users
        self.num_items = num_items
        self.noise = noise
        self.seed = seed
        super().__init__(
            root, transform, pre_transform, force_reload=force_reload, cache=cache
        )

    @property
    def name_and_arguments(self) -> tuple[str, ...]:
        """What decides the shop."""
        arguments = (self.num_users, self.num_items, self.noise, self.seed)
        return "PlantedRelations", *map(str, arguments)

    def build(self) -> HeteroData:
        """Invents the catalogue, the histories and what the shop shows of it."""
        seeds = np.random.SeedSequence(self.seed).spawn(3)
        catalogue_rng, shop_rng, view_rng = map(np.random.default_rng, seeds)
        catalogue = make_catalogue(self.num_items, catalogue_rng)
        history = Shop(catalogue, shop_rng).shop(self.num_users, self.noise)
        names = [f"P{index:06d}" for index in range(self.num_items)]
        ids = np.array(names, dtype=object)
        data = assemble(
            _interactions(history, ids, shop_rng),
            _items(catalogue, ids),
            _also_bought(catalogue, ids, view_rng),
            shared=("brand",),
        )
        data.gold_edge_index = torch.from_numpy(catalogue.edge_index)
        data.gold_edge_type = torch.from_numpy(catalogue.edge_type)
        data.gold_relations = list(RELATIONS)
        return data


def _require_at_least(least: int, name: str, value: int) -> None:
    if value < least:
        raise ValueError(
            f"'{name}' needs to be at least {least} in 'PlantedRelations' (got {value})"
        )


def _interactions(
    history: NDArray[np.int64], ids: NDArray[np.object_], rng: np.random.Generator
) -> pd.DataFrame:
    """One row for each purchase; users join within a year and pause 1 to 3 days."""
    joined = rng.integers(365, size=(len(history), 1))
    day = joined + rng.integers(1, 4, size=history.shape).cumsum(axis=1)
    user, step = np.nonzero(history >= 0)
    names = np.array([f"U{index:06d}" for index in range(len(history))], dtype=object)
    return pd.DataFrame(
        {
            "user": names[user],
            "item": ids[history[user, step]],
            "time": _OPENING + _DAY * day[user, step],
        }
    )


def _items(catalogue: Catalogue, ids: NDArray[np.object_]) -> pd.DataFrame:
    table = pd.DataFrame(catalogue.products).drop(columns="domain")
    columns = (table["title"], table["category"], table["brand"])
    text = [join_text(*parts) for parts in zip(*columns, strict=True)]
    return table.assign(item=ids, text=text)


def _also_bought(
    catalogue: Catalogue, ids: NDArray[np.object_], rng: np.random.Generator
) -> pd.DataFrame:
    shown = [RELATIONS.index(name) for name in ("accessory", "complement")]
    pairs = catalogue.edge_index[:, np.isin(catalogue.edge_type, shown)]
    pairs = pairs[:, rng.random(pairs.shape[1]) < _SHARE_SEEN]
    num_wrong = round(pairs.shape[1] * _SHARE_WRONG / (1 - _SHARE_WRONG))
    wrong = rng.integers(len(ids), size=(2, num_wrong))
    head, tail = ids[np.concatenate([pairs, wrong], axis=1)]
    return pd.DataFrame({"head": head, "relation": "also_bought", "tail": tail})
