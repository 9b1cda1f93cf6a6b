"""Colours that can be read: every pair of letters and ground that we set has the contrast that WCAG asks of small text."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from engine.figures import palette
from engine.figures.palette import DARK, LIGHT, Palette, blended

SMALL_TEXT, DRAWN = 4.5, 3.0
# Distances in CIELAB: 2 is just seen side by side; dots that lie apart need several times that.
APART = 14
# What people without one kind of cone see of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.
VISIONS = {
    "all cones": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no medium": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no short": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]


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


def lab(colour: str, vision: str) -> npt.NDArray[np.float64]:
    """A colour in CIELAB, as it looks to those who see so."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    xyz = np.array(TO_XYZ) @ np.clip(np.array(VISIONS[vision]) @ linear, 0, 1) / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_that_are_told_apart_stay_apart_for_those_who_see_fewer(colours: Palette, vision: str) -> None:
    told = [
        *combinations(colours.quadrants.values(), 2),
        (colours.positive, colours.negative),
        (colours.accent, colours.warning),
        *combinations(palette.series(colours)[:4], 2),
        (colours.gap_scale[0][1], colours.gap_scale[2][1]),
        (colours.gap_scale[2][1], colours.gap_scale[-1][1]),
    ]
    near = {pair: float(np.linalg.norm(lab(pair[0], vision) - lab(pair[1], vision))) for pair in told}
    assert {pair: round(distance, 1) for pair, distance in near.items() if distance < APART} == {}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_bars_and_lines_stand_out_from_their_ground(colours: Palette) -> None:
    drawn = (colours.positive, colours.negative, colours.warning, colours.muted)
    assert [colour for colour in drawn if contrast(colour, colours.surface) < DRAWN] == []


@pytest.mark.parametrize("opacity", [0.0, 0.05, 0.3, 0.5, 0.7, 0.95, 1.0])
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_letters_on_a_square_of_any_strength_can_be_read(colours: Palette, opacity: float) -> None:
    ground = blended(colours.accent, colours.page, opacity)
    assert palette.contrast(colours.text, ground) == pytest.approx(contrast(colours.text, ground))
    assert max(contrast(ink, ground) for ink in (colours.text, colours.page)) >= DRAWN
    assert (blended(colours.accent, colours.page, 0), blended(colours.accent, colours.page, 1)) == (
        colours.page,
        colours.accent,
    )
