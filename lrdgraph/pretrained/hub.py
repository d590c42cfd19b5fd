"""Models on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HFValidationError

from lrdgraph.pretrained.folder import CARD, CONFIG, ITEMS, WEIGHTS, save

if TYPE_CHECKING:
    from lrdgraph.models import LRDRec

SETTINGS = "lrdgraph.json"
"""Where the command line remembers what else belongs to a model."""


def fetch(name: str | Path, revision: str | None = None) -> Path:
    """The folder of a model: the given one, or the hub's, downloaded once.

    Args:
        name: A folder, or a repository of the hub such as ``'shop/pens'``.
        revision: Branch, tag or commit of the repository; the newest by default.

    Raises:
        FileNotFoundError: If there is neither such a folder nor such a repository, or
            if the hub cannot be reached and the model was not downloaded before.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    try:
        files = [CONFIG, WEIGHTS, ITEMS, CARD, SETTINGS]
        return Path(
            snapshot_download(str(name), revision=revision, allow_patterns=files)
        )
    except (OSError, HFValidationError) as error:
        reason = str(error).strip().splitlines()[0]
        raise FileNotFoundError(
            f"there is no folder '{name}', and no repository of the hub of this name "
            f"can be had ({reason}). What is on the hub can be downloaded elsewhere "
            f"(`hf download {name}`) and given as a folder"
        ) from error


def push(model: LRDRec, repo_id: str, card: str, private: bool = False) -> str:
    """Upload a model to the hub, as one commit.

    Args:
        model: The model.
        repo_id: Repository, such as ``'shop/pens'``; created if needed.
        card: What the model card says, in Markdown.
        private: Whether a new repository is private.

    Returns:
        Address of the commit.
    """
    api = HfApi()
    api.create_repo(repo_id, private=private, exist_ok=True)
    with TemporaryDirectory() as folder:
        save(model, folder, card)
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=folder, commit_message="Upload of lrdgraph"
        )
    return str(commit)
