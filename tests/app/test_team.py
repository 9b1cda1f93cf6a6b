"""The team screen: what people did, what lies before them, how far they agree, and when they worked."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app import data
from app.charts.activity import OTHERS, activity
from app.data import review, team
from app.data.review import Desk
from app.data.team import Day
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


@pytest.mark.parametrize("n_people", [1, 5, 9])
def test_activity_adds_up_to_all_ratings_however_many_people(n_people: int) -> None:
    start = datetime(2030, 1, 1)
    days = [
        Day(start + timedelta(days=day), f"<b>{person}</b>", person + day + 1)
        for day in range(3)
        for person in range(n_people)
    ]
    bars = activity(days, colours=LIGHT).data
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
    assert HOSTILE not in shown
