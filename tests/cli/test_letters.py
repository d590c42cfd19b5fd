"""Titles of any language, and those that are up to something."""

import io
import json

import pandas as pd
import pytest

from lrdgraph.cli import main
from lrdgraph.cli.letters import printable_lines
from lrdgraph.models import LRDRec

JAPANESE = "携帯用充電器" * 20


def test_lines_stay_lines():
    assert printable_lines("a\x1b\nb\x07\x9b\n") == "a\nb"


@pytest.fixture
def odd(model, tmp_path):
    """A model whose first item has a Japanese title and whose others clear screens."""
    odd = LRDRec.from_pretrained(model)
    odd.graph.texts[:] = ["\x1b[2J\x9b31mThing\x07 \u202e"] * odd.num_items
    odd.graph.texts[0] = JAPANESE
    names = {name: f"\x1b]0;{name}\x07" for name in odd.graph.latent_relations}
    odd.graph.relation_names = names
    odd.save_pretrained(tmp_path / "odd")
    return tmp_path / "odd"


def test_a_title_without_spaces_is_there(odd, run):
    _, out, _ = run("recommend", odd, "--history", "P000000", "-k", 1)
    assert out.startswith(f"after P000000 {JAPANESE[:58]} …:\n")


def test_nothing_that_is_printed_commands_a_terminal(odd, tmp_path, run):
    user = "\x1b[8mU"
    rows = {"user_id": [user] * 2, "item_id": ["P000001", "P000005"], "time": [1, 2]}
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    asked = ["recommend", odd, "--interactions", tmp_path / "t.csv", "--user", user]
    code, out, err = run(*asked)
    assert code == 0
    assert "[8mU, after P000005 [2J31mThing" in out
    assert "latent_" in out
    *_, told = run("export", "no\x1b[2Jmodel", tmp_path / "a.nt")
    assert "no[2Jmodel" in told
    for text in (out, err, told):
        assert all(line.isprintable() for line in text.splitlines())


def test_names_of_relations_are_printable(tables, quickly, tmp_path, run, monkeypatch):
    description = pd.DataFrame({"name": ["\x1b[2J"]})
    monkeypatch.setattr("lrdgraph.cli.discover.overview", lambda _: description)
    code, out, _ = run("discover", *tables, *quickly[:-2], "--out", tmp_path)
    assert code == 0
    assert "[2J" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_cannot_show_is_replaced(encoding, odd, monkeypatch):
    shown = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(shown, encoding))
    assert main(["recommend", str(odd), "--history", "P000000", "-k", "1"]) == 0
    assert shown.getvalue().startswith(b"after P000000 ????")
    assert b"(score" in shown.getvalue()


def test_what_stands_in_for_a_terminal_needs_no_encoding(model, tables, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdout", shown)
    assert main(["evaluate", str(model), *tables[:2], "--json"]) == 0
    assert json.loads(shown.getvalue())
