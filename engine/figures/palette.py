"""Colours and type of everything that we show, one palette for each theme: screens, charts and the report take them from here.

Quadrant hues are Tol's vibrant scheme, safe for colour-blind readers, and never stand without their letter. Gaps use a
scale of their own that runs from brown (negatives are the more relevant) over grey (no gap) to indigo.
"""

from dataclasses import dataclass
from typing import Final

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
    quadrants={"A": "#0072b8", "B": "#008276", "C": "#c44f0a", "D": "#c02a72"},
    none="#6e747c",
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


def hue(quadrant: str | None, colours: Palette) -> str:
    """The hue of a quadrant, or that of concepts without one."""
    return colours.quadrants.get(quadrant or "", colours.none)


def css_variables(colours: Palette) -> str:
    """The palette as declarations of CSS variables, `--lg-text` and so on."""
    named = {
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
    return "".join(f"--lg-{name}:{value};" for name, value in named.items())
