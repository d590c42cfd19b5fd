"""What the command line remembers of a model: ``lrdgraph.json`` beside its files."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lrdgraph.files import atomic_write
from lrdgraph.models import LRDRec
from lrdgraph.pretrained.folder import CONFIG
from lrdgraph.pretrained.hub import SETTINGS, fetch

CHECKPOINTS = ".checkpoints"
"""In a model's folder, until training is over."""


@dataclass(frozen=True)
class Settings:
    """How a model's texts were embedded and its tables read, and what came of it.

    Attributes:
        encoder: Folder, file or name of the text model; empty for the packaged one.
        endpoint: Address of the server that has it; empty for this machine.
        pooling: See :class:`~lrdgraph.text.TextEncoder`.
        user_column: Column with the user's id.
        item_column: Column with the item's id.
        id_column: That of the items, where it has another name; else empty.
        time_column: Column with the time.
        text_columns: Columns that make up an item's text.
        shared_columns: Columns whose equal values make a relation.
        final: Whether it was trained on all purchases, which leaves none to ask of.
        data: What the model was trained on, in a sentence.
        metrics: Figures of the model by name.
    """

    encoder: str = ""
    endpoint: str = ""
    pooling: str = "mean"
    user_column: str = "user_id"
    item_column: str = "item_id"
    id_column: str = ""
    time_column: str = "time"
    text_columns: list[str] = field(default_factory=lambda: ["title"])
    shared_columns: list[str] = field(default_factory=list)
    final: bool = False
    data: str = ""
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def id_of_items(self) -> str:
        """Column of the items with the item's id."""
        return self.id_column or self.item_column

    def given(self, args: Namespace) -> Settings:
        """The same with whatever was given on the command line.

        Raises:
            ValueError: If pooling is given for a server, which pools as it likes.
        """
        options = {name: getattr(args, name, None) for name in asdict(self)}
        given = {name: value for name, value in options.items() if value is not None}
        settings = replace(self, **given)
        if not settings.endpoint:
            return replace(settings, encoder=_located(settings.encoder))
        if "pooling" in given:
            raise ValueError(
                "--pooling needs a model on this machine (got the endpoint "
                f"'{settings.endpoint}', which pools as it likes)"
            )
        return settings

    def write(self, folder: str | Path) -> None:
        """Keep the settings in the folder of a model, which is created if needed."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        with atomic_write(Path(folder) / SETTINGS) as file:
            file.write(json.dumps(asdict(self), indent=2).encode())


def _located(encoder: str) -> str:
    """A folder or file by its whole path, to be found from other folders, too."""
    path = Path(encoder).expanduser()
    local = encoder and (path.is_dir() or path.suffix == ".gguf")
    return str(path.absolute()) if local else encoder


def open_model(name: str) -> tuple[LRDRec, Settings]:
    """A kept model and what is remembered of it, out of a folder or of the hub.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it cannot be read, or if its training is not over.
    """
    folder = fetch(name)
    if (folder / CHECKPOINTS).exists() and not (folder / CONFIG).exists():
        raise ValueError(
            f"'{name}' holds a training that was interrupted, and no model yet: give "
            "the command that began it again, to go on"
        )
    return LRDRec.from_pretrained(folder), read_settings(folder)


def read_settings(folder: str | Path) -> Settings:
    """The settings of a model; the defaults where it was not made by a command.

    Raises:
        ValueError: If the file holds something else.
    """
    path = Path(folder) / SETTINGS
    if not path.is_file():
        return Settings()
    expected = asdict(Settings())
    try:
        told = json.loads(path.read_bytes())
        known = {name: told[name] for name in expected if name in told}
    except (ValueError, TypeError) as error:
        raise ValueError(f"'{path}' needs to be an object in JSON ({error})") from error
    for name, value in known.items():
        if type(value) is not type(expected[name]):
            kind = type(expected[name]).__name__
            raise ValueError(f"{name!r} needs to be a {kind} in '{path}' (got {value})")
    return Settings(**known)
