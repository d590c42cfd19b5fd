"""The catalogue of :class:`PlantedRelations`: product texts and the pairs they imply.

The catalogue is a sequence of *segments* of :data:`SEGMENT_SIZE` items. A segment is a
market: two rival brands, each with one product line of the same kind and tier. A line
has three generations of a device, each with refills and accessories of its own system,
a companion in two generations and one supply. All segments have the same places, so
the planted relations are listed once, between places, and repeated by an offset.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrdgraph.datasets import _words as words
from lrdgraph.datasets._kinds import KINDS, Kind

RELATIONS = (
    "refill",
    "accessory",
    "upgrade",
    "substitute",
    "complement",
    "variant",
)
"""Names of the planted relations; their place is the type in ``gold_edge_type``."""

NUM_LINES = 2
SYSTEM = ("device", "refill_a", "refill_b", "third_party", "spare", "add_on", "fitting")
"""Roles of the products that exist once in every generation of a line."""
SERIES = {"device": 3, "companion": 2, "supply": 1}
"""Products that have rivals and, given generations, successors."""
LINE_SIZE = len(SYSTEM) * SERIES["device"] + SERIES["companion"] + SERIES["supply"]
SEGMENT_SIZE = NUM_LINES * LINE_SIZE
"""Items of a complete segment."""

TITLES = {
    "device": words.DEVICE_TITLES,
    "refill_a": words.REFILL_TITLES,
    "refill_b": words.REFILL_TITLES,
    "third_party": words.THIRD_PARTY_TITLES,
    "spare": words.REFILL_TITLES,
    "add_on": words.ACCESSORY_TITLES,
    "fitting": words.ACCESSORY_TITLES,
    "companion": words.COMPANION_TITLES,
    "supply": words.SUPPLY_TITLES,
}

DOMAINS = tuple(dict.fromkeys(kind.domain for kind in KINDS))
_KINDS = KINDS[::2] + KINDS[1::2]  # so that a small catalogue spans many domains


class Product(NamedTuple):
    """What the shop says about an item, and the number of its domain."""

    title: str
    category: str
    brand: str
    domain: int


class Catalogue(NamedTuple):
    """Products ``[N]``, planted pairs ``[2, E]`` and their relation ``[E]``."""

    products: list[Product]
    edge_index: NDArray[np.int64]
    edge_type: NDArray[np.int64]


class _Line(NamedTuple):
    kind: Kind
    brand: str
    maker: str
    name: str
    tier: str
    generations: tuple[str, str, str]
    systems: tuple[str, str, str]


def make_catalogue(num_items: int, rng: np.random.Generator) -> Catalogue:
    """Composes ``num_items`` products, in random order, and the pairs among them."""
    num_segments = -(-num_items // SEGMENT_SIZE)
    styles = iter(rng.integers(2**32, size=num_segments * SEGMENT_SIZE).tolist())
    products = [
        product
        for line in _make_lines(num_segments, rng)
        for product in _line_products(line, styles)
    ][:num_items]
    order = rng.permutation(num_items)
    index = np.empty_like(order)
    index[order] = np.arange(num_items)
    pairs, edge_type = _planted_pairs(num_segments)
    inside = (pairs < num_items).all(axis=0)
    edge_index, edge_type = index[pairs[:, inside]], edge_type[inside]
    by_source = np.lexsort((edge_index[1], edge_index[0]))
    return Catalogue(
        [products[place] for place in order],
        edge_index[:, by_source],
        edge_type[by_source],
    )


def _make_lines(num_segments: int, rng: np.random.Generator) -> Iterator[_Line]:
    """The lines of all segments; the kinds of a domain share its brands."""
    num_ranks = -(-num_segments // len(_KINDS))
    num_names = len(DOMAINS) * num_ranks * (NUM_LINES + 1)
    names = iter(_invent_names(num_names, rng))
    brands = {
        (domain, rank): [next(names) for _ in range(NUM_LINES + 1)]
        for domain in DOMAINS
        for rank in range(num_ranks)
    }
    line_names = rng.permutation(np.array(words.LINES)).tolist()
    for segment in range(num_segments):
        kind = _KINDS[segment % len(_KINDS)]
        *rivals, maker = brands[kind.domain, segment // len(_KINDS)]
        tier = words.TIERS[rng.integers(len(words.TIERS))]
        for place, brand in enumerate(rivals):
            yield _Line(
                kind=kind,
                brand=brand,
                maker=maker,
                name=line_names[(segment * NUM_LINES + place) % len(line_names)],
                tier=tier,
                generations=words.GENERATIONS[rng.integers(len(words.GENERATIONS))],
                systems=(_code(rng), _code(rng), _code(rng)),
            )


def _invent_names(count: int, rng: np.random.Generator) -> list[str]:
    """Different names of the fewest syllables that give enough of them."""
    num_short = len(words.HEADS) * len(words.TAILS)
    middles = words.MIDDLES[: -(-count // num_short)]
    names = [
        head + middle + tail
        for middle in middles
        for head in words.HEADS
        for tail in words.TAILS
    ]
    names = list(dict.fromkeys(names))
    if len(names) < count:
        names += [f"{name} {number}" for number in range(2, 99) for name in names]
    return [names[place] for place in rng.permutation(len(names))[:count]]


def _code(rng: np.random.Generator) -> str:
    first, second, number = rng.integers((20, 20, 90)).tolist()
    letters = "BCDFGHJKLMNPQRSTVWXZ"
    return f"{letters[first]}{letters[second]}-{number + 10}"


def _line_products(line: _Line, styles: Iterator[int]) -> Iterator[Product]:
    """All products of a line, generation by generation, then the companions."""
    for generation in range(SERIES["device"]):
        for role in SYSTEM:
            yield _product(line, role, generation, next(styles))
    for role in ("companion", "supply"):
        for generation in range(SERIES[role]):
            yield _product(line, role, generation, next(styles))


def _product(line: _Line, role: str, generation: int, style: int) -> Product:
    kind = line.kind
    supplies = f"{kind.device} Supplies & Accessories"
    part, variant, category = {
        "device": (kind.device, "", kind.category),
        "refill_a": (kind.consumable, kind.variants[0], supplies),
        "refill_b": (kind.consumable, kind.variants[1], supplies),
        "third_party": (kind.consumable, kind.variants[0], supplies),
        "spare": (kind.spare, "2-Pack", supplies),
        "add_on": (kind.accessories[0], "", supplies),
        "fitting": (kind.accessories[1], "", supplies),
        "companion": (kind.companion[0], "", kind.companion[1]),
        "supply": (kind.supply, "", supplies),
    }[role]
    remarks = words.REMARKS if variant else words.REMARKS + words.COLORS
    style, remark = divmod(style, len(remarks))
    pattern = TITLES[role][style % len(TITLES[role])]
    title = f"{pattern}, {remarks[remark]}".format(
        brand=line.brand,
        maker=line.maker,
        line=line.name,
        tier=line.tier,
        generation=line.generations[generation],
        system=line.systems[generation],
        device=kind.device,
        spec=kind.specs[generation],
        activity=kind.activity,
        part=part,
        variant=variant,
    )
    brand = line.maker if role == "third_party" else line.brand
    return Product(title, category, brand, DOMAINS.index(kind.domain))


def _planted_pairs(num_segments: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The planted pairs of all segments, before the items are put in random order."""
    source, target, relation = zip(*_segment_pairs(), strict=True)
    pairs = np.array([source, target])
    offset = np.arange(num_segments) * SEGMENT_SIZE
    edge_index = (pairs[:, None, :] + offset[:, None]).reshape(2, -1)
    edge_type = [RELATIONS.index(name) for name in relation]
    return edge_index, np.tile(np.array(edge_type), num_segments)


