"""Agreement on audited pairs: against loops over the raw rows, and what is never among them; drift and rubrics as planted."""

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from db import connect, insert, transaction
from db.rows import JudgeRow, JudgmentRow, RatingRow, RatingSource
from engine.exchange.audit_agreement import build_audit_agreement
from engine.exchange.audit_planning import Wish, build_plan
from engine.exchange.claims import build_claims
from tests.support.command import Command
from tests.support.planted import copy_study
from tests.support.synthetic_study import JUDGE, RUN, START, build_study

Json = dict[str, Any]
Pair = tuple[str, str]
LEVELS = [1, 2, 3, 4, 5]
STRICT = "strict-judge"
EVIL = "bob\x1b[31m"


def judged(study: Path) -> dict[Pair, tuple[str, int | None]]:
    """Arm and first judge's rating of each pair."""
    with connect(study) as cursor:
        rows = cursor.execute(
            "select p.concept, p.sample_id, p.arm, j.rating from pairs p join judgments j using (concept, sample_id) "
            f"where j.judge_id = '{JUDGE}'"
        ).fetchall()
    return {(concept, sample): (arm, rating) for concept, sample, arm, rating in rows}


def rating(
    pair: Pair,
    who: str,
    value: int | None,
    *,
    source: RatingSource = "audit",
    probability: float | None = None,
    days: int = 0,
    undoes: str | None = None,
    name: str = "",
) -> RatingRow:
    identity = f"{name}{source}-{who}-{'-'.join(pair)}"
    given = probability if source == "audit" and undoes is None else None
    place = (identity, RUN, *pair, who, source)
    return RatingRow(*place, value, undoes, given, source == "audit", None, START + timedelta(days=days))


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit with unequal probabilities whose people drift upward, and a second rubric that is stricter."""
    folder = build_study(
        tmp_path_factory.mktemp("agreement") / "study",
        n_concepts=10,
        n_pairs=40,
        lensed=False,
        hostile=False,
        n_between=0,
    )
    rng = random.Random(3)
    first = judged(folder)
    with transaction(folder) as cursor:
        later = START + timedelta(days=1)
        insert(cursor, [JudgeRow(STRICT, "offline", "tfidf", "strict", "s" * 16, "{}", True, later)])
        stricter = [
            JudgmentRow(STRICT, *pair, 0, max(1, value - 1), None, None, "raw", 1, 1, 0.0, later)
            for pair, (_, value) in first.items()
            if value
        ]
        insert(cursor, stricter)
    plan = build_plan(folder, Wish(n_ratings=180))
    people = []
    for i, one in enumerate(plan["to_rate"]):
        pair = (one["concept"], one["sample_id"])
        for who in ("ann", EVIL, "cyd")[: 1 + i % 3]:
            near = (first[pair][1] or 3) + rng.choice((-1, 0, 0, 1)) + (i > 90)
            people.append(
                rating(pair, who, min(5, max(1, near)), probability=one["inclusion_probability"], days=i // 8)
            )
    with transaction(folder) as cursor:
        insert(cursor, people)
    return folder


@pytest.fixture(scope="module")
def found(rated: Path) -> Json:
    return build_audit_agreement(rated)


def in_force(study: Path) -> list[tuple[Pair, str, int, float, Any]]:
    """Audit ratings that are not undone, oldest first: pair, reviewer, rating, probability, time."""
    with connect(study) as cursor:
        rows = cursor.execute(
            "select concept, sample_id, reviewer, rating, inclusion_probability, rated_at, rating_id, undoes from ratings "
            "where source = 'audit' order by order_number"
        ).fetchall()
    undone = {row[7] for row in rows}
    return [((r[0], r[1]), r[2], r[3], r[4], r[5]) for r in rows if r[3] is not None and r[6] not in undone]


def comparison(found: Json, first: str, second: str) -> Json:
    names = [
        (side.get("id") or side.get("name") or side["kind"])
        for c in found["comparisons"]
        for side in (c["first"], c["second"])
    ]
    places = list(zip(names[::2], names[1::2], strict=True))
    return found["comparisons"][places.index((first, second))]


def test_judge_and_people_are_compared_on_drawn_pairs_weighted_by_one_over_probability(
    rated: Path, found: Json
) -> None:
    people = {pair: (value, chance) for pair, _, value, chance, _ in in_force(rated)}
    for arm, agreement in comparison(found, JUDGE, "people")["arms"].items():
        sides = [
            (mine, people[pair])
            for pair, (its, mine) in judged(rated).items()
            if its == arm and mine and pair in people
        ]
        x, y = [mine for mine, _ in sides], [human for _, (human, _) in sides]
        weights = np.array([1 / chance for _, (_, chance) in sides])
        assert agreement["n"] == len(sides) > 20
        kappa = cohen_kappa_score(x, y, weights="quadratic", labels=LEVELS, sample_weight=weights)
        assert agreement["kappa"]["value"] == pytest.approx(kappa)
        assert agreement["bias"]["value"] == pytest.approx(np.average(np.subtract(x, y), weights=weights))
        assert agreement["exact"]["value"] == pytest.approx(np.average(np.equal(x, y), weights=weights))
        assert agreement["n_effective"] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
        assert sum(map(sum, agreement["counts"])) == len(sides)
    assert found["is_weighted"]


def test_each_two_people_are_compared_by_their_own_ratings(rated: Path, found: Json) -> None:
    own = {(pair, who): (value, chance) for pair, who, value, chance, _ in in_force(rated)}
    arms = judged(rated)
    n_together = 0
    for first, second in (("ann", EVIL), ("ann", "cyd"), (EVIL, "cyd")):
        for arm, agreement in comparison(found, first, second)["arms"].items():
            both = [
                (own[pair, first][0], own[pair, second][0])
                for pair, (its, _) in arms.items()
                if its == arm and (pair, first) in own and (pair, second) in own
            ]
            assert agreement["n"] == len(both) > 0
            assert agreement["counts"] == tuple(tuple(both.count((i, j)) for j in LEVELS) for i in LEVELS)
            n_together += len(both)
    together = comparison(found, "any two people", "any two people")
    assert sum(agreement["n"] for agreement in together["arms"].values()) == n_together
    assert together["arms"]["positive"]["bias"]["value"] is None


def test_the_claim_that_the_judge_may_be_trusted_rests_on_these_kappas(rated: Path, found: Json) -> None:
    arms = {judge: comparison(found, judge, "people")["arms"] for judge in (JUDGE, STRICT)}
    for judge in (JUDGE, STRICT):
        claims = build_claims(rated, judge_id=judge).ledger.claims
        [trusted] = [claim for claim in claims if claim.id == "judge-trusted"]
        values = [one.estimate.value for one in trusted.evidence]
        assert values == pytest.approx([arms[judge][arm]["kappa"]["value"] for arm in ("positive", "negative")])
        assert [one.bar for one in trusted.evidence] == [0.6, 0.6]
    # The stricter rubric agrees too little in one arm, but not beyond chance.
    assert min(values) < 0.6
    assert trusted.p_adjusted > 0.05
    assert trusted.verdict == "cannot tell"


def test_judges_are_compared_on_the_same_pairs(found: Json) -> None:
    [one] = [c for c in found["comparisons"] if c["first"]["kind"] == c["second"]["kind"] == "judge"]
    for arm, agreement in one["arms"].items():
        assert agreement["n"] == comparison(found, JUDGE, "people")["arms"][arm]["n"]
        assert abs(agreement["bias"]["value"]) <= 1


def test_pooled_arms_are_named_for_what_they_are(found: Json) -> None:
    for one in found["comparisons"]:
        assert set(one) == {"first", "second", "arms", "inflated_by_pooling_arms"}
        assert set(one["arms"]) == {"positive", "negative"}


def test_overrides_undone_ratings_and_pairs_that_nobody_drew_change_nothing(rated: Path, tmp_path: Path) -> None:
    study = copy_study(rated, tmp_path / "study")
    before = build_audit_agreement(study)
    drawn = {pair for pair, *_ in in_force(study)}
    others = [pair for pair in judged(study) if pair not in drawn]
    again, undone = others[20], others[21]
    with transaction(study) as cursor:
        insert(cursor, [rating(pair, "dan", 1, source="override") for pair in [*others[:20], *sorted(drawn)[:20]]])
        insert(cursor, [rating(again, who, 5, probability=0.5) for who in ("ann", "dan")])
        some = sorted(drawn)[0]
        insert(cursor, [rating(some, "eve", 1, probability=0.5), rating(undone, "eve", 1, probability=0.5)])
        insert(cursor, [rating(some, "eve", None, name="undo", undoes=f"audit-eve-{'-'.join(some)}")])
    after = build_audit_agreement(study)
    assert after["comparisons"] == before["comparisons"]
    assert [one["rated"]["trends"] for one in after["drift"]] == [one["rated"]["trends"] for one in before["drift"]]


def test_drift_of_people_and_of_rubrics_is_found_and_a_judge_that_rated_at_once_has_none(found: Json) -> None:
    for drift in found["drift"]:
        bias, _ = drift["rated"]["trends"]
        assert bias["p_adjusted"] < 0.05
        assert bias["change"]["high"] < 0
        assert [batch["label"][:6] for batch in drift["rated"]["batches"]] == ["2026-W"] * len(
            drift["rated"]["batches"]
        )
        assert len(drift["rated"]["batches"]) >= 3
        assert drift["judged"]["trends"][0]["change"]["reason"] == "all have the same time"
        assert drift["judged"]["batches"] == []
    [rubric] = found["rubrics"]
    assert [one["judge"] for one in rubric["versions"]] == [JUDGE, STRICT]
    bias, _ = rubric["trends"]
    assert bias["change"]["high"] < 0
    assert bias["p_adjusted"] < 0.001
    for arm in ("positive", "negative"):
        first, second = (one["arms"][arm] for one in rubric["versions"])
        assert first["n"] == second["n"]
        assert second["bias"]["value"] < first["bias"]["value"]
    assert rubric["n_pairs"] == sum(rubric["versions"][0]["arms"][arm]["n"] for arm in ("positive", "negative"))


def test_the_command_prints_whole_lines_and_escapes_names(
    rated: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = lensgap("audit", "agreement", rated)
    assert shown.status == 0
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    assert "\x1b" not in shown.stdout
    assert "bob\\x1b[31m" in shown.stdout
    assert "both, inflated" in shown.stdout
    assert "weighted by 1/π" in " ".join(shown.stdout.split())
    assert "…" not in shown.stdout
    told = json.loads(lensgap("audit", "agreement", rated, "--json").stdout)
    assert len(told["comparisons"]) == 7


def test_without_an_audit_the_reason_says_what_to_run(tmp_path: Path, lensgap: Command) -> None:
    study = build_study(tmp_path / "study", n_concepts=2, n_pairs=8, lensed=False)
    found = build_audit_agreement(study)
    assert (found["comparisons"], found["drift"], found["rubrics"]) == ([], [], [])
    assert "lensgap audit plan" in found["reason"]
    shown = lensgap("audit", "agreement", study)
    assert (shown.status, "No drawn pair has been rated" in shown.stdout) == (0, True)
    assert lensgap("audit", "agreement", study, "--run", "elsewhere").status == 1
