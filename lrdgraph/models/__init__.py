"""Recommenders: :class:`LRDRec` and the baselines that judge it."""

from lrdgraph.models.lrd_rec import LRDRec
from lrdgraph.models.popularity import Popularity
from lrdgraph.models.sasrec import SASRec

__all__ = ["LRDRec", "Popularity", "SASRec"]
