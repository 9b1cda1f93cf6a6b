"""The lenses screen: every number is that of the statistics, suspects are those above the line, and what is missing is said."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from app import data
from app.charts.lens_ceiling import lens_ceiling
from app.data.lenses import (
    ComparedConcept,
    Comparison,
    load_comparisons,
    load_constant,
    load_graduation,
    load_reliability,
)
from app.viewmodels import comparisons
from app.viewmodels.lenses import (
    LensPoint,
    answer,
    lens_points,
    lenses_view,
    one_each,
    pick,
    suspect_reason,
    sweep,
)
from app.viewmodels.overview import lens_settings, lenses_of
from app.widgets import lens_table
from db import connect, insert, transaction
from db.rows import ComparisonResultRow, ComparisonRow, GraduationStepRow, LensMeasureRow
from engine.figures.palette import LIGHT
from engine.stats.estimate import known, unknown, without_interval
from engine.stats.findings import Settings, find
from engine.stats.summary import mean_estimate
from engine.words import LENS_FORM, number
from tests.app.test_screens import html_of, open_screen
from tests.support.planted import copy_study
from tests.support.synthetic_study import JUDGE, LAYERS, RUN, START, build_study
from tests.support.synthetic_texts import HOSTILE_CONCEPT

RATES = ("fires_on_degenerate_negative", "fires_on_good_negative")
CONSTANT_ID = f"lens-001-logistic-{LAYERS[-1]}"
SHOWN = f"logistic · layer {LAYERS[-1]} · output"


def compared(kind: str, variant: str, values: dict[str, tuple[float | None, float | None]], **settings: object) -> list:
    """A comparison of F1s by concept, kept where they rise."""
    identity = f"{kind}-{variant}"
    row = ComparisonRow(identity, RUN, None, kind, variant, "logistic", (LAYERS[-1],), json.dumps(settings), START)  # type: ignore[arg-type]
    results = [
        ComparisonResultRow(
            identity,
            concept,
            "f1",
            old,
            new,
            20,
            None if None in (old, new) else new > old,
            "too few" if new is None else None,
        )  # type: ignore[operator]
        for concept, (old, new) in values.items()
    ]
    return [[row], results]


def add_work(study: Path) -> None:
    """Brier scores and firing rates of all lenses, what became of each concept, and two comparisons."""
    lenses = [lens for lens in data.load_lenses(study, RUN) if lens.f1 is not None]
    rates = [
        LensMeasureRow(lens.lens_id, name, value, value - 0.1, value + 0.1, 20, None, "firing rate")
        for lens in lenses
        for name, value in zip(RATES, (0.8, 0.2) if lens.concept == lenses[0].concept else (0.3, 0.3), strict=True)
    ]
    briers = [LensMeasureRow(lens.lens_id, "brier", 0.1, 0.05, 0.2, 20, None, "Brier") for lens in lenses]
    concepts = [profile.concept for profile in data.load_profiles(study, RUN)]
    steps = [
        GraduationStepRow(RUN, rule, c, step, 10 * (step + 1), None, 0.85, 0.9, reached, decision, why, START)
        for rule in ("older", "rule")
        for i, c in enumerate(concepts)
        for step, (reached, decision, why) in enumerate(
            [(None, "more", "F1 is below 0.85"), (0.85, "graduated", "F1 reaches 0.85")]
            if i % 2
            else [(None, "exhausted", "F1 <b>is</b> below 0.70, and no pairs are left to give")]
        )
    ]
    filtered = compared("filter", "good-<i>only", {c: (0.7, 0.7 + 0.01 * i) for i, c in enumerate(concepts)})
    groups = [concepts[:2], concepts[2:4]]
    refined = compared(
        "refinement", "margin", {c: (0.6, 0.5 + 0.1 * i) for i, c in enumerate(concepts[:4])}, groups=groups
    )
    with transaction(study) as cursor:
        cursor.execute(
            "update lens_scores set probability = fold / 10 where lens_id = $lens_id", {"lens_id": CONSTANT_ID}
        )
        for rows in ([*rates, *briers], steps, *filtered, *refined):
            insert(cursor, rows)


@pytest.fixture(scope="module")
def worked(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study with all of it; only read."""
    study = copy_study(small_study, tmp_path_factory.mktemp("worked") / "study")
    add_work(study)
    return study


def the_points(study: Path) -> tuple[LensPoint, ...]:
    counts = data.load_counts(study, RUN, JUDGE, form_rule="loop")
    lenses = data.load_lenses(study, RUN)
    return lens_points(
        data.load_profiles(study, RUN),
        one_each(lenses, lens_settings(lenses)[0], "in_context"),
        find(counts, settings=Settings()),
        estimates={},
        graduation=load_graduation(study, RUN),
        names={},
    )


