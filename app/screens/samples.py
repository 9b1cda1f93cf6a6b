"""Browse what the model wrote, beside what judge, lenses and people say of it, and correct the judge."""

from functools import partial

import streamlit as st

from app import context, data, state
from app.context import Context
from app.data.samples import PAGE_ROWS
from app.widgets import filters, markup, notices, override, rows, sample, votes
from engine.words import PAIR, count, integer


def show(here: Context) -> None:
    """Draw the filter bar, the list and the open sample."""
    if here.run.n_samples == 0:
        notices.empty(
            "No samples yet",
            "The model has not written anything in this run. Run the study again and it continues where it stopped.",
            command=f"lensgap run {here.folder}",
        )
        return
    profiles = data.load_profiles(here.folder, here.run.run_id)
    concepts = [profile.concept for profile in profiles]
    chosen, sort, number = filters.read(concepts)
    if state.unknown("concept", concepts):
        notices.warning(f"This run has no concept {state.quoted('concept')}. Shown instead: all concepts.")
    filters.bar(concepts, chosen, sort)
    page = data.load_page(
        here.folder, here.run.run_id, here.judge_id, chosen, number=number, sort=sort, form_rule=here.form_rule
    )
    listed, detail = st.columns([1, 1.45], gap="medium")
    opened = _opened(page)
    with listed:
        _list(page, opened)
    with detail:
        _detail(here, page, opened, search=chosen.text)


def _opened(page: data.PairPage) -> str | None:
    """The open sample: the one in the address, or the page's first; `last` is its last."""
    wanted = state.given("open")
    if wanted == "last" and page.rows:
        return rows.address(page.rows[-1])
    return wanted if wanted and wanted != "first" else (rows.address(page.rows[0]) if page.rows else None)


def _list(page: data.PairPage, opened: str | None) -> None:
    first = (page.number - 1) * PAGE_ROWS + 1
    shown = f" · {first}–{first + len(page.rows) - 1}" if page.rows else ""
    st.html(f'<p class="lg-count" title="{markup.text(PAIR)}"><b>{count(page.n_total, "pair")}</b>{shown}</p>')
    if not page.rows:
        notices.empty("Nothing passes these filters", "Take one away, or show everything.")
        return
    with st.container(key="list", gap=None):
        for i, row in enumerate(page.rows):
            key = rows.address(row)
            opening = partial(override.move, open=key)
            rows.row(str(i), row, is_open=key == opened, search=state.given("q"), on_click=opening)
    if page.n_pages > 1:
        # Its number is its default and part of its key, for Streamlit complains of a default beside a value in its state.
        key = f"widget-page-{page.number}-{page.n_pages}"
        st.pagination(page.n_pages, default=page.number, key=key, max_visible_pages=5, on_change=_turn, args=(key,))


def _turn(key: str) -> None:
    override.move(page=st.session_state[key], open=None)


def _detail(here: Context, page: data.PairPage, opened: str | None, *, search: str | None) -> None:
    if opened is None:
        return
    concept, _, sample_id = opened.rpartition(":")
    pair = data.load_pair(
        here.folder, here.run.run_id, here.judge_id, concept=concept, sample_id=sample_id, form_rule=here.form_rule
    )
    if pair is None:
        notices.empty("No such sample", f"This run has no sample {state.quoted('open')}. Choose one from the list.")
        return
    with st.container(key="detail", border=True):
        _steps(page, opened)
        sample.head(pair.detail)
        sample.output(pair.detail, search=search)
        override.panel(here, pair.detail)
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


def _steps(page: data.PairPage, opened: str) -> None:
    keys = [rows.address(row) for row in page.rows]
    at = keys.index(opened) if opened in keys else None
    before = _step_to(keys, at, page, by=-1)
    after = _step_to(keys, at, page, by=1)
    with st.container(horizontal=True, vertical_alignment="center", key="steps"):
        place = (page.number - 1) * PAGE_ROWS + at + 1 if at is not None else None
        where = f"{integer(place)} of {integer(page.n_total)}" if place else "not in this list"
        st.html(f'<span class="lg-note">Pair {where}</span>', width="stretch")
        _step("Previous", "P", before)
        _step("Next", "N", after)


def _step_to(keys: list[str], at: int | None, page: data.PairPage, *, by: int) -> dict[str, object] | None:
    """Where a step leads: a neighbour on this page, or the near end of the next one; None at the list's ends."""
    if at is None:
        return None
    if 0 <= at + by < len(keys):
        return {"open": keys[at + by]}
    turned = page.number + by
    return {"page": turned, "open": "first" if by > 0 else "last"} if 1 <= turned <= page.n_pages else None


def _step(label: str, key: str, to: dict[str, object] | None) -> None:
    st.button(
        label,
        key=f"step-{label}",
        shortcut=key,
        type="tertiary",
        disabled=to is None,
        on_click=override.move,
        kwargs=to or {},
    )


show(context.current())
