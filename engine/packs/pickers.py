"""Which concepts of a pack a study is about: four ways to choose, each the same for the same pack and settings.

`study` spreads over each quadrant's counts, `random` draws from each quadrant by seed, `all` takes every concept, also those
without a quadrant, and `list` takes the concepts that are named.
"""

import difflib
import random
from collections.abc import Sequence
from typing import Literal

from engine.config import StudyConfig
from engine.errors import PackError
from engine.packs.pack import Pack
from engine.packs.quadrants import QUADRANTS, Bands, Profile, pick_study, profile_pack

Picker = Literal["study", "random", "all", "list"]


def pick(
    profiles: Sequence[Profile], *, picker: Picker, per_quadrant: int, seed: int = 0, concepts: Sequence[str] = ()
) -> tuple[Profile, ...]:
    """Choose from the profiles of a pack or of a pack layer; PackError names a concept of the list that is not there."""
    if picker == "study":
        return pick_study(profiles, per_quadrant=per_quadrant)
    if picker == "random":
        return pick_random(profiles, per_quadrant=per_quadrant, seed=seed)
    return pick_list(profiles, concepts) if picker == "list" else tuple(profiles)


def pick_random(profiles: Sequence[Profile], *, per_quadrant: int, seed: int) -> tuple[Profile, ...]:
    """Draw from each quadrant without replacement; a quadrant's draw does not depend on the others or on file order."""
    chosen: list[Profile] = []
    for quadrant in QUADRANTS:
        candidates = sorted((p for p in profiles if p.quadrant == quadrant), key=lambda p: p.concept.term)
        rng = random.Random(f"{seed}|{quadrant}")
        chosen.extend(rng.sample(candidates, min(per_quadrant, len(candidates))))
    return tuple(chosen)


def pick_list(profiles: Sequence[Profile], concepts: Sequence[str]) -> tuple[Profile, ...]:
    """The named concepts in the order of their naming; a term or a readable name, one an item or parted by commas."""
    by_name = {p.concept.name.casefold(): p for p in reversed(profiles)}
    by_name |= {p.concept.term.casefold(): p for p in reversed(profiles)}
    exact = {p.concept.term: p for p in profiles}
    chosen: dict[str, Profile] = {}
    for item in concepts:
        names = [item] if item in exact or item.casefold() in by_name else item.split(",")
        for name in filter(None, (name.strip() for name in names)):
            found = exact.get(name) or by_name.get(name.casefold())
            if found is None:
                raise PackError(f'There is no concept "{name}" among those to choose from.', hint=_near(name, by_name))
            chosen[found.concept.term] = found
    return tuple(chosen.values())


def _near(name: str, by_name: dict[str, Profile]) -> str | None:
    near = dict.fromkeys(
        by_name[match].concept.term for match in difflib.get_close_matches(name.casefold(), by_name, n=5)
    )
    return f"Near it: {', '.join(near)}." if near else None


def configured_bands(config: StudyConfig) -> Bands:
    """The bounds of low and high that the settings give."""
    return Bands(config.senses_low, config.senses_high, config.siblings_low, config.siblings_high)


def choose_configured(pack: Pack, config: StudyConfig) -> tuple[Profile, ...]:
    """What the settings choose from the pack or from one layer of it; PackError with the reason when that is nothing."""
    profiles = profile_pack(
        pack, bands=configured_bands(config), siblings=config.siblings, pack_layer=config.pack_layer
    )
    if not profiles:
        layers = ", ".join(str(layer) for layer in sorted({concept.pack_layer for concept in pack.concepts}))
        raise PackError(f'"{pack.name}" has no pack layer {config.pack_layer}.', hint=f"Its pack layers: {layers}.")
    chosen = pick(
        profiles,
        picker=config.picker,
        per_quadrant=config.per_quadrant,
        seed=config.seed,
        concepts=config.concepts,
    )
    if not chosen:
        where = f"pack layer {config.pack_layer} of " if config.pack_layer is not None else ""
        raise PackError(f'No concept of {where}"{pack.name}" lies in any quadrant.')
    return chosen
