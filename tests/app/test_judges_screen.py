"""The judges screen: agreement is that of the command, squares lead to their pairs, and what is missing says what to do."""

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from app.charts.confusion import confusion
from app.data.judges import CELL_ROWS, load_audit_agreement, load_cell, load_people_cell, load_votes
from app.viewmodels.agreement import POOLED, answer, batches, beside_people, bias_rows, compared, foremost, moved
from app.viewmodels.audited_gap import audited_gap, beside_shown
from db import connect, insert, transaction
from db.rows import JudgeRow, JudgmentRow, RatingRow
from engine.exchange.audit import build_estimate
from engine.exchange.audit_agreement import build_audit_agreement
from engine.exchange.audit_planning import Wish, build_plan
from engine.figures.palette import LIGHT
from engine.stats.estimate import Estimate, known, unknown, without_interval
from engine.words import interval
from tests.app.test_review_screen import open_review
from tests.app.test_screens import html_of, open_screen
from tests.support.planted import copy_study
from tests.support.synthetic_study import JUDGE, RUN, START, build_study

SECOND = "second-judge"
EVIL = "<img src=x onerror=alert(1)>"
Pair = tuple[str, str]


def judged(study: Path) -> dict[Pair, int | None]:
    with connect(study) as cursor:
        rows = cursor.execute(f"select concept, sample_id, rating from judgments where judge_id = '{JUDGE}'").fetchall()
    return {(concept, sample): rating for concept, sample, rating in rows}


