"""Answers of a model to requests, in external ids and in words."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from fastapi import HTTPException

import lrdgraph
from lrdgraph import typing
from lrdgraph.explain import relation_name
from lrdgraph.models import LRDRec
from lrdgraph.serve.messages import (
    ExplainRequest,
    Health,
    Item,
    Items,
    Neighbor,
    Neighbors,
    Reason,
    Recommendations,
    Recommended,
    RecommendRequest,
    Relation,
)


class Answers:
    """A model that answers; item states are computed once.

    Nothing is changed after the start, so that threads may ask at the same time.

    Args:
        model: The model, which is put into evaluation mode.

    Raises:
        ValueError: If the model cannot recommend after items alone.
    """

    def __init__(self, model: LRDRec) -> None:
        self._model, self._graph = model.eval(), model.graph
        self._texts = dict(zip(model.graph.ids, model.graph.texts, strict=True))
        self._lowered = [
            (id, f"{id}\n{text}".casefold()) for id, text in self._texts.items()
        ]
        with torch.no_grad():
            self._states = model.item_states()
        model.recommend(model.graph.ids[:1], 1, states=self._states)  # or fail now

    def recommend(self, request: RecommendRequest) -> Recommendations:
        """Items after a history, as far as the model knows what is in it.

        A shop has items that are newer than its model, and shoppers buy them.
        """
        among = request.among
        found = self._model.recommend(
            self._known(request.history),
            request.k,
            among=None if among is None else self._known(among),
            seen=request.seen,
            max_per_relation=request.max_per_relation,
            states=self._states,
        )
        asked = dict.fromkeys([*request.history, *(among or ())])
        return Recommendations(
            items=list(map(self._recommended, found)),
            unknown=[_encodable(item) for item in asked if item not in self._texts],
        )

    def _known(self, items: Iterable[str]) -> list[str]:
        return [item for item in items if item in self._texts]

    def explain(self, request: ExplainRequest) -> Recommended:
        """The score of one item, and its reasons."""
        self._check(422, [*request.history, request.item])
        [found] = self._model.recommend(
            request.history, 1, among=[request.item], seen=True, states=self._states
        )
        return self._recommended(found)

    def neighbors(self, item: str, relation: str | None, k: int) -> Neighbors:
        """Items that an item leads to."""
        self._check(404, [item])
        if relation is not None and relation not in self._graph.relations:
            known = list(self._graph.relations)
            message = f"'relation' needs to be one of {known} (got {relation!r})"
            raise HTTPException(422, message)
        found = [
            Neighbor(
                **self._item(id), relation=key, name=self._name(key), probability=sure
            )
            for id, key, sure in self._graph.neighbors(item, relation, k)
        ]
        return Neighbors(item=Item(**self._item(item)), neighbors=found)

    def search(self, text: str, k: int) -> Items:
        """Items whose id or text holds a text, in any case."""
        wanted, found = text.casefold(), []
        for id, lowered in self._lowered:
            if wanted in lowered:
                found.append(Item(**self._item(id)))
                if len(found) == k:
                    break
        return Items(items=found)

    def health(self) -> Health:
        """What is served."""
        graph = self._graph
        return Health(
            status="ok",
            version=lrdgraph.__version__,
            items=graph.num_items,
            relations=[
                Relation(relation=key, name=self._name(key)) for key in graph.relations
            ],
        )

    def _check(self, status: int, items: Iterable[str]) -> None:
        for item in items:
            if item not in self._texts:
                raise HTTPException(
                    status,
                    f"item {item!r} needs to be one of the {len(self._texts)} items of "
                    "the model",
                )

    def _item(self, id: str) -> dict[str, str]:
        return {"id": id, "text": self._texts[id]}

    def _name(self, relation: str) -> str:
        return relation_name(self._graph, relation)

    def _recommended(self, found: typing.Recommendation) -> Recommended:
        reasons = [
            Reason(
                **self._item(reason.item),
                relation=reason.relation,
                name=self._name(reason.relation),
                probability=reason.probability,
                contribution=reason.contribution,
                words=self._words(reason),
            )
            for reason in found.reasons
        ]
        return Recommended(**self._item(found.item), score=found.score, reasons=reasons)

    def _words(self, reason: typing.Reason) -> str:
        name, text = self._name(reason.relation), self._texts[reason.item]
        latent = reason.relation in self._graph.latent_relations
        sure = f" ({100 * reason.probability:.0f} % sure)" if latent else ""
        return f"{name}{sure}, from “{text or reason.item}”"


def _encodable(text: str) -> str:
    """With half a surrogate pair, which JSON may bring and UTF-8 lacks, spelt out."""
    return text.encode(errors="backslashreplace").decode()
