"""Agreement of judges and people: its numbers against loops over the raw rows and scikit-learn, and its table at any width."""

import json
import random
from collections import Counter
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from db import connect, insert, transaction
from db.rows import JudgeRow, JudgmentRow, RatingRow
from engine.errors import StudyMissing
from engine.exchange.agreement import agreement_table, build_agreement
from engine.exchange.report import build_report
from engine.stats.findings import Settings
from tests.support.synthetic_study import JUDGE, RUN, START, build_study

Json = dict[str, Any]
Pairs = dict[tuple[str, str], int]
Means = dict[tuple[str, str], float]
SHOWN = ("kappa", "alpha", "spearman", "within_one", "bias")
MEASURES = (*SHOWN, "exact")


def read(study: Path, statement: str) -> list[Json]:
    with connect(study) as cursor:
        result = cursor.execute(statement)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def judgment(judge: str, row: Json, vote: int, rating: int | None, **others: Any) -> JudgmentRow:
    reason = None if rating else "nonsense"
    place = (judge, row["concept"], row["sample_id"], vote)
    return JudgmentRow(*place, rating, None, reason, "raw", 1, 1, 0.0, START, **others)


def rating(name: str, row: Json, value: int | None, source: str, undoes: str | None = None) -> RatingRow:
    probability = 0.5 if source == "audit" and undoes is None else None
    place = (name, RUN, row["concept"], row["sample_id"], "ann", source)
    return RatingRow(*place, value, undoes, probability, True, None, datetime(2026, 1, 2))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic study with a judge of two votes, one of distributions, an audit, overrides, and one rating undone."""
    folder = build_study(tmp_path_factory.mktemp("agreement") / "study", n_concepts=9, n_pairs=16, seed=4)
    rng = random.Random(1)
    first = read(folder, "select concept, sample_id, rating from judgments order by concept, sample_id")
    votes, people = [], []
    for i, row in enumerate(first):
        near = min(5, max(1, (row["rating"] or 3) + rng.choice((-1, 0, 0, 0, 1))))
        # Votes that differ by one make halves, which go to the even rating; some votes or all of a pair are unscored.
        votes += [judgment("twice", row, 0, near if i % 7 else None)]
        votes += [judgment("twice", row, 1, min(5, near + rng.choice((0, 1))) if i % 3 else None)]
        distribution = {"probabilities": (0.1, 0.1, 0.1, 0.1, 0.6), "expected_rating": 4.0 - 0.3 * near}
        votes += [judgment("sure", row, 0, near, **distribution)]
        if i % 3 == 0:
            people.append(rating(f"a{i}", row, min(5, near + i % 2), "audit"))
        if i % 5 == 0:
            people.append(rating(f"o{i}", row, 1 + i // 5 % 5, "override"))
    people.append(rating("undo", first[0], None, "audit", undoes="a0"))
    judges = [
        JudgeRow(name, "anthropic", f"model-{name}", "standard", "h", "{}", False, START) for name in ("twice", "sure")
    ]
    with transaction(folder) as cursor:
        insert(cursor, judges)
        insert(cursor, votes)
        for row in people:
            insert(cursor, [row])
    return folder


@pytest.fixture(scope="module")
def found(study: Path) -> Json:
    return build_agreement(study)


def means_by(study: Path, judge: str) -> Means:
    """Each pair's rating by a judge: the mean of its votes."""
    votes: dict[tuple[str, str], list[float]] = {}
    for row in read(study, f"select * from judgments where judge_id = '{judge}' and rating is not null"):
        value = row["rating"] if row["expected_rating"] is None else row["expected_rating"]
        votes.setdefault((row["concept"], row["sample_id"]), []).append(value)
    return {place: sum(given) / len(given) for place, given in votes.items()}


def rated_by_people(study: Path, source: str) -> Pairs:
    rows = read(study, "select * from ratings order by order_number")
    undone = {row["undoes"] for row in rows}
    return {
        (row["concept"], row["sample_id"]): row["rating"]
        for row in rows
        if row["source"] == source and row["rating"] is not None and row["rating_id"] not in undone
    }


