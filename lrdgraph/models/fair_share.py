"""As good a chance for items that are new as for those that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lrdgraph.models import SASRec

_PLACES = 10  # of a ranking, of which new items get their share
_ASKED, _ROWS = 4096, 256  # rankings that count, and those in memory at a time


@torch.no_grad()
def give_fair_share(model: SASRec, first: int) -> None:
    """Raise (or lower) the bias of all new items by the same.

    Nobody has bought a new item, after another one or at all, so that it scores lower
    than a known one that fits as well. Afterwards, new
    items take as large a share of the first ten places, over the rankings after each
    single known item, as they are a share of the catalogue. How new items are ranked
    among each other, and known ones among each other, stays as it is.

    Args:
        model: The model, whose bias is changed.
        first: Index of the first new item; those before it are known. Where these are
            more than 4096, not after each of them is asked, but evenly spaced.
    """
    num_new, places = model.num_items - first, min(_PLACES, first - 1)
    if num_new < 1 or places < 1:
        return
    was_training = model.training
    model.eval()
    states = model.item_states()
    asked = torch.arange(0, first, -(-first // _ASKED), device=states.device)
    lack = [_lack(model, states, i, first, places) for i in asked.split(_ROWS)]
    taken = round(len(asked) * places * num_new / model.num_items)
    model.bias[first:] += torch.cat(lack).kthvalue(max(taken, 1)).values
    model.train(was_training)


def _lack(
    model: SASRec, states: Tensor, item: Tensor, first: int, places: int
) -> Tensor:
    """What would bring one more new item among the first, for all that might come."""
    history = item.new_full((len(item), model.max_length), model.num_items)
    history[:, -1] = item
    scores = model(history, states)
    scores[torch.arange(len(item)), item] = -torch.inf
    # The n-th best of the new ones has to beat the n-th last of the known ones.
    known = scores[:, :first].topk(places).values.flip(1)
    new = scores[:, first:].topk(min(places, scores.size(1) - first)).values
    return (known[:, : new.size(1)] - new).flatten()
