"""All ceilings side by side under sliders for what they assume, their sensitivity, and the F1 that follows."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import streamlit as st

from app import state, theme
from app.charts import interval_dots
from app.charts.sensitivity import TITLES, sensitivity, sensitivity_table
from app.charts.shared import intervals_table
from app.context import DEFAULTS, Context
from app.viewmodels.findings import (
    MODELS,
    Row,
    ceiling_series,
    name_beside_letter,
    rated_prevalence,
    rows_of,
    sweeps_of,
    target_of,
)
from app.widgets import markup, notices, plots, work
from app.widgets.findings import grain
from engine.stats.ceiling import Ceiling, CeilingName
from engine.stats.ceiling_models import FORMULAS
from engine.stats.findings import Findings
from engine.words import CEILING, CEILINGS, TARGET, TIERS, interval, number, percent

_STABILITY: Final = (
    "How far activations stay on topic when the text does not: at 1 they are always on topic, at 0 they are as far "
    "off as the text. Affects only the propagation ceiling."
)
_CUT: Final = "Ratings up to k count as off topic. Affects only the label-noise ceiling."
_PREVALENCE: Final = (
    "Share of positives among the pairs that a lens is tested on. If you change it, every concept's ceiling assumes this "
    "share, with its arms' noise unchanged."
)
_CURVES: Final = (
    "Each chart varies one assumption and keeps the others as set above. Like the ceilings above, the curves are means "
    "over concepts. Band: 95 % interval, if there is one. Dashed: your setting. Dotted: the F1 of always answering yes."
)
_HEIGHT: Final = 230


def section(here: Context, findings: Findings) -> None:
    """Draw the section."""
    prevalence = _sliders(here, findings)
    chosen = grain.pick()
    rows = grain.page_of(here, findings, chosen)
    found = [row.finding.ceilings_at(prevalence) for row in rows]
    series = ceiling_series(found, deciding=here.settings.model)
    if not series:
        notices.note("Ceilings appear here once samples are rated.", command=f"lensgap judge {here.folder}")
        return
    colours = theme.palette()
    notices.heading("Ceilings side by side", help_text=f"{CEILING} The filled dot sets the targets.")
    asked = (here.settings.user_target, f"asked for: {number(here.settings.user_target)}")
    names = [row.name for row in rows]
    with st.container(key="charts"):
        plots.draw(
            interval_dots(names, series, title="F1 ceiling, 95 % interval", colours=colours, line=asked),
            key="ceilings",
            name="findings F1 ceilings",
            table=lambda: intervals_table(names, series, measure="F1 ceiling", unit="0-1"),
        )
    grain.turn(here, findings, chosen)
    st.html(table(rows, found, deciding=here.settings.model))
    if findings.overall.curve is None:
        work.offer(
            f"curve-{here.run.run_id}",
            ["curve", str(here.folder), "--run", here.run.run_id],
            missing="The empirical ceiling needs learning curves. They have not been measured yet:",
            label="Measure learning curves",
        )
    notices.heading("Sensitivity", help_text=_CURVES)
    _curves(here, rows_of(findings, "quadrant", here.names), prevalence)


def _sliders(here: Context, findings: Findings) -> float | None:
    """What the ceilings assume; returns the share of positives that is set, None for the data's own."""
    settings, own = here.settings, rated_prevalence(findings.overall)
    with st.container(key="assumed"):
        left, middle, right = st.columns(3, gap="large")
        with left:
            state.bound(
                st.slider,
                "Stability s",
                name="s",
                key="findings-s",
                value=settings.stability,
                default=DEFAULTS.stability,
                min_value=0.0,
                max_value=1.0,
                step=0.05,
                help=_STABILITY,
            )
        with middle:
            state.bound(
                st.slider,
                "Cut-off k",
                name="k",
                key="findings-k",
                value=settings.k,
                default=DEFAULTS.k,
                min_value=1,
                max_value=4,
                help=_CUT,
            )
        with right:
            return _prevalence(own)


