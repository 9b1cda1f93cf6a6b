"""The study at a glance: where its concepts lie, how far their arms are apart, and what F1 that permits."""

from typing import Final

import streamlit as st

from app import charts, context, data, state, theme
from app.charts.shared import map_table
from app.context import Context
from app.viewmodels import overview
from app.widgets import cards, home, markup, notices, plots, sidebar, since
from engine.figures.palette import Palette
from engine.figures.points import smallest_gaps
from engine.words import CEILINGS, GAP, QUADRANT, UNKNOWN, count, integer

_ROWS: Final = 60
_BOX_PX: Final = 478


def show(here: Context) -> None:
    """Draw the overview, or what is missing for it."""
    if here.run.n_samples == 0:
        notices.empty(
            "No samples yet",
            f"{integer(here.run.n_prompts)} prompts are planned, and the model has not answered any of them. Run the "
            "study again to continue where it stopped.",
            command=f"lensgap run {here.folder}",
            to=notices.TO_RUNS,
        )
        return
    counts = here.counts()
    lenses = data.load_lenses(here.folder, here.run.run_id)
    chosen = overview.lenses_of(lenses, sidebar.lens_setting(lenses, here.run))
    profiles = data.load_profiles(here.folder, here.run.run_id)
    findings = here.find(counts)
    view = overview.overview(findings, counts, profiles, chosen, names=here.names)
    colours = theme.palette()
    short, because = overview.answer(view.overall, asked=here.settings.user_target, model=here.settings.model)
    st.html(
        '<h1 class="lg-title">Can this data support the F1 you ask for?</h1>'
        f'<p class="lg-answer"><b>{short}:</b> {markup.text(because + overview.support(findings, view.overall.target))}</p>'
    )
    cards.headline(view.overall, ceiling=CEILINGS[here.settings.model].lower())
    if view.doubt:
        notices.note(view.doubt)
    _missing(here, has_lenses=bool(lenses))
    since.strip(here, findings, page="overview")
    home.strips(here, findings, view)
    with st.container(key="charts"):
        wide, narrow = st.columns([1.75, 1], gap="medium")
        with wide:
            _map(here, view, colours)
        with narrow:
            _forest(view, colours)
    notices.heading("Quadrants", help_text=QUADRANT)
    _cards(view, colours)


def _missing(here: Context, *, has_lenses: bool) -> None:
    if here.judge is None:
        notices.note("There is no gap yet because nothing is rated.", command=f"lensgap judge {here.folder}")
    elif not has_lenses:
        notices.note("There is no measured F1 yet because no lens is trained.", command=f"lensgap train {here.folder}")


def _map(here: Context, view: overview.Overview, colours: Palette) -> None:
    notices.heading(
        "Quadrant map",
        help_text=f"{QUADRANT} Dot size: number of pairs. Ring: the interval is missing or reaches zero.",
    )
    made = charts.quadrant_map(
        view.points,
        bands=here.run.bands,
        largest_gap=view.largest_gap,
        sibling_count=here.run.sibling_count,
        colours=colours,
        height=470,
    )
    picked = plots.draw(
        made,
        key=plots.fresh("map"),
        name="overview quadrant map",
        table=lambda: map_table(view.points),
        on_select="rerun",
    )
    plots.open_concept("map", picked)
    if view.unplaced:
        notices.note(f"Not on the map because their senses or siblings are unknown: {', '.join(view.unplaced)}")


def _forest(view: overview.Overview, colours: Palette) -> None:
    notices.heading("Gap by concept", help_text=f"{GAP} Click a dot to open its concept.")
    if all(point.gap.value is None for point in view.points):
        notices.note("Gaps appear here once samples are rated.")
        return
    shown = smallest_gaps(view.points, _ROWS)
    made = charts.forest(shown, colours=colours)
    picked = plots.draw(
        made,
        key=plots.fresh("forest"),
        name="overview gap by concept",
        table=lambda: map_table(view.points),
        on_select="rerun",
        box_px=_BOX_PX if made.layout.height > _BOX_PX else None,
    )
    plots.open_concept("forest", picked)
    if len(shown) < len(view.points):
        notices.note(f"The {_ROWS} smallest gaps of {count(len(view.points), 'concept')}.")


def _cards(view: overview.Overview, colours: Palette) -> None:
    if not view.cards:
        notices.note("No concept of this run lies in a quadrant.")
        return
    for column, card in zip(st.columns(len(view.cards), gap="small"), view.cards, strict=True):
        with column, st.container(key=f"card-{card.letter}"):
            st.html(cards.quadrant(card, largest_gap=view.largest_gap, colours=colours))
            if st.button(f"Samples of quadrant {card.letter}", key=f"open-{card.letter}", width="stretch"):
                st.switch_page("screens/samples.py", query_params=state.link(quadrant=card.letter))
    outside = sum(point.quadrant is None and point.counts is not None for point in view.points)
    if outside:
        notices.note(
            f"{count(outside, 'concept')} with in-between counts belong to no quadrant, but are part of the "
            f"study's numbers ({UNKNOWN})."
        )


show(context.current())
