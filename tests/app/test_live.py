"""When an open screen is drawn anew: at once for ratings, every few seconds for work, and not for reading."""

from pathlib import Path

import pytest

from app import data
from app.widgets.live import WORK_S, Drawn, is_news
from db import connect
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import JUDGE, RUN

DRAWN = Drawn(data.Change((3, 4), 7), at=100.0)


def test_a_rating_is_news_at_once_and_work_only_after_a_while() -> None:
    assert is_news(DRAWN, data.Change((3, 4), 8), now=100.1)
    assert not is_news(DRAWN, data.Change((3, 5), 7), now=100.1)
    assert is_news(DRAWN, data.Change((3, 5), 7), now=100.0 + WORK_S)
    assert not is_news(DRAWN, DRAWN.change, now=1e9)


def test_writing_changes_the_state_of_the_files_and_reading_does_not(study: Path) -> None:
    with connect(study) as cursor:
        concept, sample_id = cursor.execute("select concept, sample_id from pairs limit 1").fetchall()[0]
    before, change = data.file_state(study), data.load_change(study)
    data.load_runs(study)
    assert data.file_state(study) == before
    data.add_override(
        study, RUN, concept=concept, sample_id=sample_id, rating=2, reviewer="Ada", reason=None, rating_id="one"
    )
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
