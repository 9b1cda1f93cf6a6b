"""Queues of pairs to rate: what is in them, who has which pair before them, and what reviewers do with it.

A pair that is shown to somebody is leased to them for a while, in the study, so that two people on one queue never get the same
one, whatever browser or server they sit at. Leases are taken in the transaction that looks for the pair.
"""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

import duckdb

from app.data.memory import load_last_rating, remembered, surplus, unchanged
from app.data.rated import asker, load_n_plans
from app.data.ratings import rating_row, undoing_row
from app.data.rows import read
from app.data.samples import Filters, Sort, load_first
from app.data.sayings import Saying, by_reviewer, read_history, read_sayings
from db import connect, insert, query, transaction
from db.connect import DATABASE
from db.opening import file_number
from db.rows import LeaseRow, MarkRow, RatingSource
from engine.exchange.audit_planning import Wish, build_plan
from engine.stats.audit_order import StratumWorth, audit_order
from engine.stats.audit_plan import StratumKey

Queue = Literal["audit", "adjudicate", "flagged", "filter"]
_SETTLES: Final[Mapping[Queue, Literal["adjudicated", "unflag"]]] = {"adjudicate": "adjudicated", "flagged": "unflag"}
"""By which mark a rating ends what brought its pair to a queue."""
_SETTLING: Final = "-settles"
"""What such a mark's id has after that of its rating."""
QUEUES: Final[tuple[Queue, ...]] = get_args(Queue)
LEASE: Final = timedelta(minutes=10)
FILTERED: Final = 200
"""Pairs of a filter that are queued at once, the first in its order."""
TRAIL: Final = 50
"""Own ratings that can be gone back to."""

Key = tuple[str, str]
"""Concept and sample."""


class Item(NamedTuple):
    """A pair in a queue; `probability` with which it was drawn, None outside of audits."""

    concept: str
    sample_id: str
    probability: float | None = None

    @property
    def key(self) -> Key:
        """Concept and sample."""
        return self.concept, self.sample_id


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose desk pairs come to, and from which queue; `n_raters` people rate each pair of an audit or filter."""

    folder: Path
    run_id: str
    judge_id: str
    reviewer: str
    queue: Queue
    n_raters: int = 1
    filters: Filters = field(default_factory=Filters)
    sort: Sort = "run"
    form_rule: str = "loop"

    @property
    def source(self) -> Literal["audit", "override"]:
        """What ratings given here are stored as."""
        return "audit" if self.queue == "audit" else "override"

    @property
    def settles(self) -> bool:
        """Whether pairs come here to be settled, by whoever may have rated them before."""
        return self.queue in _SETTLES


@dataclass(frozen=True, slots=True)
class Text:
    """All that a reviewer may see of a pair before they rate it."""

    concept: str
    sample_id: str
    definition: str
    output: str


@dataclass(frozen=True, slots=True)
class Own:
    """A rating that the reviewer gave and did not take back."""

    concept: str
    sample_id: str
    source: str
    rating: int
    rating_id: str
    blind: bool
    rated_at: datetime
    probability: float | None


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag in force."""

    reviewer: str
    note: str | None
    marked_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a queue is: pairs in it, those rated by all who should, those left for this reviewer."""

    n_all: int
    n_done: int
    n_left: int


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The pairs that plans have drawn, by stratum and by key, and what is known of the strata; `known` ones are not audited."""

    strata: Mapping[StratumKey, tuple[Item, ...]]
    shares: Mapping[StratumKey, tuple[float, float]]
    items: Mapping[Key, Item]
    stratum_of: Mapping[Key, StratumKey]
    known: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class _State:
    """What reviewers have done by now."""

    raters: Mapping[Key, int]
    mine: frozenset[Key]
    leased: Mapping[Key, int]
    my_leases: tuple[Key, ...]
    skipped: tuple[Key, ...]

    def closed(self, n_raters: int) -> set[Key]:
        """Pairs that this reviewer may not be given."""
        taken = {key for key in (*self.raters, *self.leased) if self._n(key) >= n_raters}
        return taken | self.mine

    def _n(self, key: Key) -> int:
        return self.raters.get(key, 0) + self.leased.get(key, 0)


def has_plan(folder: Path, run_id: str) -> bool:
    """Whether any audit was planned for the run."""
    return load_n_plans(folder, run_id) > 0


