"""Queues: who gets which pair, what a rating stores, and what a reviewer may see before they rate."""

import itertools
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app import data
from app.data import review
from app.data.review import Desk, Key
from app.viewmodels.review import agreement_kind, pace, verdict_sentence
from db import connect, transaction
from tests.support.synthetic_study import JUDGE, RUN, START


def desk(study: Path, reviewer: str = "Ada", **kw: object) -> Desk:
    return replace(Desk(study, RUN, JUDGE, reviewer, "audit"), **kw)  # type: ignore[arg-type]


def rate(at: Desk, item: review.Item, rating: int = 3, *, blind: bool = True) -> str:
    rating_id = data.new_rating_id()
    assert review.add_rating(at, item, rating=rating, reason=None, blind=blind, rating_id=rating_id)
    return rating_id


@pytest.fixture
def planned(study: Path) -> Path:
    review.plan_audit(study, RUN, JUDGE, n_ratings=24)
    return study


def drawn(study: Path) -> set[Key]:
    with connect(study) as cursor:
        return set(cursor.execute("select concept, sample_id from audit_pairs(?) where is_drawn", [RUN]).fetchall())


def test_an_audit_brings_every_drawn_pair_once_and_no_other(planned: Path) -> None:
    at, seen = desk(planned), []
    while items := review.take(at):
        seen.append(items[0].key)
        rate(at, items[0])
    assert len(seen) == len(set(seen))
    assert set(seen) == drawn(planned)
    standing = review.load_standing(at)
    assert (standing.n_done, standing.n_left) == (len(seen), 0)


def test_what_is_drawn_follows_overrides_before_the_first_audit_rating_and_no_later_one(planned: Path) -> None:
    at = desk(planned)
    first, second, third, *_ = sorted(drawn(planned))

    def override(key: Key, rating_id: str) -> None:
        about = {"concept": key[0], "sample_id": key[1], "rating": 5, "reviewer": "Bo", "reason": None}
        data.add_override(planned, RUN, **about, rating_id=rating_id)

    def undo(key: Key, rating_id: str) -> None:
        about = {"concept": key[0], "sample_id": key[1], "reviewer": "Bo", "rating_id": rating_id}
        assert data.undo_override(planned, RUN, **about)

    def queued() -> set[Key]:
        found = {item.key for item in review.take(at, n=1000)}
        assert review.load_standing(at).n_left == len(found)
        return found

    assert queued() == drawn(planned)
    override(first, "one")
    override(second, "two")
    assert queued() == drawn(planned) == queued() - {first, second}
    undo(second, "two")
    assert second in queued()
    assert queued() == drawn(planned)
    rated = next(item for item in review.take(at, n=1000) if item.key not in (second, third))
    rate(at, rated)
    override(third, "three")
    undo(first, "one")
    assert queued() == drawn(planned) - {rated.key}
    assert {first, third} <= queued()


