"""SASRec on ids, on texts, or on both: the baseline, and what LRDRec builds on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.models import large
from lrdgraph.models.sampled import Asked, Common, Reach, draw_common
from lrdgraph.nn.cross_entropy import NO_SHARE, catalogue_cross_entropy
from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.encoder import make_encoder
from lrdgraph.nn.scoring import (
    Messages,
    Paths,
    history_paths,
    inner_products,
    last_rows,
)
from lrdgraph.nn.trend import TrendBias
from lrdgraph.typing import Batch, Rows


class SASRec(nn.Module):
    r"""Self-attention over the history, with a softmax over the whole catalogue.

    From `"Self-Attentive Sequential Recommendation"
    <https://arxiv.org/abs/1808.09781>`_. Differences to the paper, each for accuracy:
    full softmax in place of one negative and binary cross-entropy, GELU, two heads, a
    bias per item, and item states that add a projection of the text vector to the id
    embedding. Items of the history are no candidates in training, as they are
    none when the catalogue is ranked; a repeated item is never a training target.

    With another encoder this is another published model, with the same loss and item
    states: ``SASRec(num_items, encoder="gru4rec")`` is GRU4Rec. Each encoder says
    what else is not as in its paper.

    Args:
        num_items: Number of items ``N``; index ``N`` is padding.
        hidden_channels: Size ``C`` of item and user states.
        max_length: Number of history slots ``L``; older items are left out.
        num_layers: Number of layers of the encoder.
        dropout: Dropout probability.
        encoder: What reads the history, by its name in
            :data:`~lrdgraph.nn.encoder.ENCODERS`: ``'transformer'``, ``'gru4rec'``,
            ``'caser'``, ``'tisasrec'``, ``'bsarec'`` or ``'hstu'``.
        x: Item text vectors with shape ``[N, C_text]``, which become float32; None
            uses ids alone.
        trend: What :class:`~lrdgraph.transforms.Trends` found, with shape
            ``[N, T, F]``; None leaves time out.
        num_negatives: Number of items, drawn anew in each step of training, that stand
            for the catalogue in the softmax, so that a step costs what they and the
            batch need (see :mod:`lrdgraph.models.large`); None compares with all items.
        in_batch: Share of them that are drawn from what others of the batch bought
            next, in ``[0, 1)``; the rest is drawn uniformly. Helps where they are a
            very small part of the catalogue.

    Raises:
        ValueError: If there are no items, if ``x`` or ``trend`` is not of these items,
            if ``hidden_channels`` does not suit the encoder, if ``max_length`` or
            ``num_layers`` is not positive, or if the encoder is unknown; if
            ``num_negatives`` is below 1, or given beside ``trend``; if ``in_batch`` is
            not in ``[0, 1)``, or given without ``num_negatives``.
    """

    x: Tensor | None

    def __init__(
        self,
        num_items: int,
        hidden_channels: int = 64,
        *,
        max_length: int = 20,
        num_layers: int = 1,
        dropout: float = 0.4,
        encoder: str = "transformer",
        x: Tensor | None = None,
        trend: Tensor | None = None,
        num_negatives: int | None = None,
        in_batch: float = 0.0,
    ) -> None:
        super().__init__()
        _check_sizes(num_items, hidden_channels, x, trend)
        _check_negatives(num_negatives, trend, in_batch)
        self.num_items, self.max_length = num_items, max_length
        self.num_negatives, self.in_batch = num_negatives, in_batch
        self.num_periods = 0 if trend is None else trend.size(1)
        self.id = nn.Embedding(num_items, hidden_channels, sparse=bool(num_negatives))
        nn.init.normal_(self.id.weight, std=0.1)
        self.bias = nn.Parameter(torch.zeros(num_items))
        self.encoder = make_encoder(
            encoder, hidden_channels, max_length, num_layers, dropout
        )
        self.trend = None if trend is None else TrendBias(trend)
        self.register_buffer("x", None if x is None else x.float(), persistent=False)
        if x is not None:
            self.text = nn.Sequential(
                nn.Linear(x.size(1), 2 * hidden_channels),
                nn.GELU(),
                Dropout(dropout),
                nn.Linear(2 * hidden_channels, hidden_channels),
            )

    def item_ids(self, item: Tensor | None = None) -> Tensor:
        """Embedding of the ids of items ``[n]``, or of all, with shape ``[n, C]``."""
        ids: Tensor = self.id.weight if item is None else self.id(item)
        return ids

    def item_bias(self) -> Tensor:
        """Bias of every item, with shape ``[N]``."""
        return self.bias

    def item_trend(self, periods: slice = slice(None)) -> Tensor:
        """What is in fashion in each of some periods, with shape ``[N, T]``."""
        assert self.trend is not None
        bias: Tensor = self.trend(periods)
        return bias

    def item_offsets(self) -> Tensor:
        """What each item has *now* whoever asks: bias and fashion, ``[N]``."""
        if self.trend is None:
            return self.item_bias()
        return self.item_bias() + self.item_trend(slice(-1, None)).squeeze(1)

    def item_states(self, item: Tensor | None = None) -> Tensor:
        """State of items ``[n]``, or of all, with shape ``[n, C]``."""
        if self.x is None:
            return self.item_ids(item)
        x = self.x if item is None else self.x.index_select(0, item)
        states: Tensor = self.item_ids(item) + self.text(x)
        return states

    def user_states(
        self, states: Tensor, history: Tensor, history_time: Tensor | None = None
    ) -> Tensor:
        """State after each slot of ``history [B, L]``, with shape ``[B, L, C]``.

        The history says which of the ``states`` it means; their number is padding.
        """
        users: Tensor = self.encoder(*_shown(states, history), history_time)
        return users

    def last_states(
        self, states: Tensor, history: Tensor, history_time: Tensor | None = None
    ) -> Tensor:
        """As :meth:`user_states`, after the last slot alone, with shape ``[B, C]``."""
        return self.encoder.last(*_shown(states, history), history_time)

    def messages(self, paths: Paths, target: Tensor | None = None) -> list[Messages]:
        """What is added to single scores, besides users times items: nothing here.

        Args:
            paths: What each row sees of its history.
            target: The item that followed each row, ``[P]``, in training only.
        """
        return []

    def _with_trend(
        self, users: Tensor, states: Tensor, period: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Users ``[P, C + T]`` and items ``[C + T, N]`` whose product has the trend."""
        if self.trend is None:
            return users, states
        if period is None:  # for a single shopper, the past would cost the most
            bias = self.item_trend(slice(-1, None)).t()
            when = users.new_ones(len(users), 1)
        else:
            bias = self.item_trend().t()
            when = F.one_hot(period, len(bias)).to(users.dtype)
        return torch.cat([users, when], dim=1), torch.cat([states, bias])

    def forward(
        self,
        history: Tensor,
        states: Tensor | None = None,
        period: Tensor | None = None,
        history_time: Tensor | None = None,
    ) -> Tensor:
        """Score the whole catalogue after each history.

        Args:
            history: Item indices, padded on the left with ``N``, ``[B, L]``.
            states: What :meth:`item_states` gave; None computes it.
            period: When each history is asked to go on, ``[B]``; None is *now*. Only a
                model with ``trend`` minds.
            history_time: When each item was bought, in seconds, ``[B, L]``; needed by
                the encoder ``'tisasrec'`` alone.

        Returns:
            Scores with shape ``[B, N]``.
        """
        states = self.item_states() if states is None else states
        users = self.last_states(states, history, history_time)
        factors = self._with_trend(users, states.t(), period)
        scores = inner_products(self.item_bias(), *factors)
        paths = history_paths(history, last_rows(history), self.num_items)
        for sent in self.messages(paths):
            sent.add_to(scores)
        return scores[:, : self.num_items]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of a training batch; their sum is to be minimised.

        Returns:
            ``{'next_item': ...}``, cross-entropy in nats, mean over positions.
        """
        if self.num_negatives:
            return {"next_item": large.next_item_loss(self, batch)[0]}
        return {"next_item": self._next_item_loss(self.item_states(), batch)}

    def draw_common(self, target: Tensor) -> Common:
        """Items that the rows of a batch, which go on with ``target``, compete with."""
        number = self.num_negatives or 0
        return draw_common(self.num_items, number, target, self.in_batch)

    def reach(self, asked: Asked, common: Common) -> Reach | None:
        """Items next to histories, to be compared with in training: none here."""
        return None

    def with_messages(
        self, own: Tensor, near: Tensor, asked: Asked, reach: Reach | None
    ) -> tuple[Tensor, Tensor]:
        """Scores of targets ``[P]`` and items near ``[P, M]``, with what is added."""
        return own, near

    def _next_item_loss(self, states: Tensor, batch: Batch) -> Tensor:
        history, rows, target = self.training_rows(batch)
        paths = history_paths(history, rows, self.num_items)
        users = self.user_states(states, history, batch["history_time"])
        users = users[rows.batch, rows.slot]
        seen_item = paths.item.unsqueeze(1)
        never = states.new_full(seen_item.shape, NO_SHARE)
        seen = Messages(paths.row, seen_item, never)
        messages = [seen, *self.messages(paths, target)]
        period = batch["period"][rows.batch, rows.slot]
        users, items = self._with_trend(users, states.t(), period)
        bias = self.item_bias()
        total = catalogue_cross_entropy(users, items.t(), bias, messages, target)
        return total / max(target.numel(), 1)  # a batch may hold nothing but repeats

    def training_rows(self, batch: Batch) -> tuple[Tensor, Rows, Tensor]:
        """History, the rows that have a new item as target, and those targets."""
        history, target = batch["history"], batch["target"]
        earlier = torch.ones(history.size(1), history.size(1), dtype=torch.bool).tril()
        same = target.unsqueeze(2) == history.unsqueeze(1)  # [B, L, L]
        repeated = (same & earlier.to(history.device)).any(-1)
        rows = Rows(*((target < self.num_items) & ~repeated).nonzero(as_tuple=True))
        return history, rows, target[rows.batch, rows.slot]


def _shown(states: Tensor, history: Tensor) -> tuple[Tensor, Tensor]:
    """States of the slots ``[B, L, C]``, anything in padding, and which are filled."""
    filled = history < len(states)
    return F.embedding(history.clamp(max=len(states) - 1), states), filled


def _check_sizes(
    num_items: int, hidden_channels: int, x: Tensor | None, trend: Tensor | None
) -> None:
    for name, size in (("num_items", num_items), ("hidden_channels", hidden_channels)):
        if size < 1:
            raise ValueError(f"{name!r} needs to be a positive integer (got {size})")
    for name, part, num_dims in (("x", x, 2), ("trend", trend, 3)):
        if part is None:
            continue
        if part.dim() != num_dims or part.size(0) != num_items:
            raise ValueError(
                f"{name!r} needs to have {num_dims} dimensions, the first of the "
                f"{num_items} items (got {list(part.shape)})"
            )


def _check_negatives(
    num_negatives: int | None, trend: Tensor | None, in_batch: float
) -> None:
    if not 0 <= in_batch < 1:
        raise ValueError(f"'in_batch' needs to be in [0, 1) (got {in_batch})")
    if num_negatives is None:
        if in_batch:
            raise ValueError(
                f"'in_batch' is a share of 'num_negatives' (got {in_batch} of None)"
            )
        return
    if num_negatives < 1:
        raise ValueError(
            f"'num_negatives' needs to be a positive integer (got {num_negatives})"
        )
    if trend is not None:
        raise ValueError(
            "'trend' needs the softmax over the whole catalogue (got 'num_negatives' "
            f"{num_negatives}, too): give one of them"
        )
