"""Convolution over edges with soft types."""

from lrdgraph.nn.conv.soft_rgcn_conv import SoftRGCNConv
from lrdgraph.nn.conv.typed_mean import FrozenTypedMean, typed_mean

__all__ = ["FrozenTypedMean", "SoftRGCNConv", "typed_mean"]
