"""Everything about one concept: what it means, how its arms are rated, what its lenses reach, and what they could."""

from collections.abc import Sequence

import streamlit as st

from app import charts, context, data, state, theme
from app.context import Context
from app.viewmodels import words
from app.viewmodels.concept import CeilingRow, ceiling_rows, lens_dots
from app.viewmodels.words import count, interval, number, percent
from app.widgets import markup, notices
from engine.stats.estimate import Estimate
from engine.stats.findings import Finding


def show(here: Context) -> None:
    """Draw the concept in the address, or the run's first."""
    profiles = data.load_profiles(here.folder, here.run.run_id)
    if not profiles:
        notices.empty(
            "No concepts yet", "This run has not selected its concepts.", command=f"lensgap run {here.folder}"
        )
        return
    names = [profile.concept for profile in profiles]
    letters = {profile.concept: profile.quadrant or words.UNKNOWN for profile in profiles}
    name = state.one_of("concept", names, default=names[0]) or names[0]
    concept = data.load_concept(here.folder, here.run.run_id, name)
    if concept is None:
        return
    _head(concept, names, letters)
    if here.run.n_samples == 0:
        notices.note("The model has not written anything yet, so there is nothing to measure.")
        return
    finding = here.find(here.counts()).concepts[name]
    lenses = data.load_lenses(here.folder, here.run.run_id, concept=name)
    colours = theme.palette()
    left, right = st.columns([1, 1], gap="medium")
    with left, st.container(border=True, key="panel-gap"):
        _gap(finding, colours)
    with right, st.container(border=True, key="panel-histograms"):
        _histograms(finding, colours)
    with st.container(border=True, key="panel-lenses"):
        _lenses(lenses, finding, here, colours)
    with st.container(border=True, key="panel-ceilings"):
        _ceilings(finding, here)
    _samples(name, finding)


def _head(concept: data.Concept, names: Sequence[str], letters: dict[str, str]) -> None:
    facts = concept.facts
    title, picker = st.columns([3, 1], gap="medium", vertical_alignment="bottom")
    with title:
        why = f" ({facts.quadrant_reason})" if facts.quadrant_reason else ""
        placed = (
            f"Quadrant {facts.quadrant}, {words.PROFILES[facts.quadrant]}" if facts.quadrant else f"No quadrant{why}"
        )
        siblings = "siblings unknown" if facts.n_siblings is None else count(facts.n_siblings, "sibling")
        st.html(
            f'<div class="lg-head lg-large">{markup.letter(facts.quadrant)}<h1>{markup.text(facts.concept)}</h1></div>'
            f'<p class="lg-definition">{markup.text(facts.definition)}</p>'
            f'<p class="lg-note">{markup.text(placed)} · {count(facts.n_senses, "sense")} '
            f"({markup.text(facts.senses_mean)}) · {siblings} · pack layer {facts.pack_layer}</p>"
        )
    with picker:
        state.bound(
            st.selectbox,
            "Concept",
            name="concept",
            value=facts.concept,
            options=list(names),
            format_func=lambda name: f"{letters[name]}  {name}",
        )
    senses, siblings_box = st.columns([1, 1], gap="medium")
    with senses, st.expander(f"Senses in the pack ({len(concept.senses)})"):
        items = "".join(
            f"<li>{markup.text(s.definition)} <code>{markup.text(s.sense_id)}</code></li>" for s in concept.senses
        )
        st.html(f'<ol class="lg-senses">{items}</ol>' if items else '<p class="lg-note">The pack lists none.</p>')
    with siblings_box, st.expander(f"Siblings ({len(concept.siblings)})"):
        _siblings(concept.siblings)


def _siblings(siblings: Sequence[data.Sibling]) -> None:
    with st.container(horizontal=True, gap="small", key="siblings"):
        for sibling in siblings:
            if sibling.in_run:
                st.page_link(
                    "screens/concept.py",
                    label=markup.markdown(sibling.sibling),
                    query_params=state.link(concept=sibling.sibling),
                )
    others = "".join(markup.badge(sibling.sibling) for sibling in siblings if not sibling.in_run)
    if others:
        st.html(f'<div class="lg-chips">{others}</div>')
    if not siblings:
        notices.note("The pack has no other concept under the same parent.")


