"""The review screen without a browser: blind until rated, then open; undo, skip and flag; every empty state."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import data, state
from app.data import review
from db import connect
from tests.app.test_screens import html_of
from tests.support.synthetic_study import JUDGE, RUN

MAIN = str(Path(__file__).parents[2] / "app" / "main.py")


@pytest.fixture
def planned(study: Path) -> Path:
    review.plan_audit(study, RUN, JUDGE, n_ratings=24)
    return study


@pytest.fixture
def opened(planned: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_review(planned, monkeypatch)


def open_review(study: Path, monkeypatch: pytest.MonkeyPatch, reviewer: str = "Ada", **query: str) -> AppTest:
    monkeypatch.setenv("LENSGAP_STUDY", str(study))
    app = AppTest.from_file(MAIN, default_timeout=30)
    app.session_state[state.COOKIE] = reviewer
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page("screens/review.py").run()
    assert not app.exception, app.exception
    return app


def theme_sheet() -> str:
    return (Path(MAIN).parent / "theme.css").read_text("utf-8")


def press(app: AppTest, start: str) -> AppTest:
    button = next(button for button in app.button if str(button.key).startswith(start))
    assert not button.disabled, start
    button.click().run()
    assert not app.exception, app.exception
    return app


def on_desk(app: AppTest) -> tuple[str, str]:
    item = app.session_state["review-sitting"].item
    assert any(str(button.key) == f"review-3-{item.concept}-{item.sample_id}" for button in app.button)
    return item.key


def test_without_a_name_nothing_can_be_rated(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_review(planned, monkeypatch, reviewer="")
    assert "Ratings are stored under your name" in html_of(app)
    assert not [button for button in app.button if str(button.key).startswith("review-")]


def test_without_a_plan_it_says_what_an_audit_is_and_plans_one(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_review(study, monkeypatch)
    assert "No audit is planned yet" in html_of(app)
    next(button for button in app.button if button.label == "Plan the audit").click().run()
    assert review.has_plan(study, RUN)
    assert on_desk(app)


@pytest.mark.parametrize("queue", ["adjudicate", "flagged"])
def test_an_empty_queue_says_how_pairs_come_to_it(planned: Path, monkeypatch: pytest.MonkeyPatch, queue: str) -> None:
    with connect(planned) as cursor:
        assert cursor.execute("select count(*) from ratings").fetchone() == (0,)
    shown = html_of(open_review(planned, monkeypatch, queue=queue))
    assert {"adjudicate": "No disagreements", "flagged": "No flags"}[queue] in shown


def test_nothing_hidden_is_on_the_page_before_the_rating_and_all_of_it_after(opened: AppTest, planned: Path) -> None:
    _, sample_id = on_desk(opened)
    with connect(planned) as cursor:
        prompt, said = cursor.execute(
            "select q.prompt, (select any_value(explanation) from judgments g where g.sample_id = q.sample_id) from prompts q "
            "where sample_id = ?",
            [sample_id],
        ).fetchall()[0]
    before = html_of(opened).replace(theme_sheet(), "")
    hidden = (
        "lg-letter",
        "lg-badge",
        "lg-rating",
        "positive",
        "negative",
        "lg-scores",
        prompt,
        *([said] if said else []),
    )
    assert [word for word in hidden if word in before] == []
    after = html_of(press(opened, "review-4-")).replace(theme_sheet(), "")
    assert "You said 4, the judge" in after
    assert [word for word in ("lg-letter", "lg-badge", "lg-scores") if word not in after] == []


def test_next_brings_another_pair_and_back_the_rated_one(opened: AppTest) -> None:
    first = on_desk(opened)
    press(opened, "review-2-")
    assert on_desk(opened) == first
    press(opened, "review-on")
    assert on_desk(opened) != first
    assert "You said" not in html_of(opened)
    press(opened, "review-back")
    assert on_desk(opened) == first
    assert "You said 2" in html_of(opened)


def test_undo_opens_the_pair_again_and_the_new_rating_is_not_blind(opened: AppTest, planned: Path) -> None:
    first = on_desk(opened)
    press(press(opened, "review-2-"), "review-undo")
    assert on_desk(opened) == first
    assert "stored as not blind" in html_of(opened)
    press(opened, "review-5-")
    with connect(planned) as cursor:
        rows = cursor.execute("select rating, blind, source from ratings order by order_number").fetchall()
    assert rows == [(2, True, "audit"), (None, False, "audit"), (5, False, "audit")]


def test_straight_on_goes_to_the_next_text_and_undo_keeps_it_blind(
    planned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_review(planned, monkeypatch, after="on")
    first = on_desk(opened)
    press(opened, "review-1-")
    assert on_desk(opened) != first
    press(opened, "review-undo")
    assert on_desk(opened) == first
    press(opened, "review-3-")
    with connect(planned) as cursor:
        rows = cursor.execute("select rating, blind from ratings where undoes is null order by order_number").fetchall()
    assert rows == [(1, True), (3, True)]


def come_to(app: AppTest, key: tuple[str, str]) -> AppTest:
    """Put pairs off until this one is on the desk."""
    for _ in range(30):
        if on_desk(app) == key:
            return app
        press(app, "review-skip")
    raise AssertionError(f"{key} did not come")


def test_a_reload_after_an_undo_does_not_make_the_new_rating_blind(
    planned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_review(planned, monkeypatch)
    first = on_desk(opened)
    press(press(opened, "review-4-"), "review-undo")
    again = come_to(open_review(planned, monkeypatch), first)
    assert "stored as not blind" in html_of(again)
    assert "stored as not blind" in html_of(press(again, "review-2-"))
    with connect(planned) as cursor:
        rows = cursor.execute("select rating, blind from ratings where undoes is null order by order_number").fetchall()
    assert rows == [(4, True), (2, False)]


def test_a_pair_that_was_overridden_on_samples_is_not_rated_blind_afterwards(
    planned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = press(press(open_review(planned, monkeypatch), "review-4-"), "review-on")
    drawn = on_desk(opened)
    assert "not blind" not in html_of(opened)
    about = {"concept": drawn[0], "sample_id": drawn[1], "rating": 2, "reason": None}
    data.add_override(planned, RUN, **about, reviewer="Ada", rating_id="on samples")
    assert "stored as not blind" in html_of(opened.run())
    assert "stored as not blind" in html_of(press(opened, "review-3-"))
    with connect(planned) as cursor:
        rows = cursor.execute("select source, rating, blind from ratings order by order_number").fetchall()
    assert rows == [("audit", 4, True), ("override", 2, False), ("audit", 3, False)]


def test_a_skipped_pair_gives_way_and_can_be_gone_back_to(opened: AppTest) -> None:
    first = on_desk(opened)
    press(opened, "review-skip")
    assert on_desk(opened) != first
    press(opened, "review-back")
    assert on_desk(opened) == first
    press(opened, "review-3-")
    assert "You said 3" in html_of(opened)


def test_a_press_that_belongs_to_another_pair_stores_nothing(opened: AppTest, planned: Path) -> None:
    stale = next(button for button in opened.button if str(button.key).startswith("review-4-"))
    sitting = opened.session_state["review-sitting"]
    sitting.shown = None
    stale.click().run()
    assert "nothing was stored" in html_of(opened)
    with connect(planned) as cursor:
        assert cursor.execute("select count(*) from ratings").fetchone() == (0,)


def test_a_pair_that_its_reviewer_rated_in_another_tab_is_not_rated_again(
    planned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_review(planned, monkeypatch), open_review(planned, monkeypatch)
    first = on_desk(one)
    assert on_desk(other) == first
    press(one, "review-5-")
    press(other, "review-1-")
    assert "You rated this pair in another tab" in html_of(other)
    assert on_desk(other) != first
    with connect(planned) as cursor:
        assert cursor.execute("select rating, blind from ratings").fetchall() == [(5, True)]
    press(other, "review-back")
    assert on_desk(other) == first
    assert "You said 5" in html_of(other)
    assert "in another tab" not in html_of(other)


def test_a_pair_that_its_reviewer_rated_in_another_tab_gives_way_when_the_screen_is_drawn_anew(
    planned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_review(planned, monkeypatch), open_review(planned, monkeypatch)
    first = on_desk(one)
    press(one, "review-5-")
    assert on_desk(other.run()) != first


def test_a_flag_is_kept_and_taken_back(opened: AppTest, planned: Path) -> None:
    press(opened, "review-flag-")
    with connect(planned) as cursor:
        assert cursor.execute("select count(*) from flags_in_force").fetchone() == (1,)
    press(opened, "review-flag-")
    with connect(planned) as cursor:
        assert cursor.execute("select count(*) from flags_in_force").fetchone() == (0,)


def test_a_pair_that_somebody_settled_meanwhile_is_not_settled_again(
    planned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = review.Desk(planned, RUN, JUDGE, "Bob", "flagged")
    with connect(planned) as cursor:
        (key,) = cursor.execute("select concept, sample_id from pairs limit 1").fetchall()
    review.add_mark(bob, key, "flag", mark_id="flag")
    app = open_review(planned, monkeypatch, queue="flagged")
    sent = {
        "rating": 2,
        "reason": None,
        "blind": False,
        "rating_id": "bob",
        "last_mark": review.load_last_mark(planned),
    }
    assert review.add_rating(bob, review.Item(*key), **sent)
    assert "Somebody settled this pair or took its flag back while it was open here" in html_of(press(app, "review-4-"))
    with connect(planned) as cursor:
        assert cursor.execute("select reviewer, rating from ratings").fetchall() == [("Bob", 2)]


def test_a_finished_audit_says_so(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = review.Desk(planned, RUN, JUDGE, "Bob", "audit")
    for i, item in enumerate(review.take(at, n=1_000)):
        review.add_rating(at, item, rating=3, reason=None, blind=True, rating_id=f"r{i}")
    app = open_review(planned, monkeypatch)
    assert "The audit is done" in html_of(app)
    (wished,) = app.number_input
    wished.set_value(wished.max)
    next(button for button in app.button if button.label == "Draw more").click().run()
    assert review.take(at, n=1)
    assert "The audit is done" not in html_of(app)


def test_the_keys_appear_above_the_scale_where_a_low_window_shows_them(opened: AppTest) -> None:
    assert "show or hide these keys" not in html_of(opened)
    shown = html_of(press(opened, "review-help"))
    assert shown.index("show or hide these keys") < shown.index("What the numbers mean")
