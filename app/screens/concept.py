"""Everything about one concept: what it means, how its arms are rated, what its lenses reach, and what they could."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from app import context, data, state, theme
from app.context import Context
from app.data.browsing import is_at_hand
from app.data.growth import load_neighbours, load_steps
from app.data.samples import load_first
from app.viewmodels import overview
from app.widgets import growth, later, markup, measures, notices, panels, reported, rows, sidebar, since
from engine import words
from engine.stats.findings import Finding
from engine.stats.learning_curve import LearningCurve
from engine.words import count

_SHOWN: Final = 6


def show(here: Context) -> None:
    """Draw the concept in the address, or the run's first."""
    profiles = data.load_profiles(here.folder, here.run.run_id)
    if not profiles:
        command = f"lensgap run {here.folder}"
        notices.empty(
            "No concepts yet", "This run has not selected its concepts yet.", command=command, to=notices.TO_RUNS
        )
        return
    names = [profile.concept for profile in profiles]
    letters = {profile.concept: profile.quadrant or words.UNKNOWN for profile in profiles}
    name = state.one_of("concept", names, default=names[0]) or names[0]
    if state.unknown("concept", names):
        instead = here.name(name)
        notices.warning(f"This run has no concept {state.quoted('concept')}. Shown instead: {instead}.")
    concept = data.load_concept(here.folder, here.run.run_id, name)
    if concept is None:
        notices.empty("No such concept", "The pack of this run does not have it.")
        return
    _head(concept, {name: f"{letters[name]}  {here.name(name)}" for name in names})
    if here.run.n_samples == 0:
        notices.empty(
            "No samples yet",
            "There is nothing to measure until the model has written texts.",
            command=f"lensgap run {here.folder}",
            to=notices.TO_RUNS,
        )
        return
    counts = here.counts()
    findings = here.find(counts)
    finding = findings.concepts[name]
    since.strip(here, findings, page="concept", concept=name)
    _panels(here, finding, data.load_lenses(here.folder, here.run.run_id, concept=name))
    _measures(here, name)
    _growth(here, name, next((one.curve for one in counts if one.concept == name), None), letters)
    if values := data.load_reported(here.folder, here.run.run_id, name):
        with st.container(border=True, key="panel-reported"):
            reported.panel(values)
    _samples(here, name, finding)


def _head(concept: data.Concept, choices: dict[str, str]) -> None:
    title, picker = st.columns([3, 1], gap="medium", vertical_alignment="bottom")
    with title:
        st.html(_title(concept))
    with picker:
        state.bound(
            st.selectbox,
            "Concept",
            name="concept",
            value=concept.facts.concept,
            options=list(choices),
            format_func=choices.__getitem__,
        )
    senses, siblings = st.columns(2, gap="medium")
    with senses, st.expander(f"Senses in the pack ({_listed(concept)})"):
        _senses(concept.senses)
    with siblings, st.expander(f"Siblings ({len(concept.siblings)})"):
        _siblings(concept.siblings)


def _listed(concept: data.Concept) -> str:
    listed, known = len(concept.senses), concept.facts.n_senses
    return str(listed) if listed == known else f"{listed} listed, {known} counted"


def _title(concept: data.Concept) -> str:
    facts = concept.facts
    why = f" ({facts.quadrant_reason})" if facts.quadrant_reason else ""
    placed = f"Quadrant {facts.quadrant}, {words.PROFILES[facts.quadrant]}" if facts.quadrant else f"No quadrant{why}"
    siblings = "siblings unknown" if facts.n_siblings is None else count(facts.n_siblings, "sibling")
    details = (
        placed,
        f"{count(facts.n_senses, 'sense')} ({facts.senses_mean})",
        siblings,
        f"pack layer {facts.pack_layer}",
        *((f"split from {facts.origin}",) if facts.origin else ()),
        *((f"bucket: {facts.bucket}",) if facts.bucket else ()),
    )
    called = markup.named(facts.name, facts.concept, tag="h1") + markup.term_beside(facts.name, facts.concept)
    return (
        f'<div class="lg-head lg-large">{markup.letter(facts.quadrant)}{called}</div>'
        f'<p class="lg-definition">{markup.text(facts.definition)}</p>'
        f'<p class="lg-note">{markup.text(" · ".join(details))}</p>'
    )


def _senses(senses: Sequence[data.Sense]) -> None:
    if not senses:
        notices.note("The pack lists none.")
        return
    items = "".join(f"<li>{markup.text(s.definition)} <code>{markup.text(s.sense_id)}</code></li>" for s in senses)
    st.html(f'<ol class="lg-senses">{items}</ol>')


