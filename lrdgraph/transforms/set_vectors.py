"""Item vectors that were computed elsewhere."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from safetensors.torch import load_file
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.text import check_vectors
from lrdgraph.transforms.embed_text import spread


class SetVectors(BaseTransform):
    """Sets ``data['item'].x [N, C_text]`` to given vectors, as they are (float32).

    Args:
        vectors: a tensor or array ``[N, C_text]``, a row per item; the path of such an
            array as ``.npy`` file or as the only tensor of a ``.safetensors`` file; or
            a mapping from item id to vector ``[C_text]``. Items that the mapping lacks
            get the zero vector, and one warning names them; ids that the data lacks
            are left out.

    Raises:
        ValueError: if the shape doesn't fit, a vector holds NaN (the first such item
            is named), or no id of the mapping is one of the data.
        FileNotFoundError: if there is no such file.

    Warns:
        UserWarning: if the mapping lacks items.
    """

    def __init__(
        self,
        vectors: Tensor | ArrayLike | str | Path | Mapping[str, Tensor | ArrayLike],
    ) -> None:
        self.ids: list[str] | None = None
        if isinstance(vectors, Mapping):
            self.ids = list(vectors)
            vectors = _stack(vectors)
        elif isinstance(vectors, (str, Path)):
            vectors = _read(Path(vectors).expanduser())
        self.vectors = torch.as_tensor(vectors).detach().cpu()

    def forward(self, data: HeteroData) -> HeteroData:
        """Hand the vectors to the items."""
        item = data["item"]
        if self.ids is None:
            item.x = check_vectors(self.vectors, item.id, "SetVectors")
            return data
        place = {id: row for row, id in enumerate(self.ids)}
        rows = [row for row, id in enumerate(item.id) if id in place]
        if not rows:
            raise ValueError(
                f"vectors need to be given by item id in 'SetVectors' (got ids such as "
                f"{self.ids[:3]}; the items have ids such as {item.id[:3]})"
            )
        ids = [item.id[row] for row in rows]
        vectors = self.vectors[[place[id] for id in ids]]
        vectors = check_vectors(vectors, ids, "SetVectors")
        item.x = spread(vectors, rows, item.id, "vector", "SetVectors")
        return data

    def __repr__(self) -> str:
        """Name shape and content (SHA-256): dataset caches compare it."""
        digest = sha256(self.vectors.contiguous().numpy().tobytes())
        for id in self.ids or ():
            digest.update(f"\0{id}".encode())
        shape = list(self.vectors.shape)
        return f"SetVectors({shape}, sha256='{digest.hexdigest()[:16]}')"


def _stack(vectors: Mapping[str, Tensor | ArrayLike]) -> Tensor:
    """Give the vectors of a mapping as rows ``[n, C]``."""
    rows = {id: torch.as_tensor(vector).float() for id, vector in vectors.items()}
    shape = next((row.shape for row in rows.values()), None)
    for id, row in rows.items():
        if row.dim() != 1 or row.shape != shape:
            raise ValueError(
                f"vectors need to have one shape [C] in 'SetVectors' (got "
                f"{list(row.shape)} for item {id!r}, {list(shape or ())} for the first)"
            )
    return torch.stack(list(rows.values())) if rows else torch.empty(0, 0)


def _read(path: Path) -> Tensor:
    """Read the vectors of a file ``[N, C]``."""
    if not path.is_file():
        raise FileNotFoundError(f"no vectors in {path} for 'SetVectors': no such file")
    if path.suffix == ".npy":
        return torch.from_numpy(np.load(path, allow_pickle=False))
    if path.suffix != ".safetensors":
        raise ValueError(
            f"'vectors' needs to be a .npy or .safetensors file in 'SetVectors' "
            f"(got {path})"
        )
    tensors = load_file(path)
    if len(tensors) != 1:
        raise ValueError(
            f"{path} needs to hold one tensor for 'SetVectors' (got {sorted(tensors)})"
        )
    return next(iter(tensors.values()))
