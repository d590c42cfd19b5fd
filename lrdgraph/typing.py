"""Names and values shared by every module.

Letters of shapes, everywhere: ``N`` items, ``E`` candidate pairs, ``R`` relations,
``B`` histories in a batch, ``L`` history slots, ``P`` predicted positions,
``C`` channels.
"""

from typing import NamedTuple, TypedDict

from torch import Tensor

TRAIN = 0
"""Value of ``data['user', 'interacts', 'item'].split`` in training."""

VAL = 1
"""That of validation."""

TEST = 2
"""That of the test."""

TRANSITION = "transition"
"""Name of the relation that counts how often shoppers went from item to item."""

TEXT_KNN = "text_knn"
"""Name of the relation of what reads alike; it says who is paired, and no fact."""

NONE = "none"
"""Name of the latent relation that takes the unrelated pairs."""


class TypedEdges(NamedTuple):
    """Item pairs with a weight per relation, sorted by source.

    Shapes: ``edge_index [2, E]`` (source, target), ``weight [E, R]`` in the order of
    ``LatentRelationGraph.relations``.
    """

    edge_index: Tensor
    weight: Tensor


class PairEvidence(NamedTuple):
    """Item pairs to learn relations from, and what is known of them.

    Shapes: ``edge_index [2, E]`` (source, target); ``lags [E, B]``, from how many
    purchases of the source its shoppers went on to the target at which lag, the last
    bucket being never; ``chance [E, B - 1]``, the share that comes by chance;
    ``negatives [S]``, items to compare with; ``observed [E, O]``, 1 where an observed
    relation holds.
    """

    edge_index: Tensor
    lags: Tensor
    chance: Tensor
    negatives: Tensor
    observed: Tensor


class PairDraw(NamedTuple):
    """Pairs drawn to learn relations from, and items to compare with.

    Shapes: ``edge_id [E]`` (places in the graph), ``edge_index [2, E]`` and
    ``negatives [S]`` (rows of the item states).
    """

    edge_id: Tensor
    edge_index: Tensor
    negatives: Tensor


class Rows(NamedTuple):
    """The positions of a batch to predict after: ``batch [P]`` and ``slot [P]``."""

    batch: Tensor
    slot: Tensor


class Batch(TypedDict):
    """A training batch: ``history [B, L]`` and ``target [B, L]``, padded with ``N``.

    ``target[b, i]`` is the item that followed ``history[b, i]``, in ``period[b, i]``
    and at ``time[b, i]``; ``history_time[b, i]`` is when ``history[b, i]`` was bought.
    Times are in seconds, and mean nothing in padding.
    """

    history: Tensor
    history_time: Tensor
    target: Tensor
    time: Tensor
    period: Tensor


class ChoiceBatch(TypedDict):
    """A training batch of single choices.

    ``user [B]`` chose ``target [B]`` at ``time [B]`` after ``history [B, L]``, padded
    with ``N`` and bought at ``history_time [B, L]``, and not ``negatives [B, Q]``.
    Times are in seconds, and mean nothing in padding.
    """

    user: Tensor
    history: Tensor
    history_time: Tensor
    time: Tensor
    target: Tensor
    negatives: Tensor


class Reason(NamedTuple):
    """One path to a recommended item.

    ``item`` of the history (external id), the ``relation`` that leads from it to the
    recommended item (``lent_transition`` where shoppers went on to items that it reads
    like), the ``probability`` of that relation (1.0 for an observed one, 0.0 for a lent
    one) and what the path adds to the score.
    """

    item: str
    relation: str
    probability: float
    contribution: float


class Recommendation(NamedTuple):
    """A recommended item (external id), its score, its reasons, strongest first."""

    item: str
    score: float
    reasons: tuple[Reason, ...]


class Neighbor(NamedTuple):
    """An item (external id) reached by ``relation`` with ``probability``."""

    item: str
    relation: str
    probability: float
