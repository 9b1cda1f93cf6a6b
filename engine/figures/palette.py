"""Colours and type of everything that we show, one palette for each theme: screens, charts and the report take them from here.

Quadrant hues differ in lightness as well as in hue, so that those who see fewer colours tell them apart too, and never stand
without their letter. Gaps use a scale of their own that runs from brown (negatives are the more relevant) over grey (no gap)
to indigo.
"""

from dataclasses import dataclass, field
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
    quadrants: dict[str, str] = field(hash=False)
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
    negative="#858b93",
    warning="#9a5b00",
    quadrants={"A": "#0b54b5", "B": "#015f46", "C": "#a83806", "D": "#d42369"},
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
    quadrants={"A": "#4c96ec", "B": "#7bdbd3", "C": "#f99a6c", "D": "#fb4a98"},
    none="#858b94",
    gap_scale=((0, "#f0b25a"), (0.25, "#a57330"), (0.5, "#55585e"), (0.75, "#766ce0"), (1, "#b9b4ff")),
)


def hue(quadrant: str | None, colours: Palette) -> str:
    """The hue of a quadrant, or that of concepts without one."""
    return colours.quadrants.get(quadrant or "", colours.none)


def series(colours: Palette) -> tuple[str, ...]:
    """Hues of lines and bars beside each other, the first ones furthest apart; markers tell those of lines apart too."""
    return colours.accent, *(colours.quadrants[letter] for letter in "CBDA")


def blended(colour: str, ground: str, opacity: float) -> str:
    """What a translucent #rrggbb colour looks like on a ground of one."""
    over, under = _channels(colour), _channels(ground)
    return "#" + "".join(f"{round(opacity * o + (1 - opacity) * u):02x}" for o, u in zip(over, under, strict=True))


def contrast(one: str, other: str) -> float:
    """The contrast of two #rrggbb colours from 1 to 21, as WCAG 2 defines it; small text needs 4.5."""
    dark, bright = sorted((_luminance(one), _luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    shares = (channel / 255 for channel in _channels(colour))
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


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
