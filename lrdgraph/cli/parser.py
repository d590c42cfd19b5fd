"""What can be asked of the command line, and the help that tells of it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from os.path import expanduser
from typing import NoReturn

from lrdgraph import __version__
from lrdgraph.cli import options, texts

FORMATS = ("gexf", "graphml", "nt", "parquet", "tsv")
"""Formats of a graph, as those of :func:`lrdgraph.convert.save`."""


class _Parser(ArgumentParser):
    """Says what is wrong as all commands do, and where help is."""

    def error(self, message: str) -> NoReturn:
        print(
            f"lrdgraph: error: {message} ('{self.prog} --help' tells more)",
            file=sys.stderr,
        )
        sys.exit(2)


def make_parser() -> ArgumentParser:
    """The parser of all commands; it needs no torch."""
    parser = _Parser(
        "lrdgraph",
        description="Typed item graphs from language models, and recommendations with "
        "a reason.",
        epilog=texts.OVERVIEW,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"lrdgraph {__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, configure in _COMMANDS.items():
        told, examples = texts.COMMANDS[name]
        command = commands.add_parser(
            name,
            help=told,
            description=f"{told[0].upper()}{told[1:]}.",
            epilog=f"examples:\n{examples}",
            formatter_class=RawDescriptionHelpFormatter,
        )
        configure(command)
        command.add_argument(
            "--traceback",
            action="store_true",
            help="show where an error comes from, to report it",
        )
    return parser


def _model(parser: ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL", help="folder of a trained model, or a hub's name"
    )


def _out(parser: ArgumentParser, metavar: str, told: str) -> None:
    parser.add_argument(
        "--out", type=expanduser, metavar=metavar, required=True, help=told
    )


def _embed(parser: ArgumentParser) -> None:
    parser.add_argument("items", metavar="ITEMS", help="table of items")
    options.add_columns(parser, interactions=False, text=True)
    options.add_encoder(parser, out=True)


def _discover(parser: ArgumentParser) -> None:
    options.add_tables(parser, shop=True)
    _out(parser, "DIR", "results folder")
    parser.add_argument(
        "--format",
        nargs="+",
        choices=FORMATS,
        default=["parquet", "gexf"],
        help="of the typed edges (default: parquet gexf)",
    )
    options.add_edges(parser)
    options.add_discovery(parser)
    options.add_encoder(parser)


def _train(parser: ArgumentParser) -> None:
    options.add_tables(parser, shop=True)
    _out(parser, "MODEL", "folder for the trained model")
    options.add_overwrite(parser)
    parser.add_argument(
        "--continue-from",
        metavar="MODEL",
        help="go on with a trained model, whose relations and sizes are kept, on newer "
        "tables (the older interactions among them)",
    )
    parser.add_argument(
        "--final",
        action="store_true",
        help="train on all purchases for just as many --epochs, and measure nothing: "
        "for the model that goes live",
    )
    parser.add_argument(
        "--trends",
        action="store_true",
        help="let the model know what was bought of late",
    )
    group = parser.add_argument_group("training")
    group.add_argument(
        "--epochs",
        type=options.positive,
        metavar="N",
        help="epochs at most (default: 100); with --final just as many",
    )
    for name, default, told in (
        ("--patience", 5, "epochs without a better validation before it stops"),
        ("--batch-size", 256, "histories in a step"),
    ):
        group.add_argument(
            name,
            type=options.positive,
            metavar="N",
            default=default,
            help=f"{told} (default: %(default)s)",
        )
    options.add_model(parser)
    options.add_discovery(parser)
    options.add_encoder(parser)


def _evaluate(parser: ArgumentParser) -> None:
    _model(parser)
    parser.add_argument(
        "--interactions", metavar="FILE", required=True, help="who bought what when"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    options.add_columns(parser)


def _recommend(parser: ArgumentParser) -> None:
    _model(parser)
    whom = parser.add_argument_group(
        "to whom", "without any of these, to somebody of whom nothing is known"
    )
    whom.add_argument(
        "--history",
        nargs="+",
        action="extend",
        metavar="ITEM",
        help="ids of items, oldest first",
    )
    whom.add_argument(
        "--interactions", metavar="FILE", help="table of who bought what when"
    )
    whom.add_argument(
        "--user",
        nargs="+",
        action="extend",
        metavar="ID",
        help="users of the interactions",
    )
    whom.add_argument(
        "--out",
        type=expanduser,
        metavar="FILE",
        help="write a table (.parquet or .csv) for --user, or for all users",
    )
    _what(parser)
    options.add_columns(parser)


def _what(parser: ArgumentParser) -> None:
    """What may be recommended, and how much of it."""
    what = parser.add_argument_group("what")
    what.add_argument(
        "-k",
        type=options.positive,
        default=10,
        metavar="N",
        help="number of items (default: %(default)s)",
    )
    what.add_argument(
        "--among",
        metavar="FILE",
        help="ids that may be recommended, such as those in stock: a text file with "
        "one a line, or a table",
    )
    what.add_argument(
        "--where",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="only items with this value in their table (--items); repeat it for "
        "several conditions, all of which must hold",
    )
    what.add_argument("--items", metavar="FILE", help="table of items, for --where")
    what.add_argument(
        "--seen", action="store_true", help="recommend what was bought already, too"
    )
    what.add_argument(
        "--max-per-relation",
        type=options.positive,
        metavar="N",
        help="items at most with their strongest reason in the same relation, for "
        "diversity, as long as others are left among the best 10 * k",
    )


def _add(parser: ArgumentParser) -> None:
    _model(parser)
    parser.add_argument(
        "--items",
        metavar="FILE",
        required=True,
        help="table with the new items; those that the model knows are left alone",
    )
    _out(parser, "MODEL2", "folder for the grown model")
    options.add_overwrite(parser)
    parser.add_argument(
        "--prominence",
        type=options.finite,
        default=0.0,
        metavar="P",
        help="what to add to the scores of items that nobody has bought: 1 counts them "
        "as 2.7 times as likely as the model does, -1 as 2.7 times less (default: 0)",
    )
    options.add_columns(parser, interactions=False, text=True)
    options.add_encoder(parser)


def _export(parser: ArgumentParser) -> None:
    _model(parser)
    parser.add_argument("out", metavar="FILE", help=f"to write: .{', .'.join(FORMATS)}")
    options.add_edges(parser)


def _report(parser: ArgumentParser) -> None:
    _model(parser)
    parser.add_argument("out", metavar="FILE", help="page to write, such as out.html")
    options.add_tables(parser, shop=False)
    parser.add_argument(
        "--user",
        nargs="+",
        action="extend",
        metavar="ID",
        help="users of the interactions whose recommendations are explained "
        "(default: the first five)",
    )


def _serve(parser: ArgumentParser) -> None:
    _model(parser)
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument(
        "--port",
        type=options.positive,
        default=8000,
        metavar="N",
        help="(default: %(default)s)",
    )


_COMMANDS = {
    "embed": _embed,
    "discover": _discover,
    "train": _train,
    "evaluate": _evaluate,
    "recommend": _recommend,
    "add": _add,
    "export": _export,
    "report": _report,
    "serve": _serve,
}