def point(name: str, f1: float | None, ceiling: float | None, *, low: float = 0.0, words: float = 0.5) -> LensPoint:
    """A lens whose F1 has the interval from `low` to 1, beside a ceiling with one of ±0.05."""
    return LensPoint(
        concept=name,
        name=name,
        quadrant="A",
        f1=unknown("too few pairs", method="F1") if f1 is None else known(f1, low, 1, n=40, method="F1"),
        ceiling=unknown("no rating", method="ceiling")
        if ceiling is None
        else known(ceiling, ceiling - 0.05, ceiling + 0.05, n=40, method="ceiling"),
        text_only=words,
        always_positive=0.67,
        brier=unknown("not measured", method="Brier"),
        graduation=None,
        alarm=None,
        excess="above" if f1 and ceiling and low > ceiling + 0.05 else None,
        has_rates=False,
    )


def test_a_ceiling_without_an_interval_says_why_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("app.widgets.lens_table.st.html", drawn.append)
    alone = without_interval(0.8, n=40, method="ceiling", because="positives are all <off> topic")
    lens_table.table([point("x", 0.7, 0.9), replace(point("y", 0.7, 0.9), ceiling=alone)])
    (shown,) = drawn
    assert "<small>[0.85, 0.95]</small>" in shown
    assert '<small title="positives are all &lt;off&gt; topic">none</small>' in shown


def test_every_point_has_the_f1_of_its_lens_and_the_ceiling_of_its_finding(small_study: Path) -> None:
    counts = data.load_counts(small_study, RUN, JUDGE, form_rule="loop")
    findings = find(counts, settings=Settings())
    points = the_points(small_study)
    assert [p.concept for p in points] == [profile.concept for profile in data.load_profiles(small_study, RUN)]
    shown = {
        lens.concept: lens for lens in lenses_of(list(data.load_lenses(small_study, RUN)), first_setting(small_study))
    }
    for one in points:
        assert one.f1.value == shown[one.concept].f1
        assert one.ceiling == findings.concepts[one.concept].ceilings["label_noise"].estimate
        if one.headroom is not None:
            assert one.headroom == pytest.approx(one.ceiling.value - one.f1.value)
    assert any(one.headroom is not None for one in points)


def first_setting(study: Path):
    return lens_settings(data.load_lenses(study, RUN))[0]


def test_suspects_are_those_above_the_line_clear_ones_first_and_each_with_its_reason() -> None:
    by_chance, clear = point("near", 0.9, 0.6, low=0.5), point("clear", 0.85, 0.7, low=0.8, words=0.8)
    told = point("untold", 0.84, 0.7, low=0.8)
    view = lenses_view([point("below", 0.6, 0.7), by_chance, told, clear, point("unknown", None, 0.8)], [])
    assert [one.concept for one in view.suspects] == ["clear", "untold", "near"]
    assert suspect_reason(clear) == "words alone reach 0.80, so the arms differ in more than relevance"
    assert "do not explain it" in suspect_reason(told)
    assert "perhaps chance" in suspect_reason(by_chance)
    assert answer(view) == ("2 suspicious lenses", "2 of 4 measure clearly above the ceiling.")
    assert view.headroom.value == pytest.approx(np.mean([0.1, -0.3, -0.14, -0.15]))
    assert view.unmeasured == (("too few pairs", 1),)


def test_lenses_that_are_each_within_their_interval_may_be_suspicious_together() -> None:
    each = [
        point(name, 0.9, 0.8 + step, low=0.5) for name, step in (("a", 0.0), ("b", 0.01), ("c", -0.01), ("d", 0.03))
    ]
    short, because = answer(lenses_view(each, []))
    assert short == "Suspicious together"
    room = mean_estimate([-0.1, -0.09, -0.11, -0.07], bounds=(-1, 1))
    assert because == (
        "4 of 4 lie above the ceiling, each within its interval, but on average all lie "
        f"{-room.value:.2f} [{-room.high:.2f}, {-room.low:.2f}] above."
    )
    apart = [point("a", 0.9, 0.8, low=0.5), point("b", 0.6, 0.9), point("c", 0.9, 0.7, low=0.5)]
    assert answer(lenses_view(apart, []))[0] == "No suspicious lens"


def test_a_lens_clearly_above_its_ceiling_is_explained_from_its_own_interval(small_study: Path) -> None:
    findings = find(data.load_counts(small_study, RUN, JUDGE, form_rule="loop"), settings=Settings())
    lens = next(lens for lens in data.load_lenses(small_study, RUN) if lens.f1 is not None)
    ceiling = findings.concepts[lens.concept].ceilings["label_noise"].estimate
    high = replace(lens, f1=1.0, f1_low=min(ceiling.high + 0.01, 1.0), f1_high=1.0, text_only_f1=0.4)
    profiles = [p for p in data.load_profiles(small_study, RUN) if p.concept == lens.concept]
    for one, is_excess in ((high, ceiling.high < 0.99), (replace(high, f1_low=ceiling.high), False)):
        (found,) = lens_points(profiles, {one.concept: one}, findings, estimates={}, graduation={}, names={})
        assert (found.excess is not None) == is_excess
    assert ceiling.high < 0.99, "the ceiling should leave room above it"


