"""The files of a kept model: written, checked, read.

``config.json``
    What the model is made of, by which version, and the SHA-256 of the other two. It
    takes its place last, so that an interrupted save is noticed.
``model.safetensors``
    Parameters, text vectors and the pairs of the graph. Users' histories are no part.
``items.parquet``
    The vocabulary: ``id`` and ``text`` of each item, in the order of the model.
``README.md``
    The model card.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lrdgraph.candidates import Candidates
from lrdgraph.files import atomic_write, digest_of
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.text.vector_step import VectorStep

if TYPE_CHECKING:
    from lrdgraph.models import LRDRec

    Model = TypeVar("Model", bound=LRDRec)

CONFIG, WEIGHTS, ITEMS, CARD = (
    "config.json",
    "model.safetensors",
    "items.parquet",
    "README.md",
)
_LIBRARY = "library_name: lrdgraph"  # in every card
_NAMES = ("observed_relations", "window", "min_count", "encoder")  # of Candidates
_GRAPH = ("num_latent", "state_channels", "objective", "relation_names")


def save(model: LRDRec, folder: str | Path, card: str) -> None:
    """Write a model into a folder; an earlier one is replaced as a whole.

    Args:
        model: The model.
        folder: Where to; created if needed.
        card: What the model card says, in Markdown.

    Raises:
        OSError: If it cannot be written, or if the folder has a ``README.md`` of
            something else; then what was there stays.
    """
    folder, graph = Path(folder).expanduser(), model.graph
    check_card(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: t.contiguous() for name, t in model.state_dict().items()}
    items = pd.DataFrame({"id": graph.ids, "text": graph.texts})
    with ExitStack() as stack:  # what is opened first is put in its place last
        config, readme, vocabulary, weights = (
            stack.enter_context(atomic_write(folder / name))
            for name in (CONFIG, CARD, ITEMS, WEIGHTS)
        )
        try:
            save_file(tensors, weights.name, {"format": "pt"})
        except SafetensorError as error:
            raise OSError(f"'{folder / WEIGHTS}' cannot be written: {error}") from error
        # safetensors may put a file of its own in the place, for the owner alone.
        os.chmod(weights.name, os.fstat(weights.fileno()).st_mode)
        items.to_parquet(vocabulary, index=False)
        vocabulary.flush()
        readme.write(card.encode())
        digests = {ITEMS: digest_of(vocabulary.name), WEIGHTS: digest_of(weights.name)}
        told = json.dumps(_describe(model) | {"sha256": digests}, indent=2)
        config.write(told.encode())
        for file in (config, readme, vocabulary):  # all are there before one moves
            file.flush()
            os.fsync(file.fileno())
        with open(weights.name, "rb+") as written:
            os.fsync(written.fileno())


def check_card(folder: str | Path) -> None:
    """See to it that the model card takes the place of no other text.

    Raises:
        FileExistsError: If the folder has a ``README.md`` that is no card of a model.
    """
    path = Path(folder).expanduser() / CARD
    if path.is_file() and _LIBRARY.encode() not in path.read_bytes():
        raise FileExistsError(
            f"'{path}' is not the card of a model (got no '{_LIBRARY}' in it), and "
            "would be replaced by one: give another folder"
        )


def load(cls: type[Model], folder: str | Path) -> Model:
    """Read a model that :func:`save` wrote, in evaluation mode.

    Raises:
        FileNotFoundError: If the folder or one of its files is missing.
        ValueError: If the folder holds something else, a model of another class or of
            an incompatible version, or damaged files.
    """
    folder = Path(folder).expanduser()
    for name in (CONFIG, WEIGHTS, ITEMS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"'{folder}' needs to hold a kept model (got no file {name!r})"
            )
    config = _read_config(folder / CONFIG, cls.__name__)
    for name in (ITEMS, WEIGHTS):
        if digest_of(folder / name) != config["sha256"].get(name):
            raise ValueError(
                f"'{folder / name}' is damaged or belongs to another model than "
                f"{CONFIG!r}: its SHA-256 differs; save or download the model again"
            )
    try:
        return _build(cls, config, folder)
    except Exception as error:  # a configuration may say whatever it likes
        raise ValueError(
            f"'{folder}' does not hold what its {CONFIG!r} tells of: {error}"
        ) from error


def _describe(model: LRDRec) -> dict[str, Any]:
    from lrdgraph import __version__

    return {
        "library_name": "lrdgraph",
        "version": __version__,
        "architecture": type(model).__name__,
        "model": model.arguments,
        "graph": {name: getattr(model.graph, name) for name in _GRAPH},
        "candidates": {name: getattr(model.graph, name) for name in _NAMES},
    }


def _read_config(path: Path, architecture: str) -> dict[str, Any]:
    from lrdgraph import __version__

    try:
        config = json.loads(path.read_bytes())
        library, version = config["library_name"], config["version"]
        config["sha256"].get(WEIGHTS)
    except (
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        RecursionError,
    ) as error:
        raise ValueError(
            f"'{path}' needs to be the configuration of a model of lrdgraph "
            f"(got {type(error).__name__}: {error})"
        ) from error
    if library != "lrdgraph" or config.get("architecture") != architecture:
        raise ValueError(
            f"'{path}' needs to be of lrdgraph's {architecture} (got {library!r}, "
            f"{config.get('architecture')!r})"
        )
    if str(version).split(".")[0] != __version__.split(".")[0]:
        raise ValueError(
            f"'{path}' needs to be of a version {__version__.split('.')[0]}.x, as this "
            f"lrdgraph is {__version__} (got {version})"
        )
    return config


def _build(cls: type[Model], config: dict[str, Any], folder: Path) -> Model:
    tensors = load_file(folder / WEIGHTS)
    items = pd.read_parquet(folder / ITEMS)
    known: dict[str, Any] = {
        "ids": items["id"].tolist(),
        "texts": items["text"].tolist(),
        "vector_steps": _vector_steps(tensors),
        **{name: config["candidates"][name] for name in _NAMES},
    }
    known["observed_relations"] = tuple(known["observed_relations"])
    rest = [name for name in Candidates._fields if name not in known]
    candidates = Candidates(**known | {n: tensors[f"graph.{n}"] for n in rest})
    options = dict(config["graph"])
    names = options.pop("relation_names")
    graph = LatentRelationGraph(candidates, **options)
    graph.relation_names = names
    model = cls(graph, trend=tensors.get("trend.trend"), **config["model"])
    model.load_state_dict(tensors)
    return model.eval()


def _vector_steps(tensors: dict[str, Tensor]) -> list[VectorStep]:
    steps: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("graph.vector_steps."):
            place, part = name.split(".")[2:]
            steps.setdefault(place, {})[part] = tensor
    return [VectorStep(**steps[place]) for place in sorted(steps, key=int)]
