"""The hands of whoever rates by key: a key that is held down counts once, and Enter in a reason gives the keys back."""

from typing import Final

import streamlit as st

# Held down, a key repeats itself, and would rate or undo one text after the other before anyone has read them.
# Streamlit leaves the cursor in a field after Enter, where the next digit would be typed instead of rate.
_SCRIPT: Final = """(() => {
  if (window.lensgapTendsKeys) return;
  window.lensgapTendsKeys = true;
  window.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, textarea, [contenteditable]");
    if (event.repeat && !isTyping && /^[1-5usf]$/i.test(event.key)) event.stopImmediatePropagation();
  }, true);
  document.addEventListener("keyup", (event) => {
    const field = event.target;
    if (event.key === "Enter" && field.closest?.('[class*="reason-"], [class*="review-note-"]')) field.blur();
  });
})()"""


def tend() -> None:
    """Let the browser look after the keys of the screen that is drawn."""
    st.html(f"<script>{_SCRIPT}</script>", unsafe_allow_javascript=True)


def reason(key: str) -> None:
    """Draw the field for why a text is rated so, whose text is in the session under `key`, which is of the form `…reason-…`."""
    st.text_input(
        "Reason",
        key=key,
        placeholder="Reason (optional): write it first, then press Enter and 1–5",
        label_visibility="collapsed",
        max_chars=500,
    )
