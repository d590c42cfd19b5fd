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
    trained = [module for module in model.modules() if module.training]
    if not trained:
        yield
        return
    model.eval()
    try:
        yield
    finally:
        for module in trained:  # a part may be frozen
            module.training = True
