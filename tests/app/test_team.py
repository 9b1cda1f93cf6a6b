"""The team screen: what people did, what lies before them, how far they agree, and when they worked."""

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pyarrow import parquet

from app import data, state
from app.charts.activity import OTHERS, activity
from app.data import review, team
from app.data.ratings import load_n_audited
from app.data.review import Desk
from app.data.team import Both, Day
from app.viewmodels.team import listed, minutes_left, ratings_csv, ratings_parquet, squares
from app.widgets import markup
from app.widgets.agreement import INFLATED
from db import connect
from db.errors import ExpectedError, StudyLocked
from engine.figures.palette import LIGHT
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import JUDGE, RUN

HOSTILE = "<svg onload=alert(1)>"


def audit(study: Path, reviewer: str, ratings: list[int]) -> list[str]:
    """Rate the first pairs of an audit that each two people rate; returns the ratings' ids."""
    if not review.has_plan(study, RUN):
        review.plan_audit(study, RUN, JUDGE, n_ratings=24)
    desk = Desk(study, RUN, JUDGE, reviewer, "audit", n_raters=2)
    drawn = sorted((item for items in review._drawn(desk).strata.values() for item in items), key=lambda i: i.key)
    given = []
    for item, rating in zip(drawn, ratings, strict=False):
        given.append(data.new_rating_id())
        assert review.add_rating(desk, item, rating=rating, reason=None, blind=True, rating_id=given[-1])
    return given


def test_people_are_counted_by_what_is_in_force_with_their_desks_and_undone_ratings(study: Path) -> None:
    audit(study, "Ana", [1, 2, 3, 4, 5])
    audit(study, HOSTILE, [1, 2])
    desk = Desk(study, RUN, JUDGE, "Ana", "audit", n_raters=2)
    assert review.take_back(desk, review.load_own(desk)[0])
    own = review.load_own(desk)[0]
    review.add_mark(desk, (own.concept, own.sample_id), "flag", mark_id="one")
    assert len(review.take(Desk(study, RUN, JUDGE, "Ben", "audit", n_raters=2), n=3)) == 3
    people = {one.reviewer: one for one in team.load_reviewers(study, RUN)}
    assert list(people) == ["Ana", HOSTILE, "Ben"]
    ana, ben = people["Ana"], people["Ben"]
    assert (ana.n_audit, ana.n_override, ana.n_blind, ana.n_undone, ana.n_flags) == (4, 0, 4, 1, 1)
    assert (ben.n_audit, ben.n_leased) == (0, 3)
    assert ben.leased_until is not None
    assert ben.leased_until > ben.last_seen
    assert ana.leased_until is None
    times = team.load_times(study, RUN)
    assert {name: len(own) for name, own in times.items()} == {"Ana": 5, HOSTILE: 2}
    assert sum(day.n for day in team.load_activity(study, RUN)) == 7


def test_agreement_is_of_pairs_that_both_rated_each_two_and_any_two(study: Path) -> None:
    audit(study, "Ana", [1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 1, 5])
    assert team.load_between(study, RUN) == ()
    audit(study, "Ben", [1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 1, 5])
    (two,) = team.load_between(study, RUN)
    assert (two.first, two.second, two.found.n) == ("Ana", "Ben", 12)
    assert two.found.kappa.value == two.found.exact.value == pytest.approx(1.0)
    audit(study, "Chloe", [5, 5, 1])
    any_two, *each = team.load_between(study, RUN)
    assert any_two.first is None
    assert any_two.found.n == sum(one.found.n for one in each) == 12 + 3 + 3
    by_name = {(one.first, one.second): one.found for one in each}
    # The ratings of the first three pairs are 1, 2, 3 and 5, 5, 1.
    assert by_name["Ana", "Chloe"].exact.value == 0
    assert by_name["Ana", "Chloe"].kappa.reason is not None


