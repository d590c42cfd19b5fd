"""Histories and the batches made of them."""

from lrdgraph.data.choices import TrainingChoices
from lrdgraph.data.sequences import (
    Histories,
    Questions,
    TrainingWindows,
    user_histories,
)

__all__ = [
    "Histories",
    "Questions",
    "TrainingChoices",
    "TrainingWindows",
    "user_histories",
]
