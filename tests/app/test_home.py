"""The overview tells what has changed since a reviewer's last visit, and what waits for a person."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app import data
from app.data import review, visits
from app.data.review import Desk
from app.viewmodels import home
from db import connect
from engine.stats.findings import Settings, find
from engine.words import number
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import JUDGE, RUN, build_study

HOSTILE = "<script>alert(1)</script>"


def found(study: Path):
    return find(data.load_counts(study, RUN, JUDGE, form_rule="loop"), settings=Settings(n_resamples=20))


def look(study: Path, monkeypatch: pytest.MonkeyPatch, at: datetime, reviewer: str = "Ana") -> bool:
    monkeypatch.setattr(visits, "_now", lambda: at)
    return visits.keep_visit(study, RUN, JUDGE, reviewer, found(study), form_rule="loop")


def rate(study: Path, reviewer: str, n: int, *, rating: int = 1) -> None:
    desk = Desk(study, RUN, JUDGE, reviewer, "filter", filters=data.Filters(arm="positive"))
    for item in review.take(desk, n=n):
        done = review.add_rating(desk, item, rating=rating, reason=None, blind=True, rating_id=data.new_rating_id())
        assert done


def news(study: Path, monkeypatch: pytest.MonkeyPatch, at: datetime, reviewer: str = "Ana") -> visits.News | None:
    monkeypatch.setattr(visits, "_now", lambda: at)
    return visits.load_news(study, RUN, JUDGE, reviewer)


def test_a_visit_lasts_until_half_an_hour_without_a_look_and_is_each_reviewers_own(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = datetime(2030, 1, 1, 9)
    assert news(study, monkeypatch, start) is None
    kept = [look(study, monkeypatch, start + timedelta(minutes=m)) for m in (0, 1, 20, 45)]
    assert kept == [True, False, True, True]
    assert news(study, monkeypatch, start + timedelta(minutes=60)) is None
    after = news(study, monkeypatch, start + timedelta(minutes=90))
    assert after is not None
    assert after.visit.seen_at == start + timedelta(minutes=45)
    assert look(study, monkeypatch, start + timedelta(minutes=90))
    later = news(study, monkeypatch, start + timedelta(minutes=110))
    assert later is not None
    assert later.visit == after.visit
    assert news(study, monkeypatch, start + timedelta(minutes=110), "Ben") is None


def test_what_came_after_the_visit_is_told_with_who_rated_and_how_gaps_moved(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = datetime(2030, 1, 1, 9)
    rate(study, "Ana", 2)
    look(study, monkeypatch, start)
    before = found(study).overall.best_gap.value
    rate(study, HOSTILE, 12)
    rate(study, "Ana", 3)
    came = news(study, monkeypatch, start + timedelta(hours=2))
    assert came is not None
    assert came.ratings == {HOSTILE: 12, "Ana": 3}
    assert (came.n_samples, came.n_judgments, came.n_lenses, came.n_flags) == (0, 0, 0, 0)
    assert home.written(came, reviewer="Ana") == (f"12 ratings by {HOSTILE}", "3 ratings by you")
    after = found(study)
    (whole, *_) = home.moved(came.gaps, after)
    now = after.overall.best_gap.value
    assert (whole.name, whole.before, whole.after) == ("Study", number(before), number(now))
    assert home.moved(came.gaps, found(study)) == home.moved(came.gaps, after)
    same = tuple(replace(gap, gap=now) for gap in came.gaps if gap.grain == visits.STUDY)
    assert home.moved(same, after) == ()


def test_what_stages_wrote_after_the_visit_is_counted(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look(study, monkeypatch, datetime(2020, 1, 1))
    came = news(study, monkeypatch, datetime(2020, 1, 2))
    run = next(run for run in data.load_runs(study) if run.run_id == RUN)
    assert came is not None
    assert came.n_samples == run.n_samples > 0
    assert came.n_lenses == len(data.load_lenses(study, RUN)) > 0
    assert came.n_judgments > 0


def test_what_waits_is_what_the_queues_hold_and_goes_when_it_is_done(study: Path) -> None:
    def waiting() -> visits.Waiting:
        return visits.load_waiting(study, RUN, JUDGE, "Ana")

    first = waiting()
    assert (first.has_plan, first.n_to_audit, first.n_disagreed, first.n_flagged) == (False, 0, 0, 0)
    review.plan_audit(study, RUN, JUDGE, n_ratings=12)
    desk = Desk(study, RUN, JUDGE, "Ana", "audit")
    drawn = waiting().n_to_audit
    assert drawn == review.load_standing(desk).n_all > 0
    (item,) = review.take(desk, n=1)
    assert review.add_rating(desk, item, rating=3, reason=None, blind=True, rating_id="one")
    review.add_mark(desk, item.key, "flag", mark_id="flagged")
    after = waiting()
    assert (after.n_to_audit, after.n_flagged) == (drawn - 1, 1)
    assert visits.load_waiting(study, RUN, JUDGE, "Ben").n_to_audit == drawn - 1


def test_unscored_pairs_are_those_without_any_rating(full_study: Path) -> None:
    with connect(full_study) as cursor:
        by_hand = cursor.execute(
            "select count(*) from verdicts($run, $judge) where verdict is null and n_unscored > 0",
            {"run": RUN, "judge": JUDGE},
        ).fetchone()
    assert by_hand is not None
    assert visits.load_waiting(full_study, RUN, JUDGE, "").n_unscored == by_hand[0] > 0


def test_nothing_is_offered_that_has_no_pair() -> None:
    nothing = visits.Waiting(True, 0, 0, 0, 0, 0, 0)
    assert home.todos(nothing, n_weak=0, is_judged=True) == ()
    assert home.todos(nothing, n_weak=3, is_judged=False) == ()
    some = home.todos(replace(nothing, n_flagged=2, n_unscored=1), n_weak=1, is_judged=True)
    assert [(one.n, one.screen) for one in some] == [(2, "review"), (1, "samples"), (1, "findings")]


def test_the_overview_tells_both_and_escapes_names(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(study, monkeypatch)
    assert "Enter your name" in html_of(app)
    with monkeypatch.context() as patch:
        look(study, patch, datetime(2026, 11, 1), "Ana")
    rate(study, HOSTILE, 2)
    app.session_state["lensgap_reviewer"] = "Ana"
    app.run()
    assert not app.exception
    shown = html_of(app)
    assert "2 ratings by &lt;script&gt;" in shown
    assert HOSTILE not in shown
    links = [link.label for link in app.get("page_link")] if hasattr(app.get("page_link")[0], "label") else []
    assert links == [] or any("unscored" in label for label in links)
    # This look was kept: a visit that begins now is compared with it.
    came = visits.load_news(study, RUN, JUDGE, "Ana")
    assert came is not None
    assert came.visit.seen_at == datetime(2026, 11, 1)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "just now"), (1, "1 minute ago"), (59, "59 minutes ago"), (60, "1 hour ago"), (2880, "2 days ago")],
)
def test_how_long_ago_is_told_in_the_largest_whole_unit(minutes: int, words: str) -> None:
    now = datetime(2030, 1, 1)
    assert home.ago(now - timedelta(minutes=minutes), now) == words


def test_where_an_audit_is_to_be_planned_something_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has judged, so that no queue holds anything; the plan is offered, and nothing says that there is no work."""
    unjudged = build_study(tmp_path / "study", n_concepts=4, n_pairs=8, judged=False, lensed=False)
    app = open_screen(unjudged, monkeypatch, "overview")
    assert "Next for a person" in html_of(app)
    assert "nothing waits" not in html_of(app)
    assert "Plan an audit" in [link.proto.label for link in app.get("page_link")]
