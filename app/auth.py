"""The door: where sign-in is set up, nobody sees a screen before they have signed in and stand on the list.

Without it the dashboard takes the name that somebody types, and listens to this computer alone.
"""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, ParamSpec

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from app.state import PERSON
from app.widgets import markup, notices
from engine.sign_in import CONTAINER, REQUIRED, SignInError, address_of, is_local, read_guests

P = ParamSpec("P")

# A provider sends everybody back to the first screen; the tab keeps where they wanted to go, which is one of our own paths.
_KEEP_WANTED: Final = "sessionStorage.setItem('lensgap-wanted', location.pathname + location.search)"
_GO_WHERE_WANTED: Final = """(() => {
  const wanted = sessionStorage.getItem('lensgap-wanted');
  sessionStorage.removeItem('lensgap-wanted');
  if (wanted && wanted !== '/' && location.pathname + location.search !== wanted) location.replace(wanted);
})()"""
# A tab keeps the sign-in that it was opened with. Where a page finds none, the browser's other tabs have none either.
_TELL_TABS: Final = """if (!window.lensgapDoor) {
  window.lensgapDoor = new BroadcastChannel('lensgap-door');
  window.lensgapDoor.postMessage('signed out');
}"""
_HEAR_TABS: Final = """if (!window.lensgapDoor) {
  window.lensgapDoor = new BroadcastChannel('lensgap-door');
  window.lensgapDoor.onmessage = () => location.reload();
}"""


def is_set_up() -> bool:
    """Whether the secrets set up sign-in."""
    return bool(_section("auth"))


def enter() -> None:
    """Let this visitor in, or show the door and end the run of the script there."""
    if not is_set_up():
        _stay_shut_to_others()
        st.session_state.pop(PERSON, None)
        return
    if not st.user.is_logged_in:
        notices.empty("Sign in", "Only members of the team can open this dashboard.", icon="→")
        _run(f"{_KEEP_WANTED}; {_TELL_TABS}")
        _door_button("Sign in", st.login, kind="primary")
    claims = st.user.to_dict()
    if not read_guests(_section("lensgap")).may_enter(claims):
        who = claims.get("email") or "this account"
        if address_of(claims) is None:
            notices.empty("No verified email address", f"Your provider has not verified {who}.", icon="!")
        else:
            notices.empty("No access", f"{who} may not open this dashboard. Ask the person who runs it.", icon="!")
        _door_button("Sign out", st.logout)
    st.session_state[PERSON] = address_of(claims)
    _run(f"{_HEAR_TABS} {_GO_WHERE_WANTED}")


def members_only(answer: Callable[P, None]) -> Callable[P, None]:
    """For what answers a press by writing: it does nothing for who may no longer come in.

    Presses are answered before the script runs, and so before `enter` shows the door.
    """

    @wraps(answer)
    def answered(*args: P.args, **kw: P.kwargs) -> None:
        if _may_stay():
            answer(*args, **kw)

    return answered


def leave() -> None:
    """Say who is signed in, beside the way out; nothing where nobody has to."""
    if PERSON in st.session_state:
        with st.container(key="signed-in", gap=None):
            st.html(f'<p class="lg-note" title="Signed in">{markup.text(st.session_state[PERSON])}</p>')
            st.button("Sign out", on_click=st.logout, key="leave", type="tertiary", icon=":material/logout:")


def _may_stay() -> bool:
    if not is_set_up():
        return PERSON not in st.session_state
    try:
        return st.user.is_logged_in and read_guests(_section("lensgap")).may_enter(st.user.to_dict())
    except SignInError:
        # The script says what is wrong with the list.
        return False


def _stay_shut_to_others() -> None:
    """End the run of the script where others could come in who should have signed in."""
    if REQUIRED in os.environ:
        notices.empty(
            "Sign-in cannot be read", "This dashboard was started with sign-in, so it stays closed.", icon="!"
        )
        st.stop()
    address = st.get_option("server.address")
    # The settings beside the script name this computer's address; there is none only where no server runs.
    if address and not is_local(address) and CONTAINER not in os.environ:
        notices.empty(
            "Sign-in is required",
            f"This dashboard listens on {address}, where other computers can reach it, but sign-in is not set up.",
            command="lensgap serve STUDY",
            icon="!",
        )
        st.stop()


def _door_button(label: str, pressed: Any, *, kind: Any = "secondary") -> None:
    st.session_state.pop(PERSON, None)
    with st.container(horizontal_alignment="center"):
        st.button(label, type=kind, on_click=pressed, key="door")
    st.stop()


def _run(script: str) -> None:
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)


def _section(name: str) -> Mapping[str, Any]:
    try:
        found = st.secrets.get(name, {})
    except StreamlitSecretNotFoundError:
        return {}
    return found if isinstance(found, Mapping) else {}
