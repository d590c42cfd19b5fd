"""Steps from data to data, to be given alone or in PyG's ``Compose``."""

from lrdgraph.transforms.embed_text import EmbedText
from lrdgraph.transforms.k_core import KCore
from lrdgraph.transforms.normalize import Normalize
from lrdgraph.transforms.same_vectors import SameVectors
from lrdgraph.transforms.set_vectors import SetVectors
from lrdgraph.transforms.split import LeaveOneOut, TemporalSplit, TrainOnAll
from lrdgraph.transforms.text_knn import TextKNN
from lrdgraph.transforms.transitions import Transitions
from lrdgraph.transforms.trends import Trends
from lrdgraph.transforms.whiten import Whiten

__all__ = [
    "EmbedText",
    "KCore",
    "LeaveOneOut",
    "Normalize",
    "SameVectors",
    "SetVectors",
    "TemporalSplit",
    "TextKNN",
    "TrainOnAll",
    "Transitions",
    "Trends",
    "Whiten",
]
