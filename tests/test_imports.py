"""The conventions that hold in all of the package, and that no linter knows."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

import lrdgraph


def area(file: str) -> str:
    """The part of the package that a file is in, such as ``nn``."""
    return Path(file).parts[1].removesuffix(".py")


ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(lrdgraph.__file__).parent  # the checkout's, or the one installed
TREES = {
    path.relative_to(PACKAGE.parent).as_posix(): ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
}
FOLDERS = ("tests", "examples", "benchmarks")
AREAS = set(map(area, TREES))

MAY_IMPORT = {
    "files": set(),
    "typing": set(),
    "datasets": {"files", "typing"},
    "text": {"files", "typing"},
    "transforms": {"datasets", "ragged", "search", "text", "typing"},
    "nn": {"ragged", "typing"},
    "data": {"ragged", "typing"},
}
RIM = {
    name
    for name in TREES
    if area(name) == "training"
    or name in ("lrdgraph/cli/fitting.py", "lrdgraph/data/datamodule.py")
}
HEAVY = {
    "faiss",
    "matplotlib",
    "networkx",
    "pytest",
    "pytorch_lightning",
    "ray",
    "transformers",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef

each_file = pytest.mark.parametrize("name", TREES)


def at_load(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that are run when the module is loaded."""
    for node in ast.iter_child_nodes(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(
            node.test
        )
        if not isinstance(node, Function) and not typing_only:
            yield node
            yield from at_load(node)


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Dotted names of whatever is imported."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def areas(nodes: Iterator[ast.AST]) -> set[str]:
    """The parts of the package that are imported, ``__init__`` being its front."""
    names = [name.split(".") for name in imported(nodes)]
    assert all(first for first, *_ in names), "imports need to be absolute"
    inner = [rest[:1] for first, *rest in names if first == "lrdgraph"]
    return {
        part[0] if AREAS.issuperset(part) and part else "__init__" for part in inner
    }


def functions(tree: ast.AST) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def public(tree: ast.AST) -> Iterator[Function | ast.ClassDef]:
    """Public classes and functions of a module, and the public methods of these."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def num_lines(function: Function) -> int:
    """Lines of the body, without the docstring."""
    has_docstring = ast.get_docstring(function) is not None
    body = function.body[has_docstring:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@each_file
def test_lower_parts_know_nothing_of_higher_ones(name):
    allowed = MAY_IMPORT.get(area(name), AREAS) | {area(name)}
    assert areas(ast.walk(TREES[name])) <= allowed


def test_imports_go_one_way():
    graph = {part: set() for part in AREAS}
    for name, tree in TREES.items():
        graph[area(name)] |= areas(at_load(tree)) - {area(name)}
    TopologicalSorter(graph).prepare()  # a cycle is an error that shows it


@each_file
def test_only_the_rim_loads_lightning(name):
    packages = {module.split(".")[0] for module in imported(at_load(TREES[name]))}
    assert "pytorch_lightning" not in packages or name in RIM


def loaded(*modules: str) -> set[str]:
    """What importing modules loads in a new process, packages with their parts.

    Beyond what ``torch_geometric`` loads by itself, which its version decides.
    """
    script = (
        "import importlib, sys, torch_geometric\n"
        "before = set(sys.modules)\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(*set(sys.modules) - before)"
    )
    run = [sys.executable, "-c", script, *modules]
    done = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True)
    assert "lrdgraph.typing" in done.stdout.split()
    return set(done.stdout.split())


def test_heavy_packages_are_not_loaded():
    names = [name.removesuffix(".py").replace("/", ".") for name in {*TREES} - RIM]
    modules = [name.removesuffix(".__init__") for name in names]
    assert HEAVY.isdisjoint(loaded(*modules))


def test_the_front_loads_little():
    """As ``from lrdgraph import LatentRelationGraph`` does."""
    assert (HEAVY | {"scipy", "sklearn"}).isdisjoint(loaded("lrdgraph.graph"))


def test_the_front_by_itself_loads_no_torch():
    script = "import sys, lrdgraph; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


@each_file
def test_every_function_says_what_it_returns(name):
    assert [f.name for f in functions(TREES[name]) if f.returns is None] == []


@each_file
def test_whatever_is_public_has_a_docstring(name):
    bare = [node.name for node in public(TREES[name]) if not ast.get_docstring(node)]
    assert bare == []
    assert ast.get_docstring(TREES[name])


@each_file
def test_functions_are_short(name):
    long = {f.name: num_lines(f) for f in functions(TREES[name]) if num_lines(f) > 50}
    assert long == {}


def test_most_functions_are_very_short():
    assert median(num_lines(f) for tree in TREES.values() for f in functions(tree)) < 10


@pytest.mark.parametrize("folder", [PACKAGE, *map(ROOT.joinpath, FOLDERS)])
def test_files_are_short(folder):
    files = folder.rglob("*.py")
    size = {path.name: len(path.read_text().splitlines()) for path in files}
    assert {name: lines for name, lines in size.items() if lines > 300} == {}
