"""The panel with every measure of the chosen lens, and its shortcut alarm."""

import streamlit as st

from app import data
from app.viewmodels.measures import MeasureGroup, MeasureRow, measure_groups
from app.widgets import markup, notices
from engine.stats.shortcut import shortcut_alarm
from engine.words import LENS_FORM, count, number

_HELP = (
    "All measures of the lens chosen in the sidebar, on held-out pairs. Brackets hold 95 % intervals over groups: "
    "pairs that share a prompt template or a text form one group."
)
_COLUMNS = (
    ("Value", "Measured on held-out pairs. Hover over a row's name for an explanation."),
    ("95 % interval", "Where the value may lie if other pairs were drawn."),
    ("Pairs", "Pairs that the value rests on."),
)


def panel(lens: data.Lens | None, measures: data.LensMeasures | None, *, name: str) -> None:
    """Every measure of the lens in two columns; a reason where there is none."""
    notices.heading("All measures of the chosen lens", help_text=_HELP)
    if lens is None or measures is None:
        notices.note("This concept has no lens with the setting chosen in the sidebar.")
        return
    st.html(f'<p class="lg-note">{markup.text(f"{name}: {_made(lens, measures)}")}</p>')
    if lens.reason:
        notices.note(f"Not measured: {lens.reason}.{_lacking(measures)}")
        return
    if alarm := shortcut_alarm(measures.estimates):
        notices.warning(f"Shortcut alarm. {alarm}")
    groups = measure_groups(measures.estimates)
    left, right = st.columns(2, gap="large")
    # The first two groups are an F1 and what to read it beside, the others say where it comes from.
    left.html("".join(_table(group) for group in groups[:2]))
    if groups[2:]:
        right.html("".join(_table(group) for group in groups[2:]))
        with right:
            notices.note(LENS_FORM)


def _made(lens: data.Lens, measures: data.LensMeasures) -> str:
    facts = measures.facts
    parts = (
        f"{lens.n_positive} positives and {lens.n_negative} negatives in {count(facts.n_groups, 'group')}",
        f"{count(facts.n_excluded, 'pair')} without activation" if facts.n_excluded else "",
        f"{count(facts.n_parameters, 'weight')}" if facts.n_parameters is not None else "",
        f"fires at {number(facts.threshold)}" if facts.threshold is not None else "",
    )
    return ", ".join(part for part in parts if part)


def _lacking(measures: data.LensMeasures) -> str:
    more = measures.facts.n_pairs_more
    return f" At least {count(more, 'pair')} more {'is' if more == 1 else 'are'} needed." if more else ""


def _table(group: MeasureGroup) -> str:
    head = f"<tr>{markup.heads(((markup.text(group.title), group.hint), *_COLUMNS))}</tr>"
    rows = "".join(_row(row) for row in group.rows)
    return f'<table class="lg-table lg-measures"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _row(row: MeasureRow) -> str:
    remark = f"<small>{markup.text(row.remark)}</small>" if row.remark else ""
    return (
        f'<tr><th title="{markup.text(row.hint)}">{markup.text(row.name)}{remark}</th><td><b>{row.value}</b></td>'
        f"<td>{row.interval}</td><td>{row.n}</td></tr>"
    )
