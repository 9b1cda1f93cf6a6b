"""When an open screen is drawn anew: at once for ratings, after a while for work, once an answer has come, not for reading."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from app import data, news
from app.news import LATE_S, REST_S, WORK_S, Drawn, Page, Watch, is_news
from app.push import Reply
from app.widgets import live, sidebar
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import JUDGE, RUN

PAGE = Page(Drawn(data.Change((3, 4), 7), at=100.0), RUN)


def test_a_rating_is_news_at_once_where_gaps_are_shown_and_work_only_after_a_while() -> None:
    before, text = PAGE.drawn.change, replace(PAGE, shows_gaps=False)
    rated, worked = replace(before, last_rating=8), replace(before, work=(3, 5))
    assert is_news(PAGE, rated, now=100.1)
    assert [is_news(text, rated, now=100.0 + s) for s in (0.1, WORK_S)] == [False, True]
    for page in (PAGE, text):
        assert [is_news(page, worked, now=100.0 + s) for s in (0.1, WORK_S)] == [False, True]
        assert not is_news(page, before, now=1e9)


def test_screens_that_a_rating_moves_no_gap_on_are_screens() -> None:
    assert {f"screens/{name}.py" for name in live._WITHOUT_GAPS} < {file for file, *_ in sidebar.PAGES}


class Server:
    """Sessions that reply as they were told, and remember what was asked of them."""

    def __init__(self, **replies: Reply) -> None:
        self.replies, self.asked = replies, list[str]()

    def __call__(self, shown: Mapping[str, str], *, beside: int) -> Mapping[str, Reply]:
        replied: dict[str, Reply] = {}
        for session in shown:
            if "asked" not in replied.values():
                replied[session] = self.replies[session]
        self.asked += replied
        return replied


def watch_of(study: Path, server: Server) -> Watch:
    """All sessions of the server have just drawn a page of the study, the first of them first."""
    watch = Watch(study, server)
    for i, session in enumerate(server.replies):
        watch.begin(session, Page(Drawn(data.load_change(study), at=100.0 + i / 100), RUN))
    return watch


def rate(study: Path, identity: str) -> None:
    row = data.load_page(study, RUN, "", data.Filters(), number=1, sort="run", form_rule="loop").rows[0]
    pair = {"concept": row.concept, "sample_id": row.sample_id}
    data.add_override(study, RUN, **pair, rating=2, reviewer="Ada", reason=None, rating_id=identity)


def test_each_rating_has_every_page_drawn_once_that_has_not_drawn_it_one_by_one(study: Path) -> None:
    server = Server(ann="asked", bob="asked", eve="asked")
    watch = watch_of(study, server)
    watch.look(now=102.0)
    assert server.asked == []
    rate(study, "one")
    watch.begin("bob", Page(Drawn(data.load_change(study), at=101.0), RUN))
    for i in range(4):
        watch.look(now=102.1 + i / 10)
    assert server.asked == ["ann", "eve"]
    rate(study, "two")
    watch.begin("eve", replace(watch.pages["eve"], rests_until=105.0))
    for i in range(4):
        watch.look(now=104.0 + i / 2)
    assert server.asked[2:] == ["bob", "ann", "eve"]


def test_the_thread_looks_as_soon_as_its_rest_is_over(study: Path) -> None:
    may_look, has_looked = threading.Semaphore(0), threading.Semaphore(0)

    def rest(seconds: float) -> None:
        has_looked.release()
        may_look.acquire()

    server = Server(ann="asked")
    watch = watch_of(study, server)
    watch.rest = rest
    watch.start()
    assert has_looked.acquire(timeout=20)
    rate(study, "one")
    assert server.asked == []
    may_look.release()
    assert has_looked.acquire(timeout=20)
    # The thread rests for ever from here on.
    assert server.asked == ["ann"]


def test_a_page_that_has_waited_for_long_is_drawn_though_others_are(study: Path) -> None:
    server = Server(ann="asked")
    watch = watch_of(study, server)
    rate(study, "one")
    watch.ask = lambda shown, *, beside: server(shown, beside=beside) if beside else {}
    for now in (102.0, 102.1, 102.0 + LATE_S / 2):
        watch.look(now=now)
    assert server.asked == []
    watch.look(now=102.0 + LATE_S)
    assert server.asked == ["ann"]


def test_a_page_that_draws_or_is_disconnected_is_asked_again_and_a_closed_one_is_forgotten(study: Path) -> None:
    server = Server(ann="busy", bob="away", eve="gone")
    watch = watch_of(study, server)
    rate(study, "one")
    for now in (102.0, 102.0 + REST_S / 2, 102.0 + REST_S):
        watch.look(now=now)
    assert server.asked == ["ann", "bob", "eve", "ann", "bob"]
    watch.end("eve")
    assert list(watch.pages) == ["ann", "bob"]


def test_a_page_that_was_drawn_while_it_was_asked_is_not_taken_for_older(study: Path) -> None:
    server = Server(bob="gone", ann="asked")
    watch = watch_of(study, server)
    rate(study, "one")
    newer = Page(Drawn(data.load_change(study), at=105.0), RUN)

    def draw_while_asked(shown: Mapping[str, str], *, beside: int) -> Mapping[str, Reply]:
        for session in shown:
            watch.begin(session, newer)
        return server(shown, beside=beside)

    watch.ask = draw_while_asked
    watch.look(now=102.0)
    assert watch.pages == {"ann": newer, "bob": newer}


def test_a_page_is_drawn_once_its_answer_has_come(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(ann="asked", bob="asked")
    watch = watch_of(study, server)
    come: set[object] = set()
    monkeypatch.setattr(news, "is_ready", lambda folder, key: key in come)
    watch.wait_for("bob", "slow")
    watch.wait_for("of a page that was never drawn", "slow")
    watch.look(now=102.0)
    assert server.asked == []
    come.add("slow")
    for _ in range(2):
        watch.look(now=103.0)
    assert server.asked == ["bob"]


def test_writing_changes_the_state_of_the_files_and_reading_does_not(study: Path) -> None:
    before, change = data.file_state(study), data.load_change(study)
    data.load_runs(study)
    assert data.file_state(study) == before
    rate(study, "one")
    assert data.file_state(study) != before
    after = data.load_change(study)
    assert after.work == change.work
    assert after.last_rating > change.last_rating


def test_every_screen_of_gaps_and_ceilings_shows_what_a_rating_moved(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowest = data.Filters(ratings=(5,), arm="positive")
    row = data.load_page(study, RUN, JUDGE, lowest, number=1, sort="run", form_rule="loop").rows[0]
    screens = {"overview": {}, "concept": {"concept": row.concept}, "lenses": {}}
    opened = [open_screen(study, monkeypatch, screen, **query) for screen, query in screens.items()]
    assert not any("Since you opened this page" in html_of(app) for app in opened)
    pair = {"concept": row.concept, "sample_id": row.sample_id}
    data.add_override(study, RUN, **pair, rating=1, reviewer="ann", reason=None, rating_id="r1")
    for app in opened:
        shown = html_of(app.run())
        strip = shown[shown.index("Since you opened this page") :]
        # Gap and ceiling, before and after, each with its interval.
        assert strip.count("→</span> <b>") >= 2
        assert "] → [" in strip
    assert f"<th>{row.concept}</th>" in html_of(opened[1])
