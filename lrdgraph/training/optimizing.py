"""AdamW, with rows of a large table updated when they are touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class RowAdamW(torch.optim.AdamW):
    r"""AdamW, which updates only the rows that a sparse gradient has.

    Parameters with a dense gradient are updated as by :class:`torch.optim.AdamW`. Of a
    table with a sparse one, as the id embeddings of a model with ``num_negatives`` have
    it, rows without a gradient keep their moments and are not decayed, so a step costs
    what the batch touched (as with :class:`torch.optim.SparseAdam`).

    Args:
        params: As for :class:`torch.optim.AdamW`.
        lr: The same.
        **options: The same, without ``maximize`` and ``amsgrad``.

    Raises:
        ValueError: If one of these two is asked for, which rows would not follow.
    """

    def __init__(self, params: Any, lr: float = 1e-3, **options: Any) -> None:
        for name in ("maximize", "amsgrad"):
            if options.get(name):
                raise ValueError(f"{name!r} needs to be False in 'RowAdamW' (got True)")
        super().__init__(params, lr, **options)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        rows = [
            (parameter, parameter.grad.coalesce(), group)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None and parameter.grad.is_sparse
        ]
        for parameter, gradient, group in rows:
            self._update(parameter, gradient, group)
            parameter.grad = None
        super().step()
        for parameter, gradient, _ in rows:
            parameter.grad = gradient  # which rows changed, for whoever averages them
        return loss

    def _update(self, table: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[table]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(table)
            state["exp_avg_sq"] = torch.zeros_like(table)
        state["step"] += 1
        row, value = gradient.indices()[0], gradient.values()
        first, second = (
            state[name].index_select(0, row).lerp_(new, 1 - beta)
            for name, new, beta in zip(
                ("exp_avg", "exp_avg_sq"),
                (value, value.square()),
                group["betas"],
                strict=True,
            )
        )
        state["exp_avg"].index_copy_(0, row, first)
        state["exp_avg_sq"].index_copy_(0, row, second)
        step = float(state["step"])
        first = first / (1 - group["betas"][0] ** step)
        second = second / (1 - group["betas"][1] ** step)
        kept = table.index_select(0, row) * (1 - group["lr"] * group["weight_decay"])
        change = group["lr"] * first / (second.sqrt() + group["eps"])
        table.index_copy_(0, row, kept - change)
