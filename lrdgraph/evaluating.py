"""Models, for a moment as they are after training."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """In evaluation mode; afterwards in the mode that it was in before.

    Args:
        model: The model.
    """
    if not model.training:  # nothing to do, and walking through it takes a while
        yield
        return
    model.eval()
    try:
        yield
    finally:
        model.train()
