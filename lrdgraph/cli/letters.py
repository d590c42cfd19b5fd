"""Texts from tables and models as they may be printed."""

from __future__ import annotations


def printable(text: str) -> str:
    """A line less the characters that nobody sees, which may command a terminal."""
    return "".join(letter for letter in text if letter.isprintable())


def printable_lines(text: str) -> str:
    """The same of several lines."""
    return "\n".join(map(printable, text.splitlines()))
