"""Fakes and contract tests, for this library's tests and for those of its users."""

from lrdgraph.testing.shops import make_shop, tiny_shop
from lrdgraph.testing.text import HashTextEncoder

__all__ = ["HashTextEncoder", "make_shop", "tiny_shop"]
