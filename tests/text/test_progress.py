import io
import re
from contextlib import redirect_stderr

import pytest

from lrdgraph.text.progress import progress_bar

UP = "\x1b[A"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_outermost_bar_stays_with_what_was_done() -> None:
    with redirect_stderr(Terminal()) as terminal:
        with progress_bar(7, "New texts", shown=True) as outer:
            with progress_bar(3, "Embedding", shown=True) as inner:
                inner.update(3)
            outer.update(7)
    *_, inner_bar, over_it, outer_bar = re.split(
        r"[\r\n]+", terminal.getvalue().strip()
    )
    assert inner_bar.startswith("Embedding:")
    assert set(over_it.removesuffix(UP)) == {" "}
    assert len(over_it) == len(inner_bar)
    assert re.match(r"New texts: 100%.* 7/7 ", outer_bar)


@pytest.mark.parametrize(
    ("total", "shown", "file"),
    [(0, True, Terminal), (5, False, Terminal), (5, True, io.StringIO)],
    ids=["no texts", "no wish", "no terminal"],
)
def test_where_there_is_no_bar(total: int, shown: bool, file: type) -> None:
    with redirect_stderr(file()) as written:
        with progress_bar(total, "Embedding", shown=shown) as bar:
            bar.update(total)
    assert written.getvalue() == ""
