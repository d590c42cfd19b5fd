"""What each latent relation is, counted over its pairs and told in words."""

from lrdgraph.describe.describe import describe
from lrdgraph.describe.description import (
    Description,
    Exemplar,
    Habits,
    Overlap,
    overview,
)

__all__ = ["Description", "Exemplar", "Habits", "Overlap", "describe", "overview"]