def _gap(finding: Finding, colours: theme.Palette) -> None:
    notices.heading("Relevance gap", help_text=words.GAP)
    parts = finding.decomposition
    rows = (
        ("Gap", finding.gap, colours.accent, words.GAP),
        ("Topicality part", parts.topicality, colours.positive, "The gap among good outputs alone."),
        (
            "Degeneracy part",
            parts.degeneracy,
            colours.warning,
            "What empty, short and repetitive outputs add to the gap or take from it.",
        ),
    )
    reach = max([1.0, *(abs(end) for _, e, _, _ in rows for end in (e.low, e.high, e.value) if end is not None)])
    cells = "".join(
        f'<div class="lg-part" title="{markup.text(hint)}"><span>{name}</span><b>{number(estimate.value)}</b>'
        f"<small>{markup.text(_why(estimate))}</small>"
        f"{markup.interval_bar(estimate, low=-reach, high=reach, colour=colour)}</div>"
        for name, estimate, colour, hint in rows
    )
    shares = finding.positive.form_shares(), finding.negative.form_shares()
    forms = "".join(
        f"<tr><th>{form}</th><td>{percent(shares[0][form])}</td><td>{percent(shares[1][form])}</td></tr>"
        for form in ("good", "repetitive", "short", "empty")
    )
    st.html(
        f'<div class="lg-parts">{cells}</div><table class="lg-table"><thead><tr><th title="{markup.text(words.FORM)}">Form</th>'
        f"<th>Positives ({finding.positive.n})</th><th>Negatives ({finding.negative.n})</th></tr></thead><tbody>{forms}</tbody></table>"
    )


def _why(estimate: Estimate) -> str:
    return interval(estimate) or estimate.reason or "no interval: the ratings do not vary"


def _histograms(finding: Finding, colours: theme.Palette) -> None:
    notices.heading("Ratings by arm", help_text=words.ARM)
    if not finding.positive.histogram.n and not finding.negative.histogram.n:
        notices.note("Nothing of this concept is rated yet.")
        return
    made = charts.rating_histograms(finding.positive.histogram, finding.negative.histogram, colours=colours)
    st.plotly_chart(made, theme=None, key="histograms", config={"displayModeBar": False})
    unrated = finding.positive.n + finding.negative.n - finding.positive.histogram.n - finding.negative.histogram.n
    if unrated:
        notices.note(f"{count(unrated, 'sample')} without a rating.")


def _lenses(lenses: Sequence[data.Lens], finding: Finding, here: Context, colours: theme.Palette) -> None:
    notices.heading("Lenses beside their baselines", help_text=words.LENS)
    rows = lens_dots(lenses)
    if not rows:
        notices.note(f"No lens of this concept is trained yet: lensgap train {here.folder}")
        return
    if any(row.f1 is not None for row in rows):
        ceiling = finding.ceilings[here.settings.model].estimate
        made = charts.lens_plot(rows, ceiling=ceiling, colours=colours)
        st.plotly_chart(made, theme=None, key="lenses", config={"displayModeBar": False})
    for reason in dict.fromkeys(row.reason for row in rows if row.reason):
        names = "; ".join(row.name for row in rows if row.reason == reason)
        notices.note(f"No F1 for {names}: {reason}.")


def _ceilings(finding: Finding, here: Context) -> None:
    notices.heading("F1 ceilings", help_text=words.CEILING)
    target = finding.target
    st.html(
        f'<p class="lg-target" title="{markup.text(words.TARGET)}">Recommended F1 <b>{number(target.value)}</b> '
        f"<span>{words.TIERS[target.tier]}: you ask for {number(here.settings.user_target)}, {markup.text(target.reason)}</span></p>"
    )
    rows = "".join(_ceiling(row) for row in ceiling_rows(finding, deciding=here.settings.model))
    st.html(
        '<div class="lg-scroll"><table class="lg-table lg-ceilings"><thead><tr><th>Model</th><th>Ceiling</th><th>95 % interval</th>'
        f"<th>Formula and inputs</th><th>Measured against</th><th>Prevalence π</th><th>Floor</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
    notices.note("Floor: the F1 of a classifier that always answers yes. No lens below it has learnt anything.")


def _ceiling(row: CeilingRow) -> str:
    name = f"{row.name}{markup.badge('sets target', kind='override')}" if row.deciding else row.name
    return (
        f"<tr><th>{name}</th><td><b>{row.value}</b></td><td>{markup.text(row.interval)}</td>"
        f'<td class="lg-formula">{markup.text(row.formula)}<small>{markup.text(row.inputs)}</small></td>'
        f"<td class=lg-words>{markup.text(row.labels)}</td><td>{row.prevalence}</td><td>{row.floor}</td></tr>"
    )


def _samples(name: str, finding: Finding) -> None:
    notices.heading("Samples of this concept")
    with st.container(horizontal=True, key="concept-samples"):
        for arm, n in (("positive", finding.positive.n), ("negative", finding.negative.n)):
            st.page_link(
                "screens/samples.py",
                label=f"{arm.capitalize()}s ({n})",
                icon=":material/article:",
                query_params=state.link(concept=name, arm=arm),
            )
        st.page_link(
            "screens/samples.py",
            label="Degenerate ones",
            icon=":material/article:",
            query_params=state.link(concept=name, form=["empty", "short", "repetitive"]),
        )


show(context.current())
