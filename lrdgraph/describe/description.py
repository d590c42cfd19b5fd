"""The description of a latent relation, and how a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import NamedTuple

import numpy as np
import pandas as pd

from lrdgraph.habits import LAGS

LAG_NAMES = tuple(
    str(last) if last - before == 1 else f"{before + 1} to {last}"
    for before, last in zip((0, *LAGS), LAGS, strict=False)
)
"""What the buckets of :data:`~lrdgraph.habits.LAGS` are called: 1, 2, ..., 5 to 7."""

COUNTED = "counted"
"""Origin of a name that is made of what was counted."""


class Exemplar(NamedTuple):
    """A pair (external ids and titles), and how sure the relation is of it."""

    head: str
    tail: str
    head_title: str
    tail_title: str
    probability: float


class Overlap(NamedTuple):
    """In which share of the pairs something holds, and how much more often than usual.

    ``name`` is that of an observed relation, ``'transition'``, or ``'same brand'`` for
    two items of equal brand.
    """

    name: str
    share: float
    lift: float


class Habits(NamedTuple):
    """Which share of the heads' shoppers came to the tail, and when.

    ``lift`` is the share as a multiple of the usual one; ``lags`` are, of those who
    came, the shares that came at each lag of :data:`LAG_NAMES`, all 0 if nobody did.
    """

    came: float
    lift: float
    lags: tuple[float, ...]


@dataclass(frozen=True)
class Description:
    """A latent relation, over the pairs of which it is the most probable outcome.

    *Usual* is what holds over all pairs that latent relations live on.

    Attributes:
        relation: Its name in the graph, such as ``'latent_3'``.
        name: A short name made of what follows, such as ``'later: refill, 2-pack'``;
            the relation's own name where nothing is remarkable.
        num_pairs: Number of its pairs.
        share: That number as a share of all pairs that latent relations live on.
        confidence: Mean probability of the relation over its pairs.
        symmetry: Of the pairs whose reverse is in the graph, the share whose reverse is
            of the same relation; None if there is no such pair.
        habits: When shoppers come from head to tail; None if no head has shoppers.
        overlaps: Observed relations and shared attributes, highest lift first.
        gained: Words that the tails' titles have and those of their heads lack, the
            surest first.
        lost: Words that it is the other way round with.
        exemplars: Its surest pairs, each item only once.
        sentence: What a language model wrote of it, see
            :func:`~lrdgraph.describe.name_relations`; empty where none did.
        origin: Where the name comes from, and if no language model gave one, why.
    """

    relation: str
    name: str
    num_pairs: int
    share: float
    confidence: float
    symmetry: float | None
    habits: Habits | None
    overlaps: tuple[Overlap, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    exemplars: tuple[Exemplar, ...]
    sentence: str = ""
    origin: str = COUNTED

    def __str__(self) -> str:
        return "\n    ".join([f"{self.relation}  {self.name}", *_lines(self)])


def overview(descriptions: Sequence[Description]) -> pd.DataFrame:
    """A table with one row per relation, and what fits into one."""
    rows = [
        {
            "relation": one.relation,
            "name": one.name,
            "pairs": one.num_pairs,
            "share": one.share,
            "confidence": one.confidence,
            "symmetry": one.symmetry,
            "came": one.habits.came if one.habits else None,
        }
        for one in descriptions
    ]
    return pd.DataFrame(rows).set_index("relation")


def _lines(one: Description) -> Iterator[str]:
    """What is said beneath the name."""
    if one.sentence:
        yield one.sentence
    if one.origin != COUNTED:
        yield f"(name {one.origin})"
    line = f"{one.num_pairs:,} pairs ({one.share:.1%}), {one.confidence:.0%} sure"
    if one.symmetry is not None:
        line += f", {one.symmetry:.0%} go back as the same relation"
    yield line
    if one.habits:
        yield tell_habits(one.habits)
    if one.overlaps:
        parts = (f"{o.name} {o.share:.0%} (× {o.lift:.1f})" for o in one.overlaps)
        yield "overlaps: " + ", ".join(parts)
    for verb, words in (("gain", one.gained), ("lose", one.lost)):
        if words:
            yield f"tails {verb}: " + ", ".join(words)
    for pair in one.exemplars:
        titles = (shortened(title, 60) for title in pair[2:4])
        yield f"{pair.probability:.2f}  " + " -> ".join(titles)


def shortened(text: str, width: int) -> str:
    """The start of a text, in one line of at most ``width`` letters (3 or more).

    Whole words, where they fill half of it: languages that are written without spaces
    have one word a sentence, of which nothing would be left.
    """
    line = " ".join(text.split())
    words = shorten(line, width, placeholder=" …")
    if len(line) <= width or 2 * len(words) > width:
        return words
    return f"{line[: width - 2].rstrip()} …"


def tell_habits(habits: Habits) -> str:
    """One sentence on when shoppers come."""
    sentence = (
        f"{habits.came:.1%} of the heads' shoppers come to the tail "
        f"({habits.lift:.1f} × the usual)"
    )
    if not habits.came:
        return sentence
    top = int(np.argmax(habits.lags))
    when = f"{LAG_NAMES[top]} purchase{'s' if top else ''} later"
    return f"{sentence}, {habits.lags[top]:.0%} of them {when}"
