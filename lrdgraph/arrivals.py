"""Items that arrive after discovery, known by their texts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import normalize
from torch_geometric.utils import softmax

from lrdgraph.candidates import Candidates, degree_scale, sampling_weight
from lrdgraph.datasets.cleaning import as_ids, clean_text
from lrdgraph.ragged import ascending, ragged_arange, starts
from lrdgraph.text.vectors import embed_texts, fingerprint
from lrdgraph.typing import TEXT_KNN

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

_ROWS = 256  # of the similarity matrix in memory at a time
_PAIRS = 1 << 16  # whose texts are compared at a time
_SHARPNESS = 20.0  # of a softmax over cosines
_CLOSER = 3.0  # a pair .23 nearer in cosine says twice as much of a new item


def with_items(
    graph: LatentRelationGraph,
    ids: Sequence[str],
    texts: Sequence[str],
    encoder: Callable[[list[str]], ArrayLike | Tensor],
    k: int = 20,
) -> LatentRelationGraph:
    """The graph with items that arrived later, their relations inferred from texts.

    Args:
        graph: The graph, which is left as it is.
        ids: External ids of the new items, read as
            :func:`~lrdgraph.datasets.from_tables` reads them: 900 is ``'900'``.
        texts: Their texts, cleaned as there; what is missing becomes ``''``.
        encoder: What made the vectors of the other items' texts.
        k: Number of known neighbours of a new item, in both directions, and of new ones
            at most; see :func:`arrive`.

    Raises:
        ValueError: If ``ids`` or ``texts`` is a single text, if another encoder made
            the graph's vectors, if an id is missing or no valid Unicode, or for what
            :func:`arrive` raises.
    """
    made_by = fingerprint(encoder)
    if graph.encoder and made_by and made_by != graph.encoder:
        raise ValueError(
            f"'encoder' needs to be the one of the other items, {graph.encoder!r} "
            f"(got {made_by!r})"
        )
    for name, given in (("ids", ids), ("texts", texts)):
        if isinstance(given, str):
            raise ValueError(f"{name!r} need to be a sequence (got the text {given!r})")
    if len(texts) != len(ids):
        raise ValueError(
            f"'texts' need to be as many as 'ids', {len(ids)} (got {len(texts)})"
        )
    column = pd.Series(ids, name="ids", dtype=object)
    ids, texts = [*map(str, as_ids(column, "new items"))], [*map(clean_text, texts)]
    x = embed_texts(encoder, texts, ids, "with_items").to(graph.x)
    for step in graph.vector_steps:
        x = step(x)
    candidates = arrive(graph, ids, texts, x, k)
    sizes = (graph.num_latent, graph.state_channels, graph.objective)
    grown = type(graph)(candidates, *sizes)
    if graph.num_latent:
        grown.dvae.load_state_dict(graph.dvae.state_dict())
    grown.relation_names = dict(graph.relation_names)
    return grown.to(graph.x.device).train(graph.training)


def arrive(
    graph: LatentRelationGraph,
    ids: Sequence[str],
    texts: Sequence[str],
    x: Tensor,
    k: int = 20,
) -> Candidates:
    """Items and pairs of a graph with new items, paired with their nearest ones.

    An item is known if somebody has bought it, or if nobody has bought any. A new item
    is paired with the ``k`` nearest known ones, so that it is reached however many like
    it arrive with it, and with those of the ``k`` nearest of all that are not known.

    Nothing of the pairs that exist changes. Those that lead to a new item, of which its
    text says all that is known, count by how near the texts are: their ``scale`` is
    multiplied by ``exp(3 (cos - mean))``, with the mean cosine of the pairs by text
    that exist. Nobody has followed the new ones, but the transitions to the items that
    a new one reads like are lent to it; see :func:`lend`.

    Args:
        graph: The graph, of ``N`` items.
        ids: External ids of the ``M`` new items.
        texts: Their texts.
        x: Their vectors, made like those of the others, with shape ``[M, C_text]``.
        k: Number of known neighbours of a new item. The search is exact and costs
            ``O(M (N + M) C)``, and two passes over the similarities; an item is lent as
            many pairs as lead to these.

    Raises:
        ValueError: If an id is there already or twice, if the vectors are of another
            shape, or if the pairs of the graph do not come from ``TextKNN``.
    """
    candidates = graph.candidates
    _check(candidates, ids, x, k)
    united = torch.cat([candidates.x, x.to(candidates.x)])
    num_items = len(united)
    old = _renumber(candidates, num_items)
    known = _known(old, len(candidates.ids))
    pairs = _nearest(united, known, len(candidates.ids), k)
    text = torch.cat([_key(pairs, num_items), _key(pairs.flip(0), num_items)]).unique()
    near = pairs[:, known[pairs[1]]]
    lent, count = lend(graph, near, cosines(united, near), num_items)
    every = ascending(torch.cat([old.key, text, lent])).unique_consecutive()
    grown = _extend(old, every, text)
    grown.transitions[torch.searchsorted(grown.key, lent)] = count
    average = cosines(candidates.x, _by_text(candidates)).mean()
    into = (grown.edge_index[1] >= len(candidates.ids)).nonzero().squeeze(-1)
    closer = _CLOSER * (cosines(united, grown.edge_index[:, into]) - average)
    grown.scale[into] *= closer.exp()
    return grown._replace(
        ids=[*candidates.ids, *ids], texts=[*candidates.texts, *texts], x=united
    )


def lend(
    graph: LatentRelationGraph, pairs: Tensor, cosine: Tensor, num_items: int
) -> tuple[Tensor, Tensor]:
    """Transitions to new items, as heavy as those to the items they read like.

    Args:
        graph: The graph without the new items.
        pairs: New items and known ones near to them in text, ``[2, n]``.
        cosine: Of each of these pairs, ``[n]``.
        num_items: Number of items, with the new ones.

    Returns:
        Ascending keys of pairs that lead to new items, and the counts that give them
        the mean weight of the transitions to the items near, weighted by a softmax of
        20 times the cosine. (Theirs may be fractions: nobody was counted.)
    """
    borrower, lender = pairs
    share = softmax(_SHARPNESS * cosine, borrower)
    followed = graph.transitions.nonzero().squeeze(-1)
    followed = followed[graph.edge_index[1, followed].argsort(stable=True)]
    start = starts(graph.edge_index[1, followed], graph.num_items)
    owner, place = ragged_arange(start[lender], start[lender + 1] - start[lender])
    edge_id = followed[place]
    key = _key(torch.stack([graph.edge_index[0, edge_id], borrower[owner]]), num_items)
    key, pair = key.unique(return_inverse=True)
    weight = graph.transition_weight(edge_id) * share[owner]
    weight = weight.new_zeros(len(key)).index_add(0, pair, weight)
    # What `transition_weight` makes of a count, undone: nobody has bought the target.
    bought = graph.popularity[key // num_items].clamp(min=1)
    return key, torch.expm1(weight * bought**0.25)


def cosines(x: Tensor, edge_index: Tensor) -> Tensor:
    """Cosines of the vectors ``x [N, C]`` of the pairs ``[2, E]``, ``[E]``."""
    unit = normalize(x)
    pairs = zip(*(end.split(_PAIRS) for end in edge_index), strict=True)
    return torch.cat([(unit[i] * unit[j]).sum(1) for i, j in pairs])


def _by_text(candidates: Candidates) -> Tensor:
    """Pairs of near texts, ``[2, n]``."""
    column = candidates.observed_relations.index(TEXT_KNN)
    return candidates.edge_index[:, candidates.observed[:, column] > 0]


def _check(candidates: Candidates, ids: Sequence[str], x: Tensor, k: int) -> None:
    if TEXT_KNN not in candidates.observed_relations:
        raise ValueError(
            f"new items are paired by {TEXT_KNN!r}, which needs to be a relation of "
            f"the graph (got {candidates.observed_relations}): apply "
            "lrdgraph.transforms.TextKNN before the graph is made"
        )
    if k < 1:
        raise ValueError(f"'k' needs to be positive (got {k})")
    again = [n for n, times in Counter([*candidates.ids, *ids]).items() if times > 1]
    if again:
        raise ValueError(f"'ids' need to be new and different (got {again[0]!r} again)")
    shape = (len(ids), candidates.x.size(1))
    if x.shape != shape:
        raise ValueError(
            f"vectors of new items need to have shape {list(shape)}, as those of the "
            f"graph (got {list(x.shape)}): give the encoder that made those"
        )


def _key(pairs: Tensor, num_items: int) -> Tensor:
    return pairs[0] * num_items + pairs[1]


def _renumber(candidates: Candidates, num_items: int) -> Candidates:
    """The same pairs among more items."""
    source, target = candidates.edge_index
    more = num_items - len(candidates.ids)
    popularity, chance = candidates.popularity, candidates.chance
    return candidates._replace(
        key=source * num_items + target,
        popularity=torch.cat([popularity, popularity.new_zeros(more)]),
        chance=torch.cat([chance, chance.new_zeros(more, chance.size(1))]),
    )


def _known(old: Candidates, first: int) -> Tensor:
    """Which items before ``first`` somebody has bought, all if nobody any, ``[N]``."""
    bought = old.popularity > 0
    bought[:first] |= ~bought.any()
    return bought


def _nearest(x: Tensor, known: Tensor, first: int, k: int) -> Tensor:
    """Pairs ``[2, n]`` of the items from ``first`` on with others near to them.

    These are the ``k`` nearest of the ``known [N]`` ones, and the ``k`` nearest of all.
    """
    filled = x.abs().sum(dim=1) > 0
    parts = [(filled & part).nonzero().squeeze(-1) for part in (known, ~known)]
    column, num_known = torch.cat(parts), len(parts[0])
    unit = normalize(x[column], eps=0.0)
    pairs = [torch.empty(2, 0, dtype=torch.long, device=x.device)]
    for item in column[column >= first].split(_ROWS):
        similarity = normalize(x[item], eps=0.0) @ unit.T
        similarity[item.unsqueeze(1) == column] = -torch.inf
        taken = torch.zeros_like(similarity, dtype=torch.bool)
        for part in (similarity[:, :num_known], similarity):
            taken.scatter_(1, part.topk(min(k, part.size(1))).indices, True)
        source, target = (taken & similarity.isfinite()).nonzero(as_tuple=True)
        pairs.append(torch.stack([item[source], column[target]]))
    return torch.cat(pairs, dim=1)


def _extend(old: Candidates, key: Tensor, text: Tensor) -> Candidates:
    """The pairs of ``key [E']``, of which those of ``text [n]`` are near in text."""
    num_items = old.popularity.numel()
    place, near = torch.searchsorted(key, old.key), torch.searchsorted(key, text)
    edge_index = torch.stack([key // num_items, key % num_items])
    observed = old.observed.new_zeros(key.numel(), old.observed.size(1))
    observed[near, old.observed_relations.index(TEXT_KNN)] = 1
    observed[place] = old.observed
    static = torch.zeros_like(key, dtype=torch.bool)
    static[near] = True
    static = _placed(old.static, place, static)
    lags = _placed(old.lags, place, old.lags.new_zeros(key.numel(), old.lags.size(1)))
    return old._replace(
        edge_index=edge_index,
        key=key,
        start=starts(edge_index[0], num_items),
        observed=observed,
        static=static,
        scale=_placed(old.scale, place, degree_scale(edge_index, static, num_items)),
        transitions=_placed(old.transitions, place, torch.zeros_like(key).float()),
        lags=lags,
        cumulative_weight=sampling_weight(lags, static).cumsum(0),
    )


def _placed(known: Tensor, place: Tensor, default: Tensor) -> Tensor:
    """The default, with what is known put into its places."""
    default[place] = known
    return default
