"""The page to try a model in the browser, which loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lrdgraph import report

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = Path(report.__file__).parent / "templates" / "style.css"


def render() -> tuple[str, dict[str, str]]:
    """The page and its headers.

    No word of the model is in it: titles come later, as text. Its script is named by
    its hash, so that no other one can run.
    """
    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("page.html").render(
        script=script, style=_STYLE.read_text(encoding="utf-8")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return page, {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
