"""The panel with what others reported of a concept's lens: theirs, and so apart from what was measured here."""

from collections.abc import Sequence

import streamlit as st

from app import data
from app.widgets import markup, notices
from engine.words import number

_HELP = (
    "These values come from the imported files. How they were measured, and on how many texts, is unknown, so they "
    "have no interval and no other number in the dashboard uses them."
)


def panel(reported: Sequence[data.Reported]) -> None:
    """The values, each by the name that its column had."""
    notices.heading("Reported, not ours", help_text=_HELP)
    rows = "".join(f"<tr><th>{markup.text(one.name)}</th><td>{number(one.value)}</td></tr>" for one in reported)
    st.html(f'<table class="lg-table"><tbody>{rows}</tbody></table>')
