"""What is kept between clicks: asked for once by many, as of a moment ago while a run has the study, made anew beside screens."""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import data
from app.data import browsing, held_pairs, memory
from app.data.memory import load_change, remembered, remembered_each, unchanged, unhurried
from app.data.ratings import rating_row
from db import connect, insert, query, transaction
from db.errors import StudyMissing, StudyShort
from tests.support.synthetic_study import JUDGE, RUN


def written_by_another(study: Path) -> None:
    """As after another process's writing: the file is of another time, and this process has written nothing."""
    file = study / "study.duckdb"
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))


def numbered() -> Callable[[], int]:
    """1 at the first call, 2 at the next, and so on."""
    calls: list[int] = []

    def number() -> int:
        calls.append(1)
        return len(calls)

    return number


class FakeTimer:
    """A timer that rings when told."""

    made: ClassVar[list["FakeTimer"]] = []

    def __init__(self, due_s: float, ring: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.due_s, self.ring = due_s, lambda: ring(*arguments)
        self.daemon = False
        FakeTimer.made.append(self)

    def start(self) -> None:
        assert self.daemon


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[FakeTimer]:
    """Timers that the dashboard sets, with every answer taken for a slow one."""
    monkeypatch.setattr(FakeTimer, "made", [])
    monkeypatch.setattr(threading, "Timer", FakeTimer)
    monkeypatch.setattr(memory, "_SLOW_S", -1.0)
    monkeypatch.setattr(held_pairs, "_SLOW_S", -1.0)
    return FakeTimer.made


def work_on(study: Path) -> None:
    """Write as a stage does."""
    with transaction(study) as cursor:
        cursor.execute(
            "delete from judgments where (concept, sample_id) in "
            "(select (concept, sample_id) from judgments order by all limit 1)"
        )


def test_many_who_ask_at_once_have_it_asked_once(study: Path) -> None:
    go, number, found = threading.Event(), numbered(), []

    def compute() -> int:
        go.wait(20)
        return number()

    threads = [threading.Thread(target=lambda: found.append(unchanged(study, "n", compute))) for _ in range(8)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert found == [1] * 8


def test_an_answer_of_a_moment_ago_stands_while_another_process_has_the_study(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = numbered()
    assert unchanged(study, "n", number) == 1
    monkeypatch.setattr(memory, "is_at_hand", lambda _: False)
    written_by_another(study)
    assert unchanged(study, "n", number) == 1
    monkeypatch.setattr(memory, "is_at_hand", lambda _: True)
    assert unchanged(study, "n", number) == 2
    monkeypatch.setattr(memory, "is_at_hand", lambda _: False)
    written_by_another(study)
    monkeypatch.setattr(memory, "_STANDS_S", 0.0)
    assert unchanged(study, "n", number) == 3, "what is older than a moment is asked for, however long that takes"


def test_what_this_dashboard_wrote_is_never_left_out(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "is_at_hand", lambda _: False)
    number = numbered()
    assert unchanged(study, "n", number) == 1
    with transaction(study) as cursor:
        cursor.execute("delete from judgments")
    assert unchanged(study, "n", number) == 2


def test_a_change_tells_the_files_that_it_was_read_from(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = load_change(study)
    assert change.seen == data.file_state(study)
    monkeypatch.setattr(memory, "is_at_hand", lambda _: False)
    written_by_another(study)
    # It is as of before, and whoever compares it with the files looks once more.
    assert load_change(study) == change
    assert load_change(study).seen == change.seen != data.file_state(study)


@given(st.lists(st.integers(), unique=True, max_size=9), st.integers(0, 9))
def test_of_what_is_kept_the_latest_stay(keys: list[int], n: int) -> None:
    old = memory.surplus(dict.fromkeys(keys), n)
    assert [*old, *(keys[-n:] if n else [])] == keys


def test_too_much_at_once_is_asked_again_after_a_pause_and_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_SHORT_S", (0.0, 0.0))
    number = numbered()

    def short(n_times: int) -> int:
        if (n := number()) <= n_times:
            raise StudyShort("Too much.")
        return n

    assert unhurried(lambda: short(2)) == 3
    with pytest.raises(StudyShort):
        unhurried(lambda: short(9))


def test_an_answer_is_made_anew_when_a_table_that_it_rests_on_grows_or_shrinks(study: Path) -> None:
    votes, concepts = numbered(), numbered()

    def both() -> tuple[int, int]:
        return remembered(study, "v", votes, of=("judgments",)), remembered(study, "c", concepts, of=("run_concepts",))

    assert both() == both() == (1, 1)
    for table, expected in (("judgments", (2, 1)), ("run_concepts", (2, 2)), ("forms", (2, 2))):
        with transaction(study) as cursor:
            cursor.execute(f"delete from {table} where rowid = (select max(rowid) from {table})")
        assert both() == expected


def test_a_slow_answer_is_shown_as_it_was_and_made_anew_once_when_that_pays(
    study: Path, timers: list[FakeTimer]
) -> None:
    number = numbered()
    assert remembered(study, "n", number) == 1
    work_on(study)
    before = load_change(study)
    assert [remembered(study, "n", number) for _ in range(3)] == [1, 1, 1]
    (timer,) = timers
    assert 0 <= timer.due_s <= memory._LONGEST_S
    timer.ring()
    assert load_change(study) != before, "screens see that something was made anew"
    assert remembered(study, "n", number) == 2
    assert len(timers) == 1


def test_long_work_beside_screens_is_followed_by_a_rest_but_for_what_is_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(memory.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(memory.time, "sleep", sleep)
    monkeypatch.setattr(memory, "_rested_at", 0.0)
    monkeypatch.setattr(memory, "_RESTS", 4.0)

    def work(seconds: float, *, is_awaited: bool = False) -> float:
        with memory.beside_screens(is_awaited=is_awaited):
            clock[0] += seconds
        return sum(slept)

    assert work(0.2) == 0
    assert work(0.2) == 0, "short work is followed by no rest"
    assert work(1.0) == 0
    assert work(0.1, is_awaited=True) == 0
    assert not memory.may_begin(), "what is awaited and short ends no rest"
    assert work(1.0, is_awaited=True) == 0
    assert work(60.0) == pytest.approx(4.0)
    assert work(0.1) == pytest.approx(14.0), "and no rest is longer than that"


def test_a_renewal_that_fails_is_tried_again(study: Path, timers: list[FakeTimer]) -> None:
    number = numbered()

    def compute() -> int:
        if (n := number()) == 2:
            raise StudyMissing("Gone.")
        if n == 3:
            raise ValueError("a fault of ours")
        return n

    assert remembered(study, "n", compute) == 1
    work_on(study)
    assert remembered(study, "n", compute) == 1
    timers[0].ring()
    assert remembered(study, "n", compute) == 1
    with pytest.raises(ValueError, match="ours"):
        timers[1].ring()
    assert remembered(study, "n", compute) == 1
    timers[2].ring()
    assert remembered(study, "n", compute) == 4


def test_what_rests_on_ratings_never_waits_for_a_renewal(study: Path, timers: list[FakeTimer]) -> None:
    number = numbered()
    assert remembered(study, "n", number, also=1) == 1
    work_on(study)
    assert remembered(study, "n", number, also=2) == 2
    assert timers == []


def test_many_small_answers_of_a_kind_take_no_large_ones_place_and_follow_what_is_written(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_EACH_AT_MOST", 100)
    large, small = numbered(), numbered()
    remembered(study, "large", large)
    assert [remembered_each(study, "small", key % 100, small) for key in range(200)] == [*range(1, 101)] * 2
    remembered_each(study, "small", "one too many", small)
    assert remembered_each(study, "small", "one too many", small) == 101
    assert remembered(study, "large", large) == 1
    assert remembered_each(study, "unknown", "none", lambda: None) is None
    assert remembered_each(study, "unknown", "none", lambda: 1) is None, "that there is none is an answer"
    work_on(study)
    assert remembered_each(study, "small", "one too many", small) == 102
    assert remembered_each(study, "texts", 1, small, of=("samples",)) == 103
    work_on(study)
    assert remembered_each(study, "texts", 1, small, of=("samples",)) == 103, "votes change no text"


def test_a_list_of_pairs_is_made_anew_beside_its_readers(study: Path, timers: list[FakeTimer]) -> None:
    def n_unrated() -> int:
        page = data.load_page(study, RUN, JUDGE, data.Filters(ratings=(0,)), number=1, sort="run", form_rule="loop")
        return page.n_total

    before = n_unrated()
    held = next(asked for folder, asked in browsing._indexes if folder == study)
    old = browsing._indexes[study, held]
    with connect(study) as cursor:
        cursor.execute("delete from judgments")
    assert n_unrated() == before
    (timer,) = timers
    timer.ring()
    assert browsing._indexes[study, held] is not old
    assert n_unrated() > before


def held_rows(study: Path, index: Any) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """All pairs as an index holds them, and its cells."""
    with index.memory.cursor() as cursor:
        cursor.execute("use held")
        pairs = cursor.execute("select * exclude (row_id) from indexed").fetchall()
        in_order = cursor.execute("select * exclude (row_id) from indexed order by place").fetchall()
        assert pairs == in_order, "they stand in the run's order, in which pages are read"
        return pairs, cursor.execute("from alike('cells') where n <> 0 order by all").fetchall()


def vote(study: Path, *, votes: Sequence[int], rating: int, where: str) -> None:
    """Have the judge vote on some pairs."""
    with transaction(study) as cursor:
        cursor.execute(
            "insert into judgments select $judge, concept, sample_id, unnest($votes), $rating, 'So.', null, 'raw', 1, 1, 0, "
            f"'2026-01-01', 0, 0, 0, null, null from pairs where {where}",
            {"judge": JUDGE, "votes": list(votes), "rating": rating},
        )


def test_votes_are_put_into_a_large_list_as_if_it_were_made_anew(
    study: Path, timers: list[FakeTimer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "_ALL_BELOW", 1)
    held = held_pairs.Asked(RUN, JUDGE)
    with connect(study) as cursor:
        cursor.execute("delete from judgments where hash(sample_id) % 3 = 0")
        concept, sample_id = cursor.execute(
            "select concept, sample_id from pairs where hash(sample_id) % 6 = 0"
        ).fetchall()[0]

    def ask() -> Any:
        return browsing.ask(study, held, "samples.unsaid")

    ask()
    index = browsing._indexes[study, held]
    about = {"concept": concept, "sample_id": sample_id, "rating": 1}
    data.add_override(study, RUN, **about, reviewer="ann", reason=None, rating_id="one")
    vote(study, votes=[0], rating=2, where="hash(sample_id) % 6 = 0")
    vote(study, votes=[7, 8], rating=5, where="hash(sample_id) % 5 = 1")
    before = ask()
    (timer,) = timers
    timer.ring()
    assert ask() != before
    new = held_pairs.HeldPairs()
    held_pairs.build(study, held, new, ())
    with new.memory:
        assert held_rows(study, index) == held_rows(study, new)
    assert (browsing._indexes[study, held], index.is_renewed) == (index, False)
    with connect(study) as cursor:
        cursor.execute("delete from judgments where hash(sample_id) % 6 = 0")
    ask()
    timers[-1].ring()
    assert browsing._indexes[study, held] is index, "where votes have gone all is made anew, once that pays"
    timers[-1].ring()
    assert browsing._indexes[study, held] is not index


@pytest.mark.parametrize("few", [0, 12], ids=["together", "one by one"])
def test_what_people_say_is_put_into_a_list_as_if_it_were_made_anew(
    study: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(held_pairs, "_FEW", few)
    held = held_pairs.Asked(RUN, JUDGE)
    with connect(study) as cursor:
        # Of the first sample all pairs, for a sample may belong to several concepts.
        pairs = cursor.execute(
            "from (select concept, sample_id from pairs where sample_id = (select min(sample_id) from pairs)) union all "
            "from (select concept, sample_id from pairs order by hash(sample_id) limit 5)"
        ).fetchall()
    browsing.make(study, RUN, JUDGE)
    index = browsing._indexes[study, held]
    for i, (concept, sample_id) in enumerate(pairs):
        about = {"concept": concept, "sample_id": sample_id}
        data.add_override(study, RUN, **about, rating=1 + i % 5, reviewer="ann", reason=None, rating_id=f"first-{i}")
        if i % 3 == 1:
            data.undo_override(study, RUN, **about, reviewer="ann", rating_id=f"first-{i}")
        if i % 3 == 2:
            drawn: dict[str, Any] = {"source": "audit", "inclusion_probability": 0.5, "rating": 2}
            with transaction(study) as cursor:
                insert(cursor, [rating_row(RUN, **about, reviewer="bob", rating_id=f"audit-{i}", **drawn)])
        browsing.make(study, RUN, JUDGE)
        if i in (2, len(pairs) - 1):
            new = held_pairs.HeldPairs()
            held_pairs.build(study, held, new, ())
            with new.memory:
                assert held_rows(study, index) == held_rows(study, new)
    with transaction(study) as cursor:
        # Several at once.
        cursor.execute(
            "insert into ratings (rating_id, run_id, concept, sample_id, reviewer, source, rating, blind, rated_at) "
            "select 'again-' || concept || sample_id, run_id, concept, sample_id, 'cy', 'override', 5, false, '2026-01-03' "
            "from pairs where hash(sample_id) % 7 = 0 limit 11"
        )
    browsing.make(study, RUN, JUDGE)
    new = held_pairs.HeldPairs()
    held_pairs.build(study, held, new, ())
    with new.memory:
        assert held_rows(study, index) == held_rows(study, new)
    assert browsing._indexes[study, held] is index


@pytest.mark.parametrize(("few", "last"), [(held_pairs._FEW, "samples.put_pair"), (0, "samples.put_people")])
def test_counts_miss_no_pair_while_it_leaves_one_cell_for_another(
    study: Path, monkeypatch: pytest.MonkeyPatch, few: int, last: str
) -> None:
    browsing.make(study, RUN, JUDGE)
    index = browsing._indexes[study, held_pairs.Asked(RUN, JUDGE)]
    monkeypatch.setattr(held_pairs, "_FEW", few)
    counted: list[tuple[int, int]] = []

    def noting(name: str) -> str:
        if name == last:
            with index.memory.cursor() as cursor:
                cursor.execute("use held")
                rows = cursor.execute("select sum(n), coalesce(sum(n) filter (override_rating = 1), 0) from cells")
                counted.extend((int(n), int(n_rated)) for n, n_rated in rows.fetchall())
        return query(name)

    (pair,) = data.load_page(study, RUN, JUDGE, data.Filters(), number=1, sort="run", form_rule="loop", n_rows=1).rows
    with index.memory.cursor() as cursor:
        ((n_pairs,),) = cursor.execute("select count(*) from held.indexed").fetchall()
    monkeypatch.setattr(held_pairs, "query", noting)
    about = {"concept": pair.concept, "sample_id": pair.sample_id, "rating": 1}
    data.add_override(study, RUN, **about, reviewer="ann", reason=None, rating_id="one")
    browsing.make(study, RUN, JUDGE)
    assert counted == [(n_pairs, 0)]


def test_pairs_of_a_large_study_are_at_hand_once_their_list_is_made(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert browsing.is_at_hand(study, RUN, JUDGE), "so few soon are"
    monkeypatch.setattr(browsing, "_ALL_BELOW", 1)
    assert not browsing.is_at_hand(study, RUN, JUDGE)
    data.load_page(study, RUN, JUDGE, data.Filters(), number=1, sort="run", form_rule="loop")
    assert browsing.is_at_hand(study, RUN, JUDGE)
