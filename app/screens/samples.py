"""Browse what the model wrote, beside what judge, lenses and people say of it, and correct the judge."""

from functools import partial
from itertools import pairwise
from typing import Any, Final

import streamlit as st

from app import context, data, state
from app.context import Context
from app.data.bulk import BULK_AT_MOST
from app.data.samples import load_choices, load_listed
from app.widgets import (
    bulk,
    filters,
    live,
    markup,
    notices,
    override,
    pages,
    rows,
    sample,
    saved_views,
    sidebar,
    similar,
    steps,
    votes,
)
from engine.words import PAIR, count, integer

_PANES: Final = {"evidence": "Evidence", "similar": "Similar samples"}


def show(here: Context) -> None:
    """Draw the filter bar, the list and the open sample."""
    if here.run.n_samples == 0:
        notices.empty(
            "No samples yet",
            "The model has not written anything in this run. Run the study again to continue where it stopped.",
            command=f"lensgap run {here.folder}",
            to=notices.TO_RUNS,
        )
        return
    profiles = data.load_profiles(here.folder, here.run.run_id)
    concepts = [profile.concept for profile in profiles]
    choices = load_choices(here.folder, here.run.run_id)
    chosen, sort, number = filters.read(
        concepts, layers=choices["layer"], origins=choices["origin"], templates=choices["template"]
    )
    asked: dict[str, Any] = {"form_rule": here.form_rule, "lens_ids": sidebar.lens_ids(here)}
    run = (here.folder, here.run.run_id, here.judge_id)
    page = data.load_page(*run, chosen, number=number, sort=sort, n_rows=pages.size(), **asked)
    opened = _opened(page)
    with st.container(key="presets", horizontal=True, vertical_alignment="center", gap="small"):
        filters.presets()
    if state.unknown("concept", concepts):
        notices.warning(f"This run has no concept {state.quoted('concept')}. Shown instead: all concepts.")
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="small"):
        facets = data.load_facets(*run, chosen, with_concepts=bool(state.given("counts")), **asked)
        filters.bar(concepts, chosen, facets, choices)
        saved_views.menu(here)
        saved_views.links(opened)
    filters.chips()
    listed, detail = st.columns([1, 1.45], gap="medium")
    with listed:
        selected = _list(page, opened, sort)
    with detail:
        if state.given("pane") == "bulk":
            pairs = load_listed(*run, chosen, at_most=BULK_AT_MOST, only=selected or None, **asked)
            n_total, is_chosen = (len(selected), True) if selected else (page.n_total, False)
            bulk.panel(here, pairs, n_total, chosen_by=filters.chosen_values(), is_chosen=is_chosen)
        else:
            _detail(here, page, opened, search=chosen.text)


def _opened(page: data.PairPage) -> str | None:
    """The open sample: the one in the address, or the page's first; `last` is its last."""
    wanted = state.given("open")
    if wanted == "last" and page.rows:
        return rows.address(page.rows[-1])
    return wanted if wanted and wanted != "first" else (rows.address(page.rows[0]) if page.rows else None)


def _list(page: data.PairPage, opened: str | None, sort: data.Sort) -> list[str]:
    """Draw the list; returns the rows that are selected in the table."""
    first = (page.number - 1) * pages.size() + 1
    shown = f" · {integer(first)}–{integer(first + len(page.rows) - 1)}" if page.rows else ""
    with st.container(key="list-head", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            f'<p class="lg-count" title="{markup.text(PAIR)}"><b>{count(page.n_total, "pair")}</b>{shown}</p>',
            width="content",
        )
        pages.controls(sort)
    if not page.rows:
        notices.empty("No pair passes these filters", "Remove a filter, or show everything.")
        return []
    selected: list[str] = []
    if state.given("layout") == "table":
        selected = pages.table(page.rows, opened)
        pages.chosen_rows(len(selected))
    else:
        with st.container(key="list", gap=None):
            for i, row in enumerate(page.rows):
                key = rows.address(row)
                opening = partial(override.move, open=key, pane=state.given("pane") if _is_pane() else None)
                rows.row(str(i), row, is_open=key == opened, search=state.given("q"), on_click=opening)
    pages.turn(page)
    return selected


def _is_pane() -> bool:
    return state.given("pane") in _PANES


def _detail(here: Context, page: data.PairPage, opened: str | None, *, search: str | None) -> None:
    if opened is None:
        return
    concept, _, sample_id = opened.rpartition(":")
    pair = here.load_pair(concept, sample_id)
    if pair is None:
        notices.empty("No such sample", f"This run has no sample {state.quoted('open')}. Choose one from the list.")
        return
    with st.container(key="detail", border=True):
        steps.steps(page, opened)
        sample.head(pair.detail)
        sample.output(pair.detail, search=search)
        override.panel(here, pair)
        pane = state.bound(
            st.segmented_control,
            "Beside the text",
            name="pane",
            value=state.one_of("pane", tuple(_PANES), default="evidence"),
            default="evidence",
            required=True,
            options=list(_PANES),
            format_func=_PANES.__getitem__,
            label_visibility="collapsed",
        )
        if pane == "similar":
            similar.panel(here, pair.detail)
        else:
            _evidence(here, pair)
    below = next((after for row, after in pairwise(page.rows) if rows.address(row) == opened), None)
    # Whoever works through the list opens that next.
    if below is not None and not live.drew_anew():
        here.prepare_pair(below.concept, below.sample_id)


def _evidence(here: Context, pair: data.Pair) -> None:
    concept = pair.detail.concept
    with st.container(key="wide-evidence"):
        left, right = st.columns(2, gap="medium")
    with left:
        votes.judge(pair, name=here.judge.model if here.judge else "none")
        st.page_link(
            "screens/concept.py",
            label=markup.markdown(f"All about {here.name(concept)}"),
            icon=":material/arrow_forward:",
            query_params=state.link(concept=concept),
        )
    with right:
        sample.measures(pair.detail)
        sample.scores(pair.scores)


show(context.current())
