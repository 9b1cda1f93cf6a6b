"""The run that was started here: how far each stage is, the end of its log, stopping it and going on with it."""

from pathlib import Path
from typing import Final

import streamlit as st

from app import auth, data, state
from app.data import work
from app.viewmodels.runs import Progress, duration, progress_of, stage_words
from app.widgets import markup, notices
from db.errors import ExpectedError
from engine.words import integer

_LOOK_S: Final = 1.0
_FAULT: Final = "run-fault"
_ASKED: Final = "asked-to-stop"


def panel(folder: Path) -> bool:
    """Draw what is at work or how the last one ended; True while another may be started."""
    if fault := st.session_state.pop(_FAULT, None):
        notices.warning(fault)
    found = work.load_state(folder)
    if found is None:
        return True
    if found.is_alive:
        with st.container(border=True, key="panel-run"):
            st.fragment(_live, run_every=_LOOK_S)(folder)
        return False
    with st.container(border=True, key="panel-run"):
        _ended(folder, found)
    return True


def is_at_work(folder: Path) -> bool:
    """Whether a run that was started here is at work."""
    found = work.load_state(folder)
    return found is not None and found.is_alive


def await_first(folder: Path) -> None:
    """Draw the screen anew once the study has a run, or once the one that was to be its first begins or ends."""
    st.fragment(_look_for_first, run_every=_LOOK_S)(folder, is_at_work(folder))


def _look_for_first(folder: Path, was_at_work: bool) -> None:
    try:
        has_news = is_at_work(folder) != was_at_work or bool(data.load_runs(folder))
    except ExpectedError:
        # A study that is busy or gone is told by the screen when it is next drawn.
        return
    if has_news:
        st.rerun()


def tell(fault: str) -> None:
    """Have the next drawing say why something could not be done."""
    st.session_state[_FAULT] = fault


def _live(folder: Path) -> None:
    found = work.load_state(folder)
    if found is None or not found.is_alive:
        st.rerun()
    at_work = found.work
    notices.heading("At work", help_text="It continues when this page or the dashboard is closed.")
    st.html(f'<p class="lg-note">{markup.text(_about(at_work))}</p>')
    _stages(folder, at_work)
    _log(found.log)
    asked = st.session_state.get(_ASKED) == at_work.work_id
    label = "End it at once" if asked else "Stop"
    help_text = ("Everything written is kept, and the run can continue later.") + (
        " It was asked to stop." if asked else ""
    )
    if st.button(label, key=f"run-stop-{at_work.work_id}-{asked}", icon=":material/stop:", help=help_text):
        _stop(folder, at_work.work_id, at_once=asked)
        st.rerun()


def _stages(folder: Path, at_work: work.Work) -> None:
    try:
        stages = data.load_stages(folder, at_work.run_id)
    except ExpectedError:
        notices.note("The study is busy. Progress appears in a moment.")
        return
    if stages and state.RUN not in st.session_state:
        # The study's first run is there now, and with it all screens.
        st.rerun()
    if stages:
        st.html("".join(_bar(one) for one in progress_of(stages, at_work.done_before)))
        return
    st.html(
        '<div class="lg-progress lg-wait"><span>Getting ready: loading the model and the pack</span>'
        f"<span>{duration(work.seconds_since(at_work))}</span><div><i></i></div></div>"
    )


@auth.members_only
def _stop(folder: Path, work_id: str, *, at_once: bool) -> None:
    st.session_state[_ASKED] = work_id
    try:
        work.stop(folder, work_id, at_once=at_once)
    except ExpectedError as error:
        tell(str(error))


def _ended(folder: Path, found: work.State) -> None:
    notices.heading("The last run started here")
    st.html(f'<p class="lg-note">{markup.text(_about(found.work))}</p>')
    if found.fault is None:
        notices.note("It is done.")
    elif found.fault == work.STOPPED:
        notices.note("It was stopped. Everything it has written is kept.")
    else:
        notices.warning(found.fault)
    _log(found.log)
    if found.fault is not None:
        _continue(folder, found.work)


def _continue(folder: Path, before: work.Work) -> None:
    try:
        arguments = work.continuing(folder, before.arguments)
    except ExpectedError as error:
        notices.note(str(error))
        return
    settings = " ".join(arguments[2:]) or "the settings of the latest run"
    help_text = markup.markdown(f"Continues with {settings}")
    if st.button("Continue it", key="run-resume", icon=":material/play_arrow:", help=help_text):
        begin(folder, arguments, run_id=before.run_id, by=state.reviewer())


def begin(folder: Path, arguments: tuple[str, ...], *, run_id: str, by: str) -> None:
    """Start a run, and draw the screen anew."""
    before = {stage.stage: stage.n_done for stage in data.load_stages(folder, run_id)}
    try:
        work.start(folder, arguments, run_id=run_id, by=by or "unnamed", done_before=before)
    except ExpectedError as error:
        tell(str(error))
    st.rerun()


def _about(found: work.Work) -> str:
    return f"Run {found.run_id}, started {found.begun:%d %b %Y, %H:%M} UTC by {found.by}"


def _bar(one: Progress) -> str:
    left = f"about {duration(one.left_s)} left" if one.left_s else "done" if one.n_done >= one.n_total else ""
    return (
        f'<div class="lg-progress lg-stage"><span>{markup.text(stage_words(one.stage))} <em>{left}</em></span>'
        f"<span>{integer(one.n_done)} / {integer(one.n_total)}</span>"
        f'<div><i style="width:{100 * one.share:.1f}%"></i></div></div>'
    )


def _log(log: str) -> None:
    if log:
        # It stays open while its text is drawn anew every second.
        with st.container(key="run-log"), st.expander("Log", key="run-log-open"):
            st.html(f'<pre class="lg-raw lg-log">{markup.text(log)}</pre>')
