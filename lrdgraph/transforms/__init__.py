"""Steps from data to data, to be given alone or in PyG's ``Compose``."""

from lrdgraph.transforms.k_core import KCore
from lrdgraph.transforms.split import LeaveOneOut, TemporalSplit

__all__ = ["KCore", "LeaveOneOut", "TemporalSplit"]