def plan_audit(folder: Path, run_id: str, judge_id: str, *, n_ratings: int) -> None:
    """Draw pairs for so many ratings; AuditError where that cannot be had."""
    build_plan(folder, Wish(n_ratings=n_ratings), run_id=run_id, judge_id=judge_id)


def take(desk: Desk, *, n: int = 2) -> tuple[Item, ...]:
    """Lease the reviewer's next pairs, those first that they have before them already.

    A pair comes to no more people at once than are to rate it, until a lease runs out.
    """
    candidates = _candidates(desk)
    with transaction(desk.folder) as cursor:
        state = _state(cursor, desk)
        items = [item for item, _ in zip(_in_order(candidates, state, desk), range(n), strict=False)]
        now = _now()
        _end_leases(cursor, desk, None, now)
        # Taken one after the other, so that the order is kept.
        times = [now + timedelta(microseconds=i) for i in range(len(items))]
        rows = [
            LeaseRow(desk.run_id, *item.key, desk.reviewer, t, t + LEASE) for item, t in zip(items, times, strict=True)
        ]
        insert(cursor, rows)
    return tuple(items)


def load_standing(desk: Desk) -> Standing:
    """How far the queue is."""
    candidates = _candidates(desk)
    items, known = _items_of(candidates), _known_of(candidates)
    n_all = len(items) - len(known)
    if desk.settles:
        # What is settled leaves these queues, so that nothing in them is done.
        return Standing(n_all, 0, n_all)
    raters, mine = _load_raters(desk)
    # Far fewer pairs are rated than drawn.
    done = {key for key, n in raters.items() if n >= desk.n_raters and key in items and key not in known}
    n_mine = sum(key in items and key not in done and key not in known for key in mine)
    return Standing(n_all, len(done), n_all - len(done) - n_mine)


def load_mine(desk: Desk) -> frozenset[Key]:
    """Pairs that the reviewer has rated, so that this queue brings them no more; none where it settles pairs."""
    return frozenset() if desk.settles else _load_raters(desk)[1]


def load_text(desk: Desk, key: Key) -> Text | None:
    """The text of a pair, and the concept to rate it for; None where the run has no such pair."""
    concept, sample_id = key
    chosen = {"run_id": desk.run_id, "concept": concept, "sample_id": sample_id}
    return next(iter(read(desk.folder, "review.text", Text, **chosen)), None)


def load_own(desk: Desk) -> tuple[Own, ...]:
    """The reviewer's latest ratings, the last one first."""
    asked = {"run_id": desk.run_id, "reviewer": desk.reviewer, "n_rows": TRAIL}
    return unchanged(desk.folder, ("own", *asked.values()), lambda: read(desk.folder, "review.own", Own, **asked))


def load_flag(desk: Desk, key: Key) -> Flag | None:
    """The flag in force on a pair."""
    concept, sample_id = key
    found = read(desk.folder, "review.flag", Flag, run_id=desk.run_id, concept=concept, sample_id=sample_id)
    return found[0] if found else None


def has_rated(desk: Desk, key: Key, *, apart_from: Collection[str] = ()) -> bool:
    """Whether the reviewer has rated the pair before, undone or not, on any screen; `apart_from` are ids that do not count."""
    with connect(desk.folder) as cursor:
        return _has_rated(read_history(cursor, desk.run_id, *key), desk.reviewer, apart_from)


def add_rating(
    desk: Desk,
    item: Item,
    *,
    rating: int,
    reason: str | None,
    blind: bool,
    rating_id: str,
    unopened: Collection[str] = (),
    last_mark: int | None = None,
) -> bool:
    """Store a rating, once under its id, end the lease and settle what the queue was about.

    False, and nothing is stored, where another rating of the reviewer's own stands already, which they must take back first.
    In queues that settle pairs, where anybody has settled this one after the mark that was the last when it was shown.

    It is stored as blind if it is and the reviewer never rated the pair before, other than by ratings after which nothing was
    shown to them, whose ids are `unopened`.
    """
    row = rating_row(
        desk.run_id,
        item.concept,
        item.sample_id,
        desk.reviewer,
        rating_id=rating_id,
        rating=rating,
        source=desk.source,
        reason=reason,
        inclusion_probability=item.probability if desk.source == "audit" else None,
        blind=blind,
    )
    with transaction(desk.folder) as cursor:
        history = read_history(cursor, desk.run_id, *item.key)
        if desk.settles:
            if last_mark is not None and _is_settled(cursor, desk, item.key, last_mark, but_by=rating_id):
                return False
        elif (own := by_reviewer(history, desk.source).get(desk.reviewer)) and own.rating_id != rating_id:
            return False
        is_blind = blind and not _has_rated(history, desk.reviewer, unopened)
        insert(cursor, [replace(row, blind=is_blind)])
        if desk.settles:
            insert(cursor, [_mark(desk, item.key, _SETTLES[desk.queue], None, rating_id + _SETTLING)])
        _end_leases(cursor, desk, item.key, _now())
    return True