def test_orders_sort_by_their_number_with_unknown_ones_last_and_filters_meet_all_conditions() -> None:
    points = [point("b", 0.7, 0.9), point("c", None, 0.9), point("a", 0.9, 0.8, words=0.85), point("d", 0.6, None)]
    names = {
        order: "".join(p.name for p in pick(points, quadrants=[], only=[], order=order))
        for order in ("headroom", "lowest", "highest", "words", "name")
    }
    assert names == {"headroom": "abcd", "lowest": "dbac", "highest": "abdc", "words": "adbc", "name": "abcd"}
    assert [p.name for p in pick(points, quadrants=["A"], only=["above"], order="name")] == ["a"]
    assert pick(points, quadrants=["B"], only=[], order="name") == ()
    assert pick(points, quadrants=[None], only=[], order="name") == ()


def test_of_several_modes_the_one_of_the_run_stands_for_a_concept(small_study: Path) -> None:
    lens = data.load_lenses(small_study, RUN)[0]
    both = [replace(lens, mode="in_context"), replace(lens, mode="output_only")]
    for mode in ("in_context", "output_only"):
        (setting,) = lens_settings(both)
        assert [one_each(order, setting, mode)[lens.concept].mode for order in (both, both[::-1])] == [mode, mode]


def test_sweep_compares_layers_over_the_same_concepts(full_study: Path) -> None:
    lenses = data.load_lenses(full_study, RUN)
    setting = first_setting(full_study)
    means = sweep(lenses, setting, "in_context")
    assert [mean.layer for mean in means] == [f"layer {layer}" for layer in LAYERS]
    of_layer = {}
    for lens in lenses:
        if lens.family == setting[0] and lens.f1 is not None:
            of_layer.setdefault(lens.lens_id.rsplit("-", 1)[1], {})[lens.concept] = lens.f1
    first, last = (of_layer[str(layer)] for layer in LAYERS)
    assert [mean.f1.value for mean in means] == pytest.approx([np.mean([*first.values()]), np.mean([*last.values()])])
    assert means[0].against.value == pytest.approx(np.mean([first[c] - last[c] for c in first]))
    assert [mean.is_shown for mean in means] == [False, True]


def test_reliability_is_over_all_pairs_of_the_lenses(small_study: Path) -> None:
    ids = [lens.lens_id for lens in lenses_of(data.load_lenses(small_study, RUN), first_setting(small_study))]
    found = load_reliability(small_study, RUN, ids)
    with connect(small_study) as cursor:
        rows = cursor.execute(
            "select s.probability, p.arm = 'positive' from lens_scores s join lenses l using (lens_id) "
            "join pairs p on p.concept = l.concept and p.sample_id = s.sample_id where list_contains($ids, s.lens_id)",
            {"ids": ids},
        ).fetchall()
    probability, positive = zip(*rows, strict=True)
    assert found.n_pairs == len(rows) == sum(one.n for one in found.bins)
    assert found.n_lenses == len(ids)
    assert found.parts.brier.value == pytest.approx(brier_score_loss(positive, probability))


def test_a_lens_is_constant_that_says_the_same_of_all_that_each_fold_holds_out(worked: Path, small_study: Path) -> None:
    ids = [lens.lens_id for lens in data.load_lenses(worked, RUN)]
    assert load_constant(worked, RUN, ids) == {CONSTANT_ID}
    assert load_constant(small_study, RUN, ids) == set()


def test_what_became_of_a_concept_is_its_last_step_by_one_rule(worked: Path) -> None:
    found = load_graduation(worked, RUN)
    assert set(found) == {profile.concept for profile in data.load_profiles(worked, RUN)}
    assert {(one.decision, one.step, one.reached) for one in found.values()} == {
        ("exhausted", 0, None),
        ("graduated", 1, 0.85),
    }


