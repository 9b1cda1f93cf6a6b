"""What a visitor looks for first: what has changed since they were here, and what waits for a person."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from app import state
from app.context import Context
from app.data import visits
from app.viewmodels import home
from app.viewmodels.home import Moved, Todo
from app.viewmodels.overview import Overview
from app.widgets import live, markup, override
from engine.stats.findings import Findings
from engine.words import GAP, integer

_SINCE: Final = "A visit ends after half an hour without a look at this page. Undone ratings are left out."
_NEXT: Final = "Work that only a person can do. Each number links to the screen for it."


def strips(here: Context, findings: Findings, view: Overview) -> None:
    """Both lines, and the record of this look."""
    name = state.reviewer()
    with st.container(border=True, key="panel-home", gap="small"):
        _since(here, findings, name)
        waiting = visits.load_waiting(here.folder, here.run.run_id, here.judge_id, name)
        n_weak = len(home.weak(view.points))
        _next(home.todos(waiting, n_weak=n_weak, is_judged=here.judge is not None), has_plan=waiting.has_plan)
    # What draws itself anew was seen by nobody, perhaps.
    if name and not live.drew_anew():
        visits.keep_visit(here.folder, here.run.run_id, here.judge_id, name, findings, form_rule=here.form_rule)


def _since(here: Context, findings: Findings, name: str) -> None:
    with st.container(horizontal=True, key="home-since", gap="small", vertical_alignment="center"):
        if not name:
            st.html(_line("Your last visit", "Enter your name to see here what changed since your last visit.", _SINCE))
            override.ask_reviewer()
            return
        news = visits.load_news(here.folder, here.run.run_id, here.judge_id, name)
        if news is None:
            told = f"This is your first, {markup.text(name)}. Next time, this line shows what has changed."
            st.html(_line("Your last visit", told, _SINCE))
            return
        is_alike = (news.visit.judge_id, news.visit.form_rule) == (here.judge_id, here.form_rule)
        came = [markup.text(one) for one in home.written(news, reviewer=name)]
        gaps = [_moved(one) for one in home.moved(news.gaps, findings)] if is_alike else []
        lines = ["<span>·</span>".join(came)] * bool(came) + ["".join(gaps)] * bool(gaps)
        since = f"{news.visit.seen_at:%d %b, %H:%M} UTC"
        then = f"Since {home.ago(news.visit.seen_at, datetime.now(UTC).replace(tzinfo=None))}"
        told = "<br>".join(lines) or "nothing has changed"
        st.html(_line(then, told, f"Your last visit ended {since}. {_SINCE}"))


def _moved(one: Moved) -> str:
    which = markup.letter(one.name) if one.name != "Study" else "Study"
    chip = f'<span class="lg-delta">{markup.text(one.delta)}</span>' if one.delta else ""
    return (
        f'<span class="lg-moved" title="{markup.text(GAP)}">{which} gap {one.before} → <b>{one.after}</b> {chip}</span>'
    )


def _next(waiting: Sequence[Todo], *, has_plan: bool) -> None:
    with st.container(horizontal=True, key="home-next", gap="small", vertical_alignment="center"):
        told = "" if waiting or not has_plan else "nothing waits"
        st.html(_line("Next for a person", told, _NEXT), width="content")
        for one in waiting:
            st.page_link(
                f"screens/{one.screen}.py",
                label=f"**{integer(one.n)}** {one.what}",
                help=one.why,
                query_params=state.link(**one.query),
                width="content",
            )
        if not has_plan:
            st.page_link(
                "screens/review.py",
                label="Plan an audit",
                help=(
                    "No audit is planned yet. Only blind ratings of randomly drawn pairs show how often the judge is "
                    "right."
                ),
                query_params=state.link(queue="audit"),
                width="content",
            )


def _line(title: str, told: str, hint: str) -> str:
    return f'<p class="lg-home"><b title="{markup.text(hint)}">{markup.text(title)}</b> <span class="lg-told">{told}</span></p>'
