"""By which command a training was begun, for whoever goes on with it."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from lrdgraph.cli.settings import CHECKPOINTS
from lrdgraph.files import atomic_write

_FILE = "begun.json"
_OPTIONS = (
    "continue_from",
    "num_latent",
    "objective",
    "steps",
    "seed",
    "sequence_encoder",
    "max_length",
    "relation_weight",
    "trends",
    "neighbours",
    "large",
    "batch_size",
    "final",
)


def check_begun(args: Namespace) -> None:
    """See to it that an interrupted training goes on as it was begun.

    Checkpoints bring weights and relations of their own: whatever else was asked for
    would be left out without a word.

    Raises:
        ValueError: If an option has another value now.
    """
    folder = Path(args.out) / CHECKPOINTS
    if not (folder / _FILE).exists() or not (folder / "last.ckpt").exists():
        return
    there, now = json.loads((folder / _FILE).read_bytes()), _given(args)
    for name in _OPTIONS:
        if there.get(name) != now[name]:
            raise ValueError(
                f"an interrupted training in '{folder}' was begun "
                f"{_told(name, there.get(name))} (got it {_told(name, now[name])}): "
                "repeat its command to go on, give another --out, or remove that "
                "folder to begin anew"
            )


def note_begun(args: Namespace) -> None:
    """Keep the options of a training beside its checkpoints."""
    folder = Path(args.out) / CHECKPOINTS
    if (folder / "last.ckpt").exists():
        return  # of this command, or of nobody knows which
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / _FILE) as file:
        file.write(json.dumps(_given(args), indent=2).encode())


def _given(args: Namespace) -> dict[str, Any]:
    given = {name: getattr(args, name) for name in _OPTIONS}
    folder = args.continue_from
    if folder and Path(folder).is_dir():  # which may be written in several ways
        given["continue_from"] = str(Path(folder).resolve())
    return given


def _told(name: str, value: Any) -> str:
    """An option as it is typed."""
    option = f"--{name.replace('_', '-')}"
    if value in (None, False):
        return f"without {option}"
    return f"with {option}" if value is True else f"with {option} {value}"
