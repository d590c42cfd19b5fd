"""Batches of single choices, each beside items that were not chosen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from lrdgraph.data.sequences import Histories
from lrdgraph.typing import TRAIN, ChoiceBatch

MAX_DRAWS = 100
"""How often a negative that the user had is drawn again at most."""


class TrainingChoices(Dataset[ChoiceBatch]):
    """Every training interaction that has a past, with random items beside it.

    Negatives are drawn anew for each batch, uniformly among items that the user did not
    have.

    Args:
        histories: All histories.
        max_length: Number of history slots ``L``.
        num_negatives: Number of negatives of a choice.
        spare_held_out: Whether items of a user's validation and test parts are never
            negatives, as in the code of ReChorus and LRD. That is a leak: of all items
            that a user did not have, only these are never trained to score low.

    Raises:
        ValueError: If there are no negatives to be drawn.
    """

    def __init__(
        self,
        histories: Histories,
        max_length: int,
        num_negatives: int = 1,
        *,
        spare_held_out: bool = False,
    ) -> None:
        if num_negatives < 1:
            raise ValueError(
                f"'num_negatives' needs to be positive (got {num_negatives})"
            )
        self.histories, self.max_length = histories, max_length
        self.num_negatives, self.spare_held_out = num_negatives, spare_held_out
        trained = histories.split == TRAIN
        place = trained.nonzero().squeeze(-1)
        self.position = place[place > histories.start[histories.user[place]]]
        known = trained | spare_held_out
        self.had = self._key(histories.user[known], histories.item[known]).unique()

    def _key(self, user: Tensor, item: Tensor) -> Tensor:
        return user * self.histories.num_items + item

    def __len__(self) -> int:
        return self.position.numel()

    def __getitems__(self, indices: list[int]) -> ChoiceBatch:
        """A whole batch at once."""
        position = self.position[indices]
        user = self.histories.user[position]
        return {
            "user": user,
            "history": self.histories.before(position, self.max_length),
            "history_time": self.histories.times_before(position, self.max_length),
            "time": self.histories.time[position],
            "target": self.histories.item[position],
            "negatives": self._negatives(user),
        }

    def _negatives(self, user: Tensor) -> Tensor:
        """Items that users did not have, with shape ``[B, num_negatives]``."""
        user = user.unsqueeze(1).expand(-1, self.num_negatives)
        found = torch.randint(self.histories.num_items, user.shape)
        for _ in range(MAX_DRAWS):  # somebody may have had everything
            wanted = self._key(user, found)
            place = torch.searchsorted(self.had, wanted).clamp(max=len(self.had) - 1)
            again = self.had[place] == wanted
            if not again.any():
                break
            found[again] = torch.randint(self.histories.num_items, (int(again.sum()),))
        return found
