"""Fakes and contract tests, for this library's tests and for those of its users."""

from lrdgraph.testing.conv_contract import ConvContract
from lrdgraph.testing.encoder_contract import EncoderContract
from lrdgraph.testing.shops import make_shop, tiny_shop
from lrdgraph.testing.text import HashTextEncoder
from lrdgraph.testing.text_contract import TextEncoderContract
from lrdgraph.testing.transform_contract import TransformContract

__all__ = [
    "ConvContract",
    "EncoderContract",
    "HashTextEncoder",
    "TextEncoderContract",
    "TransformContract",
    "make_shop",
    "tiny_shop",
]
