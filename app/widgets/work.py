"""A button that has the command line measure what a screen lacks, and says how that goes."""

from collections.abc import Sequence

import streamlit as st

from app import auth
from app.data import command
from app.widgets import notices

_LOOK_S = 1.0


def offer(name: str, arguments: Sequence[str], *, missing: str, label: str) -> None:
    """Say what is missing and which command makes it, with a button that runs it; one at a time in this browser tab."""
    key = f"work-{name}"
    shown = " ".join(["lensgap", *arguments])
    started: command.Started | None = st.session_state.get(key)
    if started is not None:
        st.fragment(_wait, run_every=_LOOK_S)(key, shown)
        return
    notices.note(missing, command=shown)
    if fault := st.session_state.get(f"{key}-fault"):
        notices.warning(f"The command failed. {fault}")
    st.button(label, key=f"{key}-button", icon=":material/play_arrow:", on_click=_start, args=(key, tuple(arguments)))


@auth.members_only
def _start(key: str, arguments: tuple[str, ...]) -> None:
    # Two presses that arrive together are one.
    if st.session_state.get(key) is None:
        st.session_state[f"{key}-fault"] = None
        try:
            st.session_state[key] = command.start(arguments)
        except OSError as error:
            st.session_state[f"{key}-fault"] = str(error)


def _wait(key: str, shown: str) -> None:
    started: command.Started | None = st.session_state.get(key)
    if started is None:
        return
    result = command.ended(started)
    if result is None:
        notices.note(f"At work for {started.seconds:.0f} s:", command=shown)
        return
    st.session_state[key] = None
    st.session_state[f"{key}-fault"] = result.fault
    st.rerun()
