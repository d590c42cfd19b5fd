"""Text files, read in whatever state they come, within bounds of memory."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MAX_LINE = 2**24
"""Bytes in a line at most."""
MAX_UNPACKED = 100
"""Bytes at most that a byte of a packed file unpacks to; of real text it is 3 to 30.

However small a file is, it may unpack to :data:`MAX_LINE`.
"""


class _Watched(io.RawIOBase):
    """The bytes of a file, up to where they are no text or too many.

    A packed file can hold a thousand times its size, in one line or in many: either
    would fill the memory before a parser could say what is wrong with it.
    """

    def __init__(self, file: io.BufferedIOBase, most: int) -> None:
        self._file, self._most = file, most
        self._total = self._in_line = 0
        self._line = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = self._file.readinto(buffer)
        self._watch(bytes(buffer[:size]))
        return size

    def _watch(self, chunk: bytes) -> None:
        self._total += len(chunk)
        if self._total > self._most:
            raise ValueError(f"unpacked, it has more than {self._most >> 20} MiB")
        breaks = chunk.count(b"\n")
        first = chunk.index(b"\n") if breaks else len(chunk)
        if self._in_line + first > MAX_LINE:
            raise ValueError(f"line {self._line} has more than {MAX_LINE >> 20} MiB")
        if b"\0" in chunk:
            line = self._line + chunk[: chunk.index(b"\0")].count(b"\n")
            raise ValueError(f"there is a null character in line {line}")
        self._line += breaks
        after = len(chunk) - 1 - chunk.rfind(b"\n")
        self._in_line = after if breaks else self._in_line + len(chunk)


def most_unpacked(*paths: Path) -> int:
    """Bytes that a file, or all parts of one, may unpack to."""
    return max(MAX_LINE, MAX_UNPACKED * sum(path.stat().st_size for path in paths))


@contextmanager
def open_text(path: Path) -> Iterator[BinaryIO]:
    """Opens a text file, unpacked if its name ends in ``.gz``, to be parsed.

    Raises:
        ValueError: If the file cannot be read, be it that it is cut off or no text,
            that it unpacks to more than :func:`most_unpacked`, that a line is longer
            than :data:`MAX_LINE`, or whatever else is found in the body of the ``with``
            statement.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    most = most_unpacked(path)
    try:
        with opener(path, "rb") as file:
            yield io.BufferedReader(_Watched(file, most), 2**18)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{path}' cannot be read: it needs to be in UTF-8, as what Excel calls "
            f"'CSV UTF-8' is ({error})"
        ) from error
    except Exception as error:  # parsers raise whatever they like
        raise ValueError(f"'{path}' cannot be read: {error}") from error


def check_text(path: Path) -> None:
    """Looks through a text file before anything is made of it.

    Raises:
        ValueError: If the file cannot be read, see :func:`open_text`.
    """
    with open_text(path) as file:
        while file.read(2**20):
            pass


def read_lines(path: Path, encoding: str = "utf-8-sig") -> Iterator[str]:
    """Yields the non-empty lines of a text file, unpacked if its name ends in ``.gz``.

    Editors may put a byte order mark in front of UTF-8, which is no part of a line.

    Raises:
        ValueError: If the file cannot be read, see :func:`open_text`, or has another
            encoding.
    """
    with open_text(path) as file, io.TextIOWrapper(file, encoding) as text:
        for line in text:
            if not line.isspace():
                yield line
