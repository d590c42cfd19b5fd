"""Relations from a value that items share, such as a brand or a director."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def shared_value_pairs(
    item: NDArray[np.int64], value: NDArray[np.int64], max_partners: int
) -> NDArray[np.int64]:
    """Links items that share a value; the number of pairs is linear in memberships.

    The members of a value stand in a ring in the order of their item index, and each is
    linked with its nearest neighbours there, half of them on either side. Where
    ``max_partners`` is odd, the last partner is the member across the ring, which one
    of an odd number of members does without. So up to ``max_partners + 1`` members are
    all linked with each other, and in a larger group nobody has more than
    ``max_partners`` partners.

    Args:
        item: Item index of each membership, shape ``[M]``.
        value: Code of the shared value of each membership, shape ``[M]``.
        max_partners: Largest number of partners of an item within one value, at
            least 1.

    Returns:
        Symmetric pairs of item indices, shape ``[2, E]`` with
        ``E <= M * max_partners``; an item pair that shares two values appears twice.

    Raises:
        ValueError: If ``max_partners`` is below 1.
    """
    if max_partners < 1:
        raise ValueError(
            "'max_partners' needs to be a positive integer in 'shared_value_pairs' "
            f"(got {max_partners})"
        )
    order = np.lexsort((item, value))
    item, value = item[order], value[order]
    _, start, size = np.unique(value, return_index=True, return_counts=True)
    group_start, group_size = np.repeat(start, size), np.repeat(size, size)
    position = np.arange(len(item)) - group_start
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for step, linked in _steps(position, group_size, max_partners):
        partner = group_start + (position + step) % np.maximum(group_size, 1)
        pair = np.stack([item[linked], item[partner[linked]]])
        pairs += [pair, pair[::-1]]
    return np.concatenate(pairs, axis=1)


def _steps(
    position: NDArray[np.int64], group_size: NDArray[np.int64], max_partners: int
) -> Iterator[tuple[int | NDArray[np.int64], NDArray[np.bool_]]]:
    """How far along the ring partners are, and which members are linked that far."""
    for step in range(1, max_partners // 2 + 1):
        yield step, group_size > step
    if max_partners % 2:
        across = group_size // 2
        yield across, (group_size > max_partners) & (position < across)
