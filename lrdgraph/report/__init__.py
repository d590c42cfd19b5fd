"""A page about the relations of a graph, to open in any browser."""

from lrdgraph.report.report import write_report

__all__ = ["write_report"]
