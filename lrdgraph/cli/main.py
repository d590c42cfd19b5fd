"""From what was typed to the command that does it, and its errors in a line."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from typing import Any

from lrdgraph.cli.letters import printable_lines
from lrdgraph.cli.parser import make_parser
from lrdgraph.memory import lacks_memory

_FAILED, _INTERRUPTED = 2, 130
_EXPECTED = (ValueError, KeyError, OSError, ImportError)
_LARGE = "the page 'How large can I go?' tells what to turn on at which size"
_OTHERS = r"pytorch_lightning|transformers|torch\."  # whose warnings help nobody here


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, as ``lrdgraph COMMAND ...`` does.

    Args:
        argv: What follows ``lrdgraph``; that of this process by default.

    Returns:
        The exit code: 0, or 2 for an error that was told, or 130 after Ctrl-C.

    Raises:
        SystemExit: After ``--help`` and ``--version`` with 0, and with 2 if there is no
            such command or option.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # what it cannot show becomes '?'
        sys.stdout.reconfigure(errors="replace")
    args = make_parser().parse_args(argv)
    if not sys.stderr.isatty():  # bars of other libraries are for somebody who watches
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        with _notes():
            import_module(f"lrdgraph.cli.{args.command}").run(args)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if args.traceback or not _is_expected(error):
            raise
        told = printable_lines(_message(error))
        print(f"lrdgraph: error: {told}", file=sys.stderr)
        return _FAILED
    return 0


def _is_expected(error: Exception) -> bool:
    if isinstance(error, _EXPECTED) or lacks_memory(error):
        return True
    from lrdgraph.text import EndpointError

    return isinstance(error, EndpointError)


def _message(error: Exception) -> str:
    """What is said; a KeyError alone would put it into quotes."""
    if lacks_memory(error):
        return f"memory ran out; {_LARGE} ({str(error) or type(error).__name__})"
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)


@contextmanager
def _notes() -> Iterator[None]:
    """Warnings of the library become lines on standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.filterwarnings("ignore", module=_OTHERS)
        warnings.showwarning = _note
        yield


def _note(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"lrdgraph: note: {printable_lines(str(message))}", file=sys.stderr)
