"""The command line: from files to files, with what the library does."""

from lrdgraph.cli.main import main

__all__ = ["main"]
