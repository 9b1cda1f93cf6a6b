"""The hands of whoever rates by key: a key that is held down counts once, and Enter in a reason gives the keys back.

A reason is stored with a rating. Until then the browser's tab keeps what is typed, so that a reload does not lose it: one text,
under the name of what it is about. It comes back once, with the first field that a page draws, if that has the same name; any
other field, and one that has gone, drops it. So no reason comes under another pair or another rating.
"""

from collections.abc import Hashable
from typing import Final
from urllib.parse import quote

import streamlit as st

from app.widgets.plots import class_of

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


# What the server knows of a field it is told when one leaves the field. The field may be drawn after the script.
_KEEP: Final = """(() => {
  const kept = "lensgap-reason", name = decodeURIComponent("%s"), at = decodeURIComponent("%s");
  if (!window.lensgapReason) {
    window.lensgapReason = { first: true };
    document.addEventListener("input", ({ target }) => {
      const { name, field } = window.lensgapReason;
      if (target !== field) return;
      if (target.value) sessionStorage.setItem(kept, JSON.stringify([name, target.value]));
      else sessionStorage.removeItem(kept);
    }, true);
  }
  const now = window.lensgapReason = { name, first: false, was: window.lensgapReason };
  const [about, text] = JSON.parse(sessionStorage.getItem(kept) ?? "[]");
  const isBack = now.was.first && about === name;
  now.was = undefined;
  if (!isBack) sessionStorage.removeItem(kept);
  const find = (times) => {
    if (!name || window.lensgapReason !== now) return;
    now.field = document.querySelector(`.${CSS.escape("st-key-" + at)} input`);
    if (!now.field && times) { setTimeout(find, 50, times - 1); return; }
    if (!isBack || !now.field || now.field.value) return;
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(now.field, text);
    now.field.dispatchEvent(new Event("input", { bubbles: true }));
    now.field.dispatchEvent(new FocusEvent("focusout", { bubbles: true }));
  };
  find(200);
})()"""


def tend() -> None:
    """Let the browser look after the keys of the screen that is drawn."""
    st.html(f"<script>{_SCRIPT}</script>", unsafe_allow_javascript=True)


def reason(key: str, *, about: tuple[Hashable, ...]) -> None:
    """Draw the field for why a text is rated so, whose text is in the session under `key`, which is of the form `…reason-…`.

    `about` tells the pair and who rates it, and changes with their ratings of it.
    """
    st.text_input(
        "Reason",
        key=key,
        placeholder="Reason (optional): write it first, then press Enter and 1–5",
        label_visibility="collapsed",
        max_chars=500,
    )
    _keep(repr(about), class_of(key))


def no_reason() -> None:
    """Draw no field, and drop what was kept for one."""
    _keep("", "")


def _keep(name: str, at: str) -> None:
    # Percent-encoding leaves nothing that could end the string or the script.
    script = _KEEP % (quote(name, safe=""), quote(at, safe=""))
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