def test_comparisons_are_paired_by_concept_and_refinements_by_group_of_siblings(worked: Path) -> None:
    found = load_comparisons(worked, RUN)
    refined, filtered = comparisons.comparison_rows(found, "f1")
    assert (refined.paired.n, refined.unit) == (2, "sibling group")
    assert refined.paired.difference.value == pytest.approx(np.mean([-0.05, 0.15]))
    n = len(data.load_profiles(worked, RUN))
    assert (filtered.paired.n, filtered.unit) == (n, "concept")
    assert filtered.paired.difference.value == pytest.approx(0.01 * (n - 1) / 2)
    assert [c.after - c.before for c in comparisons.changes(found[0][1], "f1", {})] == sorted(
        c.after - c.before for c in comparisons.changes(found[0][1], "f1", {})
    )
    assert {kind.title for kind, _ in comparisons.missing_kinds(found, worked, RUN)} == {
        told.title for key, told in comparisons.KINDS.items() if key not in ("refinement", "filter") and told.command
    }
    # A command that takes a run is about the one on screen, not about the latest.
    commands = {kind.title: command for kind, command in comparisons.missing_kinds((), worked, "an-older-run")}
    for title in ("Sibling refinement", "Quality filters", "Settings"):
        assert f" {worked} --run an-older-run" in commands[title]


def test_a_comparison_without_both_sides_has_no_difference_and_says_why() -> None:
    one = Comparison("id", "filter", "weighted", "logistic", "5", "{}", False, True, "", START)
    (row,) = comparisons.comparison_rows(
        [(one, (ComparedConcept("id", "gin", "f1", 0.5, None, 9, None, "too few"),))], "f1"
    )
    assert row.paired.difference.value is None
    assert row.remarks == ("not for 1 concept: too few",)


def test_every_command_that_the_screen_names_is_one() -> None:
    import typer

    from engine.cli import app

    named = [kind.command for kind in comparisons.KINDS.values() if kind.command]
    assert len(named) >= 5
    for said in [*named, "lensgap escalate STUDY", "lensgap train STUDY", "lensgap judge STUDY"]:
        command = typer.main.get_command(app)
        for word in said.removeprefix("lensgap ").split(" STUDY")[0].split():
            command = command.commands[word]  # type: ignore[attr-defined]
        assert command.help


def test_chart_names_escape_and_dots_of_equal_numbers_stand_apart() -> None:
    hostile = replace(point("x", 0.8, 0.9), name="<img src=x>", concept="c")
    made = lens_ceiling([hostile, point("y", 0.8, 0.9)], ceiling="label noise", colours=LIGHT, height=400)
    dots = next(trace for trace in made.data if trace.customdata is not None)
    assert len(set(dots.x)) == 2
    assert list(dots.y) == [0.8, 0.8]
    assert "<img" not in made.to_json()


def test_screen_shows_every_number_and_escapes_what_a_study_says(worked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = html_of(open_screen(worked, monkeypatch, "lenses", lens=SHOWN))
    for one in the_points(worked):
        assert number(one.f1.value) in shown
        assert number(one.ceiling.value) in shown
    assert "Sibling refinement" in shown
    assert "kept for 2 of 4 concepts" in shown
    assert ">shortcut</span>" in shown
    assert "tested on degenerate texts (study rule)" in shown
    assert LENS_FORM in shown
    assert shown.count(">constant</span>") == 1
    assert "Constant: 1 lens (" in shown
    assert "at 0.85" in shown
    for raw in ("<b>is</b>", "<i>only", "<lab>"):
        assert raw not in shown
    assert "lensgap compare split" in shown


def test_filters_and_order_in_the_address_choose_the_rows(worked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = the_points(worked)
    shown = html_of(open_screen(worked, monkeypatch, "lenses", quadrant="A", order="name", only="stopped"))
    table = shown[shown.index("lg-lens-table") :].split("</table>")[0]
    wanted = [p for p in points if p.quadrant == "A" and p.graduation and p.graduation.reached is None]
    assert table.count("<tr>") == 1 + len(wanted)
    nonsense = html_of(
        open_screen(worked, monkeypatch, "lenses", quadrant="Z", order="<", page="nan", measure="x", compared="x")
    )
    assert f"<b>{len(points)} concepts</b>" in nonsense


def test_a_comparison_in_the_address_is_shown_concept_by_concept(worked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = open_screen(worked, monkeypatch, "lenses")
    chosen = open_screen(worked, monkeypatch, "lenses", compared="refinement-margin")
    assert len(chosen.get("plotly_chart")) == len(plain.get("plotly_chart")) + 1


def test_screen_draws_a_full_study(full_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = html_of(open_screen(full_study, monkeypatch, "lenses"))
    assert "No targets have been set" in shown
    assert "not tried on this run" in shown
    assert HOSTILE_CONCEPT not in shown


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [("generated", "until the model has written"), ("lensed", "lensgap train"), ("judged", "There is no ceiling yet")],
)
def test_screen_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str, sentence: str
) -> None:
    study = build_study(tmp_path / "study", n_concepts=4, n_pairs=6, **{lacking: False})
    assert sentence in html_of(open_screen(study, monkeypatch, "lenses"))


def test_empty_study_says_what_to_do(empty_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"lensgap run {empty_study}" in html_of(open_screen(empty_study, monkeypatch, "lenses"))
