"""Concepts of a pack in their quadrants, and the study's way of choosing concepts from each; the rule is the statistics'."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.packs.pack import Concept, Pack, SiblingCount
from engine.stats.quadrants import QUADRANTS, Bands, Quadrant, assign_quadrant

__all__ = ["QUADRANTS", "Bands", "Profile", "Quadrant", "assign_quadrant", "pick_study", "profile_pack"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A concept's counts, with its quadrant or the reason why it has none."""

    concept: Concept
    n_senses: int
    n_siblings: int | None
    quadrant: Quadrant | None
    reason: str | None


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
