"""Present a frozen snapshot, one finding a page; or see all snapshots and freeze the findings as they are now."""

from typing import Final

import streamlit as st

from app import context, state
from app.context import Context
from app.data import command, snapshots
from app.data.snapshots import Snapshot
from app.widgets import markup, notices
from app.widgets.story import story
from engine.words import count

_WORK: Final = "freezing"
_FAULT: Final = "freezing-fault"
_LOOK_S: Final = 0.5


def show(here: Context) -> None:
    """Draw the story that the address names, else the list."""
    found = snapshots.load_snapshots(here.folder)
    wanted = state.given("snapshot")
    chosen = next((one for one in found if one.snapshot_id == wanted), None)
    if chosen is not None:
        story(here, chosen)
        return
    if wanted:
        notices.warning(
            f"This study has no snapshot {state.quoted('snapshot')}. The existing snapshots are listed below."
        )
    st.html('<h1 class="lg-title">Present</h1>')
    notices.note("A snapshot keeps the current numbers, charts and texts. Later ratings and runs do not change it.")
    _freeze(here)
    if found or here.run.n_samples:
        _list(found)


def _freeze(here: Context) -> None:
    work: command.Started | None = st.session_state.get(_WORK)
    if work is not None and (result := command.ended(work)) is not None:
        del st.session_state[_WORK]
        if result.fault is None:
            state.change(snapshot=result.output.strip().splitlines()[-1], slide=None)
            st.rerun()
        st.session_state[_FAULT] = result.fault
    elif work is not None:
        st.fragment(_wait, run_every=_LOOK_S)(work)
        return
    if fault := st.session_state.pop(_FAULT, None):
        notices.warning(f"Nothing was frozen. {fault}")
    if here.run.n_samples == 0:
        notices.empty(
            "Nothing to freeze yet",
            "The model has not written anything in this run.",
            command=f"lensgap run {here.folder}",
            to=notices.TO_RUNS,
        )
        return
    with st.form("freeze", border=True):
        name_at, by_at, press_at = st.columns([2, 1.2, 0.8], vertical_alignment="bottom")
        name = name_at.text_input("Name of the snapshot", key="freeze-name", max_chars=120, placeholder="Team meeting")
        signed_in = state.PERSON in st.session_state
        n_chars = None if signed_in else 60
        by = by_at.text_input(
            "Your name", value=state.reviewer(), key="freeze-by", max_chars=n_chars, disabled=signed_in
        )
        if press_at.form_submit_button("Freeze now", type="primary", width="stretch"):
            _start(here, name.strip(), by.strip())


def _start(here: Context, name: str, by: str) -> None:
    if not name or not by:
        notices.warning("Enter a name for the snapshot and your own name.")
        return
    if state.PERSON not in st.session_state:
        state.remember_reviewer(by)
    try:
        st.session_state[_WORK] = command.start(freeze_arguments(here, name=name, by=state.reviewer()))
    except OSError as error:
        st.session_state[_FAULT] = f"The command cannot be started: {error.strerror or error}."
    st.rerun()


def freeze_arguments(here: Context, *, name: str, by: str) -> list[str]:
    """The command that freezes what is on screen: this run, this judge, these assumptions."""
    settings = here.settings
    judge = [f"--judge={here.judge.judge_id}"] if here.judge else []
    # A value is joined to its option, so that one which begins with a dash is none.
    return [
        *("snapshot", "freeze", str(here.folder.resolve()), f"--name={name}", f"--by={by}"),
        *(f"--run={here.run.run_id}", *judge, f"--form-rule={here.form_rule}", f"--k={settings.k}"),
        *(f"--stability={settings.stability}", f"--target={settings.user_target}", f"--ceiling={settings.model}"),
    ]


def _wait(work: command.Started) -> None:
    if work.process.poll() is not None:
        st.rerun()
    st.html(
        '<div class="lg-progress lg-wait"><span>Computing all numbers and charts of the snapshot</span>'
        f"<span>{work.seconds:.0f} s</span><div><i></i></div></div>"
    )


def _list(found: tuple[Snapshot, ...]) -> None:
    if not found:
        notices.empty("No snapshot yet", "Freeze the findings above, then present them, one finding per page.")
        return
    notices.heading(f"{count(len(found), 'snapshot')}, latest first")
    with st.container(key="list", gap=None):
        for i, one in enumerate(found):
            with st.container(key=f"row-snapshot-{i}-shut"):
                st.html(
                    f'<div class="lg-row"><header><b>{markup.text(one.name)}</b><span></span>'
                    f'<span class="lg-muted">{count(one.n_slides, "page")}</span></header>'
                    f"<p>{markup.text(one.frozen)}, from run {markup.text(one.run_name)}</p></div>"
                )
                label = markup.markdown(f"Present {one.name}")
                st.button(
                    label,
                    key=f"pick-{one.snapshot_id}",
                    width="stretch",
                    on_click=state.change,
                    kwargs={"snapshot": one.snapshot_id, "slide": None},
                )


show(context.current())