def take_back(desk: Desk, own: Own) -> bool:
    """Undo a rating; False when it is undone already."""
    source: RatingSource = "audit" if own.source == "audit" else "override"
    row = undoing_row(desk.run_id, own.concept, own.sample_id, desk.reviewer, undoes=own.rating_id, source=source)
    with transaction(desk.folder) as cursor:
        return insert(cursor, [row]) == 1


def add_mark(
    desk: Desk, key: Key, kind: Literal["flag", "unflag", "skip"], *, note: str | None = None, mark_id: str
) -> None:
    """Store a flag, its end, or that the reviewer puts the pair off; a skipped pair is free for others."""
    with transaction(desk.folder) as cursor:
        insert(cursor, [_mark(desk, key, kind, note, mark_id)])
        if kind == "skip":
            _end_leases(cursor, desk, key, _now())


def _has_rated(history: Sequence[Saying], reviewer: str, apart_from: Collection[str]) -> bool:
    """Whether the reviewer has ever rated the pair or undone a rating of it, in whatever way, other than by these ratings."""
    return any(
        saying.reviewer == reviewer and (saying.undoes or saying.rating_id) not in apart_from for saying in history
    )


def _is_settled(cursor: duckdb.DuckDBPyConnection, desk: Desk, key: Key, last_mark: int, *, but_by: str) -> bool:
    pair = {"run_id": desk.run_id, "concept": key[0], "sample_id": key[1], "kind": _SETTLES[desk.queue]}
    by = {"reviewer": desk.reviewer, "by_rating": _SETTLING, "but": but_by + _SETTLING}
    asked = pair | by | {"last_mark": last_mark}
    return bool((cursor.execute(query("review.settled_since"), asked).fetchone() or (False,))[0])


def _mark(desk: Desk, key: Key, kind: Any, note: str | None, mark_id: str) -> MarkRow:
    return MarkRow(mark_id, desk.run_id, *key, desk.reviewer, kind, note or None, _now())


def _candidates(desk: Desk) -> _Drawn | tuple[Item, ...]:
    match desk.queue:
        case "audit":
            return _drawn(desk)
        case "adjudicate":
            key, tables = ("disagreed", desk.run_id, desk.judge_id), ("judgments",)
            return _items(desk.folder, key, lambda: load_disagreed(desk.folder, desk.run_id, desk.judge_id), of=tables)
        case "flagged":
            return _items(desk.folder, ("flagged", desk.run_id), lambda: _load_flagged(desk), of=())
        case "filter":
            return _filtered(desk)


def _items(folder: Path, key: Hashable, pairs: Callable[[], Sequence[Key]], *, of: tuple[str, ...]) -> tuple[Item, ...]:
    # Leases, which come with every pair that is shown, change nothing of it.
    also = (load_last_rating(folder), load_last_mark(folder))
    return remembered(folder, key, lambda: tuple(Item(*pair) for pair in pairs()), also=also, of=of)


def load_disagreed(folder: Path, run_id: str, judge_id: str) -> list[Key]:
    """Pairs on which two people, or a person who rated blind and the judge, disagree, and that nobody has settled."""
    with connect(folder) as cursor:
        # Votes are found by their samples, which are indexed.
        blind = [sample_id for (sample_id,) in cursor.execute(query("review.blind"), {"run_id": run_id}).fetchall()]
        asked = {"run_id": run_id, "judge_id": judge_id, "sample_ids": blind}
        return cursor.execute(query("review.disagreed"), asked).fetchall()


def _load_flagged(desk: Desk) -> list[Key]:
    with connect(desk.folder) as cursor:
        return cursor.execute(query("review.flagged"), {"run_id": desk.run_id}).fetchall()


def load_last_mark(folder: Path) -> int:
    """The number of the latest mark on any pair, 0 before the first."""
    return _load_last(folder, "visits.last_mark")


