"""Texts from tables and models as they may be printed."""

from __future__ import annotations

from textwrap import shorten


def printable(text: str) -> str:
    """A line less the characters that nobody sees, which may command a terminal."""
    return "".join(letter for letter in text if letter.isprintable())


def printable_lines(text: str) -> str:
    """The same of several lines."""
    return "\n".join(map(printable, text.splitlines()))


def shortened(text: str, width: int) -> str:
    """The start of a text as one printable line: whole words if they fill half of it.

    Languages without spaces have one word a sentence, of which nothing would be left.
    """
    line = printable(" ".join(text.split()))
    words = shorten(line, width, placeholder=" …")
    if len(line) <= width or 2 * len(words) > width:
        return words
    return f"{line[: width - 2]} …"
