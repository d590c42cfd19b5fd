"""Shoppers of :class:`PlantedRelations`, whose histories follow the relations."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrdgraph.datasets._catalogue import RELATIONS, Catalogue

Ints = NDArray[np.int64]


class Habit(NamedTuple):
    """When a relation is followed: from ``first`` to ``last`` steps after an item."""

    first: int
    last: int
    weight: float


MIN_LENGTH, MAX_LENGTH = 5, 20
"""Fewest and most interactions of a user."""

HABITS = {
    "accessory": Habit(1, 2, 4.0),
    "complement": Habit(2, 4, 2.0),
    "refill": Habit(3, MAX_LENGTH, 1.0),
    "variant": Habit(3, 5, 0.5),
    "upgrade": Habit(8, MAX_LENGTH, 2.0),
    "substitute": Habit(0, 0, 0.0),
}
"""An accessory comes at once, a complement next, refills again and again, a variant of
a refill when that is used up, an upgrade late, a substitute of what one has never."""

OF_A_DEVICE = ("accessory", "complement", "refill", "upgrade")
"""Relations that end for a device when its successor is bought."""

_POPULARITY_EXPONENT = 0.8  # of Zipf's law
_ATTEMPTS = 8  # draws before a shopper gives up a planned purchase
_USERS_AT_ONCE = 20_000


def habit_weights() -> NDArray[np.float64]:
    """Weight of each relation at each age in steps, shape ``[R, MAX_LENGTH + 1]``."""
    weight = np.zeros((len(RELATIONS), MAX_LENGTH + 1))
    for name, habit in HABITS.items():
        weight[RELATIONS.index(name), habit.first : habit.last + 1] = habit.weight
    return weight


class Shop:
    """The catalogue as shoppers see it: what leads where and what is popular.

    Args:
        catalogue: Products and planted pairs.
        rng: Source of the popularity ranks and, later, of all purchases.
    """

    def __init__(self, catalogue: Catalogue, rng: np.random.Generator) -> None:
        self.rng = rng
        self.num_items = len(catalogue.products)
        source, self.target = catalogue.edge_index
        key = catalogue.edge_type * self.num_items + source
        order = np.argsort(key, kind="stable")
        self.target = self.target[order]
        size = len(RELATIONS) * self.num_items
        self.degree = np.bincount(key, minlength=size)
        self.start = np.cumsum(self.degree) - self.degree
        self.successor = self._partner("upgrade")
        self.substitute = self._partner("substitute")
        self._set_popularity(catalogue)

    def _partner(self, relation: str) -> Ints:
        """The one target of each item by a relation, or -1, shape ``[N]``."""
        key = RELATIONS.index(relation) * self.num_items + np.arange(self.num_items)
        partner = np.full(self.num_items, -1)
        has = self.degree[key] > 0
        partner[has] = self.target[self.start[key[has]]]
        return partner

    def _set_popularity(self, catalogue: Catalogue) -> None:
        """Zipf's law, with a bonus for items from which much leads on."""
        rank = 1 + self.rng.permutation(self.num_items)
        reach = 1 + self.degree.reshape(len(RELATIONS), -1).sum(axis=0)
        popularity = reach / rank**_POPULARITY_EXPONENT
        domain = np.array([product.domain for product in catalogue.products])
        self.by_domain = np.argsort(domain, kind="stable")
        self.cumulative = np.cumsum(popularity[self.by_domain])
        self.domains, first = np.unique(domain[self.by_domain], return_index=True)
        self.bounds = np.append(0, self.cumulative)[[*first, self.num_items]]

    def shop(self, num_users: int, noise: float) -> Ints:
        """Histories, shape ``[num_users, MAX_LENGTH]``, -1 after each one's end."""
        blocks = [
            self._shop(min(_USERS_AT_ONCE, num_users - start), noise)
            for start in range(0, num_users, _USERS_AT_ONCE)
        ]
        return np.concatenate(blocks)

    def _shop(self, num_users: int, noise: float) -> Ints:
        interests = self._interests(num_users)
        history = np.full((num_users, MAX_LENGTH), -1)
        for step in range(MAX_LENGTH):
            past = history[:, :step]
            history[:, step] = self._planned(past)
            erratic = self.rng.random(num_users) < noise
            history[erratic, step] = -1
            self._fill(history[:, : step + 1], interests)
        span = MAX_LENGTH + 1 - MIN_LENGTH
        length = MIN_LENGTH + (self.rng.random(num_users) * span).astype(np.int64)
        history[np.arange(MAX_LENGTH) >= length[:, None]] = -1
        return history

    def _interests(self, num_users: int) -> Ints:
        """One to three domains a user, as three equally likely slots ``[U, 3]``."""
        draw = self.rng.random((num_users, 3)) * len(self.domains)
        slots = draw.astype(np.int64)
        number = (self.rng.random(num_users) * 3).astype(np.int64)
        slots[number == 0] = slots[number == 0][:, :1]
        slots[number == 1, 2] = slots[number == 1, 1]
        return slots

    def _planned(self, past: Ints) -> Ints:
        """The next item by habit for each user, -1 where no habit leads anywhere."""
        num_users, step = past.shape
        planned = np.full(num_users, -1)
        if step == 0:
            return planned
        weight = self._weights(past).reshape(num_users, -1).cumsum(axis=1)
        for _ in range(_ATTEMPTS):
            user = np.flatnonzero((planned < 0) & (weight[:, -1] > 0))
            draw = self.rng.random(len(user)) * weight[user, -1]
            cell = (weight[user] <= draw[:, None]).sum(axis=1)
            relation, position = np.divmod(cell, step)
            key = relation * self.num_items + past[user, position]
            within = (self.rng.random(len(user)) * self.degree[key]).astype(np.int64)
            item = self.target[self.start[key] + within]
            planned[user] = np.where(self._unwanted(past[user], item), -1, item)
        return planned

    def _weights(self, past: Ints) -> NDArray[np.float64]:
        """Habit to follow each relation from each past item, shape ``[U, R, step]``."""
        step = past.shape[1]
        age = step - np.arange(step)
        offset = np.arange(len(RELATIONS))[:, None] * self.num_items
        weight = habit_weights()[:, age] * (self.degree[past[:, None] + offset] > 0)
        retired = (self.successor[past][:, :, None] == past[:, None]).any(axis=2)
        ending = [RELATIONS.index(name) for name in OF_A_DEVICE]
        weight[:, ending] *= ~retired[:, None]
        return weight

    def _unwanted(self, past: Ints, item: Ints) -> NDArray[np.bool_]:
        """Whether users have the item, or a substitute of it, already."""
        substitute = self.substitute[item]
        return ((past == item[:, None]) | (past == substitute[:, None])).any(axis=1)

    def _fill(self, history: Ints, interests: Ints) -> None:
        """Puts popular items not yet bought where the last column is still -1."""
        past, last = history[:, :-1], history[:, -1]
        attempts = 0
        while len(user := np.flatnonzero(last < 0)):
            slot = (self.rng.random(len(user)) * 3).astype(np.int64)
            domain = interests[user, slot]
            low, high = self.bounds[domain], self.bounds[domain + 1]
            if attempts >= _ATTEMPTS:  # the user's domains may be sold out
                low, high = self.bounds[:1], self.bounds[-1:]
            draw = low + self.rng.random(len(user)) * (high - low)
            place = np.searchsorted(self.cumulative, draw, side="right")
            item = self.by_domain[np.minimum(place, self.num_items - 1)]
            repeated = (past[user] == item[:, None]).any(axis=1)
            last[user] = np.where(repeated, -1, item)
            attempts += 1
