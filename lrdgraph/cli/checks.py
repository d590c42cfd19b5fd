"""What can be known to be wrong before the work begins, and not only after it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection
from pathlib import Path

from torch_geometric.data import HeteroData

from lrdgraph.candidates import relation_pairs
from lrdgraph.cli.settings import Settings
from lrdgraph.data import Histories, Questions
from lrdgraph.files import is_writable
from lrdgraph.pretrained.folder import CONFIG, check_card
from lrdgraph.typing import TEXT_KNN, TRANSITION, VAL


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


def check_model_folder(path: str | Path, overwrite: bool) -> None:
    """See to it that a model can be written, and that nothing is lost by that.

    Args:
        path: The folder.
        overwrite: Whether a model that is there may be replaced.

    Raises:
        ValueError: As :func:`check_folder`, or if there is a model that is to stay.
        FileExistsError: If there is a ``README.md`` of something else.
    """
    check_folder(path)
    check_card(path)
    if (Path(path) / CONFIG).exists() and not overwrite:
        raise ValueError(
            f"'{path}' holds a model already: give another folder to --out, or "
            "--overwrite to replace it"
        )


def check_server(name: str, remembered: Settings, args: Namespace) -> None:
    """See to it that texts go to no server that only the folder of a model names.

    It would be sent the user's key, too, and the folder may be a stranger's.

    Args:
        name: The model.
        remembered: What is remembered of it.
        args: What was given on the command line.

    Raises:
        ValueError: If they would.
    """
    if remembered.endpoint and not args.endpoint:
        raise ValueError(
            f"'{name}' has its vectors from a server, which would be sent your texts "
            f"and key: if you trust it, give --endpoint {remembered.endpoint}"
        )


def check_purchases(data: HeteroData) -> None:
    """See to it that there are purchases to tell by when training is to stop.

    Raises:
        ValueError: If there are none.
    """
    if not len(Questions(Histories.from_data(data), VAL, max_length=1)):
        raise ValueError(
            "training needs users with three or more interactions, or a column 'split' "
            "with 1 (validation), to know when to stop (got none)"
        )


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
