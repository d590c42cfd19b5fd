"""What each latent relation is, counted over its pairs and told in words."""

from lrdgraph.describe.describe import describe
from lrdgraph.describe.description import (
    Description,
    Exemplar,
    Habits,
    Overlap,
    overview,
)
from lrdgraph.describe.naming import Writer, name_relations

__all__ = [
    "Description",
    "Exemplar",
    "Habits",
    "Overlap",
    "Writer",
    "describe",
    "name_relations",
    "overview",
]
