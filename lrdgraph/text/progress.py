"""The bar that whatever goes through texts shows."""

from tqdm import tqdm


def progress_bar(total: int, name: str, *, shown: bool) -> tqdm:
    """A bar that counts texts, on a terminal only; one inside another one vanishes.

    Args:
        total: Texts to come; without any there is no bar.
        name: What is done with them.
        shown: False for no bar at all.
    """
    return tqdm(
        total=total,
        desc=name,
        unit=" texts",
        leave=None,  # where it is the outermost
        disable=None if shown and total else True,
    )
