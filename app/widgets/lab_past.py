"""The rubric lab's earlier trials: which rubric agreed best with people, and the way back to each."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app import state
from app.context import Context
from app.data.rubric_lab import load_trial_cells
from app.viewmodels.lab_trials import PastTrial, past_trials
from app.viewmodels.rubric_lab import MEASURES
from app.widgets import markup, notices
from app.widgets.lab_session import session_of
from engine.words import UNKNOWN, count

_SHOWN: Final = 30
_COLUMNS: Final = (
    ("Asked first", "When the judge was first asked with this rubric, UTC."),
    ("Rubric", "Its name, and the beginning of its hash."),
    ("Judge", "The model, and its server if it is not Anthropic's."),
    ("Pairs", "Pairs of this run that both the judge and people rated. Trials on different pairs compare roughly."),
    *((title, hint) for _, title, hint in MEASURES),
)


def show(here: Context, *, tried: str) -> None:
    """Every rubric that was tried, on demand; `tried` is the judge whose trial is shown above."""
    expander = st.expander("Trials so far", key="lab-past", on_change="rerun")
    # Every vote on a pair that people rated is read, so that it is done for those who want it.
    if not expander.open:
        return
    with expander:
        found = past_trials(load_trial_cells(here.folder, here.run.run_id))
        if not found:
            notices.note("Trials are compared here once people have rated pairs that a judge was asked about.")
            return
        st.html(_table(found[:_SHOWN], here.judge_id, tried))
        if len(found) > _SHOWN:
            notices.note(f"The latest {_SHOWN} of {count(len(found), 'trial')}.")
        _choose(here, found[:_SHOWN], tried)


def _choose(here: Context, found: Sequence[PastTrial], tried: str) -> None:
    """Have the pairs of another trial, and what its judge said of them, shown above."""
    others = {trial.judge_id: f"{trial.rubric} · {trial.setting}" for trial in found if trial.judge_id != tried}
    if not others:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox("Trial", list(others), format_func=others.__getitem__, key=f"lab-past-{tried}")
        st.button("Show its pairs", key="lab-past-show", on_click=_open, args=(here, chosen))


def _open(here: Context, judge_id: str) -> None:
    session = session_of(here)
    session.tried, session.chosen = judge_id, None
    session.n_moves += 1
    state.change(tried=judge_id)


def _table(found: Sequence[PastTrial], on_screen: str, tried: str) -> str:
    rows = "".join(_row(trial, on_screen, tried) for trial in found)
    return (
        f'<table class="lg-table lg-numbers lg-past"><thead><tr>{markup.heads(_COLUMNS)}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(trial: PastTrial, on_screen: str, tried: str) -> str:
    place = {tried: "shown above", on_screen: "on screen"}.get(trial.judge_id, "")
    beside = f"<small>{place}</small>" if place else ""
    measures = "".join(
        f'<td title="{markup.text(under)}">{value}<small>{markup.text(under) if value != UNKNOWN else ""}</small></td>'
        for value, under in trial.measures
    )
    return (
        f"<tr><td>{trial.asked_at:%d %b %H:%M}</td><td>{markup.text(trial.rubric)}{beside}</td>"
        f"<td>{markup.text(trial.setting)}</td><td>{trial.n_pairs}</td>{measures}</tr>"
    )
