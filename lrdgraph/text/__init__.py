"""Text encoders: callables ``list[str] -> Tensor [n, C]``, and their cache on disk."""

from lrdgraph.text.cache import VectorCache
from lrdgraph.text.checkpoint import packaged_model
from lrdgraph.text.encoder import TextEncoder
from lrdgraph.text.endpoint import EndpointEncoder, EndpointError
from lrdgraph.text.vectors import check_vectors

__all__ = [
    "EndpointEncoder",
    "EndpointError",
    "TextEncoder",
    "VectorCache",
    "check_vectors",
    "packaged_model",
]