def _prevalence(own: float | None) -> float | None:
    asked = state.given_number("prevalence", default=0.0, low=0.0, high=0.95)
    is_set = asked >= 0.05
    shown = asked if is_set else min(0.95, max(0.05, own or 0.5))
    state.bound(
        st.slider,
        "Share of positives",
        name="prevalence",
        key="findings-prevalence",
        value=round(shown, 2),
        min_value=0.05,
        max_value=0.95,
        step=0.01,
        help=_PREVALENCE,
    )
    if is_set:
        with st.container(horizontal=True, vertical_alignment="center", key="prevalence-set"):
            st.html(f'<span class="lg-note">Set; the ratings have {percent(own)}.</span>', width="content")
            st.button("As in the data", key="prevalence-own", type="tertiary", on_click=_own)
    return asked if is_set else None


def _own() -> None:
    state.change(prevalence=None)


def table(rows: Sequence[Row], found: Sequence[Mapping[CeilingName, Ceiling]], *, deciding: CeilingName) -> str:
    """Every ceiling of these rows with its interval, the floor, and the F1 to ask for."""
    head = "".join(
        f'<th title="{markup.text(FORMULAS[name])}">{CEILINGS[name]}'
        f"{markup.badge('sets target', kind='override') if name == deciding else ''}</th>"
        for name in MODELS
    )
    body = "".join(_row(row, ceilings, deciding) for row, ceilings in zip(rows, found, strict=True))
    return (
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-numbers"><thead><tr><th></th>{head}'
        '<th title="The F1 of always answering yes: no lens should be below it.">Floor</th>'
        f'<th title="{markup.text(TARGET)}">Recommended F1</th></tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row(row: Row, ceilings: Mapping[CeilingName, Ceiling], deciding: CeilingName) -> str:
    cells = "".join(f"<td>{_cell(ceilings[name])}</td>" for name in MODELS)
    target = target_of(ceilings, row.finding)
    floor = number(ceilings[deciding].floor)
    mark = f"{markup.letter(row.quadrant)} " if row.quadrant else ""
    return (
        f"<tr><th>{mark}{markup.text(name_beside_letter(row))}</th>{cells}<td>{floor}</td>"
        f'<td title="{markup.text(target.reason)}"><b>{number(target.value)}</b><small>{TIERS[target.tier]}</small></td></tr>'
    )


def _cell(ceiling: Ceiling) -> str:
    estimate = ceiling.estimate
    if estimate.value is None:
        return f'<span class="lg-muted" title="{markup.text(estimate.reason or "")}">–</span>'
    n = markup.text(f"n {estimate.n}: {estimate.method}")
    return f'<span title="{n}">{number(estimate.value)}<small>{interval(estimate) or "no interval"}</small></span>'


def _curves(here: Context, rows: Sequence[Row], prevalence: float | None) -> None:
    names = {row.key: row.name for row in rows}
    which = state.one_of("curves", tuple(names), default="") or ""
    if len(names) > 1:
        state.bound(
            st.selectbox,
            "Curves of",
            name="curves",
            value=which,
            default="",
            options=list(names),
            format_func=names.__getitem__,
            width=320,
        )
    finding = next(row.finding for row in rows if row.key == which)
    share = rated_prevalence(finding) if prevalence is None else prevalence
    at = {"stability": here.settings.stability, "k": float(here.settings.k), "prevalence": share}
    sweeps = sweeps_of(finding, prevalence)
    if not sweeps:
        notices.note("Curves appear once both arms have ratings.")
        return
    with st.container(key="charts-curves"):
        for column, sweep in zip(st.columns(len(sweeps), gap="medium"), sweeps, strict=True):
            with column:
                st.html(
                    f'<p class="lg-note">{CEILINGS[sweep.model]} ceiling by {markup.text(TITLES[sweep.of].lower())}</p>'
                )
                plots.draw(
                    sensitivity(sweep, at=at[sweep.of], colours=theme.palette(), height=_HEIGHT),
                    key=f"sweep-{sweep.of}",
                    name=f"findings {CEILINGS[sweep.model]} ceiling by {TITLES[sweep.of]} {names[which]}",
                    table=partial(sensitivity_table, sweep),
                )
