"""Item vectors that were computed elsewhere."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from safetensors.torch import load_file
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.datasets.cleaning import as_ids
from lrdgraph.text.vectors import check_vectors

ById = Mapping[Any, ArrayLike] | pd.DataFrame | pd.Series


class SetVectors(BaseTransform):
    """Sets ``data['item'].x [N, C]``, float32, to vectors that exist already.

    Args:
        vectors: One row per item in the order of ``data['item'].id``, as tensor, array,
            ``.npy`` file or ``.safetensors`` file with one tensor; or a mapping from
            external id to vector, as a dict, as a data frame (or a series of vectors)
            whose index has the ids, or as a ``.safetensors`` file with one vector per
            id. Ids are compared as :func:`~lrdgraph.datasets.from_tables` writes them;
            those that the data lacks are ignored. Files are read at once.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file cannot be read, if what is given is no table of
            numbers, if rows and items differ in number, if a mapping lacks items or has
            one twice, or if a value is not finite; the file and the item are named.
    """

    def __init__(self, vectors: Tensor | ArrayLike | str | Path | ById) -> None:
        self.source = "SetVectors"
        if isinstance(vectors, str | Path):
            self.source = str(vectors)
            vectors = _read(Path(vectors).expanduser())
        self.ids: list[str] | None = None
        if isinstance(vectors, pd.DataFrame):
            self.ids = _ids(vectors.index)
        elif isinstance(vectors, Mapping | pd.Series):
            self.ids = _ids(vectors.keys())
            vectors = _stack(vectors)
        self.vectors = _numbers(vectors)

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with ``x``; the given data is not changed."""
        ids = data["item"].id
        vectors = self.vectors if self.ids is None else self.vectors[self._rows(ids)]
        data["item"].x = check_vectors(vectors, ids, self.source).clone()
        data["item"].encoder, data["item"].vector_steps = "", []
        return data

    def _rows(self, ids: list[str]) -> list[int]:
        """Where the vectors of items are."""
        row_of = {item: row for row, item in enumerate(self.ids or [])}
        if missing := [item for item in ids if item not in row_of]:
            raise ValueError(
                f"vectors need to hold every item in '{self.source}' (got none for "
                f"{len(missing)} of {len(ids)} items, such as {missing[:3]})"
            )
        return [row_of[item] for item in ids]

    def __repr__(self) -> str:
        return f"SetVectors({list(self.vectors.shape)})"


def _read(path: Path) -> ArrayLike | Tensor | Mapping[str, Tensor]:
    """The vectors of a file: one row per item, or one vector per id."""
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' needs to be a file with item vectors")
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix == ".safetensors":
            tensors = load_file(path)
            rows = next(iter(tensors.values()), torch.empty(0))
            return rows if len(tensors) == 1 and rows.dim() == 2 else tensors
    except Exception as error:  # parsers raise whatever they like
        raise ValueError(f"'{path}' cannot be read as item vectors: {error}") from error
    raise ValueError(f"'{path}' needs to end in .npy or .safetensors")


def _ids(keys: Iterable[object]) -> list[str]:
    """Keys as the ids of a catalogue, which has no other ``'1'`` for a key 1.0."""
    column = pd.Series([*keys], dtype=object, name="vectors")
    ids = [*map(str, as_ids(column, "keys"))]
    if len(set(ids)) < len(ids):
        twice = next(name for name, count in Counter(ids).items() if count > 1)
        raise ValueError(
            f"'vectors' need to have each id once in 'SetVectors' (got {twice!r} again)"
        )
    return ids


def _numbers(vectors: Tensor | ArrayLike) -> Tensor:
    """Numbers as a tensor, of arrays in whatever order their bytes are."""
    if isinstance(vectors, Tensor):
        return vectors.detach().cpu()
    try:
        array = np.require(vectors, np.float32, ["C", "W"])
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"'vectors' need to be numbers in 'SetVectors' (got {vectors!r:.80}: "
            f"{error})"
        ) from error
    return torch.from_numpy(array)


def _stack(vectors: Mapping[Any, ArrayLike] | pd.Series) -> Tensor:
    """The vectors of a mapping, in its order: ``[n, C]``."""
    rows = {item: _numbers(vector) for item, vector in vectors.items()}
    size = next((row.shape for row in rows.values()), torch.Size())
    for item, row in rows.items():
        if row.dim() != 1 or row.shape != size:
            raise ValueError(
                f"'vectors' need to be vectors of one size in 'SetVectors' (got shape "
                f"{list(row.shape)} for {item!r} after {list(size)})"
            )
    return torch.stack([*rows.values()]) if rows else torch.empty(0, 1)
