"""Docstrings speak reStructuredText; the site speaks Markdown and MathML."""

import re

import griffe
from latex2mathml.converter import convert

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):`(~?)([\w.]+)`")
FORMULA = re.compile(r"\.\. math::((?:[^\n]+|\n(?=[ \n]*[ ]{4}\S))+)")
TERM = re.compile(r"^(``.*)\n(?=    \S)", re.MULTILINE)
METHOD = re.compile(r"(?:classmethod\()?(\w+\.\w+)\)?")  # save = convert.save
TABLE = re.compile(r"^(=+(?: +=+)+)\n.*?^\1(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"\.\. code-block:: python\n\n((?:    [^\n]*\n|\n)+)")


def to_markdown(text: str, scope: griffe.Object) -> str:
    """Turns roles into links and formulas into MathML."""
    text = FORMULA.sub(lambda m: "\n" + math(m[1], "block") + "\n", text)
    text = re.sub(
        r":math:`([^`]+)`", lambda m: f"<span>{math(m[1], 'inline')}</span>", text
    )
    text = re.sub(r"`([^`<]+)\s<(https?://[^>]+)>`_", r"[\1](\2)", text)
    text = CODE.sub(lambda m: f"```python\n{re.sub('(?m)^    ', '', m[1])}```\n", text)
    text = TABLE.sub(lambda m: f"```text\n{m[0]}\n```", text)
    text = TERM.sub(r"\n\1\n\n:", text)
    return ROLE.sub(lambda m: link(m[2], bool(m[1]), scope), text)


def math(formula: str, display: str) -> str:
    """A formula in MathML, which browsers show without any script."""
    return convert(" ".join(formula.split()), display=display)


def link(name: str, short: bool, scope: griffe.Object) -> str:
    """A link to what is documented here, else the name."""
    shown = name.rsplit(".", 1)[-1] if short else name
    first, *rest = name.split(".")
    try:
        start = first if first == "lrdgraph" else scope.resolve(first)
    except griffe.NameResolutionError:
        return f"`{shown}`"
    target = ".".join([start, *rest])
    if not target.startswith("lrdgraph"):
        return f"`{shown}`"
    return f"[`{shown}`][{within_namesake(target, scope.package)}]"


def within_namesake(target: str, package: griffe.Module) -> str:
    """A function is in a file of its name, which hides it: ``describe.describe``."""
    found, last = package, target.rsplit(".", 1)[-1]
    for part in target.split(".")[1:]:
        found = found.all_members.get(part, package)
    return f"{target}.{last}" if found.is_module and last in found.members else target


class Roles(griffe.Extension):
    """Rewrites every docstring of the package, once all of it is known."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: object) -> None:
        """Called with the loaded package."""
        rewrite(pkg)


def rewrite(scope: griffe.Object) -> None:
    """Rewrites the docstring of an object and of whatever it holds."""
    if scope.docstring:
        scope.docstring.value = to_markdown(scope.docstring.value, scope)
    elif "class-attribute" in scope.labels and (
        method := METHOD.fullmatch(str(scope.value))
    ):
        text = f"The function {link(method[1], False, scope.parent)}, as a method."
        scope.docstring = griffe.Docstring(text, parent=scope)
    for member in scope.members.values():
        if not member.is_alias:
            rewrite(member)