def audit(study: Path, n: int, *, who: tuple[str, ...] = ("ann",), seed: int = 0, lower_by: int = 0) -> None:
    """Have people rate drawn pairs that nobody has rated, near the judge's rating, or `lower_by` where that is high."""
    rng, first = random.Random(seed), judged(study)
    rows = []
    for i, one in enumerate(build_plan(study, Wish(n_ratings=n))["to_rate"]):
        pair = (one["concept"], one["sample_id"])
        for name in who:
            guess = first[pair] or 3
            near = min(5, max(1, guess - (lower_by if guess > 3 else 0) + rng.choice((-1, 0, 0, 1))))
            identity = f"audit-{name}-{'-'.join(pair)}"
            at = START + timedelta(days=i // 4)
            rows.append(
                RatingRow(identity, RUN, *pair, name, "audit", near, None, one["inclusion_probability"], True, None, at)
            )
    with transaction(study) as cursor:
        insert(cursor, rows)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with a second judge that votes thrice, and an audit by two people; only read."""
    study = build_study(tmp_path_factory.mktemp("judges") / "study", n_concepts=8, n_pairs=20, lensed=False)
    rng, later = random.Random(5), START + timedelta(days=1)
    votes = [
        JudgmentRow(SECOND, *pair, vote, *_vote(rating, rng), "raw", 400, 30, 0.001 if vote else None, later)
        for pair, rating in judged(study).items()
        for vote in range(3)
    ]
    with transaction(study) as cursor:
        insert(cursor, [JudgeRow(SECOND, "offline", EVIL, "standard", "s" * 16, "{}", False, later)])
        insert(cursor, votes)
    audit(study, 120, who=("ann", EVIL))
    return study


def _vote(rating: int | None, rng: random.Random) -> tuple[int | None, str | None, str | None]:
    if rng.random() < 0.05:
        return None, None, EVIL
    return min(5, max(1, (rating or 3) + rng.choice((-1, 0, 1)))), "why", None


LABELS = {JUDGE: "offline · tfidf", SECOND: "second"}


def test_agreement_on_screen_is_that_of_the_command_with_names_escaped(
    audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = html_of(open_screen(audited, monkeypatch, "judges"))
    found = build_audit_agreement(audited, run_id=RUN)
    assert {(one["first"]["kind"], one["second"]["kind"]) for one in found["comparisons"]} == {
        ("judge", "people"),
        ("person", "person"),
        ("judge", "judge"),
    }
    for one in compared(found, LABELS):
        for arm in ("positive", "negative"):
            for name in ("kappa", "bias", "spearman"):
                assert interval(one.arms[arm].measures[name]) in shown
    assert "<img" not in shown
    assert "&lt;img src=x" in shown


def test_the_audits_gap_stands_beside_the_shown_one_and_never_on_review(
    audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = build_estimate(audited, run_id=RUN, judge_id=JUDGE)
    gap = audited_gap(found)
    shown = html_of(open_screen(audited, monkeypatch, "judges", judge=JUDGE))
    assert "What the audit says of the gap" in shown
    assert interval(gap) in shown
    assert f"{found['n_rated']} audited pairs" in shown
    assert "does not contradict it" in shown
    review = html_of(open_review(copy_study(audited, tmp_path / "study"), monkeypatch, judge=JUDGE))
    assert "for these samples" in review
    assert "What the audit says" not in review
    assert interval(gap) not in review


def test_a_judge_that_rates_too_high_has_its_gap_told_as_probably_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = build_study(tmp_path / "kind", n_concepts=8, n_pairs=20, lensed=False)
    audit(study, 60, lower_by=3)
    shown = html_of(open_screen(study, monkeypatch, "judges"))
    assert "for these samples it is probably too large" in shown


@pytest.mark.parametrize(
    ("low", "high", "value", "said"),
    [
        (0.5, 1.0, 1.4, "1.40 lies above the audit's interval, so for these samples it is probably too large"),
        (0.5, 1.0, 0.3, "0.30 lies below the audit's interval, so for these samples it is probably too small"),
        (0.5, 1.0, 0.9, "does not contradict it"),
    ],
)
def test_the_shown_gap_is_doubted_only_outside_the_audits_interval(
    low: float, high: float, value: float, said: str
) -> None:
    gap, shown = known(0.75, low, high, n=40, method="audit"), known(value, 0.0, 2.0, n=9, method="gap")
    assert said in beside_shown(gap, shown)


def test_an_audit_with_too_few_ratings_says_why_and_where_to_go_on() -> None:
    shown = known(1.0, 0.5, 1.5, n=9, method="gap")
    few = unknown("no pair of the negative arm is audited; at least two are needed", n=3, method="audit")
    told = beside_shown(few, shown)
    assert told.startswith("The audit gives no gap yet: no pair of the negative arm is audited")
    assert "under Review" in told
    alike = without_interval(1.0, n=9, method="audit", because="they agree on every pair")
    assert "no interval yet: they agree on every pair" in beside_shown(alike, shown)


def test_answer_is_of_the_judge_on_screen(audited: Path) -> None:
    found = compared(load_audit_agreement(audited, RUN), LABELS)
    own = next(one for one in found if one.first_id == JUDGE and one.second_id is None)
    assert f"n {own.arms['positive'].n}" in answer(found, JUDGE)[1]
    assert answer(found, JUDGE) != answer(found, SECOND)
    assert answer(found, "nobody")[0] == "Not known yet"
    first, rest = foremost(found, JUDGE)
    assert own in first
    assert sorted(one.key for one in (*first, *rest)) == sorted(one.key for one in found)
    assert all(one.first_id != JUDGE or one.second_id for one in rest)
    assert foremost(rest, "nobody") == (rest, ())


@pytest.mark.parametrize("arm", [None, "positive"])
def test_a_square_lists_just_the_pairs_that_it_counts(audited: Path, arm: str | None) -> None:
    for one in compared(load_audit_agreement(audited, RUN), LABELS):
        counts = one.arms[arm or POOLED].counts
        for row, column in ((1, 1), (5, 5), (1, 2), (4, 5)):
            if one.first_id is None:
                cell = load_people_cell(audited, RUN, people=one.people, bins=(row, column), arm=arm)
            else:
                cell = load_cell(audited, RUN, first=one.first_id, second=one.second_id, bins=(row, column), arm=arm)
            assert (cell[0].n_total if cell else 0) == counts[row - 1][column - 1]
            assert {(pair.first_bin, pair.second_bin) for pair in cell} <= {(row, column)}


def test_squares_that_hold_pairs_can_be_chosen_by_name_and_list_them(
    audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = next(one for one in compared(load_audit_agreement(audited, RUN), LABELS) if one.first_id == JUDGE)
    counts = own.arms["positive"].counts
    full = {f"{row}-{column}": counts[row - 1][column - 1] for row in range(1, 6) for column in range(1, 6)}
    cell, n = max(full.items(), key=lambda item: item[1])
    app = open_screen(audited, monkeypatch, "judges", raters=own.key, arm="positive", cell=cell)
    squares = app.selectbox(key="widget-cell")
    assert squares.value == cell
    assert len(squares.options) == sum(map(bool, full.values()))
    assert f"{cell[0]}, {own.second}: {cell[-1]} · {n} pairs" in "".join(squares.options)
    links = [one for one in app.get("page_link") if ", positive · " in one.proto.label]
    assert len(links) == min(n, CELL_ROWS) > 1


def test_squares_carry_both_ratings_and_their_counts() -> None:
    counts = [[10 * row + column for column in range(5)] for row in range(5)]
    (trace,) = confusion(counts, first="judge", second=EVIL, colours=LIGHT, chosen=(2, 4)).data
    framed = dict(zip(map(tuple, trace.customdata), trace.marker.line.color, strict=True))
    assert [pair for pair, colour in framed.items() if colour == LIGHT.text] == [(2, 4)]
    for x, y, both, text in zip(trace.x, trace.y, trace.customdata, trace.text, strict=True):
        assert list(both) == [y, x]
        assert text in (str(counts[y - 1][x - 1]), "·")


def test_names_in_charts_are_escaped() -> None:
    made = confusion([[1] * 5] * 5, first=EVIL, second=EVIL, colours=LIGHT)
    assert EVIL not in made.layout.xaxis.title.text
    assert all(EVIL not in text for text in made.data[0].hovertext)


def test_bias_is_of_comparisons_with_a_judge_in_each_arm(audited: Path) -> None:
    found = compared(load_audit_agreement(audited, RUN), LABELS)
    rows = bias_rows(found)
    assert len(rows) == sum(not one.among_people for one in found) == 3
    assert rows[0][1] == found[0].arms["positive"].measures["bias"]
    assert rows[0][2] == found[0].arms["negative"].measures["bias"]


def test_batches_in_time_hold_every_audited_pair(audited: Path) -> None:
    found = load_audit_agreement(audited, RUN)
    own = next(one for one in compared(found, LABELS) if one.first_id == JUDGE and one.second_id is None)
    (drift,) = (one for one in found["drift"] if one["judge"] == JUDGE)
    shown = batches(drift["rated"])
    assert len(shown) == len(drift["rated"]["batches"]) > 1
    total = sum(batch["arms"][arm]["n"] for batch in drift["rated"]["batches"] for arm in ("positive", "negative"))
    assert total == own.arms[POOLED].n


def test_work_counts_votes_tokens_cost_and_what_has_no_price(audited: Path) -> None:
    with connect(audited) as cursor:
        rows = cursor.execute(
            f"select rating, n_input_tokens, cost_usd from judgments where judge_id = '{SECOND}'"
        ).fetchall()
    work = next(one for one in load_votes(audited, RUN).work if one.judge_id == SECOND)
    assert (work.question, work.n_votes) == ("relevance", len(rows))
    assert work.n_unscored == sum(rating is None for rating, _, _ in rows)
    assert work.n_input_tokens == sum(tokens for _, tokens, _ in rows)
    assert work.n_unpriced == sum(cost is None for _, _, cost in rows) > 0
    assert work.cost_usd == pytest.approx(sum(cost or 0 for _, _, cost in rows))


def test_spreads_and_unscored_reasons_are_those_of_the_votes(audited: Path) -> None:
    with connect(audited) as cursor:
        rows = cursor.execute(
            f"select concept, sample_id, rating, unscored_reason from judgments where judge_id = '{SECOND}'"
        ).fetchall()
    votes: dict[Pair, list[int]] = {}
    for concept, sample, rating, _ in rows:
        if rating is not None:
            votes.setdefault((concept, sample), []).append(rating)
    expected = Counter(max(some) - min(some) for some in votes.values() if len(some) > 1)
    found: Counter[int] = Counter()
    for one in load_votes(audited, RUN).spreads:
        assert one.judge_id == SECOND
        found[one.spread] += one.n
    assert found == expected
    lost = [one for one in load_votes(audited, RUN).unscored if one.judge_id == SECOND]
    assert sum(one.n for one in lost) == sum(reason is not None for *_, reason in rows)
    assert {one.reason for one in lost} == {EVIL}


def test_without_an_audit_the_plan_is_named_and_other_pairs_are_no_fair_sample(
    study: Path, empty_study: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown = html_of(open_screen(study, monkeypatch, "judges"))
    assert "No pair is audited yet" in shown
    assert f"lensgap audit plan {study} --ratings 100" in shown
    assert "Not known yet" in shown
    unjudged = build_study(tmp_path / "unjudged", n_concepts=4, n_pairs=4, judged=False)
    assert f"lensgap judge {unjudged}" in html_of(open_screen(unjudged, monkeypatch, "judges"))


def test_ratings_show_what_they_moved_since_the_page_was_opened(
    small_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = copy_study(small_study, tmp_path / "audited")
    audit(study, 12)
    app = open_screen(study, monkeypatch, "judges")
    assert "Since you opened this page" not in html_of(app)
    before = compared(load_audit_agreement(study, RUN), LABELS)
    audit(study, 30, seed=1)
    app.run()
    after = compared(load_audit_agreement(study, RUN), LABELS)
    assert "Since you opened this page" in html_of(app)
    effects = moved(before, after)
    assert effects
    added = sum(after[0].arms[arm].n - before[0].arms[arm].n for arm in ("positive", "negative"))
    assert added == sum(int(effect.changes[0].delta or 0) for effect in effects) > 0


def test_nonsense_in_the_address_is_no_fault(audited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for nonsense in ("nan", "<script>", "~"):
        named = dict.fromkeys(("raters", "arm", "drift", "judge", "cell"), nonsense)
        open_screen(audited, monkeypatch, "judges", **named)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 0.5, "above"), (-0.5, -0.1, "below"), (-0.2, 0.6, "not clearly"), (None, None, "not clearly")],
)
def test_a_judge_is_said_to_rate_above_or_below_people_only_where_its_interval_leaves_out_zero(
    low: float | None, high: float | None, said: str
) -> None:
    value = 0.2 if low is None else (low + (high or 0)) / 2
    assert beside_people(Estimate(value, low, high, 20, None, "mean")).startswith(said)
