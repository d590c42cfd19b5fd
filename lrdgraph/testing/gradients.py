"""Gradients that reach everything that learns."""

from torch import nn


def check_gradients(module: nn.Module) -> None:
    """Assert that each parameter that learns has a finite gradient."""
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"no gradient reaches {name}"
            assert parameter.grad.isfinite().all(), f"{name} has no finite gradient"
