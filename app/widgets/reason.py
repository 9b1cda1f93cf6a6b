"""Fields for why a text is rated or flagged: written first, then Enter, and the next key rates."""

from typing import Final

import streamlit as st

# Streamlit leaves the cursor in a field after Enter, where the next digit would be typed instead of rate.
_LEAVE_ON_ENTER: Final = """(() => {
  if (window.lensgapLeaves) return;
  window.lensgapLeaves = true;
  document.addEventListener("keyup", (event) => {
    const field = event.target;
    if (event.key === "Enter" && field.closest?.('[class*="reason-"], [class*="review-note-"]')) field.blur();
  });
})()"""


def field(key: str) -> None:
    """Draw the field, whose text is in the session under `key`; keys are of the form `…reason-…`."""
    st.text_input(
        "Reason",
        key=key,
        placeholder="Reason (optional): write it first, then press Enter and 1–5",
        label_visibility="collapsed",
        max_chars=500,
    )
    leave_on_enter()


def leave_on_enter() -> None:
    """Let Enter give the keys back to whoever writes a reason or a note."""
    st.html(f"<script>{_LEAVE_ON_ENTER}</script>", unsafe_allow_javascript=True)
