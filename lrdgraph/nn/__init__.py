"""Layers: the DVAE, typed convolution, sequence encoder, scoring."""

from lrdgraph.nn.conv import SoftRGCNConv
from lrdgraph.nn.dvae import RelationDVAE
from lrdgraph.nn.encoder import (
    HSTU,
    BSARec,
    Caser,
    CausalTransformer,
    GRU4Rec,
    HistoryEncoder,
    TiSASRec,
)
from lrdgraph.nn.fact_dvae import FactDVAE
from lrdgraph.nn.lrd_dvae import LRDRelationDVAE
from lrdgraph.nn.pair_dvae import PairDVAE
from lrdgraph.nn.released_lrd import ReleasedLRD
from lrdgraph.nn.scoring import RelationalScorer
from lrdgraph.nn.temporal_decay import FrequencyDecay
from lrdgraph.nn.trend import TrendBias

__all__ = [
    "HSTU",
    "BSARec",
    "Caser",
    "CausalTransformer",
    "FactDVAE",
    "FrequencyDecay",
    "GRU4Rec",
    "HistoryEncoder",
    "LRDRelationDVAE",
    "PairDVAE",
    "RelationDVAE",
    "RelationalScorer",
    "ReleasedLRD",
    "SoftRGCNConv",
    "TiSASRec",
    "TrendBias",
]
