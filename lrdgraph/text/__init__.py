"""Text encoders, ``list[str] -> Tensor [n, C]``, their cache, and writers."""

from lrdgraph.text.cache import VectorCache
from lrdgraph.text.checkpoint import packaged_model
from lrdgraph.text.encoder import TextEncoder
from lrdgraph.text.endpoint import EndpointEncoder, EndpointError
from lrdgraph.text.vectors import check_vectors
from lrdgraph.text.writer import EndpointWriter, TextWriter

__all__ = [
    "EndpointEncoder",
    "EndpointError",
    "EndpointWriter",
    "TextEncoder",
    "TextWriter",
    "VectorCache",
    "check_vectors",
    "packaged_model",
]
