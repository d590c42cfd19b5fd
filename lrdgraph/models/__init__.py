"""Recommenders: :class:`LRDRec`, its index, its predecessors, and a baseline."""

from lrdgraph.models.item_index import ItemIndex
from lrdgraph.models.kda import KDA
from lrdgraph.models.lrd_rec import LRDRec
from lrdgraph.models.popularity import Popularity
from lrdgraph.models.rcf import RCF
from lrdgraph.models.sasrec import SASRec

__all__ = ["KDA", "RCF", "ItemIndex", "LRDRec", "Popularity", "SASRec"]
