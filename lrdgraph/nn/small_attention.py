"""Self-attention of very many very short sequences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SAFE = 60.0
"""Logits up to this size need no shift before they are exponentiated in float32."""


def small_attention(projected: Tensor, num_heads: int) -> Tensor:
    r"""Multi-head attention of sequences of a dozen tokens.

    .. math:: \text{softmax}(Q K^\top / \sqrt{d})\, V

    in value and gradient, of each head. A relation attends to a dozen relations, for
    hundreds of candidates of each user: there, a softmax over rows of a dozen takes
    longer than the products. Here numerators are summed by a product, too, and divided
    once they have weighted the values.

    Args:
        projected: Queries, keys and values side by side, with shape ``[M, T, 3 C]``.
        num_heads: Number of heads; it divides ``C``.

    Returns:
        Heads side by side, with shape ``[M, T, C]``.
    """
    mixed: Tensor = _SmallAttention.apply(projected, num_heads)
    return mixed


def _heads(rows: Tensor, kinds: int, num_heads: int) -> Tensor:
    """Heads of some kinds, ``[M, T, kinds * C]``, to ``[kinds, heads * M, T, d]``.

    Laid out anew: products of matrices whose rows lie apart take three times as long.
    """
    number, length, width = rows.shape
    channels = width // (kinds * num_heads)
    apart = rows.view(number, length, kinds, num_heads, channels)
    joined = (kinds, num_heads * number, length, channels)
    return apart.permute(2, 3, 0, 1, 4).reshape(joined)


def _side_by_side(heads: Tensor, num_heads: int) -> Tensor:
    """The way back, to ``[M, T, kinds * C]``."""
    kinds, joined, length, channels = heads.shape
    number = joined // num_heads
    apart = heads.view(kinds, num_heads, number, length, channels)
    row = kinds * num_heads * channels
    return apart.permute(2, 3, 0, 1, 4).reshape(number, length, row)


def _exponentiate(logit: Tensor) -> Tensor:
    """In place: numerators of a softmax over the last dimension, to any scale."""
    low, high = logit.aminmax() if logit.numel() else (0, 0)
    if max(-low, high) > SAFE:
        logit.sub_(logit.amax(-1, keepdim=True))
    return logit.exp_()


def _row_sums(values: Tensor) -> Tensor:
    """Sums over the last dimension, kept: a product is faster than short sums."""
    total = values.reshape(-1, values.size(-1)) @ values.new_ones(values.size(-1), 1)
    return total.view(*values.shape[:-1], 1)


class _SmallAttention(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]  # noqa: D102
        ctx, projected: Tensor, num_heads: int
    ) -> Tensor:
        heads = _heads(projected, 3, num_heads)
        query, key, value = heads
        logit = torch.bmm(query, key.transpose(1, 2)).mul_(query.size(-1) ** -0.5)
        weight = _exponentiate(logit)
        scale = _row_sums(weight).reciprocal_()
        mixed = torch.bmm(weight, value).mul_(scale)
        ctx.num_heads = num_heads
        ctx.save_for_backward(heads, weight, scale, mixed)
        return _side_by_side(mixed.unsqueeze(0), num_heads)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: D102
        heads, weight, scale, mixed = ctx.saved_tensors
        query, key, value = heads
        scaled = _heads(grad, 1, ctx.num_heads).squeeze(0) * scale
        found = torch.empty_like(heads)
        torch.bmm(weight.transpose(1, 2), scaled, out=found[2])
        of_logit = torch.bmm(scaled, value.transpose(1, 2))
        of_logit.sub_(_row_sums(scaled * mixed))
        of_logit.mul_(weight).mul_(query.size(-1) ** -0.5)
        torch.bmm(of_logit, key, out=found[0])
        torch.bmm(of_logit.transpose(1, 2), query, out=found[1])
        return _side_by_side(found, ctx.num_heads), None
