"""The rule of the quadrants of training-data richness: two counts of a concept against two bands.

A low/low, B low/high, C high/high, D high/low, in senses/siblings. Between the bands there is no quadrant; such concepts
are shown with the reason, never dropped. Choosing concepts and showing packs follow this one rule.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Quadrant = Literal["A", "B", "C", "D"]
QUADRANTS: tuple[Quadrant, ...] = get_args(Quadrant)
Obstacle = Literal["senses", "siblings", "unknown"]
"""What keeps a concept from a quadrant: a count between its bands, or siblings that are unknown."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Low is at most `*_low`, high is at least `*_high`."""

    senses_low: int = 2
    senses_high: int = 5
    siblings_low: int = 3
    siblings_high: int = 10


def find_obstacle(n_senses: int, n_siblings: int | None, bands: Bands) -> Obstacle | None:
    """Return what keeps these counts from a quadrant, None where nothing does."""
    if n_siblings is None:
        return "unknown"
    if bands.senses_low < n_senses < bands.senses_high:
        return "senses"
    return "siblings" if bands.siblings_low < n_siblings < bands.siblings_high else None


def assign_quadrant(n_senses: int, n_siblings: int | None, bands: Bands) -> tuple[Quadrant | None, str | None]:
    """Return the quadrant, or None with the reason."""
    obstacle = find_obstacle(n_senses, n_siblings, bands)
    if obstacle == "unknown" or n_siblings is None:
        return None, "it names no parent, so its siblings are unknown"
    if obstacle == "senses":
        limits = f"(at most {bands.senses_low}, at least {bands.senses_high})"
        return None, f"{n_senses} senses lie between the bands {limits}"
    if obstacle == "siblings":
        limits = f"(at most {bands.siblings_low}, at least {bands.siblings_high})"
        return None, f"{n_siblings} siblings lie between the bands {limits}"
    many_senses, many_siblings = n_senses >= bands.senses_high, n_siblings >= bands.siblings_high
    quadrants: dict[tuple[bool, bool], Quadrant] = {
        (False, False): "A",
        (False, True): "B",
        (True, True): "C",
        (True, False): "D",
    }
    return quadrants[many_senses, many_siblings], None
