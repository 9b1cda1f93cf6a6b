"""Which open pages are behind the study that they show: one thread looks at its files, and has those drawn anew one by one.

A person's rating has them drawn at once that show gaps and ceilings. Work of the stages does so at most every few seconds, for a
run writes all the time, and charts that jump cannot be read; for other pages ratings are no more than that. A page that waits
for an answer is drawn once that has come.
"""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from app import data
from app.data.later import is_ready
from app.push import Reply
from db.errors import ExpectedError

LOOK_S: Final = 0.2
SOON_S: Final = 0.04
"""Between two looks while pages are behind; either is cut short where `rest` says so."""
WORK_S: Final = 15.0
REST_S: Final = 0.3
"""So long a page rests after it was drawn, for drawing takes time from whoever presses something."""
LATE_S: Final = 0.5
BESIDE: Final = 2
"""A page that has been behind for so long is drawn though so many other scripts run."""


class Ask(Protocol):
    """Asks pages, given with the run that they show, to be drawn until one will be; what they replied."""

    def __call__(self, shown: Mapping[str, str], /, *, beside: int) -> Mapping[str, Reply]:
        """None is asked while more than `beside` are drawn."""


class Drawn(NamedTuple):
    """What the study held when this page was last drawn, and when that was."""

    change: data.Change
    at: float


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it was drawn, the run that it shows, whether gaps, what answers it waits for, and how long it rests."""

    drawn: Drawn
    run_id: str
    shows_gaps: bool = True
    awaits: frozenset[Hashable] = frozenset()
    rests_until: float = 0.0


@dataclass
class Watch:
    """The open pages of a study by session, shared by the threads that draw them and the one that looks."""

    folder: Path
    ask: Ask
    rest: Callable[[float], None] = time.sleep
    pages: dict[str, Page] = field(default_factory=dict)
    behind_since: Mapping[str, float] = field(default_factory=dict)
    """When the pages that are behind were first found so."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def begin(self, session: str, page: Page) -> None:
        """A page begins to be drawn, and will show this at least."""
        with self._lock:
            self.pages[session] = page

    def end(self, session: str) -> None:
        """A page has been drawn; its browser may have closed it meanwhile."""
        with self._lock:
            if page := self.pages.get(session):
                self.pages[session] = replace(page, rests_until=time.monotonic() + REST_S)

    def wait_for(self, session: str, key: Hashable) -> None:
        """A page shows an answer of before until this one has come."""
        with self._lock:
            if page := self.pages.get(session):
                self.pages[session] = replace(page, awaits=page.awaits | {key})

    def start(self) -> None:
        """Look from now on, in a thread of its own; again where that has ended by a fault."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look_on, daemon=True, name="watch")
                self._thread.start()

    def look(self, *, now: float) -> None:
        """Ask the page that has been behind for longest. Raises ExpectedError and OSError."""
        with self._lock:
            pages = sorted(self.pages.items(), key=lambda item: item[1].drawn.at)
        rested = {session: page for session, page in pages if now >= page.rests_until}
        then = self._answered(rested) | self._behind(rested, now=now)
        self.behind_since = since = {
            session: self.behind_since.get(session, now) for session in rested if session in then
        }
        if not then:
            return
        shown = {session: rested[session].run_id for session in sorted(since, key=since.__getitem__)}
        is_late = now - min(since.values()) >= LATE_S
        for session, reply in self.ask(shown, beside=BESIDE if is_late else 0).items():
            if reply == "asked":
                self._swap(session, rested[session], then[session])
            else:
                later = replace(rested[session], rests_until=now + REST_S)
                self._swap(session, rested[session], later if reply in ("busy", "away") else None)

    def _look_on(self) -> None:
        while True:
            self.rest(SOON_S if self.behind_since else LOOK_S)
            # A study that is busy or gone is told by the screen when it is next drawn.
            with suppress(ExpectedError, OSError):
                self.look(now=time.monotonic())

    def _answered(self, pages: Mapping[str, Page]) -> dict[str, Page]:
        """Pages for which an answer has come, as they are once asked."""
        return {
            session: replace(page, awaits=frozenset())
            for session, page in pages.items()
            if any(is_ready(self.folder, key) for key in page.awaits)
        }

    def _behind(self, pages: Mapping[str, Page], *, now: float) -> dict[str, Page]:
        """Pages that there is news for, as they are once asked: should their drawing fail, the next news has them drawn."""
        state = data.file_state(self.folder)
        pages = {session: page for session, page in pages.items() if page.drawn.change.seen != state}
        if not pages:
            return {}
        change = data.load_change(self.folder)
        for session, page in pages.items():
            if change == page.drawn.change:
                self._swap(session, page, replace(page, drawn=page.drawn._replace(change=change)))
        return {
            session: replace(page, drawn=Drawn(change, now), awaits=frozenset())
            for session, page in pages.items()
            if is_news(page, change, now=now)
        }

    def _swap(self, session: str, before: Page, after: Page | None) -> None:
        """Put what is known of a page in the place of what was known, unless its script has said more meanwhile."""
        with self._lock:
            if self.pages.get(session) is not before:
                return
            if after is None:
                del self.pages[session]
            else:
                self.pages[session] = after


def is_news(page: Page, change: data.Change, *, now: float) -> bool:
    """Whether a change is worth another drawing now."""
    before = page.drawn.change
    if page.shows_gaps and change.last_rating != before.last_rating:
        return True
    return change != before and now - page.drawn.at >= WORK_S
