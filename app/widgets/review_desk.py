"""A reviewer's sitting at a queue: the pair before them, those behind them, and what keys do.

Streamlit may run a callback late, twice, or for a pair that has gone. So every button carries the pair that it was drawn for and
the id that its rating will have; what does not fit the pair on screen is refused and said, and the same id is stored once.
A rated pair opens up: what was hidden is shown beside the rating, and changing it takes an undo first.
"""

import time
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import streamlit as st

from app import auth, data, state
from app.data import review
from app.data.review import Desk, Item, Key
from db.errors import ExpectedError

_SITTING: Final = "review-sitting"
_RATED: Final = "You rated this pair in another tab, so nothing was stored. To change that rating, go back and undo it."
_SETTLED: Final = "Somebody settled this pair or took its flag back while it was open here, so nothing was stored."
_LATE: Final = "You pressed that key before this text was on screen, so nothing was stored. Press it again."


class Shown(NamedTuple):
    """The pair on screen, the id of its next rating, and the latest mark on any pair when it was taken from its queue."""

    item: Item
    rating_id: str
    last_mark: int


@dataclass
class Sitting:
    """Pairs behind the reviewer, where they stand among them (None: before the open one), and the pairs leased to them.

    `marks` tell which mark was the latest when each of those was taken, `seen` are pairs that were opened up, `given` the ids of
    ratings given here, by pair.
    """

    desk: Desk
    trail: list[Item] = field(default_factory=list)
    at: int | None = None
    ahead: tuple[Item, ...] = ()
    leased_at: float = 0.0
    marks: dict[Key, int] = field(default_factory=dict)
    shown: Shown | None = None
    seen: set[Key] = field(default_factory=set)
    given: dict[Key, set[str]] = field(default_factory=dict)
    notice: str | None = None

    @property
    def item(self) -> Item | None:
        """The pair that is to be shown."""
        if self.at is not None:
            return self.trail[self.at]
        return self.ahead[0] if self.ahead else None

    def is_known(self, key: Key) -> bool:
        """Whether the reviewer may have seen what is hidden of a pair: opened up here, or rated by them elsewhere or before."""
        return key in self.seen or review.has_rated(self.desk, key, apart_from=self.given.get(key, ()))


def sit_down(desk: Desk) -> Sitting:
    """The sitting at this desk, begun where there is none; takes pairs and renews their leases."""
    sitting: Sitting | None = st.session_state.get(_SITTING)
    if sitting is None or sitting.desk != desk:
        sitting = Sitting(desk, trail=_rated_before(desk))
        # Whoever comes back may have seen what the judge said.
        sitting.seen.update(item.key for item in sitting.trail)
        st.session_state[_SITTING] = sitting
    mine = review.load_mine(desk)
    # They may have been rated in another tab.
    sitting.ahead = tuple(item for item in sitting.ahead if item.key not in mine)
    is_stale = time.monotonic() - sitting.leased_at > review.LEASE.total_seconds() / 2
    # Of a pair that is looked at again, the next is enough by now: rating it took long enough.
    if len(sitting.ahead) < (2 if sitting.at is None else 1) or is_stale:
        # Looked up before the pairs: what is settled in between is told at the press.
        mark = review.load_last_mark(desk.folder)
        sitting.ahead = _with_open_first(review.take(desk), sitting)
        sitting.marks = {item.key: sitting.marks.get(item.key, mark) for item in sitting.ahead}
        sitting.leased_at = time.monotonic()
    return sitting


def show(sitting: Sitting, item: Item) -> Shown:
    """Note that the pair is on screen; keeps the id of its rating while it stays there."""
    if sitting.shown is None or sitting.shown.item.key != item.key:
        last_mark = sitting.marks.get(item.key) if sitting.at is None else None
        if last_mark is None:
            last_mark = review.load_last_mark(sitting.desk.folder)
        sitting.shown = Shown(item, data.new_rating_id(), last_mark)
    return sitting.shown


def goes_on() -> bool:
    """Whether the next pair comes at once after a rating, before what was hidden of this one is shown."""
    return state.given("after") == "on"


