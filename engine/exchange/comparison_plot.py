"""A plot of a comparison of several sides with one: as a page that needs no network, or as an image."""

import html
import re
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from engine.errors import ExpectedError
from engine.exchange.comparison import Measure
from engine.exchange.comparison_table import CHANGE_TITLES
from engine.exchange.report_files import write_text
from engine.exchange.report_html.page import content_policy
from engine.exchange.report_plots import write_images
from engine.exchange.told_comparisons import Told, overview, side_names
from engine.figures.changes import ConceptChange, Panel, change_panels
from engine.figures.palette import LIGHT

IMAGES = (".svg", ".png")


def require_plot_file(file: Path) -> None:
    """ExpectedError for a file whose ending names no kind of plot."""
    if file.suffix.lower() not in (".html", *IMAGES):
        raise ExpectedError(f"{file} has no known plot format.", hint="Its name must end in .html, .svg or .png.")


def write_plot(file: Path, told: Sequence[Told]) -> Path:
    """Write the plot; a file of the same name is replaced."""
    require_plot_file(file)
    made = change_panels(comparison_panels(told), colours=LIGHT)
    made.update_layout(paper_bgcolor="white")
    if file.suffix.lower() in IMAGES:
        return write_images({file: made})[0]
    return write_text(file, _page(made, side_names(told[0].comparison)[0]))


def comparison_panels(told: Sequence[Told]) -> list[Panel]:
    """A panel for each measure that any side has a difference of."""
    comparisons = [one.comparison for one in told]
    changes = overview(comparisons)
    measures = [m for m in comparisons[0].pairs[0].measures if any(c.paired.n for c in changes if c.measure == m)]
    names = tuple(side_names(one)[1] for one in comparisons)
    return [
        Panel(
            CHANGE_TITLES[measure],
            names,
            tuple(c.paired.difference for c in changes if c.measure == measure),
            tuple(_concepts(one, measure) for one in told),
        )
        for measure in measures
    ]


def _concepts(told: Told, measure: Measure) -> tuple[ConceptChange, ...]:
    found = zip(told.comparison.pairs, told.tests[measure], strict=True)
    return tuple(
        ConceptChange(pair.match.concept, test.change.estimate.value, test.is_found)
        for pair, test in found
        if test.change.estimate.value is not None
    )


def _page(made: go.Figure, base: str) -> str:
    """The plot as a page that may run its own scripts, by their hashes, and ask for nothing."""
    chart = made.to_html(full_html=False, include_plotlyjs=True, config={"displayModeBar": False, "responsive": True})
    said = html.escape(base)
    policy = content_policy(re.findall(r"<script[^>]*>(.*?)</script>", chart, re.DOTALL))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Differences from {said}</title></head>\n"
        '<body style="max-width: 960px; margin: 2rem auto; padding: 0 1rem; font-family: system-ui, sans-serif">\n'
        f"<h1>Differences from {said}</h1>\n"
        "<p>Each mean over the matched concepts with its 95&nbsp;% interval; beneath it the concepts, filled where a concept's "
        "own test finds it changed.</p>\n"
        f"{chart}\n</body></html>\n"
    )
