"""Every override in force, by whom and why, and what they have moved together.

What others said of a pair that lies before who looks is kept back until they have rated it themselves.
"""

from typing import Final

import streamlit as st

from app import context, data, state
from app.context import Context
from app.data.ratings import load_n_audited
from app.data.team import Key, load_to_rate_blind
from app.viewmodels.effect import effects, without
from app.widgets import markup, notices
from app.widgets.override import effect_table
from engine.words import UNKNOWN, count, integer

_SHOWN: Final = 100


def show(here: Context) -> None:
    """Draw the sum of all overrides, then each of them."""
    st.html('<h1 class="lg-title">What people corrected</h1>')
    people = data.load_correctors(here.folder, here.run.run_id)
    if not people:
        notices.empty(
            "No overrides yet",
            "Open a sample and press 1–5. Your rating replaces the judge's, and every number is updated.",
            to=("Open the samples", "samples"),
        )
        return
    n_overrides = sum(people.values())
    notices.note(
        f"{count(n_overrides, 'override')} by {count(len(people), 'reviewer')}, compared with what would stand without them. "
        "People look at suspicious samples first, so overrides correct these samples but say nothing about samples "
        "that nobody opened."
    )
    _sum(here)
    _table(here, n_overrides)


def _sum(here: Context) -> None:
    counts = here.counts()
    moved = data.load_moved(here.folder, here.run.run_id, here.judge_id, form_rule=here.form_rule)
    after, before = here.find(counts), here.find(without(counts, moved))
    rows = [
        effect
        for quadrant in after.quadrants
        for effect in effects(before, after, concept=None, quadrant=quadrant)
        if effect.name != "Whole study"
    ]
    rows.extend(effects(before, after, concept=None, quadrant=None))
    with st.container(border=True, key="panel-effects"):
        notices.heading("Without overrides → with overrides")
        st.html(effect_table(rows, moved=True))
        n_audited = load_n_audited(here.folder, here.run.run_id)
        if n_audited:
            notices.note(
                f"Audit ratings ({count(n_audited, 'pair')}) count on both sides; an override goes before them."
            )


def _table(here: Context, n_overrides: int) -> None:
    notices.heading("Overrides, latest first")
    name = state.reviewer()
    hidden: frozenset[Key] = load_to_rate_blind(here.folder, here.run.run_id, name) if name else frozenset()
    corrections = data.load_corrections(here.folder, here.run.run_id, here.judge_id, n_rows=_SHOWN)
    with st.container(key="list", gap=None):
        for i, correction in enumerate(corrections):
            with st.container(key=f"row-{i}-shut"):
                is_hidden = (correction.concept, correction.sample_id) in hidden
                st.html(_row(correction, here.name(correction.concept), is_hidden=is_hidden))
                label = markup.markdown(f"Open {correction.sample_id} of {here.name(correction.concept)}")
                if st.button(label, key=f"pick-{i}", width="stretch"):
                    opened = state.link(by="override", open=f"{correction.concept}:{correction.sample_id}")
                    st.switch_page("screens/samples.py", query_params=opened)
    if n_overrides > _SHOWN:
        notices.note(f"The latest {_SHOWN} of {integer(n_overrides)}; the rest are on Samples under Overridden.")


def _row(correction: data.Correction, name: str, *, is_hidden: bool) -> str:
    said = f"{correction.judge_bin or UNKNOWN} → <b>{correction.override_rating}</b>"
    reason = f" <q>{markup.text(correction.reason)}</q>" if correction.reason else ""
    if is_hidden:
        said, reason = "on your desk", " Shown once you have rated it."
    arm = markup.badge(correction.arm, kind=correction.arm)
    excerpt = markup.text(correction.excerpt.strip()) or "<em>nothing written</em>"
    who = f"<b>{markup.text(correction.reviewer)}</b> {correction.rated_at:%d %b %Y, %H:%M} UTC"
    return (
        f'<div class="lg-row"><header>{markup.letter(correction.quadrant)}{markup.named(name, correction.concept)}{arm}'
        f"<span></span>{said}</header><p>{excerpt}</p>"
        f'<p class="lg-note">{who}{reason}</p></div>'
    )


show(context.current())