def test_who_rated_which_pairs_is_told_from_what_changed_as_from_everything(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ratings of three people at few pairs in two queues, some of them taken back, singly or many before anybody asks."""
    monkeypatch.setattr(review, "_FEW", 4)
    before, all_counted = review._rated_by_now, []
    monkeypatch.setattr(review, "_rated_by_now", lambda *asked: all_counted.append(1) or before(*asked))
    desks = [
        desk(study, name, queue=queue, n_raters=2) for name in ("Ada", "Bo", "Cy") for queue in ("audit", "filter")
    ]
    with connect(study) as cursor:
        pairs = cursor.execute("select concept, sample_id from pairs order by hash(sample_id) limit 20").fetchall()
    chance, given = random.Random(0), []
    for n_at_once in [*[1] * 24, 18, 1, 1]:
        for _ in range(n_at_once):
            at = chance.choice(desks)
            if given and chance.random() < 0.4:
                by, own = given.pop(chance.randrange(len(given)))
                review.take_back(by, own)
            else:
                key = pairs[chance.randrange(3 if n_at_once == 1 else 20)]
                item = review.Item(*key, 0.5 if at.source == "audit" else None)
                asked = {"rating": 3, "reason": None, "blind": True, "rating_id": data.new_rating_id()}
                if review.add_rating(at, item, **asked):
                    given.append((at, review.load_own(at)[0]))
        for one in desks[: 1 + chance.randrange(len(desks))]:
            kept = review._load_raters(one)
            with connect(study) as cursor:
                assert kept == before(cursor, one)
    assert len(desks) < len(all_counted) < 20, "all are counted at first, and where many have changed"


def test_raters_of_an_older_copy_in_the_studys_place_are_counted_anew(study: Path) -> None:
    at = desk(study, queue="filter")
    with connect(study) as cursor:
        pairs = cursor.execute("select concept, sample_id from pairs order by all limit 3").fetchall()
    for pair in pairs:
        rate(at, review.Item(*pair))
    assert len(review.load_mine(at)) == 3
    with transaction(study) as cursor:
        cursor.execute("delete from ratings where order_number > (select min(order_number) from ratings)")
    assert len(review.load_mine(at)) == 1


def test_ratings_are_stored_as_blind_audits_with_the_probability_of_the_draw(planned: Path) -> None:
    at = desk(planned)
    item = review.take(at)[0]
    rate(at, item, 4)
    with connect(planned) as cursor:
        stored = cursor.execute("select source, rating, blind, inclusion_probability, reviewer from ratings").fetchall()
        probability = cursor.execute(
            "select probability from audit_pairs(?) where concept = ? and sample_id = ?", [RUN, *item.key]
        ).fetchone()
    assert stored == [("audit", 4, True, *(probability or ()), "Ada")]


def test_two_reviewers_never_have_the_same_pair_before_them(planned: Path) -> None:
    """As two browsers would, step by step in turn."""
    ada, bob = desk(planned), desk(planned, "Bob")
    rated: dict[Key, str] = {}
    for _ in itertools.count():
        hers, his = review.take(ada), review.take(bob)
        assert not {item.key for item in hers} & {item.key for item in his}
        if not hers and not his:
            break
        for at, items in ((ada, hers), (bob, his)):
            if items:
                assert items[0].key not in rated
                rate(at, items[0])
                rated[items[0].key] = at.reviewer
    assert set(rated) == drawn(planned)
    assert set(rated.values()) == {"Ada", "Bob"}


def test_two_processes_at_once_never_get_the_same_pair(planned: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from app.data import review; from app import data\n"
        f"at = review.Desk(Path(sys.argv[1]), {RUN!r}, {JUDGE!r}, sys.argv[2], 'audit')\n"
        "for _ in range(6):\n"
        "    item = review.take(at)[0]\n"
        "    review.add_rating(at, item, rating=3, reason=None, blind=True, rating_id=data.new_rating_id())\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(planned), name], env=os.environ) for name in ("Ada", "Bob")
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    with connect(planned) as cursor:
        counted = cursor.execute("select concept, sample_id, count(*) from ratings group by all").fetchall()
    assert [n for *_, n in counted] == [1] * 12


def test_with_two_people_a_pair_comes_to_both_and_to_no_third(planned: Path) -> None:
    reviewers = [desk(planned, name, n_raters=2) for name in ("Ada", "Bob", "Eve")]
    for at in reviewers:
        while items := review.take(at):
            rate(at, items[0])
    with connect(planned) as cursor:
        counted = cursor.execute("select count(distinct reviewer) from ratings group by concept, sample_id").fetchall()
    assert {n for (n,) in counted} == {2}


def test_a_reload_brings_back_the_pair_that_was_open(planned: Path) -> None:
    at = desk(planned)
    before = review.take(at)
    assert review.take(at) == before


def test_a_lease_that_ran_out_frees_the_pair(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = desk(planned), desk(planned, "Bob")
    hers = review.take(ada)
    later = review._now() + review.LEASE + timedelta(seconds=1)
    monkeypatch.setattr(review, "_now", lambda: later)
    # Nobody else is there, so that the choice depends on the reviewer's name alone.
    everything = review.take(bob, n=1_000)
    assert {item.key for item in hers} <= {item.key for item in everything}


def test_a_skipped_pair_comes_last_and_is_free_for_others(planned: Path) -> None:
    ada, bob = desk(planned), desk(planned, "Bob")
    first = review.take(ada)[0]
    review.add_mark(ada, first.key, "skip", mark_id="one")
    assert first.key in {item.key for item in review.take(bob, n=1_000)}
    with transaction(planned) as cursor:
        cursor.execute("delete from leases")
    order = [item.key for item in review.take(ada, n=1_000)]
    assert order[-1] == first.key


def test_taking_a_rating_back_brings_the_pair_back(planned: Path) -> None:
    at = desk(planned)
    item = review.take(at)[0]
    rate(at, item)
    (own,) = review.load_own(at)
    assert own.probability == item.probability
    assert review.take_back(at, own)
    assert not review.take_back(at, own)
    assert review.load_own(at) == ()
    assert item.key in {other.key for other in review.take(at, n=1_000)}


def test_a_flag_waits_for_somebody_to_settle_it(planned: Path) -> None:
    ada, settler = desk(planned), desk(planned, "Bob", queue="flagged")
    item = review.take(ada)[0]
    review.add_mark(ada, item.key, "flag", mark_id="one")
    review.add_mark(ada, item.key, "flag", note="two senses?", mark_id="two")
    flag = review.load_flag(ada, item.key)
    assert flag is not None
    assert (flag.reviewer, flag.note) == ("Ada", "two senses?")
    assert review.take(settler) == (), "it still lies before Ada"
    rate(ada, item)
    (waiting,) = review.take(settler)
    assert waiting.key == item.key
    rate(settler, waiting, 2)
    assert review.take(settler) == ()
    assert review.load_flag(ada, item.key) is None


def test_people_two_apart_come_to_adjudication_until_it_is_settled(planned: Path) -> None:
    ada, bob, judge = desk(planned), desk(planned, "Bob"), desk(planned, "Eve", queue="adjudicate")
    item = review.take(ada)[0]
    rate(ada, item, 1)
    settled_by = [waiting.key for waiting in review.take(judge, n=1_000)]
    rate(bob, item, 5)
    assert item.key in {waiting.key for waiting in review.take(judge, n=1_000)}
    assert len(review.take(judge, n=1_000)) <= len(settled_by) + 1
    rate(judge, item, 3)
    assert item.key not in {waiting.key for waiting in review.take(judge, n=1_000)}
    assert review.take_back(bob, review.load_own(bob)[0])
    rate(bob, item, 1)
    assert item.key in {waiting.key for waiting in review.take(judge, n=1_000)}


def test_my_filter_brings_what_passes_it(study: Path) -> None:
    at = desk(study, queue="filter", filters=data.Filters(arm="negative", quadrants=("C",)))
    seen = [item.key for item in review.take(at, n=1_000)]
    page = data.load_page(study, RUN, JUDGE, at.filters, number=1, sort="run", form_rule="loop")
    assert [(row.concept, row.sample_id) for row in page.rows] == seen[: len(page.rows)]
    assert len(seen) == page.n_total
    rate(at, review.Item(*seen[0]), 5)
    with connect(study) as cursor:
        assert cursor.execute("select source, inclusion_probability from ratings").fetchall() == [("override", None)]


def test_a_rating_sent_twice_is_stored_once(planned: Path) -> None:
    at = desk(planned)
    item = review.take(at)[0]
    sent = {"rating": 2, "reason": None, "blind": True, "rating_id": "same"}
    assert review.add_rating(at, item, **sent)  # type: ignore[arg-type]
    assert review.add_rating(at, item, **sent)  # type: ignore[arg-type]
    with connect(planned) as cursor:
        assert cursor.execute("select rating, blind from ratings").fetchall() == [(2, True)]


@pytest.mark.parametrize("queue", ["audit", "filter"])
def test_an_own_rating_is_replaced_only_once_it_is_taken_back(planned: Path, queue: str) -> None:
    ada, bob = desk(planned, queue=queue, n_raters=2), desk(planned, "Bob", queue=queue, n_raters=2)
    item = review.take(ada)[0]
    rate(ada, item, 5)
    again = {"reason": None, "blind": True}
    assert not review.add_rating(ada, item, rating=1, rating_id="stale", **again)  # type: ignore[arg-type]
    assert review.load_mine(ada) == {item.key}
    assert review.load_mine(bob) == frozenset()
    rate(bob, item, 2)
    assert [own.rating for own in review.load_own(ada)] == [5]
    assert review.take_back(ada, review.load_own(ada)[0])
    assert review.load_mine(ada) == frozenset()
    rate(ada, item, 1)
    assert [own.rating for own in review.load_own(ada)] == [1]


@pytest.mark.parametrize("queue", ["adjudicate", "flagged"])
def test_a_pair_that_several_have_open_is_settled_once(planned: Path, queue: str) -> None:
    key = min(drawn(planned))
    item = review.Item(*key)
    ada, bob = desk(planned, queue=queue), desk(planned, "Bob", queue=queue)
    said = {"reason": None, "blind": False}

    def settle(at: Desk, rating_id: str, *, shown: int) -> bool:
        return review.add_rating(at, item, rating=4, rating_id=rating_id, last_mark=shown, **said)  # type: ignore[arg-type]

    review.add_mark(bob, key, "flag", mark_id="flag")
    shown = review.load_last_mark(planned)
    assert settle(bob, "bob", shown=shown)
    assert settle(bob, "bob", shown=shown), "what is sent twice is stored once, and no fault"
    assert not settle(ada, "ada", shown=shown)
    assert not settle(bob, "bob in another tab", shown=shown)
    assert settle(ada, "ada again", shown=review.load_last_mark(planned))
    shown = review.load_last_mark(planned)
    review.add_mark(ada, key, "unflag", mark_id="own")
    assert settle(ada, "after her own mark", shown=shown)
    with connect(planned) as cursor:
        stored = cursor.execute("select rating_id from ratings order by order_number").fetchall()
    assert [one for (one,) in stored] == ["bob", "ada again", "after her own mark"]


def test_who_settles_a_pair_may_have_overridden_it_before(planned: Path) -> None:
    key = min(drawn(planned))
    about = {"concept": key[0], "sample_id": key[1], "rating": 2, "reason": None}
    data.add_override(planned, RUN, **about, reviewer="Ada", rating_id="before")
    review.add_mark(desk(planned, "Bob"), key, "flag", mark_id="one")
    settler = desk(planned, queue="flagged")
    (item,) = review.take(settler)
    rate(settler, item, 4)
    assert [own.rating for own in review.load_own(settler)] == [4]
    assert review.take(settler) == ()


def test_a_rating_is_blind_only_where_its_reviewer_never_rated_the_pair_before(planned: Path) -> None:
    ada, bob = desk(planned), desk(planned, "Bob")
    first, second, third, fourth = review.take(ada, n=4)

    def is_blind(at: Desk, item: review.Item, unopened: tuple[str, ...] = ()) -> bool:
        sent = {"rating": 3, "reason": None, "blind": True, "rating_id": data.new_rating_id()}
        assert review.add_rating(at, item, **sent, unopened=unopened)  # type: ignore[arg-type]
        return review.load_own(at)[0].blind

    assert is_blind(ada, first)
    assert is_blind(bob, first), "what Ada said was not shown to Bob"
    undone = rate(ada, second)
    assert review.take_back(ada, review.load_own(ada)[0])
    assert not is_blind(ada, second)
    slip = rate(ada, third)
    assert review.take_back(ada, review.load_own(ada)[0])
    assert not review.has_rated(ada, third.key, apart_from=[slip])
    assert review.has_rated(ada, third.key, apart_from=[undone])
    assert is_blind(ada, third, (slip,)), "nothing was shown after that one"
    about = {"concept": fourth.concept, "sample_id": fourth.sample_id, "rating": 2, "reason": None}
    data.add_override(planned, RUN, **about, reviewer="Ada", rating_id="on samples")
    assert not is_blind(ada, fourth)
    assert is_blind(bob, fourth)


def test_a_pace_is_the_median_of_work_without_pauses() -> None:
    times = [START + timedelta(seconds=s) for s in (0, 10, 20, 32, 4_000, 4_010)]
    found = pace(times)
    assert found is not None
    assert found.seconds == 10
    assert found.words == "360 an hour"
    assert found.left(90) == "about 15 minutes left"
    assert found.left(3) == "less than a minute left"
    assert pace(times[:3]) is None


def test_both_words_are_told_in_one_sentence() -> None:
    assert verdict_sentence(2, 4.5, others=[3, 1]) == "You said 2, the judge said 4.5; others said 3, 1."
    assert verdict_sentence(2, None, others=[]) == "You said 2, the judge gave no rating."
    assert [agreement_kind(3, judge) for judge in (3.4, 4.0, 1.0, None)] == ["same", "near", "far", "unknown"]
