"""The run's pack in quadrants: dots of the map, rows of the layer table, and what keeps concepts from a quadrant."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.data import PackFacts, Position, Profile
from engine.stats.quadrants import QUADRANTS, Bands, Obstacle, assign_quadrant, find_obstacle
from engine.words import count

NO_QUADRANT = "none"
"""How filters and addresses name what lies in no quadrant."""
_SHOWN_NAMES = 3
_MADE = {
    "split": "senses split",
    "bucket": "siblings bucketed",
    "sumo": "built from SUMO",
    "wordnet": "built from WordNet",
}


@dataclass(frozen=True, slots=True)
class Dot:
    """All concepts with the same counts, as one dot of the map; `names` are the first few of them."""

    n_senses: int
    n_siblings: int
    quadrant: str | None
    n_concepts: int
    n_chosen: int
    names: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Spread:
    """Concepts by quadrant, of one pack layer or (`pack_layer` None) of the whole pack."""

    pack_layer: int | None
    n_concepts: int
    by_quadrant: tuple[int, int, int, int]
    n_outside: int
    n_chosen: int


@dataclass(frozen=True, slots=True)
class PackView:
    """Everything above the list: `n_unplaced` concepts are on no map, for their siblings are unknown."""

    dots: tuple[Dot, ...]
    layers: tuple[Spread, ...]
    whole: Spread
    obstacles: tuple[tuple[str, int], ...]
    n_unplaced: int


def pack_view(positions: Sequence[Position], bands: Bands) -> PackView:
    """Gather the view; the quadrant of each position follows from the run's bands."""
    by_layer: dict[int, list[Position]] = defaultdict(list)
    for position in positions:
        by_layer[position.pack_layer].append(position)
    return PackView(
        dots=_dots(positions, bands),
        layers=tuple(_spread(layer, members, bands) for layer, members in sorted(by_layer.items())),
        whole=_spread(None, positions, bands),
        obstacles=_obstacles(positions, bands),
        n_unplaced=sum(position.n_concepts for position in positions if position.n_siblings is None),
    )


def places_in(positions: Iterable[Position], quadrants: Sequence[str], bands: Bands) -> tuple[str, ...]:
    """The places of the quadrants that are asked for; `none` asks for all that lie in none."""
    return tuple(
        dict.fromkeys(
            position.place for position in positions if (_quadrant(position, bands) or NO_QUADRANT) in quadrants
        )
    )


def chosen_labels(profiles: Sequence[Profile], names: Mapping[str, str]) -> tuple[tuple[str, int, int], ...]:
    """Names of the run's concepts with their counts, those of equal counts in one label."""
    at: dict[tuple[int, int], list[str]] = defaultdict(list)
    for profile in profiles:
        if profile.n_senses is not None and profile.n_siblings is not None:
            at[profile.n_senses, profile.n_siblings].append(names.get(profile.concept, profile.concept))
    return tuple((", ".join(found), *counts) for counts, found in at.items())


def history(facts: PackFacts) -> str | None:
    """What the pack was made from, in a sentence; None where it says nothing."""
    parts = []
    if facts.made_by:
        made = _MADE.get(facts.made_by, f"made by {facts.made_by}")
        parts.append(f"{made}, from {facts.made_from}" if facts.made_from else made)
    if facts.n_split:
        parts.append(f"{count(facts.n_split, 'concept')} split from {count(facts.n_origins, 'concept')} by sense")
    if facts.n_bucketed:
        parts.append(f"{count(facts.n_bucketed, 'concept')} in sibling buckets")
    return "; ".join(parts) or None


def _dots(positions: Iterable[Position], bands: Bands) -> tuple[Dot, ...]:
    """Positions of all layers together, the largest first, so that small dots are drawn over large ones."""
    at: dict[tuple[int, int], list[Position]] = defaultdict(list)
    for position in positions:
        if position.n_siblings is not None:
            at[position.n_senses, position.n_siblings].append(position)
    dots = (_dot(*counts, members, bands) for counts, members in at.items())
    return tuple(sorted(dots, key=lambda dot: -dot.n_concepts))


def _dot(n_senses: int, n_siblings: int, members: Sequence[Position], bands: Bands) -> Dot:
    names = sorted((name for position in members for name in position.names), key=str.lower)
    return Dot(
        n_senses=n_senses,
        n_siblings=n_siblings,
        quadrant=_quadrant(members[0], bands),
        n_concepts=sum(position.n_concepts for position in members),
        n_chosen=sum(position.n_chosen for position in members),
        names=tuple(names[:_SHOWN_NAMES]),
        place=members[0].place,
    )


def _spread(pack_layer: int | None, positions: Sequence[Position], bands: Bands) -> Spread:
    counts: Counter[str | None] = Counter()
    for position in positions:
        counts[_quadrant(position, bands)] += position.n_concepts
    a, b, c, d = (counts[quadrant] for quadrant in QUADRANTS)
    return Spread(
        pack_layer=pack_layer,
        n_concepts=counts.total(),
        by_quadrant=(a, b, c, d),
        n_outside=counts[None],
        n_chosen=sum(position.n_chosen for position in positions),
    )


def _obstacles(positions: Iterable[Position], bands: Bands) -> tuple[tuple[str, int], ...]:
    counts: Counter[Obstacle] = Counter()
    for position in positions:
        obstacle = find_obstacle(position.n_senses, position.n_siblings, bands)
        if obstacle is not None:
            counts[obstacle] += position.n_concepts
    return tuple((explain_obstacle(obstacle, bands), n) for obstacle, n in counts.most_common())


def explain_obstacle(obstacle: Obstacle, bands: Bands) -> str:
    """What keeps concepts from a quadrant, with the counts that do."""
    if obstacle == "senses":
        return f"{_between(bands.senses_low, bands.senses_high)} senses, in between"
    if obstacle == "siblings":
        return f"{_between(bands.siblings_low, bands.siblings_high)} siblings, in between"
    return "No parent named, so siblings are unknown"


def _between(low: int, high: int) -> str:
    return f"{low + 1}–{high - 1}" if high - low > 2 else f"{low + 1}"


def _quadrant(position: Position, bands: Bands) -> str | None:
    return assign_quadrant(position.n_senses, position.n_siblings, bands)[0]
