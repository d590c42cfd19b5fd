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
    hundreds of candidates of each user: there, rearranging heads and a softmax over
    rows of a dozen take longer than the products. Here each head is read where it is,
    and numerators are summed by a product, too.

    Args:
        projected: Queries, keys and values side by side, with shape ``[M, T, 3 C]``.
        num_heads: Number of heads; it divides ``C``.

    Returns:
        Heads side by side, with shape ``[M, T, C]``.
    """
    mixed: Tensor = _SmallAttention.apply(projected, num_heads)
    return mixed


def _heads(projected: Tensor, num_heads: int) -> tuple[Tensor, ...]:
    """Queries, keys and values, each ``[heads, M, T, d]``."""
    number, length, width = projected.shape
    size = (number, length, 3, num_heads, width // (3 * num_heads))
    return projected.view(size).permute(2, 3, 0, 1, 4).unbind(0)


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
        projected = projected.contiguous()
        query, key, value = _heads(projected, num_heads)
        heads, number, length, size = query.shape
        weight = projected.new_empty(heads, number, length, length)
        for head in range(heads):
            torch.bmm(query[head], key[head].transpose(1, 2), out=weight[head])
        weight = _exponentiate(weight.mul_(size**-0.5))
        scale = _row_sums(weight).reciprocal_()
        summed = torch.empty_like(query, memory_format=torch.contiguous_format)
        for head in range(heads):
            torch.bmm(weight[head], value[head], out=summed[head])
        mixed = projected.new_empty(number, length, heads, size)
        torch.mul(summed.permute(1, 2, 0, 3), scale.permute(1, 2, 0, 3), out=mixed)
        ctx.save_for_backward(projected, weight, scale, mixed)
        return mixed.flatten(2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: D102
        projected, weight, scale, mixed = ctx.saved_tensors
        heads = weight.size(0)
        query, key, value = _heads(projected, heads)
        grad = grad.reshape(mixed.shape)
        common = _row_sums(grad * mixed).permute(2, 0, 1, 3) * scale
        scaled = (grad.permute(2, 0, 1, 3) * scale).contiguous()
        of_logit = torch.empty_like(weight)
        found = projected.new_empty(3, *scaled.shape)
        for head in range(heads):
            torch.bmm(weight[head].transpose(1, 2), scaled[head], out=found[2, head])
            torch.bmm(scaled[head], value[head].transpose(1, 2), out=of_logit[head])
        of_logit.sub_(common).mul_(weight).mul_(query.size(-1) ** -0.5)
        for head in range(heads):
            torch.bmm(of_logit[head], key[head], out=found[0, head])
            torch.bmm(of_logit[head].transpose(1, 2), query[head], out=found[1, head])
        return found.permute(2, 3, 0, 1, 4).reshape(projected.shape), None
