"""The door: where sign-in is set up, nobody sees a screen before they have signed in and stand on the list.

Without it the dashboard takes the name that somebody types, and listens to this computer alone.
"""

import os
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from app.state import PERSON
from app.widgets import notices
from engine.sign_in import REQUIRED, read_guests


def is_set_up() -> bool:
    """Whether the secrets set up sign-in."""
    return bool(_section("auth"))


def enter() -> None:
    """Let this visitor in, or show the door and end the run of the script there."""
    if not is_set_up():
        if REQUIRED in os.environ:
            notices.empty(
                "Sign-in cannot be read", "This dashboard was started with sign-in, so it stays shut.", icon="!"
            )
            st.stop()
        st.session_state.pop(PERSON, None)
        return
    if not st.user.is_logged_in:
        notices.empty("Sign in", "This dashboard is open to the people of its team.", icon="→")
        st.button("Sign in", type="primary", on_click=st.login, key="sign-in")
        st.stop()
    claims = st.user.to_dict()
    if not read_guests(_section("lensgap")).may_enter(claims):
        notices.empty(
            "Not on the list", f"{claims.get('email') or 'Your account'} may not open this dashboard.", icon="!"
        )
        st.button("Sign out", on_click=st.logout, key="sign-out")
        st.stop()
    st.session_state[PERSON] = str(claims["email"]).strip().casefold()


def _section(name: str) -> Mapping[str, Any]:
    try:
        found = st.secrets.get(name, {})
    except StreamlitSecretNotFoundError:
        return {}
    return found if isinstance(found, Mapping) else {}
