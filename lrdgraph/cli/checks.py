"""What can be known to be wrong before the work begins, and not only after it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from torch_geometric.data import HeteroData

from lrdgraph.candidates import relation_pairs
from lrdgraph.datasets.files import is_writable
from lrdgraph.typing import TEXT_KNN, TRANSITION


def check_folder(path: str | Path) -> None:
    """See to it that files can be written into a folder, which may be created.

    Raises:
        ValueError: If it is a file, in one, or read-only.
    """
    path = Path(path).absolute()
    there = next(part for part in (path, *path.parents) if part.exists())
    if not there.is_dir():
        raise ValueError(f"'{path}' needs to be a folder (got the file '{there}')")
    if not is_writable(path):
        raise ValueError(f"'{path}' needs to be writable ('{there}' is not)")


def check_file(path: str | Path, suffixes: Collection[str] = ()) -> None:
    """See to it that a file can be written.

    Args:
        path: Its name; folders may be created.
        suffixes: What the name may end in; by default anything.

    Raises:
        ValueError: If it has another end, is a folder, or its folder cannot be one.
    """
    path = Path(path)
    if suffixes and path.suffix not in suffixes:
        raise ValueError(f"'{path}' needs to end in one of {[*suffixes]}")
    if path.is_dir():
        raise ValueError(f"'{path}' needs to be a file (got a folder)")
    check_folder(path.parent)


def check_only(
    names: Collection[str] | None, data: HeteroData, num_latent: int
) -> None:
    """See to it that relations are there, or are going to be.

    Args:
        names: Names of the relations; None is all.
        data: A shop, whose items are not paired yet.
        num_latent: Number of relations that are to be discovered.

    Raises:
        ValueError: If there is no relation of a name.
    """
    latent = [f"latent_{number + 1}" for number in range(num_latent)]
    known = [*relation_pairs(data), TEXT_KNN, TRANSITION, *latent]
    for name in names or ():
        if name not in known:
            raise ValueError(f"--only needs names out of {known} (got {name!r})")