def _load_last(folder: Path, name: str) -> int:
    """The number of the latest row that this query looks for, 0 before the first."""

    def last() -> int:
        with connect(folder) as cursor:
            return int((cursor.execute(query(name)).fetchone() or (0,))[0])

    return unchanged(folder, name, last)


def _filtered(desk: Desk) -> tuple[Item, ...]:
    where = (desk.folder, desk.run_id, desk.judge_id, desk.filters)
    rows = load_first(*where, sort=desk.sort, form_rule=desk.form_rule, n_rows=FILTERED)
    return tuple(Item(row.concept, row.sample_id) for row in rows)


def _drawn(desk: Desk) -> _Drawn:
    """The drawn pairs, read again only when a plan or the study's work changes them, and which of them are known by now."""
    made = (desk.run_id, load_n_plans(desk.folder, desk.run_id))
    tables = ("run_concepts", "pairs", "samples")

    def with_known() -> _Drawn:
        drawn = remembered(desk.folder, ("drawn", *made), lambda: _read_drawn(desk), of=tables)
        known = asker(desk.folder)("review.known", {"run_id": desk.run_id, "concept": None})
        return replace(drawn, known=frozenset(drawn.items.keys() & frozenset(known)))

    # Only overrides make pairs known, or take that back.
    last = _load_last(desk.folder, "review.last_override")
    return remembered(desk.folder, ("drawn, known", *made), with_known, also=last, of=tables)


def _read_drawn(desk: Desk) -> _Drawn:
    strata: dict[StratumKey, list[Item]] = {}
    with connect(desk.folder) as cursor:
        sizes = cursor.execute(query("review.strata"), {"run_id": desk.run_id}).fetchall()
        rows = cursor.execute(query("review.drawn"), {"run_id": desk.run_id}).fetchall()
    for concept, sample_id, quadrant, arm, probability in rows:
        strata.setdefault((quadrant, arm), []).append(Item(concept, sample_id, probability))
    of_arm: dict[str, int] = {}
    for _, arm, n, _ in sizes:
        of_arm[arm] = of_arm.get(arm, 0) + n
    return _Drawn(
        {key: tuple(items) for key, items in strata.items()},
        {(quadrant, arm): (n / of_arm[arm], variance) for quadrant, arm, n, variance in sizes},
        {item.key: item for items in strata.values() for item in items},
        {item.key: key for key, items in strata.items() for item in items},
    )


def _items_of(candidates: _Drawn | tuple[Item, ...]) -> Mapping[Key, Item]:
    return candidates.items if isinstance(candidates, _Drawn) else {item.key: item for item in candidates}


def _known_of(candidates: _Drawn | tuple[Item, ...]) -> frozenset[Key]:
    return candidates.known if isinstance(candidates, _Drawn) else frozenset()


def _state(cursor: duckdb.DuckDBPyConnection, desk: Desk) -> _State:
    who = {"run_id": desk.run_id, "reviewer": desk.reviewer}
    raters, mine = ({}, frozenset()) if desk.settles else _rated(cursor, desk)
    leases = cursor.execute(query("review.leases"), {"run_id": desk.run_id, "now": _now()}).fetchall()
    skipped = cursor.execute(query("review.skipped"), who).fetchall()
    leased: dict[Key, int] = {}
    for concept, sample_id, reviewer, _ in leases:
        leased[concept, sample_id] = leased.get((concept, sample_id), 0) + (reviewer != desk.reviewer)
    return _State(
        raters=raters,
        mine=mine,
        leased=leased,
        my_leases=tuple((row[0], row[1]) for row in leases if row[2] == desk.reviewer),
        skipped=tuple((row[0], row[1]) for row in skipped),
    )


_Raters = tuple[Mapping[Key, int], frozenset[Key]]
"""By how many people each pair was rated, and which of them by this reviewer."""
_raters: Final[dict[Hashable, tuple[tuple[int, Hashable], _Raters]]] = {}
"""By desk, with the rating and the file that they are as of."""
_RATERS_AT_MOST: Final = 64
_FEW: Final = 12
"""Of more pairs what people said takes as long to look up as that of all."""


def _kept_raters(desk: Desk, last_rating: int) -> _Raters | None:
    """The raters as of a rating, where they have been asked for since; the same number in another file is another rating."""
    as_of, raters = _raters.get(_desk_key(desk), (None, None))
    return raters if as_of == (last_rating, file_number(desk.folder / DATABASE)) else None


