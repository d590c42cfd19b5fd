"""Convolution over edges with soft types."""

from lrdgraph.nn.conv.frozen_convs import FrozenConvs
from lrdgraph.nn.conv.soft_rgcn_conv import SoftRGCNConv
from lrdgraph.nn.conv.typed_mean import FrozenTypedMean, typed_mean

__all__ = ["FrozenConvs", "FrozenTypedMean", "SoftRGCNConv", "typed_mean"]
