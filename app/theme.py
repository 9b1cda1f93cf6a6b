"""Colours and type of the dashboard, one palette for each theme; style sheet and charts take them from here.

Quadrant hues are Tol's vibrant scheme, safe for colour-blind readers, and never stand without their letter. Gaps use a
scale of their own that runs from brown (negatives are the more relevant) over grey (no gap) to indigo.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import streamlit as st

FONT: Final = "Inter, 'Segoe UI', 'Helvetica Neue', 'Noto Sans', 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one theme, as CSS."""

    text: str
    muted: str
    line: str
    surface: str
    page: str
    accent: str
    positive: str
    negative: str
    warning: str
    quadrants: dict[str, str]
    none: str
    gap_scale: tuple[tuple[float, str], ...]


LIGHT: Final = Palette(
    text="#1f2328",
    muted="#5d646c",
    line="#dfdfda",
    surface="#ffffff",
    page="#fbfbfa",
    accent="#4a41c4",
    positive="#4a41c4",
    negative="#9a9fa6",
    warning="#9a5b00",
    quadrants={"A": "#0072b8", "B": "#00857a", "C": "#d1560b", "D": "#c02a72"},
    none="#80868e",
    gap_scale=((0, "#7a4a12"), (0.25, "#c9974f"), (0.5, "#dddcd8"), (0.75, "#8c86dd"), (1, "#2b2196")),
)
DARK: Final = Palette(
    text="#e6e6e3",
    muted="#a0a6ae",
    line="#34383f",
    surface="#1b1e23",
    page="#15171b",
    accent="#8f88ff",
    positive="#8f88ff",
    negative="#7c828b",
    warning="#e3a548",
    quadrants={"A": "#4fb3ea", "B": "#3cc4b4", "C": "#f58c4b", "D": "#f07ab0"},
    none="#858b94",
    gap_scale=((0, "#f0b25a"), (0.25, "#a57330"), (0.5, "#55585e"), (0.75, "#766ce0"), (1, "#b9b4ff")),
)


def palette() -> Palette:
    """The palette of the theme that the reader has chosen."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def hue(quadrant: str | None, colours: Palette) -> str:
    """The hue of a quadrant, or that of concepts without one."""
    return colours.quadrants.get(quadrant or "", colours.none)


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
    variables = {
        "text": colours.text,
        "muted": colours.muted,
        "line": colours.line,
        "surface": colours.surface,
        "page": colours.page,
        "accent": colours.accent,
        "warning": colours.warning,
        "none": colours.none,
        **{f"quadrant-{letter.lower()}": colour for letter, colour in colours.quadrants.items()},
    }
    declared = "".join(f"--lg-{name}:{value};" for name, value in variables.items())
    sheet = (Path(__file__).parent / "theme.css").read_text("utf-8")
    st.html(f"<style>:root{{{declared}}}{sheet}</style>")
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
