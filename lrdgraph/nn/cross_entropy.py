"""Cross-entropy over many items, without ever holding all scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from lrdgraph.nn.precision import in_single_precision
from lrdgraph.nn.scoring import Messages

CHUNK = 2**19
"""Scores held at once: 2 MiB, which stay in a processor's cache."""
CHUNK_ON_GPU = 2**26
"""The same on a GPU, 256 MiB: what costs there is to launch many small products."""

NO_SHARE = -1e4
"""A score that has no share in a softmax; minus infinity has no gradient."""


@in_single_precision
def catalogue_cross_entropy(
    users: Tensor,
    states: Tensor,
    bias: Tensor,
    messages: Sequence[Messages],
    target: Tensor,
) -> Tensor:
    r"""Sum over rows of :math:`-\log \text{softmax}(z^\top h + b + m)_\text{target}`.

    Equals :func:`torch.nn.functional.cross_entropy` of all scores, in value and
    gradient. A few rows at a time are scored, compared and differentiated, so memory
    does not grow with rows times items, and time is spent in the cache.

    Args:
        users: User states ``z``, with shape ``[P, C]``.
        states: Item states ``h``, with shape ``[N, C]``.
        bias: Item biases ``b``, with shape ``[N]``.
        messages: What is added to single scores, each sorted by row.
        target: The item that is to win each row, with shape ``[P]``.
    """
    first = torch.arange(0, users.size(0), _step(states), device=users.device)
    ends = [[*torch.searchsorted(m.row, first).tolist(), len(m.row)] for m in messages]
    values = [m.value for m in messages]
    loss: Tensor = _CatalogueCrossEntropy.apply(
        users, states, bias, target, messages, ends, *values
    )
    return loss


@in_single_precision
def score_log_sum_exp(
    users: Tensor,
    states: Tensor,
    bias: Tensor,
    left_out: Callable[[slice], Tensor],
) -> Tensor:
    r"""Row by row, :math:`\log \sum_j \exp(z^\top h_j + b_j)` over items not left out.

    A few rows at a time are scored, and once more for the gradient, which takes less
    time than to keep their scores would, and no memory.

    Args:
        users: User states ``z``, with shape ``[P, C]``.
        states: Item states ``h``, with shape ``[S, C]``.
        bias: Item biases ``b``, with shape ``[S]``.
        left_out: Which items some rows leave out, ``[rows, S]``.

    Returns:
        Sums with shape ``[P]``; where all items are left out, below -9000.
    """
    step = _step(states)
    sums = []
    for first in range(0, max(len(users), 1), step):
        rows = slice(first, min(first + step, len(users)))
        sums.append(
            checkpoint(
                _log_sum_exp,
                users[rows],
                states,
                bias,
                left_out,
                rows,
                use_reentrant=False,
                preserve_rng_state=False,  # nothing is drawn
            )
        )
    return torch.cat(sums)


def _log_sum_exp(
    users: Tensor,
    states: Tensor,
    bias: Tensor,
    left_out: Callable[[slice], Tensor],
    rows: slice,
) -> Tensor:
    scores = torch.addmm(bias, users, states.t())
    return scores.masked_fill(left_out(rows), NO_SHARE).logsumexp(1)


def _step(states: Tensor) -> int:
    """Rows of a chunk, for item states ``[N, C]``."""
    chunk = CHUNK_ON_GPU if states.is_cuda else CHUNK
    return max(1, chunk // max(len(states), 1))


class _CatalogueCrossEntropy(torch.autograd.Function):
    """Takes the gradient of each chunk while its scores are at hand."""

    @staticmethod
    def forward(  # type: ignore[no-untyped-def]  # noqa: D102
        ctx,
        users: Tensor,
        states: Tensor,
        bias: Tensor,
        target: Tensor,
        messages: Sequence[Messages],
        ends: list[list[int]],
        *values: Tensor,
    ) -> Tensor:
        of_users, of_states, of_bias, *of_values = grads = [
            torch.zeros_like(t) for t in (users, states, bias, *values)
        ]
        loss = users.new_zeros(())
        for rows, parts in _chunks(users.size(0), _step(states), ends):
            sent = [
                Messages(m.row[part] - rows.start, m.item[part], value[part])
                for m, part, value in zip(messages, parts, values, strict=True)
            ]
            scores = torch.addmm(bias, users[rows], states.t())
            cells = [one.add_to(scores) for one in sent]
            goal = target[rows].unsqueeze(1)
            scores.sub_(scores.amax(1, keepdim=True))  # a softmax exponentiates once
            won = scores.gather(1, goal)
            error = scores.exp_()
            total = error.sum(1, keepdim=True)
            loss += (total.log() - won).sum()
            error.div_(total).scatter_add_(1, goal, -torch.ones_like(won))
            of_users[rows] = error @ states
            of_states.addmm_(error.t(), users[rows])
            of_bias += error.sum(0)
            for cell, part, grad in zip(cells, parts, of_values, strict=True):
                grad[part] = error.view(-1).index_select(0, cell).view_as(grad[part])
        ctx.save_for_backward(*grads)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]  # noqa: D102
        users, states, bias, *values = (grad * saved for saved in ctx.saved_tensors)
        return users, states, bias, None, None, None, *values


def _chunks(
    num_rows: int, step: int, ends: list[list[int]]
) -> Iterator[tuple[slice, list[slice]]]:
    """Rows of each chunk, and its part of each set of messages."""
    for number, first in enumerate(range(0, num_rows, step)):
        parts = [slice(end[number], end[number + 1]) for end in ends]
        yield slice(first, min(first + step, num_rows)), parts