def raters(study: Path, comparison: Json) -> tuple[Means, Means]:
    first = means_by(study, comparison["first"]["id"])
    second = comparison["second"]
    if second["kind"] == "judge":
        return first, means_by(study, second["id"])
    return first, {place: float(rating) for place, rating in rated_by_people(study, second["source"]).items()}


def test_every_two_judges_are_compared_and_each_with_people_by_source(found: Json) -> None:
    ids = {judge["id"] for judge in found["judges"]}
    assert ids == {JUDGE, "twice", "sure"}
    between = [{c["first"]["id"], c["second"]["id"]} for c in found["comparisons"] if c["second"]["kind"] == "judge"]
    assert sorted(map(sorted, between)) == sorted(map(sorted, ({JUDGE, "twice"}, {JUDGE, "sure"}, {"twice", "sure"})))
    people = Counter((c["first"]["id"], c["second"]["source"]) for c in found["comparisons"] if "source" in c["second"])
    assert people == Counter((judge, source) for judge in ids for source in ("audit", "override"))


def test_numbers_are_those_of_loops_over_the_rows(study: Path, found: Json) -> None:
    arms = {(row["concept"], row["sample_id"]): row["arm"] for row in read(study, "select * from pairs")}
    for comparison in found["comparisons"]:
        first, second = raters(study, comparison)
        for arm, agreement in [*comparison["arms"].items(), ("overall", comparison["overall"])]:
            shared = [place for place in first if place in second and arm in ("overall", arms[place])]
            given = np.array([(first[place], second[place]) for place in shared]).T
            # Half a step goes to the even rating.
            x, y = (np.array([round(value) for value in side]) for side in given)
            counts = Counter(zip(x.tolist(), y.tolist(), strict=True))
            assert agreement["counts"] == tuple(tuple(counts[i, j] for j in range(1, 6)) for i in range(1, 6))
            assert (agreement["n"], agreement["n_concepts"]) == (len(shared), len({concept for concept, _ in shared}))
            assert agreement["bias"]["value"] == pytest.approx(np.mean(given[0] - given[1]))
            assert agreement["within_one"]["value"] == pytest.approx(np.mean(abs(x - y) <= 1))
            if agreement["kappa"]["value"] is not None:
                kappa = cohen_kappa_score(x, y, weights="quadratic", labels=[1, 2, 3, 4, 5])
                assert agreement["kappa"]["value"] == pytest.approx(kappa)
                assert agreement["spearman"]["value"] == pytest.approx(spearmanr(*given.round(9)).statistic)


def test_the_gap_of_a_judge_is_that_of_its_means_and_not_of_their_bins(study: Path) -> None:
    arms = {(row["concept"], row["sample_id"]): row["arm"] for row in read(study, "select * from pairs")}
    people = rated_by_people(study, "audit") | rated_by_people(study, "override")
    for judge in ("twice", "sure"):
        verdicts: dict[tuple[str, str], float] = {**means_by(study, judge), **people}
        means = [
            np.mean([v for place, v in verdicts.items() if arms[place] == arm]) for arm in ("positive", "negative")
        ]
        report = build_report(study, judge_id=judge, settings=Settings(n_resamples=20))
        assert (report["overall"]["positive_mean"], report["overall"]["negative_mean"]) == pytest.approx(tuple(means))
        assert report["overall"]["gap"] == pytest.approx(means[0] - means[1])
        bins = [np.mean([round(v) for p, v in verdicts.items() if arms[p] == arm]) for arm in ("positive", "negative")]
        assert report["overall"]["gap"] != pytest.approx(bins[0] - bins[1], abs=1e-4)


def test_perfect_agreement_says_why_it_has_no_interval_and_means_that_round_alike_keep_their_ranks(
    tmp_path: Path,
) -> None:
    folder = build_study(tmp_path / "study", n_concepts=4, n_pairs=16, n_between=0, lensed=False)
    rows = read(folder, "select concept, sample_id, rating from judgments where rating is not null")
    with transaction(folder) as cursor:
        insert(cursor, [JudgeRow(n, "local", n, "standard", "h", "{}", False, START) for n in ("same", "flat")])
        insert(cursor, [judgment("same", row, 0, row["rating"]) for row in rows])
        near = [{"probabilities": (0, 1, 0, 0, 0), "expected_rating": 1.6 + row["rating"] / 10} for row in rows]
        insert(cursor, [judgment("flat", row, 0, 2, **means) for row, means in zip(rows, near, strict=True)])
    found = build_agreement(folder)
    for comparison in found["comparisons"]:
        overall, sides = comparison["overall"], [comparison["first"]["id"], comparison["second"]["id"]]
        assert overall["spearman"]["value"] == pytest.approx(1.0)
        if "flat" in sides:
            side = ("first", "second")[sides.index("flat")]
            assert overall["kappa"]["reason"] == f"the {side} rounds to a single rating throughout"
    words = " ".join(rendered(found, 200).split())
    assert "no interval" in words
    assert "no concept differs from another" in words
    assert "rounds to a single rating throughout" in words


