"""Files: found, downloaded, written at once or not at all."""

import hashlib
import os
import shutil
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

_PARTIAL = ".lrdgraph-partial"  # ends the name of a file that is not complete
_LEFT = 3600  # seconds without a change, after which nobody writes it any more
_TIMEOUT = 30  # seconds without an answer, after which a download is given up


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Opens a file that has its name only once it is complete, if the power fails, too.

    Nothing is left of one that could not be completed, as on a full disk. What a killed
    process left of its own is removed by the next one that writes there.
    """
    _remove_left(path.parent)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_PARTIAL}")
    try:
        with open(partial, "xb") as file:  # may be read by whom the user lets read
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


@cache  # once a process: a folder of many shards would be listed for each of them
def _remove_left(folder: Path) -> None:
    """Remove what killed processes left."""
    for left in folder.glob(f".*{_PARTIAL}"):
        with suppress(OSError):  # another process may have removed it
            if time.time() - left.stat().st_mtime > _LEFT:
                left.unlink()


def _sync_folder(folder: Path) -> None:
    """Keep a new name through a power failure, where the system can."""
    with suppress(AttributeError, OSError):  # not on Windows, nor on all shared disks
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def save_tensors(content: Any, path: Path) -> None:
    """What :func:`torch.load` reads with ``weights_only=True``, atomically.

    Raises:
        OSError: If it cannot be written, as on a full disk.
    """
    with atomic_write(path) as file:
        written = _Written(file)
        torch.save(content, cast("BinaryIO", written))  # which asks for no more of it
        if written.error:
            raise written.error


class _Written:
    """A file that says afterwards what went wrong, or ``torch.save`` ends the process.

    Packing into memory first would take twice the room of a large model.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, part: bytes) -> int:
        if self.error is None:
            try:
                self.file.write(part)
            except OSError as error:
                self.error = error
        return len(part)

    def flush(self) -> None:
        """Nothing: the file is flushed when it is closed."""


def download(url: str, path: Path) -> None:
    """Fetches ``url`` into ``path``, which appears only once it is complete.

    Raises:
        OSError: If the file cannot be fetched in full or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            expected = answer.headers.get("Content-Length")
            with atomic_write(path) as file:
                shutil.copyfileobj(answer, file)
                if expected is not None and file.tell() != int(expected):
                    raise OSError(f"got {file.tell()} of {expected} bytes")
    except HTTPException as error:  # as where an answer in chunks is cut off
        raise OSError(f"the answer is no whole one: {error!r}") from error


def digest_of(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_writable(folder: Path) -> bool:
    """Whether files may be put into ``folder``, or it may be created.

    A folder without any write permission is read-only even to the superuser.
    """
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK) and bool(folder.stat().st_mode & 0o222)


def user_cache(root: Path) -> Path:
    """The user's own cache folder for a read-only ``root``."""
    key = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    return cache_folder() / f"{root.resolve().name}-{key}"


def cache_folder() -> Path:
    """Where the user keeps what can be made again: below ``$XDG_CACHE_HOME``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lrdgraph"
