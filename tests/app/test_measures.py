"""The measures of one lens on the concept's screen: in words, with n and interval, and with reasons where unknown."""

from pathlib import Path

import pytest

from app import data
from app.viewmodels.measures import measure_groups
from db import insert, transaction
from db.rows import LensMeasureRow
from engine.stats.estimate import known, unknown, without_interval
from engine.words import LENS_FORM
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import LAYERS, RUN

SETTING = f"logistic · layer {LAYERS[-1]} · output"
RATES = ("fires_on_degenerate_negative", "fires_on_good_negative")


def test_measures_come_in_the_order_of_the_questions_they_answer():
    measures = {
        "fires_on_good_positive": known(0.9, 0.8, 0.95, n=40, method="share"),
        "text_only_f1": without_interval(0.6, n=80, method="F1", because="there is only one group"),
        "f1": known(0.81, 0.7, 0.9, n=80, method="F1"),
        "f1_good_outputs": known(0.7, 0.6, 0.8, n=60, method="F1; always firing reaches 0.62 on these pairs"),
    }
    groups = measure_groups(measures)
    assert [(row.value, row.interval, row.n) for group in groups for row in group.rows] == [
        ("0.81", "[0.70, 0.90]", "80"),
        ("0.60", "", "80"),
        ("0.70", "[0.60, 0.80]", "60"),
        ("90\u202f%", "[80, 95]\u202f%", "40"),
    ]
    assert [row.remark for group in groups for row in group.rows] == [
        "",
        "no interval: there is only one group",
        "always firing reaches 0.62 on these pairs",
        "",
    ]
    assert all(row.hint for group in groups for row in group.rows)


def test_unknown_measure_shows_its_reason_and_no_number():
    (group,) = measure_groups({"recall": unknown("no sample is positive", method="recall")})
    (row,) = group.rows
    assert (row.value, row.interval, row.remark) == ("–", "", "no sample is positive")


def add_rates(study: Path, concept: str, values: tuple[float, float]) -> None:
    lens = next(
        lens
        for lens in data.load_lenses(study, RUN, concept=concept)
        if (lens.family, lens.layers) == ("logistic", [LAYERS[-1]])
    )
    rows = [
        LensMeasureRow(lens.lens_id, name, value, value - 0.1, value + 0.1, 20, None, "firing rate")
        for name, value in zip(RATES, values, strict=True)
    ]
    with transaction(study) as cursor:
        insert(cursor, rows)


def concept_of(study: Path, *, measured: bool) -> str:
    lenses = data.load_lenses(study, RUN)
    return next(lens.concept for lens in lenses if (lens.f1 is not None) == measured)


def test_screen_shows_the_lens_of_the_sidebar_with_its_baselines(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    concept = concept_of(study, measured=True)
    shown = html_of(open_screen(study, monkeypatch, "concept", concept=concept, lens=SETTING))
    assert f"{SETTING}: " in shown
    assert "Right when it fires" in shown
    assert "Words alone" in shown
    assert "Shortcut alarm" not in shown


def test_lens_that_fires_on_degenerate_negatives_raises_the_alarm_on_screen(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    concept = concept_of(study, measured=True)
    add_rates(study, concept, (0.8, 0.2))
    shown = html_of(open_screen(study, monkeypatch, "concept", concept=concept, lens=SETTING))
    assert "Shortcut alarm. This lens fires on 80% of 20 degenerate negatives but on 20% of 20 good ones" in shown
    assert LENS_FORM in shown


def test_unmeasured_lens_says_why_and_how_many_pairs_it_lacks(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    concept = concept_of(study, measured=False)
    with transaction(study) as cursor:
        # A lens that has scores cannot be changed, and one without measures has none.
        cursor.execute("delete from lens_scores where lens_id in (select lens_id from lenses where reason is not null)")
    with transaction(study) as cursor:
        cursor.execute("update lenses set n_pairs_more = 3 where reason is not null")
    shown = html_of(open_screen(study, monkeypatch, "concept", concept=concept, lens=SETTING))
    assert "Not measured: fewer than 2 groups hold positives. At least 3 pairs more are needed." in shown
    assert "Right when it fires" not in shown


def test_measures_of_a_lens_that_is_not_there_are_none(full_study: Path) -> None:
    assert data.load_measures(full_study, "gone") is None