def test_squares_hold_what_agreement_counts_and_lists_begin_with_the_widest_apart(study: Path) -> None:
    audit(study, "Ana", [1, 2, 3, 4, 5, 5, 4, 3])
    audit(study, "Ben", [1, 3, 3, 1, 5, 4, 4, 3])
    (two,) = team.load_between(study, RUN)
    both = team.load_both(study, RUN, "Ana", "Ben")
    assert squares(both) == two.found.counts
    assert two.weak
    every = listed(both, None, hidden=frozenset())
    widest, *others = [(one.first_rating, one.second_rating) for one in every.pairs]
    assert widest == (4, 1)
    assert set(others) == {(2, 3), (5, 4)}
    assert every.n_all == 3
    assert [one.first_rating for one in listed(both, (3, 3), hidden=frozenset()).pairs] == [3, 3]


def test_what_others_said_of_a_pair_stays_hidden_until_one_has_rated_it(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(study, "Ana", [1, 2])
    audit(study, "Ben", [5, 3])
    apart, close = team.load_both(study, RUN, "Ana", "Ben")
    key = (apart.concept, apart.sample_id)
    assert key in team.load_unsettled(study, RUN, JUDGE, "Chloe")
    assert team.load_to_rate_blind(study, RUN, "Chloe") == frozenset()
    desk = Desk(study, RUN, JUDGE, "Chloe", "adjudicate")
    queue = [item.key for item in review.take(desk, n=9)]
    assert key in queue
    assert team.load_to_rate_blind(study, RUN, "Chloe") == frozenset(queue)
    found = listed((apart, close), None, hidden=frozenset({key}))
    assert (found.pairs, found.n_all, found.n_hidden) == ((close,), 1, 1)
    shown = links_for(study, monkeypatch, "Chloe")
    assert "hidden because" in shown
    assert "**1 · 5**" not in shown
    assert "**1 · 5**" in links_for(study, monkeypatch, "Ana")
    assert review.add_rating(desk, review.Item(*key), rating=2, reason=None, blind=True, rating_id=data.new_rating_id())
    assert key not in team.load_unsettled(study, RUN, JUDGE, "Chloe") | team.load_to_rate_blind(study, RUN, "Chloe")
    assert "**1 · 5**" in links_for(study, monkeypatch, "Chloe")


def links_for(study: Path, monkeypatch: pytest.MonkeyPatch, reviewer: str) -> str:
    monkeypatch.setattr(state, "reviewer", lambda: reviewer)
    app = open_screen(study, monkeypatch, "team")
    return html_of(app) + "\n".join(link.proto.label for link in app.get("page_link"))


def test_corrections_keep_back_what_others_said_of_a_pair_on_ones_desk(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, ben = (Desk(study, RUN, JUDGE, name, "filter", n_raters=2) for name in ("Ana", "Ben"))
    item = review.take(ana, n=1)[0]
    said = {"reason": "because of that", "blind": True}
    assert review.add_rating(ana, item, rating=4, rating_id=data.new_rating_id(), **said)
    assert item in review.take(ben, n=9)
    monkeypatch.setattr(state, "reviewer", lambda: "Ben")
    hidden = html_of(open_screen(study, monkeypatch, "corrections"))
    assert "on your desk" in hidden
    assert "because of that" not in hidden
    assert "→ <b>4</b>" not in hidden
    assert review.add_rating(ben, item, rating=4, rating_id=data.new_rating_id(), **said)
    assert "→ <b>4</b>" in html_of(open_screen(study, monkeypatch, "corrections"))


def test_corrections_leave_out_overrides_alone_and_say_that_audit_ratings_count_on_both_sides(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(study, RUN, JUDGE, "Ana", "filter")
    item = review.take(desk, n=1)[0]
    assert review.add_rating(desk, item, rating=4, reason=None, blind=True, rating_id=data.new_rating_id())
    shown = html_of(open_screen(study, monkeypatch, "corrections"))
    assert "Without overrides → with overrides" in shown
    assert "judge alone" not in shown.lower()
    assert "Audit ratings" not in shown
    audit(study, "Ben", [1, 2, 3])
    audit(study, "Chloe", [1])
    assert load_n_audited(study, RUN) == 3
    assert "Audit ratings (3 pairs) count on both sides" in html_of(open_screen(study, monkeypatch, "corrections"))


def test_ratings_go_out_as_they_were_given_and_no_name_becomes_a_formula(study: Path) -> None:
    audit(study, "=1+1", [1, 2, 3])
    desk = Desk(study, RUN, JUDGE, "=1+1", "audit", n_raters=2)
    assert review.take_back(desk, review.load_own(desk)[0])
    with connect(study) as cursor:
        given = cursor.execute(
            "select concept, sample_id, rating, rated_at from ratings where undoes is null"
        ).fetchall()
    found = team.load_ratings(study, RUN)
    read = parquet.read_table(io.BytesIO(ratings_parquet(found))).to_pylist()
    assert sorted((row["concept"], row["sample_id"], row["rating"], row["rated_at"]) for row in read) == sorted(given)
    assert sum(row["is_undone"] for row in read) == 1
    lines = list(csv.DictReader(io.StringIO(ratings_csv(found).decode("utf-8-sig"))))
    assert {line["reviewer"] for line in lines} == {"'=1+1"}
    assert [int(line["rating"]) for line in lines] == [row["rating"] for row in read]


def test_a_list_is_cut_but_says_how_many_there_are() -> None:
    both = [Both("gin", f"{n}", "positive", 1, 5, "") for n in range(120)]
    found = listed(both, (1, 5), hidden=frozenset())
    assert (len(found.pairs), found.n_all) == (50, 120)
    assert listed(both, (2, 2), hidden=frozenset()).n_all == 0


@pytest.mark.parametrize(
    ("seconds", "said"), [(600, "10 min left"), (61, "1 min left"), (59, "less than a minute left")]
)
def test_a_desk_says_how_long_it_is_kept(seconds: int, said: str) -> None:
    now = datetime(2030, 1, 1)
    assert minutes_left(now + timedelta(seconds=seconds), now) == said


@pytest.mark.parametrize("n_people", [1, 5, 9])
def test_activity_adds_up_to_all_ratings_day_after_day_however_many_people(n_people: int) -> None:
    start = datetime(2030, 1, 30)
    days = [
        Day(start + timedelta(days=day), f"<b>{person}</b>", person + day + 1)
        for day in range(3)
        for person in range(n_people)
    ]
    drawn = activity(days, colours=LIGHT)
    bars = drawn.data
    assert drawn.layout.xaxis.categoryarray == ("30 Jan 2030", "31 Jan 2030", "01 Feb 2030")
    assert set(bars[0].x) == set(drawn.layout.xaxis.categoryarray)
    assert sum(sum(bar.y) for bar in bars) == sum(day.n for day in days)
    assert len(bars) == min(n_people, 5)
    assert (bars[-1].name == OTHERS) == (n_people > 5)
    assert not [bar for bar in bars if "<b>" in bar.name]


def test_the_screen_says_how_people_come_here_and_then_shows_them_escaped(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nobody has reviewed yet" in html_of(open_screen(study, monkeypatch, "team"))
    audit(study, HOSTILE, [1, 2, 3])
    alone = html_of(open_screen(study, monkeypatch, "team"))
    assert "rated by two people yet" in alone
    audit(study, "Ben", [1, 2, 4])
    shown = html_of(open_screen(study, monkeypatch, "team"))
    assert "&lt;svg onload=alert(1)&gt; – Ben" in shown
    assert "Kappa, both arms" in shown
    assert markup.text(INFLATED) in shown
    assert "Kappa and alpha are inflated" in shown
    assert HOSTILE not in shown


def test_a_desk_that_fills_is_seen_by_the_clock_and_a_busy_study_hides_nobody(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(study, "Ana", [1])
    before = team.load_reviewers(study, RUN)
    review.take(Desk(study, RUN, JUDGE, "Ben", "audit", n_raters=2), n=2)
    monkeypatch.setattr(state, "is_look", lambda: True)

    def looked(*answers: tuple[team.Reviewer, ...] | ExpectedError) -> str:
        found = iter((before, *answers))

        def load(folder: Path, run_id: str) -> tuple[team.Reviewer, ...]:
            answer = next(found)
            if isinstance(answer, ExpectedError):
                raise answer
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(team, "load_reviewers", load)
            return html_of(open_screen(study, monkeypatch, "team"))

    assert "Ben" in looked(team.load_reviewers(study, RUN))
    shown = looked(StudyLocked("busy"))
    assert "Ana" in shown
    assert "Ben" not in shown