def _segment_pairs() -> Iterator[tuple[int, int, str]]:
    """Planted pairs of places in a segment: source, target, relation."""
    for line in range(NUM_LINES):
        rival = NUM_LINES - 1 - line
        for generation in range(SERIES["device"]):
            yield from _system_pairs(line, generation)
        for role, num_generations in SERIES.items():
            for generation in range(num_generations):
                place = _place(line, role, generation)
                yield place, _place(rival, role, generation), "substitute"
                if generation > 0:
                    yield _place(line, role, generation - 1), place, "upgrade"
                if role != "device":
                    for device in range(SERIES["device"]):
                        yield _place(line, "device", device), place, "complement"


def _system_pairs(line: int, generation: int) -> Iterator[tuple[int, int, str]]:
    """Pairs of a device and what fits only it."""
    place = {role: _place(line, role, generation) for role in SYSTEM}
    for role in ("refill_a", "refill_b", "third_party", "spare"):
        yield place["device"], place[role], "refill"
    for role in ("add_on", "fitting"):
        yield place["device"], place[role], "accessory"
    for relation, one, other in (
        ("substitute", "refill_a", "third_party"),
        ("variant", "refill_a", "refill_b"),
    ):
        yield place[one], place[other], relation
        yield place[other], place[one], relation


def _place(line: int, role: str, generation: int) -> int:
    """Place of a product in its segment, as :func:`_line_products` orders them."""
    if role in SYSTEM:
        within = generation * len(SYSTEM) + SYSTEM.index(role)
    else:
        within = len(SYSTEM) * SERIES["device"] + generation
        within += SERIES["companion"] if role == "supply" else 0
    return line * LINE_SIZE + within
