"""Write a document as one HTML page.

Every text is escaped where it is put in, model texts with their control characters made visible; figures are data, not script. A
content security policy allows the page's own two scripts by their hashes and nothing else, no request, no form, no frame, so that
what slipped through could still do nothing.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.exceptions import TemplateError
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from engine.exchange.document.model import Document, Example, letters
from engine.figures.palette import DARK, FONT, LIGHT, css_variables
from engine.markup import CONTROLS, marked, text

_HERE: Final = Path(__file__).parent
Place = tuple[str | int, ...]
Change = tuple[Place, Any]


def render_page(document: Document) -> str:
    """The document as HTML."""
    plotly, own = (get_plotlyjs(), _read("report.js")) if document.charts else ("", _read("report.js"))
    scripts = [script for script in (plotly, own) if script]
    page = _environment().get_template("report.html.j2")
    written = page.render(
        document=document,
        policy=content_policy(scripts),
        style=Markup(page_style(_read("report.css"))),
        figures=Markup(script_json(figures_data(document))),
        scripts=[Markup(script) for script in scripts],
    )
    # Macros leave empty lines ahead of the document.
    return written.lstrip()


def content_policy(scripts: list[str]) -> str:
    """Nothing but these scripts by their hashes, styles of the page and images that it holds itself."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        f"form-action 'none'"
    )


def figures_data(document: Document) -> dict[str, Any]:
    """Each chart's figure for light, and what is otherwise in the dark."""
    return {chart.name: _figure_data(chart.light, chart.dark) for chart in document.charts}


def _figure_data(light: go.Figure, dark: go.Figure) -> dict[str, Any]:
    bright, dim = (json.loads(figure.to_json()) for figure in (light, dark))
    return {"figure": bright, "dark": [[list(path), value] for path, value in changes(bright, dim)]}


def changes(before: Any, after: Any, path: Place = ()) -> Iterator[Change]:
    """Paths at which two JSON values differ, each with the value after; lists of one length are compared item by item."""
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before.keys() == after.keys():
        for key in before:
            yield from changes(before[key], after[key], (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from changes(one, other, (*path, i))
    elif before != after:
        yield path, after


def script_json(value: Any) -> str:
    """JSON that can end no script element and open no comment, whatever its strings hold."""
    plain = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def page_style(sheet: str) -> str:
    """A style sheet below the colours that it names: light ones, and on screens that are dark, dark ones."""
    dark = css_variables(DARK)
    return (
        f":root{{{css_variables(LIGHT)}--lg-font:{FONT}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{sheet}"
    )


@lru_cache(maxsize=4)
def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_escaped,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["letter"] = letters
    environment.filters["shown"] = _shown
    environment.filters["output"] = _output
    environment.filters["kind"] = _kind
    return environment


def _escaped(value: Any) -> Markup:
    """Any value as text, in an element or in an attribute: control characters are replaced."""
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(CONTROLS.sub("\N{REPLACEMENT CHARACTER}", str(value))))


def _shown(value: str) -> Markup:
    """Text in an element: control characters are shown by their numbers."""
    return Markup(text(value))


def _output(example: Example) -> Markup:
    return Markup(marked(example.text, loop=example.loop, search=None))


def _kind(block: object) -> str:
    """The name of a block's class, by which the template chooses how to write it."""
    name = type(block).__name__
    if name not in {"Paragraph", "Command", "Facts", "Chart", "Tiles", "Table", "Examples"}:
        raise TemplateError(f"no way to write a {name}")
    return name