def _siblings(siblings: Sequence[data.Sibling]) -> None:
    if not siblings:
        notices.note("The pack has no other concept under the same parent.")
        return
    with st.container(horizontal=True, gap="small", key="siblings"):
        for sibling in siblings:
            if sibling.in_run:
                to = state.link(concept=sibling.sibling)
                st.page_link("screens/concept.py", label=markup.markdown(sibling.name), query_params=to)
    others = "".join(markup.badge(s.name, title=s.sibling) for s in siblings if not s.in_run)
    if others:
        st.html(f'<div class="lg-chips">{others}</div>')


def _panels(here: Context, finding: Finding, lenses: Sequence[data.Lens]) -> None:
    colours = theme.palette()
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, key="panel-gap", height="stretch"):
        panels.gap(finding, colours)
    with right, st.container(border=True, key="panel-ratings", height="stretch"):
        panels.ratings(finding, colours)
    with st.container(border=True, key="panel-lenses"):
        panels.lenses(lenses, finding, here, colours)
    panels.layers(lenses, finding, colours)
    with st.container(border=True, key="panel-ceilings"):
        panels.ceilings(finding, here)


def _measures(here: Context, name: str) -> None:
    """The lens of this concept at the setting that the sidebar shows, which is one of all the run's."""
    lenses = data.load_lenses(here.folder, here.run.run_id)
    setting = sidebar.lens_setting(lenses, here.run)
    if setting is None:
        return
    lens = next((lens for lens in overview.lenses_of(lenses, setting) if lens.concept == name), None)
    found = data.load_measures(here.folder, lens.lens_id) if lens else None
    with st.container(border=True, key="panel-measures"):
        measures.panel(lens, found, name=overview.setting_name(setting))


def _growth(here: Context, name: str, curve: LearningCurve | None, letters: Mapping[str, str]) -> None:
    """How the lens grew with its pairs, and whose lenses point where its own does."""
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        with st.container(border=True, key="panel-curve"):
            growth.curve(here, name, curve, theme.palette())
        with st.container(border=True, key="panel-steps"):
            growth.steps(here, load_steps(here.folder, here.run.run_id, name))
    with right, st.container(border=True, key="panel-near", height="stretch"):
        _neighbours(here, name, letters)


def _neighbours(here: Context, name: str, letters: Mapping[str, str]) -> None:
    lenses = data.load_lenses(here.folder, here.run.run_id)
    setting = sidebar.lens_setting(lenses, here.run)
    alike = overview.lenses_of(lenses, setting)
    found = load_neighbours(here.folder, here.run.run_id, name, alike, n=_SHOWN)
    said = overview.setting_name(setting) if setting else ""
    growth.neighbours(found, letters=letters, names=here.names, setting=said)


def _samples(here: Context, name: str, finding: Finding) -> None:
    notices.heading("Samples of this concept", help_text="Open a sample to read it in full and correct its rating.")
    left, right = st.columns(2, gap="medium")
    with left:
        _arm(here, name, "positive", "lowest", finding.positive.n)
    with right:
        _arm(here, name, "negative", "highest", finding.negative.n)


def _arm(here: Context, name: str, arm: str, sort: data.Sort, n: int) -> None:
    """The arm's most doubtful samples: positives from the lowest rating, negatives from the highest."""
    shown = _most_doubtful(here, data.Filters(concept=name, arm=arm), sort)
    st.page_link(
        "screens/samples.py",
        label=f"All {n} {arm}s, {sort} rating first",
        icon=":material/article:",
        query_params=state.link(concept=name, arm=arm, sort=sort),
    )
    with st.container(key=f"list-{arm}", gap=None):
        for i, row in enumerate(shown):
            if rows.row(f"{arm}-{i}", row, named=False):
                opened = state.link(concept=name, arm=arm, sort=sort, open=rows.address(row))
                st.switch_page("screens/samples.py", query_params=opened)


def _most_doubtful(here: Context, chosen: data.Filters, sort: data.Sort) -> tuple[data.PageRow, ...]:
    run = (here.folder, here.run.run_id, here.judge_id)

    def first() -> tuple[data.PageRow, ...]:
        # Lenses decide nothing here; they are named so that what Samples holds in memory is asked.
        lens_ids = sidebar.lens_ids(here)
        return load_first(*run, chosen, sort=sort, form_rule=here.form_rule, n_rows=_SHOWN, lens_ids=lens_ids)

    if is_at_hand(*run):
        return first()
    # Soon after the start, while the pairs of a large study come into memory.
    return later.answer(here.folder, ("doubtful", *run[1:], chosen), first, what="This list") or ()


show(context.current())
