"""Models kept in a folder, or on the Hugging Face hub, and brought back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lrdgraph.pretrained.card import model_card
from lrdgraph.pretrained.folder import load, save
from lrdgraph.pretrained.hub import fetch, push

if TYPE_CHECKING:
    from lrdgraph.models import LRDRec

__all__ = ["from_pretrained", "push_to_hub", "save_pretrained"]


def save_pretrained(
    model: LRDRec,
    folder: str | Path,
    *,
    data: str = "",
    metrics: Mapping[str, float] | None = None,
) -> None:
    """Keep a model: configuration, weights, vocabulary and a model card.

    The files are those of :mod:`lrdgraph.pretrained.folder`; nothing is pickled, and no
    user's history is in them.

    Args:
        model: The model.
        folder: Where to; created if needed. A model that is there is replaced.
        data: What it was trained on, in a sentence or two, for the model card.
        metrics: Figures by name for the model card, such as ``trainer.test`` gives.
    """
    save(model, folder, model_card(model, str(folder), data, metrics))


def push_to_hub(
    model: LRDRec,
    repo_id: str,
    *,
    data: str = "",
    metrics: Mapping[str, float] | None = None,
    private: bool = False,
) -> str:
    """Upload a model to the Hugging Face hub, as one commit.

    Args:
        model: The model.
        repo_id: Repository, such as ``'shop/pens'``; created if needed.
        data: As in :func:`save_pretrained`.
        metrics: As in :func:`save_pretrained`.
        private: Whether a new repository is private.

    Returns:
        Address of the commit.
    """
    return push(model, repo_id, model_card(model, repo_id, data, metrics), private)


def from_pretrained(
    cls: type[LRDRec], name: str | Path, revision: str | None = None
) -> LRDRec:
    """A kept model, in evaluation mode.

    Args:
        cls: The class of the model.
        name: A folder, or a repository of the Hugging Face hub.
        revision: Branch, tag or commit of the repository; the newest by default.

    Raises:
        FileNotFoundError: If there is no such model, or no network to get it by.
        ValueError: If it is of another kind, of an incompatible version, or damaged.
    """
    return load(cls, fetch(name, revision))