def test_known_values_have_intervals_and_unknown_ones_reasons(found: Json) -> None:
    for comparison in found["comparisons"]:
        for agreement in (*comparison["arms"].values(), comparison["overall"]):
            for name in MEASURES:
                estimate = agreement[name]
                assert (estimate["value"] is None) == (estimate["reason"] is not None)
                if estimate["low"] is not None:
                    assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert all(c["overall"]["kappa"]["low"] is not None for c in found["comparisons"])


def test_the_document_is_json_and_the_same_each_time(study: Path, found: Json) -> None:
    assert json.loads(json.dumps(found))["run"] == RUN
    assert build_agreement(study, run_id=RUN) == found


def rendered(found: Json, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(agreement_table(found))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("width", [80, 120, 160])
def test_every_number_is_whole_at_any_width(found: Json, width: int) -> None:
    shown = rendered(found, width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert "…" in shown
    for comparison in found["comparisons"]:
        agreement = comparison["overall"]
        [line] = [
            line
            for line in shown.splitlines()
            if line.startswith("overall") and all(shown_as(agreement[name]["value"]) in line for name in SHOWN)
        ][:1]
        assert f" {agreement['n']} " in line
        low, high = (shown_as(agreement["kappa"][end]) for end in ("low", "high"))
        assert f"{low}…{high}" in shown


def shown_as(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def test_the_table_says_who_is_a_baseline_and_that_overrides_are_no_fair_sample(found: Json) -> None:
    shown = rendered(found, 200)
    assert "a baseline" in shown
    assert "no fair sample" in shown
    assert "too narrow" not in shown.split("kappa: quadratic")[0]


EVIL = "gin\x1b[2J\x9b31m\nrum\u202egip\r"


def test_no_control_of_a_study_reaches_the_terminal(found: Json) -> None:
    evil = json.loads(json.dumps(found))
    evil["run"] = EVIL
    for comparison in evil["comparisons"]:
        comparison["first"] |= {"model": EVIL, "rubric": EVIL}
    assert not set(rendered(evil)) & set("\x1b\x9b\u202e\r")


def test_a_run_without_judges_or_with_one_alone_says_what_to_do(tmp_path: Path) -> None:
    unjudged = build_agreement(build_study(tmp_path / "unjudged", judged=False))
    assert (unjudged["judges"], unjudged["comparisons"]) == ([], [])
    assert "lensgap judge" in unjudged["reason"]
    assert unjudged["reason"] in rendered(unjudged, 200)
    alone = build_agreement(build_study(tmp_path / "alone"))
    assert (len(alone["judges"]), alone["comparisons"]) == (1, [])
    assert "second" in alone["reason"]
    assert "nan" not in rendered(alone)


def test_judges_without_a_pair_in_common_are_told_so(tmp_path: Path) -> None:
    folder = build_study(tmp_path / "apart")
    row = read(folder, "select * from judgments where rating is null limit 1")[0]
    with transaction(folder) as cursor:
        insert(cursor, [JudgeRow("late", "anthropic", "m", "standard", "h", "{}", False, START)])
        insert(cursor, [judgment("late", row, 0, 4)])
    found = build_agreement(folder)
    [comparison] = found["comparisons"]
    assert comparison["overall"]["n"] == 0
    assert all(comparison["overall"][name]["value"] is None for name in MEASURES)
    assert "no pair is rated by both" in rendered(found, 160)


def test_an_unknown_run_is_told(study: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyMissing, match="nope"):
        build_agreement(study, run_id="nope")
    with pytest.raises(StudyMissing):
        build_agreement(tmp_path)
