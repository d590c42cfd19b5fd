"""How texts become vectors, and the one check that every vector passes."""

from collections.abc import Callable, Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor


def check_vectors(
    vectors: Tensor | ArrayLike, names: Sequence[str], owner: str
) -> Tensor:
    """Give ``vectors`` as a float32 tensor ``[len(names), C]``.

    Args:
        vectors: A tensor, array or nested list, one row per name.
        names: What the rows belong to (ids or texts), for the error message.
        owner: The class that received the vectors, for the error message.

    Raises:
        ValueError: If the shape differs, or a row holds NaN or infinity, or
            numbers that float32 can't hold; the first such row is named.
    """
    vectors = torch.as_tensor(vectors).detach()
    if vectors.dim() != 2 or len(vectors) != len(names) or vectors.size(1) == 0:
        raise ValueError(
            f"vectors need to have shape [{len(names)}, C] in '{owner}' "
            f"(got {list(vectors.shape)})"
        )
    vectors = vectors.float()
    # Where a sum is finite, all of its terms are, and nothing is copied to see that.
    doubtful = (~vectors.sum(dim=1).isfinite()).nonzero().flatten()
    broken = doubtful[~vectors[doubtful].isfinite().all(dim=1)].tolist()
    if broken:
        row = broken[0]
        value = vectors[row][~vectors[row].isfinite()][0].item()
        raise ValueError(
            f"vectors need to be finite in '{owner}' (got {value} for "
            f"{names[row][:80]!r} in row {row}; {len(broken)} such rows)"
        )
    return vectors


def embed_texts(
    encoder: Callable[[list[str]], ArrayLike | Tensor],
    texts: Sequence[str],
    names: Sequence[str],
    owner: str,
) -> Tensor:
    """Vectors of texts, float32, ``[len(texts), C]``; blank texts get zeros.

    Args:
        encoder: Called once, with the texts that are not blank.
        texts: The texts.
        names: What the texts belong to, for the error message.
        owner: Who asks, for the error message.

    Raises:
        ValueError: For what :func:`check_vectors` raises.
    """
    filled = [row for row, text in enumerate(texts) if text.strip()]
    given = encoder([texts[row] for row in filled])
    vectors = check_vectors(given, [names[row] for row in filled], owner).cpu()
    if len(filled) == len(texts):
        return vectors
    x = vectors.new_zeros(len(texts), vectors.size(1))
    x[filled] = vectors
    return x


def fingerprint(encoder: object) -> str:
    """What an encoder says it is; empty where it says nothing."""
    return str(getattr(encoder, "fingerprint", ""))
