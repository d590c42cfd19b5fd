"""Relations from a value that items share, such as a brand or a director."""

import numpy as np
from numpy.typing import NDArray


def shared_value_pairs(
    item: NDArray[np.int64], value: NDArray[np.int64], max_partners: int
) -> NDArray[np.int64]:
    """Links items that share a value; the number of pairs is linear in memberships.

    The members of a value stand in a ring in the order of their item index, and each is
    linked with its nearest neighbours there, half of them on either side. So up to
    ``max_partners + 1`` members are all linked with each other, and in a larger group
    nobody has more than ``max_partners`` partners.

    Args:
        item: Item index of each membership, shape ``[M]``.
        value: Code of the shared value of each membership, shape ``[M]``.
        max_partners: Largest number of partners of an item within one value.

    Returns:
        Symmetric pairs of item indices, shape ``[2, E]`` with
        ``E <= M * max_partners``; an item pair that shares two values appears twice.
    """
    order = np.lexsort((item, value))
    item, value = item[order], value[order]
    _, start, size = np.unique(value, return_index=True, return_counts=True)
    group_start, group_size = np.repeat(start, size), np.repeat(size, size)
    position = np.arange(len(item)) - group_start
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for step in range(1, max_partners // 2 + 1):
        linked = group_size > step
        partner = group_start + (position + step) % np.maximum(group_size, 1)
        pair = np.stack([item[linked], item[partner[linked]]])
        pairs += [pair, pair[::-1]]
    return np.concatenate(pairs, axis=1)
