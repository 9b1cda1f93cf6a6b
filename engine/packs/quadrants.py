"""Quadrants of training-data richness, and the study's way of choosing concepts from each.

A low/low, B low/high, C high/high, D high/low, in senses/siblings. Between the bands there is no quadrant; such concepts
are shown with the reason, never dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from engine.packs.pack import Concept, Pack, SiblingCount

Quadrant = Literal["A", "B", "C", "D"]
QUADRANTS: tuple[Quadrant, ...] = get_args(Quadrant)


@dataclass(frozen=True, slots=True)
class Bands:
    """Low is at most `*_low`, high is at least `*_high`."""

    senses_low: int = 2
    senses_high: int = 5
    siblings_low: int = 3
    siblings_high: int = 10


@dataclass(frozen=True, slots=True)
class Profile:
    """A concept's counts, with its quadrant or the reason why it has none."""

    concept: Concept
    n_senses: int
    n_siblings: int | None
    quadrant: Quadrant | None
    reason: str | None


def assign_quadrant(n_senses: int, n_siblings: int | None, bands: Bands) -> tuple[Quadrant | None, str | None]:
    """Return the quadrant, or None with the reason."""
    if n_siblings is None:
        return None, "it names no parent, so its siblings are unknown"
    if bands.senses_low < n_senses < bands.senses_high:
        return (
            None,
            f"{n_senses} senses lie between the bands (at most {bands.senses_low}, at least {bands.senses_high})",
        )
    if bands.siblings_low < n_siblings < bands.siblings_high:
        return None, (
            f"{n_siblings} siblings lie between the bands (at most {bands.siblings_low}, at least {bands.siblings_high})"
        )
    many_senses, many_siblings = n_senses >= bands.senses_high, n_siblings >= bands.siblings_high
    quadrants: dict[tuple[bool, bool], Quadrant] = {
        (False, False): "A",
        (False, True): "B",
        (True, True): "C",
        (True, False): "D",
    }
    return quadrants[many_senses, many_siblings], None


def profile_pack(
    pack: Pack, *, bands: Bands, siblings: SiblingCount, pack_layer: int | None = None
) -> tuple[Profile, ...]:
    """Profile every concept, or those of one pack layer, in pack order."""
    profiles = []
    for concept in pack.concepts:
        if pack_layer is not None and concept.pack_layer != pack_layer:
            continue
        n_siblings = pack.n_siblings(concept.term, count=siblings)
        quadrant, reason = assign_quadrant(concept.n_senses, n_siblings, bands)
        profiles.append(Profile(concept, concept.n_senses, n_siblings, quadrant, reason))
    return tuple(profiles)


def pick_study(profiles: Sequence[Profile], *, per_quadrant: int) -> tuple[Profile, ...]:
    """Choose as the study did: candidates sorted by (senses, siblings), every (n // k)-th of them, quadrant by quadrant."""
    chosen: list[Profile] = []
    for quadrant in QUADRANTS:
        candidates = sorted(
            (profile for profile in profiles if profile.quadrant == quadrant),
            key=lambda profile: (profile.n_senses, profile.n_siblings or 0),
        )
        step = max(1, len(candidates) // per_quadrant)
        chosen.extend(candidates[: step * per_quadrant : step])
    return tuple(chosen)
