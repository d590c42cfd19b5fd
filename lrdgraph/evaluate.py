"""How well a model ranks what users bought next: one call, without a trainer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from lrdgraph.breadth import Breadth
from lrdgraph.data.sequences import Question, Questions
from lrdgraph.metrics import rank_among, rank_of_target, ranking_metrics
from lrdgraph.models import RCF, LRDRec
from lrdgraph.models.agreement import check_histories
from lrdgraph.nn.evaluation_mode import evaluating


class Ranker(Protocol):
    """What can be evaluated: a module with states of items, and scores of all items.

    :class:`~lrdgraph.models.LRDRec`, :class:`~lrdgraph.models.SASRec`,
    :class:`~lrdgraph.models.Popularity`, :class:`~lrdgraph.models.RCF` and
    :class:`~lrdgraph.models.KDA` are such; so is one of your own.
    """

    def item_states(self) -> Tensor:
        """What does not depend on the history, computed once for all questions."""

    def __call__(
        self, history: Tensor, states: Tensor, period: Tensor, history_time: Tensor
    ) -> Tensor:
        """Scores ``[B, N]`` of the catalogue after ``history [B, L]``."""


class Evaluation(NamedTuple):
    """What :func:`evaluate` found.

    ``metrics`` are those of :func:`~lrdgraph.metrics.ranking_metrics` in the whole
    catalogue (``'NDCG@10'``, ...), among given negatives (``'sampled/NDCG@10'``, ...)
    and of :class:`~lrdgraph.breadth.Breadth` (``'tail/NDCG@10'``, ``'coverage@10'``,
    ...). ``user [Q]`` was asked each question and ``rank [Q]`` is the place of its
    target in the whole catalogue, 0 being the best: what two models are compared by,
    shopper by shopper.
    """

    metrics: dict[str, float]
    user: Tensor
    rank: Tensor


def evaluate(
    model: Ranker,
    questions: Questions,
    count: Tensor | None = None,
    batch_size: int = 256,
) -> Evaluation:
    """Rank the target of each question in the whole catalogue.

    What the user had before is left out, and ties count against the model, as in
    :class:`~lrdgraph.training.NextItem`, whose test gives the same figures.

    Args:
        model: The model, on any device; it stays in the mode that it is in.
        questions: What is asked.
        count: How often training saw each item, ``[N]``, by which items are popular
            or rare; by default as often as the histories of the questions say.
        batch_size: Number of users at a time, each of whom takes ``4 N`` bytes for
            scores.

    Raises:
        TypeError: If ``questions`` are something else, such as all batches.
        ValueError: If there are no questions, if a score is NaN, if ``count`` or scores
            are of more or fewer items than the questions, if ``batch_size`` is not
            positive, or for what :func:`~lrdgraph.models.agreement.check_histories`
            raises.
    """
    if batch_size < 1:
        raise ValueError(
            f"'batch_size' needs to be a positive integer (got {batch_size})"
        )
    if not isinstance(questions, Questions):
        raise TypeError(
            "'questions' needs to be Questions, such as SequenceDataModule(data).test "
            f"(got a {type(questions).__name__})"
        )
    if not len(questions):
        raise ValueError(
            "'questions' needs purchases to foretell (got none): users with three or "
            "more interactions, and a part of the split that has some"
        )
    check_histories(model, questions.histories)
    if count is None:
        count = questions.histories.training_count()
    num_items = questions.histories.num_items
    if count.shape != (num_items,):
        raise ValueError(
            f"'count' needs the shape [{num_items}], a number for each item (got "
            f"{[*count.shape]})"
        )
    with torch.no_grad(), _as_after_training(model):
        states = model.item_states()
        rankings = _Rankings(count.to(states.device))
        for places in torch.arange(len(questions)).split(batch_size):
            question = _on(states.device, questions.__getitems__(places.tolist()))
            rankings.update(question, _scores(model, question, states))
    return rankings.compute()


def rank_in_catalogue(question: Question, scores: Tensor) -> Tensor:
    """Ranks of the targets without what the users had, ``[B]``, from 0 on."""
    seen = question["seen_row"], question["seen_item"]
    return rank_of_target(scores, question["target"], seen)


def rank_among_given(question: Question, scores: Tensor) -> Tensor:
    """Ranks among the given negatives, of those users alone who have some."""
    target, negatives = question["target"], question["negatives"]
    given = (negatives >= 0).any(dim=1)
    return rank_among(scores[given], target[given], negatives[given])


class _Rankings:
    """Where targets are ranked, batch after batch."""

    def __init__(self, count: Tensor) -> None:
        self.breadth = Breadth(count)
        self.user: list[Tensor] = []
        self.rank: list[Tensor] = []
        self.among: list[Tensor] = []

    def update(self, question: Question, scores: Tensor) -> None:
        """Rank in the whole catalogue, and among negatives where some are given."""
        rank = rank_in_catalogue(question, scores)
        seen = question["seen_row"], question["seen_item"]
        self.user.append(question["user"])
        self.rank.append(rank)
        self.among.append(rank_among_given(question, scores))
        self.breadth.update(scores, rank, question["target"], seen)

    def compute(self) -> Evaluation:
        """All batches together."""
        rank, among = torch.cat(self.rank), torch.cat(self.among)
        metrics = ranking_metrics(rank) | self.breadth.compute()
        if among.numel():
            sampled = ranking_metrics(among)
            metrics |= {f"sampled/{name}": value for name, value in sampled.items()}
        return Evaluation(metrics, torch.cat(self.user).cpu(), rank.cpu())


def _scores(model: Ranker, question: Question, states: Tensor) -> Tensor:
    when = question["period"], question["history_time"]
    if isinstance(model, RCF):
        known = {"user": question["user"], "time": question["time"]}
        scores: Tensor = model(question["history"], states, *when, **known)
        return scores
    return model(question["history"], states, *when)


def _on(device: torch.device, question: Question) -> Question:
    moved = {name: value.to(device) for name, value in question.items()}  # type: ignore[attr-defined]
    return cast("Question", moved)


@contextmanager
def _as_after_training(model: Ranker) -> Iterator[None]:
    """In evaluation mode, and with relations of pairs computed once."""
    with ExitStack() as kept:
        if isinstance(model, nn.Module):
            kept.enter_context(evaluating(model))
        if isinstance(model, LRDRec):
            kept.enter_context(model.edges_kept())
        yield
