"""Colours that can be read: every pair of letters and ground that we set has the contrast that WCAG asks of small text."""

import pytest

from engine.figures.palette import DARK, LIGHT, Palette

SMALL_TEXT = 4.5


def luminance(colour: str) -> float:
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard_at_its_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == pytest.approx(1)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["page", "surface"])
def test_all_that_is_read_stands_out_from_its_ground(colours: Palette, ground: str) -> None:
    read = [colours.text, colours.muted, colours.accent, colours.warning, colours.none, *colours.quadrants.values()]
    behind = getattr(colours, ground)
    assert {
        colour: round(contrast(colour, behind), 2) for colour in read if contrast(colour, behind) < SMALL_TEXT
    } == {}
