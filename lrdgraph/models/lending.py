"""What is known of items by their ids, lent to new ones that are near in text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import normalize

if TYPE_CHECKING:
    from lrdgraph.models import SASRec

_SHARPNESS = 10.0  # of a softmax over cosines
_ROWS = 256  # of the similarity matrix in memory at a time


@torch.no_grad()
def lend_ids(model: SASRec, first: int, k: int = 20) -> None:
    r"""Start the id embedding of each new item from those of its nearest known ones.

    It becomes :math:`\sum_n a_n e_n` over the ``k`` known items nearest in text, with
    :math:`a = \text{softmax}(10 \cos(x, x_n))`. An item without text keeps what it has.

    Args:
        model: A model that knows texts, whose id embeddings are changed.
        first: Index of the first new item; those before it are known.
        k: Number of known items. The search is exact and costs ``O(M N C)``.
    """
    assert model.x is not None
    filled = model.x.abs().sum(dim=1).nonzero().squeeze(-1)
    known, new = filled[filled < first], filled[filled >= first]
    if not len(known):
        return
    unit = normalize(model.x[known])
    for item in new.split(_ROWS):
        cosine = normalize(model.x[item]) @ unit.T
        nearest = cosine.topk(min(k, len(known)))
        weight = (_SHARPNESS * nearest.values).softmax(dim=1).unsqueeze(1)
        model.id.weight[item] = (weight @ model.id.weight[known[nearest.indices]])[:, 0]
