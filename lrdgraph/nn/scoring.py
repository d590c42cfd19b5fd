"""Messages from the history to the candidates along typed edges."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RelationalScorer(nn.Module):
    r"""Relation-aware target attention in retrieval form.

    .. math:: s_j = \sum_t \sum_r g_{r,\Delta(t)}\, w_r(t, j)

    over the history items ``t`` and the typed edges ``t -> j``: what RCF (SIGIR 2019)
    and KDA (TOIS 2021) compute per candidate, as sparse messages that rank the whole
    catalogue at once. A gate :math:`g` depends on the relation and on the distance
    :math:`\Delta` of the history item from the end.

    Args:
        num_relations: Number of relations ``R``.
        max_length: Number of history slots ``L``.
    """

    def __init__(self, num_relations: int, max_length: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(num_relations))
        self.decay = nn.Parameter(torch.zeros(num_relations, max_length))

    def gates(self) -> Tensor:
        """Gate of each relation at each distance, positive, ``[R, L]``."""
        return F.softplus(self.strength).unsqueeze(-1) * torch.exp(
            -F.softplus(self.decay)
        )