def _load_raters(desk: Desk) -> _Raters:
    found = _kept_raters(desk, load_last_rating(desk.folder))
    if found is None:
        with connect(desk.folder) as cursor:
            found = _rated(cursor, desk)
    return found


def _desk_key(desk: Desk) -> Hashable:
    return desk.folder, desk.run_id, desk.reviewer, desk.source


def _rated(cursor: duckdb.DuckDBPyConnection, desk: Desk) -> _Raters:
    (last,) = cursor.execute(query("changes.last_rating")).fetchone() or (0,)
    kept = _kept_raters(desk, last)
    if kept is not None:
        return kept
    file = file_number(desk.folder / DATABASE)
    found = _rated_since(cursor, desk, last, file) or _rated_by_now(cursor, desk)
    for old in surplus(_raters, _RATERS_AT_MOST - 1):
        _raters.pop(old, None)
    _raters[_desk_key(desk)] = (last, file), found
    return found


def _rated_by_now(cursor: duckdb.DuckDBPyConnection, desk: Desk) -> _Raters:
    asked = {"run_id": desk.run_id, "reviewer": desk.reviewer, "source": desk.source}
    rows = cursor.execute(query("review.raters"), asked).fetchall()
    raters = {(concept, sample_id): n for concept, sample_id, n, _ in rows}
    return raters, frozenset((concept, sample_id) for concept, sample_id, _, is_mine in rows if is_mine)


def _rated_since(cursor: duckdb.DuckDBPyConnection, desk: Desk, now: int, file: Hashable) -> _Raters | None:
    """The raters that were asked for before, with what changed in a few pairs since; None where none were, or in many.

    Nor where that was after the latest rating by `now`: an older copy was put in the study's place.
    """
    (last, of_file), before = _raters.get(_desk_key(desk), ((0, None), None))
    if before is None or of_file != file or last > now:
        return None
    since = {"run_id": desk.run_id, "last_rating": last}
    changed = cursor.execute(query("samples.rated_since"), since).fetchall()
    if len(changed) > _FEW:
        return None
    histories = read_sayings(cursor, desk.run_id, [sample_id for _, sample_id in changed])
    by_now = {key: by_reviewer(histories.get(key, ()), desk.source) for key in changed}
    raters = {**before[0]} | {key: len(people) for key, people in by_now.items()}
    mine = (before[1] - by_now.keys()) | {key for key, people in by_now.items() if desk.reviewer in people}
    return {key: n for key, n in raters.items() if n}, mine


def _in_order(candidates: _Drawn | tuple[Item, ...], state: _State, desk: Desk) -> Iterator[Item]:
    """Open pairs: those on the reviewer's desk, then the queue's, then those that they put off, the longest ago first."""
    items, closed = _items_of(candidates), state.closed(desk.n_raters) | _known_of(candidates)
    late = set(state.skipped)
    held = {key: None for key in state.my_leases if key not in late}
    yield from (items[key] for key in held if key in items and key not in closed)
    for item in _fresh(candidates, closed, state, desk):
        if item.key not in late and item.key not in held:
            yield item
    yield from (items[key] for key in state.skipped if key in items and key not in closed)


def _fresh(candidates: _Drawn | tuple[Item, ...], closed: set[Key], state: _State, desk: Desk) -> Iterator[Item]:
    if not isinstance(candidates, _Drawn):
        return (item for item in candidates if item.key not in closed)
    audited = (key for key in state.raters if key in candidates.items and key not in candidates.known)
    n_rated = Counter(candidates.stratum_of[key] for key in audited)
    worth = {key: StratumWorth(*candidates.shares.get(key, (0.0, 0.0)), n_rated[key]) for key in candidates.strata}
    left = {key: _open(items, closed) for key, items in candidates.strata.items()}
    return audit_order(left, worth, seed=f"{desk.run_id} {desk.reviewer} {n_rated.total()}")


def _open(items: Sequence[Item], closed: set[Key]) -> Iterator[Item]:
    return (item for item in items if item.key not in closed)


def _end_leases(cursor: duckdb.DuckDBPyConnection, desk: Desk, key: Key | None, now: datetime) -> None:
    concept, sample_id = key or (None, None)
    chosen = {"run_id": desk.run_id, "reviewer": desk.reviewer, "concept": concept, "sample_id": sample_id, "now": now}
    cursor.execute(query("review.end_leases"), chosen)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
