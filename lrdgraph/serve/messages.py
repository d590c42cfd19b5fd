"""What goes in and out of the service, and how much of it."""

from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_K = 100
"""Items or neighbours of an answer, at most."""

MAX_HISTORY = 1000
"""Items of a history, at most; a model reads the last ones."""

MAX_AMONG = 10_000
"""Items that a recommendation may be limited to, at most."""

MAX_BODY = 1 << 20
"""Bytes of a request's body, at most."""

MAX_TOLD = 10
"""Errors of a request that are told, at most."""


class _Request(BaseModel):
    """Nothing is converted silently, and a misspelt name is an error."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _with_few_misspelt(cls, body: Any) -> Any:
        """To tell of 100,000 names would take more than a second."""
        if not isinstance(body, dict):
            return body
        unknown = islice((n for n in body if n not in cls.model_fields), MAX_TOLD)
        kept = [*(n for n in cls.model_fields if n in body), *unknown]
        return {name: body[name] for name in kept}


class RecommendRequest(_Request):
    """What to recommend after; see :func:`~lrdgraph.models.recommending.recommend`."""

    history: list[str] = Field(
        max_length=MAX_HISTORY,
        description="Item ids, oldest first; empty for a new user.",
    )
    k: int = Field(10, ge=1, le=MAX_K, description="Number of items.")
    among: list[str] | None = Field(
        None,
        max_length=MAX_AMONG,
        description="Item ids that may be recommended; all by default.",
    )
    seen: bool = Field(
        False, description="Whether items of the history may be recommended again."
    )
    max_per_relation: int | None = Field(
        None,
        ge=1,
        le=MAX_K,
        description="How many items may have their strongest reason in one relation, "
        "as long as others are left among the best 10 * k; any number by default.",
    )


class ExplainRequest(_Request):
    """Which item to explain the score of, after which history."""

    history: list[str] = Field(
        max_length=MAX_HISTORY, description="Item ids, oldest first."
    )
    item: str = Field(description="Id of the item to explain.")


class Item(BaseModel):
    """An item of the catalogue."""

    id: str
    text: str


class Relation(BaseModel):
    """A relation, and what people call it."""

    relation: str
    name: str


class Reason(Item):
    """A path to an item: from which item of the history, by which relation."""

    relation: str
    name: str = Field(description="What people call the relation.")
    probability: float = Field(description="How sure the relation is, 0 to 1.")
    contribution: float = Field(description="What the path adds to the score.")
    words: str = Field(description="All of this in words, the name first.")


class Recommended(Item):
    """An item with its score and its reasons, strongest first."""

    score: float
    reasons: list[Reason]


class Recommendations(BaseModel):
    """Items, best first."""

    items: list[Recommended]
    unknown: list[str] = Field(
        description="Ids of the request that the model does not know, which were left "
        "out."
    )


class Neighbor(Item):
    """An item that another one leads to."""

    relation: str
    name: str = Field(description="What people call the relation.")
    probability: float = Field(description="How sure the relation is, 0 to 1.")


class Neighbors(BaseModel):
    """An item and those it leads to, surest first."""

    item: Item
    neighbors: list[Neighbor]


class Items(BaseModel):
    """Items of the catalogue, in its order."""

    items: list[Item]


class Health(BaseModel):
    """That the service answers, and what it serves."""

    status: str
    version: str
    items: int
    relations: list[Relation]


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str
