"""Two-level attention: over a history for each relation, then over relations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.precision import in_single_precision
from lrdgraph.nn.small_attention import small_attention


@in_single_precision
def attend_history(
    history: Tensor, present: Tensor, query: Tensor, kept: Tensor | None = None
) -> Tensor:
    r"""First level: what a history says of a candidate, by each relation.

    The target attention of RCF (`arXiv 1904.12796 <https://arxiv.org/abs/1904.12796>`_)
    as KDA (TOIS 2021) has it: bilinear, a softmax over the history,

    .. math::
        c_r(j) = \sum_t \kappa_r(t, j)\, \text{softmax}_t(e_t^\top q_{jr})\, e_t,
        \qquad q_{jr} = e_j \circ (e_r + e_{v_r(j)})

    with the candidate's value :math:`v_r(j)` of the relation (its brand) and a factor
    :math:`\kappa`, such as KDA's decay. All candidates and relations of a history are
    one matrix product with it.

    Args:
        history: Item vectors :math:`e_t`, with shape ``[B, L, C]``.
        present: Where the history has an item, with shape ``[B, L]``.
        query: Candidates' vectors :math:`q_{jr}`, with shape ``[B, Q, R, C]``.
        kept: Factors :math:`\kappa`, with shape ``[B, R, L]`` or ``[B, Q, R, L]``.

    Returns:
        Contexts with shape ``[B, Q, R, C]``; zeros where the history is empty.
    """
    size = query.shape
    logit = torch.bmm(query.flatten(1, 2), history.transpose(1, 2))  # [B, Q * R, L]
    absent = ~present.unsqueeze(1)
    # Not infinity, for which an empty history would be NaN.
    weight = logit.masked_fill(absent, -1e9).softmax(-1).masked_fill(absent, 0)
    if kept is not None:
        kept = kept.unsqueeze(1) if kept.dim() == 3 else kept
        weight = (weight.view(*size[:3], -1) * kept).view_as(weight)
    return torch.bmm(weight, history).view(size)


def candidate_queries(
    entity: Tensor,
    relation: Tensor,
    candidates: Tensor,
    value: Tensor,
    attributes: slice,
    no_value: int,
) -> Tensor:
    r"""What candidates ask of a history, :math:`q_{jr} = e_j \circ (e_r + e_{v_r(j)})`.

    Only attributes have values; the vector of all others is that of *no value*, which
    is learned, too.

    Args:
        entity: Vectors of all entities, the items first.
        relation: Vectors of relations, with shape ``[R, C]``.
        candidates: Item indices with shape ``[B, Q]``.
        value: Entity of the value of each candidate's ``A`` attributes, ``[B, Q, A]``.
        attributes: Which relations these are.
        no_value: Entity of *no value*.

    Returns:
        Vectors with shape ``[B, Q, R, C]``.
    """
    same = relation + entity[no_value]  # of all candidates
    own = relation[attributes] + F.embedding(value, entity)
    before = same[: attributes.start].expand(*candidates.shape, -1, -1)
    after = same[attributes.stop :].expand(*candidates.shape, -1, -1)
    typed = torch.cat([before, own, after], dim=2)
    return F.embedding(candidates, entity).unsqueeze(2) * typed


class RelationEncoder(nn.Module):
    r"""Second level: self-attention of relations among each other.

    As in KDA, ``num_layers`` times, for the ``R`` contexts of a candidate,

    .. math::
        X \leftarrow \text{LayerNorm}\big(X + W_2\, \text{ReLU}(W_1\,
        \text{MultiHead}(X) + b_1) + b_2\big)

    without positions or an output projection. As in the authors' code
    (``ysh-1998/LRD``), all layers share one set of weights, those of the norm, too.
    Projections of queries, keys and values are one matrix here.

    Args:
        channels: Size ``C`` of a context.
        num_layers: How often the layer is applied.
        num_heads: Number of attention heads; it divides ``channels``.
        dropout: Dropout probability.

    Raises:
        ValueError: If ``num_heads`` does not divide ``channels``, or if a number is not
            positive.
    """

    def __init__(
        self,
        channels: int,
        num_layers: int = 5,
        num_heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(channels, num_layers, num_heads) < 1 or channels % num_heads:
            raise ValueError(
                "'num_heads' needs to divide 'channels' in 'RelationEncoder', both and "
                f"'num_layers' to be positive (got {num_heads} heads, {channels} "
                f"channels and {num_layers} layers)"
            )
        self.num_layers, self.num_heads = num_layers, num_heads
        self.project = nn.Linear(channels, 3 * channels, bias=False)
        self.inner = nn.Linear(channels, channels)
        self.outer = nn.Linear(channels, channels)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, context: Tensor) -> Tensor:
        """Contexts ``[M, R, C]`` of any candidates, to the same shape."""
        for _ in range(self.num_layers):
            mixed = small_attention(context, self.project.weight, self.num_heads)
            change = self.outer(F.relu(self.inner(mixed)))
            context = self.norm(context + self.dropout(change))
        return context