@auth.members_only
def rate(shown: Shown, rating: int, *, reason_key: str) -> None:
    """Store a rating; then either open the pair up, or go on to the next."""
    sitting = _current(shown)
    if sitting is None:
        return
    reason = str(st.session_state.get(reason_key) or "").strip() or None
    key = shown.item.key
    given_here = sitting.given.setdefault(key, set())
    try:
        is_stored = review.add_rating(
            sitting.desk,
            shown.item,
            rating=rating,
            reason=reason,
            blind=key not in sitting.seen,
            rating_id=shown.rating_id,
            unopened=given_here,
            last_mark=shown.last_mark,
        )
    except ExpectedError as error:
        # The id stays, so that pressing again stores this same rating once.
        sitting.notice = f"The rating was not stored. {error}"
        return
    _leave(sitting, shown.item)
    if not is_stored:
        sitting.notice = _SETTLED if sitting.desk.settles else _RATED
        sitting.ahead = ()
        return
    given_here.add(shown.rating_id)
    if not goes_on():
        sitting.at = len(sitting.trail) - 1


@auth.members_only
def skip(shown: Shown) -> None:
    """Put the pair off: it comes back after all others."""
    sitting = _current(shown)
    if sitting is None:
        return
    if _stored(
        sitting, lambda: review.add_mark(sitting.desk, shown.item.key, "skip", mark_id=f"skip-{shown.rating_id}")
    ):
        _leave(sitting, shown.item)


@auth.members_only
def flag(shown: Shown, *, is_flagged: bool, note: str | None = None) -> None:
    """Flag the pair for others to look at, or take the flag back."""
    sitting = _current(shown)
    if sitting is not None:
        kind: Any = "unflag" if is_flagged else "flag"
        _stored(
            sitting,
            lambda: review.add_mark(sitting.desk, shown.item.key, kind, note=note, mark_id=data.new_rating_id()),
        )


def note_flag(shown: Shown, key: str) -> None:
    """Keep why a pair is flagged."""
    note = str(st.session_state.get(key) or "").strip()
    if note:
        flag(shown, is_flagged=False, note=note)


@auth.members_only
def undo(shown: Shown | None, own: review.Own | None) -> None:
    """Take back the rating of the pair on screen, else the reviewer's latest here, and open that pair to be rated again."""
    state.catch_up()
    sitting: Sitting = st.session_state[_SITTING]
    if own is None or (shown is not None and sitting.shown != shown):
        sitting.notice = _LATE if own else None
        return
    if not _stored(sitting, lambda: review.take_back(sitting.desk, own)):
        return
    key = (own.concept, own.sample_id)
    places = [i for i, item in enumerate(sitting.trail) if item.key == key]
    sitting.at = places[-1] if places else None
    sitting.shown = None


def step(by: int) -> None:
    """Go back among pairs behind, or forward again."""
    state.catch_up()
    sitting: Sitting = st.session_state[_SITTING]
    sitting.notice = None
    sitting.shown = None
    here = len(sitting.trail) if sitting.at is None else sitting.at
    there = min(max(here + by, 0), len(sitting.trail))
    sitting.at = None if there == len(sitting.trail) else there


def _current(shown: Shown) -> Sitting | None:
    """The sitting, if the press was made for the pair on screen."""
    state.catch_up()
    sitting: Sitting | None = st.session_state.get(_SITTING)
    if sitting is None:
        return None
    if sitting.shown != shown:
        sitting.notice = _LATE
        return None
    sitting.notice = None
    return sitting


def _stored(sitting: Sitting, write: Any) -> bool:
    try:
        write()
    except ExpectedError as error:
        sitting.notice = f"That was not stored. {error}"
        return False
    return True


def _leave(sitting: Sitting, item: Item) -> None:
    """Put the pair behind the reviewer, once."""
    sitting.trail = [other for other in sitting.trail if other.key != item.key] + [item]
    sitting.ahead = tuple(other for other in sitting.ahead if other.key != item.key)
    sitting.at = None
    sitting.shown = None


def _with_open_first(taken: tuple[Item, ...], sitting: Sitting) -> tuple[Item, ...]:
    """Leased pairs, the one on screen first, even where its lease ran out and went to another."""
    if sitting.shown is None or sitting.at is not None or not sitting.ahead:
        return taken
    open_now = sitting.ahead[0]
    return (open_now, *(item for item in taken if item.key != open_now.key))


def _rated_before(desk: Desk) -> list[Item]:
    """Pairs that the reviewer rated here, oldest first; of audits with the probability that they were drawn with."""
    own = [rating for rating in review.load_own(desk) if rating.source == desk.source]
    return [Item(rating.concept, rating.sample_id, rating.probability) for rating in reversed(own)]
