"""Models, for a moment as they are after training."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """In evaluation mode; afterwards each part in the mode that it was in before.

    Args:
        model: The model.
    """
    if not model.training:  # nothing to do, and walking through it takes a while
        yield
        return
    trained = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in trained:  # a part may be frozen
            module.training = True
