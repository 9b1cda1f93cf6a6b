"""Gaps at every grain: both intervals side by side, the two parts, and the numbers behind them."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app import theme
from app.charts import interval_dots
from app.charts.gap_parts import gap_parts, gap_parts_table
from app.charts.shared import intervals_table
from app.context import Context
from app.viewmodels.findings import Row, gap_series, name_beside_letter, parts_of
from app.widgets import markup, notices, plots
from app.widgets.findings import grain
from engine.stats.estimate import Estimate
from engine.stats.findings import Findings
from engine.words import GAP, UNKNOWN, integer, interval, number, percent

_INTERVALS: Final = (
    "Two intervals for each gap. Filled: concepts are the units. This is right for several concepts, because texts "
    "about one concept resemble each other. Hollow: every rating counts separately, which is too narrow for a group."
)
_PARTS: Final = (
    "Topicality is the gap among outputs of good form. Degeneracy is what empty, short and repetitive outputs add "
    "to or take from it. The two add up to the gap."
)


def section(here: Context, findings: Findings) -> None:
    """Draw the section."""
    chosen = grain.pick()
    rows = grain.page_of(here, findings, chosen)
    if all(row.finding.gap.value is None for row in rows):
        notices.note("Gaps appear here once samples are rated.", command=f"lensgap judge {here.folder}")
        return
    colours = theme.palette()
    with st.container(key="charts"):
        left, right = st.columns([1.35, 1], gap="medium")
        with left:
            notices.heading("Gaps with both intervals", help_text=f"{GAP} {_INTERVALS}")
            names, series = [row.name for row in rows], gap_series(rows)
            plots.draw(
                interval_dots(names, series, title="Gap (rating points), 95 % intervals", colours=colours),
                key="gap-forest",
                name="findings gaps",
                table=lambda: intervals_table(names, series, measure="gap", unit="rating points"),
            )
        with right:
            notices.heading("What the gap is made of", help_text=_PARTS)
            parts = parts_of(rows)
            made = gap_parts(parts, colours=colours, names=True)
            plots.draw(made, key="gap-parts", name="findings parts of the gap", table=lambda: gap_parts_table(parts))
    grain.turn(here, findings, chosen)
    st.html(table(rows))


def table(rows: Sequence[Row]) -> str:
    """Every number of these rows with its interval and n."""
    heads = (
        ("", ""),
        ("Concepts", "Concepts in the group."),
        ("Ratings", "Ratings of positives + ratings of negatives."),
        ("Gap", GAP),
        ("Over concepts", "Student's t over concepts. For comparison: a bootstrap that resamples concepts."),
        (
            "Over ratings",
            "Welch's t over ratings, a few added at the ends; to compare, the bootstrap of each arm's ratings.",
        ),
        ("Topicality", _PARTS),
        ("Degeneracy", _PARTS),
        ("Good positives", "Share of positives whose form is good."),
    )
    head = "".join(f'<th title="{markup.text(hint)}">{name}</th>' for name, hint in heads)
    body = "".join(_row(row) for row in rows)
    return (
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(row: Row) -> str:
    finding = row.finding
    (positive, negative), parts = finding.histograms, finding.best_decomposition
    because = finding.weak_because
    weak = f'<small title="Rough: {markup.text(because)}.">few concepts: rough</small>' if because else ""
    cells = (
        integer(finding.n_concepts),
        f"{integer(positive.n)} + {integer(negative.n)}",
        f"<b>{number(finding.best_gap.value)}</b>" + _reason(finding.best_gap),
        (_two(finding.cluster.estimate, finding.cluster_bootstrap) + weak) if finding.cluster else UNKNOWN,
        _two(finding.gap, finding.gap_bootstrap),
        *(_one(part) + (weak if part.has_interval else "") for part in (parts.topicality, parts.degeneracy)),
        f"{percent(finding.positive.form_shares()['good'])}<small>of {integer(finding.positive.n_measured)}</small>",
    )
    mark = f"{markup.letter(row.quadrant)} " if row.quadrant else ""
    return (
        f"<tr><th>{mark}{markup.text(name_beside_letter(row))}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    )


def _two(first: Estimate, second: Estimate | None) -> str:
    shown = interval(first) or _why(first)
    again = f"<small>bootstrap {interval(second)}</small>" if second is not None and interval(second) else ""
    return f"{shown}{again}"


def _one(estimate: Estimate) -> str:
    return f"{number(estimate.value)}<small>{interval(estimate) or _why(estimate)}</small>"


def _reason(estimate: Estimate) -> str:
    return f"<small>{markup.text(estimate.reason)}</small>" if estimate.reason else ""


def _why(estimate: Estimate) -> str:
    """Why there is no interval."""
    return markup.text(estimate.reason or estimate.method.partition("; ")[2] or "no interval")
