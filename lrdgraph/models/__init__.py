"""Recommenders: :class:`LRDRec`, what it came from, and what judges it."""

from lrdgraph.models.kda import KDA
from lrdgraph.models.lrd_rec import LRDRec
from lrdgraph.models.popularity import Popularity
from lrdgraph.models.rcf import RCF
from lrdgraph.models.sasrec import SASRec

__all__ = ["KDA", "RCF", "LRDRec", "Popularity", "SASRec"]
