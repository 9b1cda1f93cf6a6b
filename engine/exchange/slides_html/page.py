"""Write frozen pages as one HTML file to present without Lensgap or a network.

As in the report's page, every text is escaped where it is put in, figures are data, and a content security policy allows the
page's own scripts by their hashes and nothing else.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from engine.exchange.report_html.page import content_policy, page_style, script_json
from engine.markup import text

_HERE: Final = Path(__file__).parent
Slides = Sequence[Mapping[str, Any]]


def render_slides(slides: Slides, notes: Mapping[str, str], *, name: str, frozen: str) -> str:
    """The pages with their notes as HTML; `frozen` says when and by whom the numbers were frozen."""
    figures = _figures(slides)
    own = _read("slides.js")
    scripts = [get_plotlyjs(), own] if figures else [own]
    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    environment.filters["shown"] = lambda value: Markup(text(str(value)))
    return environment.get_template("slides.html.j2").render(
        slides=slides,
        notes=notes,
        name=name,
        frozen=frozen,
        policy=content_policy(scripts),
        style=Markup(page_style(_read("slides.css"))),
        figures=Markup(script_json(figures)),
        scripts=[Markup(script) for script in scripts],
    )


def _figures(slides: Slides) -> dict[str, Any]:
    """Each chart's two figures by its place."""
    return {
        f"{slide['name']}-{number}": {"light": block["content"]["light"], "dark": block["content"]["dark"]}
        for slide in slides
        for number, block in enumerate(slide["blocks"])
        if block["kind"] == "chart"
    }


@lru_cache(maxsize=2)
def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
