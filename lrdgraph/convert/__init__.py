"""The graph going out: PyG data, networks, tables, and files of them."""

from lrdgraph.convert.edges import likely_edges
from lrdgraph.convert.foretold import foretold
from lrdgraph.convert.neighbors import neighbors
from lrdgraph.convert.networks import to_data, to_networkx
from lrdgraph.convert.probability import probability
from lrdgraph.convert.save import save
from lrdgraph.convert.tables import to_frame

__all__ = [
    "foretold",
    "likely_edges",
    "neighbors",
    "probability",
    "save",
    "to_data",
    "to_frame",
    "to_networkx",
]
