"""The look of the dashboard: its style sheet with the palette of the theme that the reader has chosen."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

import streamlit as st

from engine.figures.palette import DARK, LIGHT, Palette, css_variables


def palette() -> Palette:
    """The palette of the theme that the reader has chosen."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def icon() -> str:
    """The browser tab's icon as a data URI: the four quadrants in their hues."""
    places = {"B": (1, 1), "C": (9, 1), "A": (1, 9), "D": (9, 9)}
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="6" height="6" rx="{3 if letter == "C" else 1.2}" fill="{LIGHT.quadrants[letter]}"/>'
        for letter, (x, y) in places.items()
    )
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{squares}</svg>'
    return f"data:image/svg+xml,{quote(drawing)}"


def apply() -> None:
    """Put the style sheet on the page, with the palette as CSS variables, and keep up when the reader changes the theme."""
    colours = palette()
    sheet = (Path(__file__).parent / "theme.css").read_text("utf-8")
    st.html(f"<style>:root{{{css_variables(colours)}}}{sheet}</style>")
    _follow("dark" if colours is DARK else "light")


def _follow(shown: str) -> None:
    """Run again when the theme is another than the one shown: Streamlit does not, and charts have their colours from here."""
    st.button("Follow the theme", key="follow-theme")
    st.html(f"<script>{_FOLLOW.replace('SHOWN', shown)}</script>", unsafe_allow_javascript=True)


# Presses the hidden button above, once for each change, so that a theme that is told wrongly cannot make it run for ever.
_FOLLOW: Final = """(() => {
  const app = document.querySelector(".stApp");
  const now = () => (getComputedStyle(app).colorScheme.includes("dark") ? "dark" : "light");
  const follow = () => {
    if (now() === "SHOWN") { window.lensgapFollowed = null; return; }
    if (window.lensgapFollowed === now()) return;
    window.lensgapFollowed = now();
    document.querySelector(".st-key-follow-theme button")?.click();
  };
  window.lensgapTheme?.disconnect();
  window.lensgapTheme = new MutationObserver(follow);
  window.lensgapTheme.observe(app, { attributes: true });
  follow();
})()"""
