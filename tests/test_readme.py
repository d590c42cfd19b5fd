"""The README's list of places; its code and commands are run in ``test_docs.py``."""

import re
from pathlib import Path

import lrdgraph

README = Path(__file__).resolve().parents[1] / "README.md"


def test_places_exist():
    text = README.read_text()
    table = text[text.index("| place |") : text.index("`examples/` are")]
    places = re.findall(r"`(\w+(?:/|\.py))`", table.replace("| `", "|`"))
    package = Path(lrdgraph.__file__).parent
    assert {p for p in places if not list(package.rglob(p.strip("/")))} == set()
    files = {p.name for p in package.iterdir() if p.name not in {"__pycache__"}}
    named = {p.strip("/") for p in places}
    unnamed = files - named - {"__init__.py", "py.typed", "typing.py", "ragged.py"}
    assert unnamed == set()
