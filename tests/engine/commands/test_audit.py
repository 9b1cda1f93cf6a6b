"""`lensgap audit` on a study with a database: who is drawn, what counts as known, and what is told where nothing can be said."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from db import connect, insert, transaction
from db.rows import RatingRow, RatingSource
from engine.errors import AuditError
from engine.exchange.audit import build_estimate
from engine.exchange.audit_planning import Wish, build_plan
from engine.exchange.audit_table import estimate_table
from engine.stats.audit import find_audited
from engine.stats.audit_arm import AuditArm, AuditCell
from tests.support.command import Command
from tests.support.planted import copy_study
from tests.support.synthetic_study import JUDGE, RUN, build_study

Pair = tuple[str, str]
WISH = Wish(n_ratings=90)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judged study of 280 pairs; copy it before writing."""
    return build_study(tmp_path_factory.mktemp("audit") / "judged", n_concepts=8, n_pairs=28, lensed=False)


@pytest.fixture
def study(judged: Path, tmp_path: Path) -> Path:
    return copy_study(judged, tmp_path / "study")


def pairs(study: Path) -> dict[Pair, dict[str, Any]]:
    """What the database holds of each pair, by plain joins."""
    with connect(study) as cursor:
        found = cursor.execute(
            "select p.concept, p.sample_id, p.arm, p.u, coalesce(c.quadrant, 'none'), j.rating from pairs p "
            "join run_concepts c using (run_id, concept) join judgments j using (concept, sample_id)"
        ).fetchall()
    return {row[:2]: dict(zip(("arm", "u", "quadrant", "judge"), row[2:], strict=True)) for row in found}


def rate(
    study: Path, chosen: Collection[Pair], *, source: RatingSource, probability: float | dict[Pair, float] | None = None
) -> None:
    """Have a person rate pairs by a rule that differs from the judge's."""
    chances = probability if isinstance(probability, dict) else dict.fromkeys(chosen, probability)
    rows = [rating(pair, source, truth(pair), probability=chances[pair]) for pair in chosen]
    with transaction(study) as cursor:
        insert(cursor, rows)


def undo(study: Path, pair: Pair, *, source: RatingSource) -> None:
    with transaction(study) as cursor:
        insert(cursor, [rating(pair, source, None, undoes=f"{source}-{'-'.join(pair)}")])


def rating(
    pair: Pair, source: RatingSource, value: int | None, *, probability: float | None = None, undoes: str | None = None
) -> RatingRow:
    return RatingRow(
        rating_id=f"{'undo-' if undoes else ''}{source}-{'-'.join(pair)}",
        run_id=RUN,
        concept=pair[0],
        sample_id=pair[1],
        reviewer="ann",
        source=source,
        rating=value,
        undoes=undoes,
        inclusion_probability=probability,
        blind=source == "audit",
        reason=None,
        rated_at=datetime(2026, 1, 2),
    )


def truth(pair: Pair) -> int:
    return 1 + sum(map(ord, "".join(pair))) % 5


def to_rate(plan: dict[str, Any]) -> list[Pair]:
    return [(one["concept"], one["sample_id"]) for one in plan["to_rate"]]


def rate_drawn(study: Path, plan: dict[str, Any]) -> None:
    chances = {(one["concept"], one["sample_id"]): one["inclusion_probability"] for one in plan["to_rate"]}
    rate(study, chances, source="audit", probability=chances)


def by_hand(study: Path, plan: dict[str, Any], *, known: Iterable[Pair] = ()) -> Any:
    """The overall estimate of all drawn pairs rated, gathered pair by pair."""
    probability = {(s["quadrant"], s["arm"]): s["inclusion_probability"] for s in plan["strata"]}
    known, arms = set(known), {}
    for name in ("positive", "negative"):
        own = {key: pair for key, pair in pairs(study).items() if pair["arm"] == name}
        rest = {key: pair for key, pair in own.items() if key not in known}
        scored = [pair["judge"] for pair in rest.values() if pair["judge"] is not None]
        chance = {key: probability[pair["quadrant"], name] for key, pair in rest.items()}
        arms[name] = AuditArm(
            n_known=len(own) - len(rest),
            known_total=sum(truth(key) for key in own if key in known),
            known_squares=sum(truth(key) ** 2 for key in own if key in known),
            n_rest=len(rest),
            n_scored=len(scored),
            judge_total=sum(scored),
            audited=tuple(
                AuditCell(pair["judge"], truth(key), chance[key])
                for key, pair in rest.items()
                if pair["u"] < chance[key]
            ),
        )
    return find_audited(arms["positive"], arms["negative"])


def test_a_pair_is_drawn_when_its_number_is_below_its_stratums_probability(study: Path) -> None:
    plan = build_plan(study, WISH)
    probability = {(s["quadrant"], s["arm"]): s["inclusion_probability"] for s in plan["strata"]}
    expected = {key for key, pair in pairs(study).items() if pair["u"] < probability[pair["quadrant"], pair["arm"]]}
    assert set(to_rate(plan)) == expected
    assert plan["n_drawn"] == len(expected) == sum(s["n_drawn"] for s in plan["strata"])
    assert plan["n_ratings_expected"] == pytest.approx(90, abs=0.1)
    assert min(probability.values()) >= 0.05
    # No order that would tell something: neither the random number nor the arm.
    order = [pairs(study)[key]["u"] for key in to_rate(plan)]
    assert order not in (sorted(order), sorted(order, reverse=True))


def test_a_larger_plan_only_adds_pairs_and_the_same_plan_adds_nothing(study: Path) -> None:
    first, again, larger = (build_plan(study, Wish(n_ratings=n)) for n in (60, 60, 120))
    assert to_rate(again) == to_rate(first)
    assert set(to_rate(first)) < set(to_rate(larger))
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from audit_plans").fetchone() == (2,)
    in_force = build_plan(study, None)
    assert set(to_rate(in_force)) == set(to_rate(larger))


def test_pairs_overridden_before_the_audit_are_known_and_not_drawn(study: Path) -> None:
    browsed = [key for key, pair in pairs(study).items() if pair["judge"] == 1][::3]
    rate(study, browsed, source="override")
    plan = build_plan(study, WISH)
    assert not set(browsed) & set(to_rate(plan))
    assert sum(s["n_known"] for s in plan["strata"]) == len(browsed) > 10
    rate_drawn(study, plan)
    found = build_estimate(study)
    expected = by_hand(study, plan, known=browsed)
    for target in ("samples", "future"):
        gap = found["overall"]["gap"][target]
        assert gap["value"] == pytest.approx(expected.gap[target].value)
        assert (gap["low"], gap["high"]) == pytest.approx((expected.gap[target].low, expected.gap[target].high))


def test_overrides_after_the_audit_began_change_no_estimate_and_are_told(study: Path) -> None:
    plan = build_plan(study, WISH)
    rate_drawn(study, plan)
    before = build_estimate(study)
    late = [key for key, pair in pairs(study).items() if pair["judge"] == 5 and key not in to_rate(plan)]
    rate(study, late, source="override")
    after = build_estimate(study)
    assert after["overall"] == before["overall"]
    assert (before["n_late_overrides"], after["n_late_overrides"]) == (0, len(late))
    assert f"{len(late):,} pairs were overridden after" in as_text(after)


def test_a_drawn_pair_that_people_override_counts_with_the_override(study: Path) -> None:
    plan = build_plan(study, WISH)
    rate_drawn(study, plan)
    pair = next(key for key in to_rate(plan) if truth(key) != 1)
    undo(study, pair, source="audit")
    assert to_rate(build_plan(study, None)) == [pair]
    rate(study, [pair], source="override")
    assert to_rate(build_plan(study, None)) == []
    assert build_estimate(study)["overall"]["gap"]["samples"]["value"] == pytest.approx(
        by_hand(study, plan).gap["samples"].value
    )


def test_an_override_that_is_undone_is_not_known(study: Path) -> None:
    pair = next(iter(pairs(study)))
    rate(study, [pair], source="override")
    undo(study, pair, source="override")
    assert sum(s["n_known"] for s in build_plan(study, WISH)["strata"]) == 0


def test_audit_ratings_of_pairs_that_no_plan_drew_are_left_out_and_told(study: Path) -> None:
    plan = build_plan(study, WISH)
    rate_drawn(study, plan)
    before = build_estimate(study)
    undrawn = [key for key in pairs(study) if key not in to_rate(plan)][:7]
    rate(study, undrawn, source="audit", probability=0.9)
    after = build_estimate(study)
    assert after["overall"] == before["overall"]
    assert after["n_undrawn_audits"] == 7


def test_ratings_without_a_plan_count_with_their_own_probability(study: Path) -> None:
    chosen = [key for key, pair in pairs(study).items() if pair["u"] < 0.25]
    rate(study, chosen, source="audit", probability=0.25)
    found = build_estimate(study)
    strata = [
        {"quadrant": q, "arm": a, "inclusion_probability": 0.25} for q in "ABCD" for a in ("positive", "negative")
    ]
    strata += [{"quadrant": "none", "arm": a, "inclusion_probability": 0.25} for a in ("positive", "negative")]
    expected = by_hand(study, {"strata": strata}).gap["future"]
    assert found["overall"]["gap"]["future"]["value"] == pytest.approx(expected.value)
    assert found["n_rated"] == found["n_drawn"] == len(chosen)


def test_drawn_pairs_left_unrated_are_told_and_a_quadrant_without_any_rating_makes_the_gap_unknown(study: Path) -> None:
    plan = build_plan(study, Wish(n_ratings=150))
    of = pairs(study)
    rate(study, [key for key in to_rate(plan) if of[key]["quadrant"] != "B"], source="audit", probability=0.5)
    found = build_estimate(study)
    assert found["overall"]["gap"]["samples"]["value"] is None
    assert "drawn from some quadrant" in found["overall"]["gap"]["samples"]["reason"]
    rate(study, [key for key in to_rate(plan) if of[key]["quadrant"] == "B"][::2], source="audit", probability=0.5)
    found = build_estimate(study)
    assert found["overall"]["gap"]["samples"]["value"] is not None
    assert "drawn pairs are rated" in as_text(found)


def test_every_pair_rated_tells_the_gap_exactly_and_asks_for_no_more(study: Path) -> None:
    everything = pairs(study)
    plan = build_plan(study, Wish(n_ratings=len(everything)))
    rate_drawn(study, plan)
    found = build_estimate(study)
    gap = found["overall"]["gap"]["samples"]
    means = {
        arm: [truth(key) for key, pair in everything.items() if pair["arm"] == arm] for arm in ("positive", "negative")
    }
    expected = sum(means["positive"]) / len(means["positive"]) - sum(means["negative"]) / len(means["negative"])
    assert gap["value"] == gap["low"] == gap["high"] == pytest.approx(expected)
    assert found["more_ratings"]["samples"] == {"n": 0, "reason": None}
    assert found["more_ratings"]["future"]["n"] is None
    assert "these samples alone leave" in found["more_ratings"]["future"]["reason"]


def test_about_as_many_more_ratings_as_told_reach_the_half_width(study: Path) -> None:
    rate_drawn(study, build_plan(study, Wish(n_ratings=80)))
    more = build_estimate(study, half_width=0.35)["more_ratings"]["samples"]["n"]
    assert 20 < more < 180
    rate_drawn(study, build_plan(study, Wish(n_ratings=80 + more)))
    gap = build_estimate(study)["overall"]["gap"]["samples"]
    assert (gap["high"] - gap["low"]) / 2 == pytest.approx(0.35, rel=0.2)


def test_no_more_ratings_are_said_to_be_needed_just_when_the_interval_is_as_narrow_as_wished(study: Path) -> None:
    rate_drawn(study, build_plan(study, Wish(n_ratings=80)))
    gap = build_estimate(study)["overall"]["gap"]["samples"]
    reached = (gap["high"] - gap["low"]) / 2
    assert build_estimate(study, half_width=reached + 1e-6)["more_ratings"]["samples"]["n"] == 0
    assert build_estimate(study, half_width=reached - 1e-3)["more_ratings"]["samples"]["n"] > 0


def as_text(found: dict[str, Any]) -> str:
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as captured:
        console.print(estimate_table(found))
    return " ".join(captured.get().split())


def test_the_commands_print_tables_and_json(study: Path, lensgap: Command) -> None:
    tried = lensgap("audit", "plan", study, "--ratings", 90, "--dry-run", "--json")
    assert tried.status == 0
    assert (json.loads(tried.stdout)["stored"], json.loads(tried.stdout)["n_drawn"]) == (False, 0)
    assert lensgap("audit", "plan", study).status == 1
    planned = lensgap("audit", "plan", study, "--half-width", 0.5)
    assert planned.status == 0
    assert "quadrant A, positive" in planned.stdout
    shown = json.loads(lensgap("audit", "plan", study, "--json").stdout)
    assert shown["half_width_expected"]["samples"] == pytest.approx(0.5, abs=0.01)
    unrated = lensgap("audit", "estimate", study)
    assert unrated.status == 0
    assert "no pair of the positive arm is audited" in unrated.stdout
    rate_drawn(study, shown)
    found = json.loads(lensgap("audit", "estimate", study, "--json").stdout)
    assert found["judge"]["id"] == JUDGE
    assert found["overall"]["gap"]["samples"]["low"] is not None
    assert set(found["quadrants"]) == {"A", "B", "C", "D"}
    table = lensgap("audit", "estimate", study).stdout
    for name, finding in found["quadrants"].items():
        marked = finding["weak"] and finding["gap"]["samples"]["low"] is not None
        assert (f"quadrant {name}*" in table) == marked


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--ratings", 3), 1, "at least 14 ratings"),
        (("--ratings", 99_999), 1, "so 99,999 ratings are not possible"),
        (("--half-width", "inf"), 1, "says nothing"),
        (("--half-width", "nan"), 2, "--half-width"),
        (("--half-width", 0.001, "--target", "future"), 1, "these samples alone leave"),
        (("--ratings", 90, "--judge", "nobody"), 1, "No judge nobody has been asked"),
        (("--ratings", 90, "--run", "elsewhere"), 1, "no run elsewhere"),
        (("--ratings", 90, "--half-width", 0.2), 2, "either --ratings or --half-width"),
        (("--ratings", 0), 2, "--ratings"),
        (("--ratings", 90, "--floor", 0.01), 2, "--floor"),
    ],
)
def test_what_cannot_be_planned_is_told_in_a_sentence_and_stores_nothing(
    judged: Path, lensgap: Command, arguments: tuple[Any, ...], status: int, said: str
) -> None:
    outcome = lensgap("audit", "plan", judged, *arguments)
    assert outcome.status == status
    assert said in " ".join(outcome.stderr.split())
    assert "Traceback" not in outcome.stderr
    with connect(judged) as cursor:
        assert cursor.execute("select count(*) from audit_plans").fetchone() == (0,)


def test_a_run_without_a_judge_or_without_outputs_is_told(tmp_path: Path, lensgap: Command) -> None:
    build_study(tmp_path / "unjudged", n_concepts=4, n_pairs=8, judged=False, lensed=False)
    outcome = lensgap("audit", "estimate", tmp_path / "unjudged")
    assert (outcome.status, "No judge has been asked" in outcome.stderr) == (1, True)
    assert lensgap("audit", "plan", tmp_path / "nowhere", "--ratings", 9).status == 1
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "wish", [{}, {"n_ratings": 5, "half_width": 0.2}, {"half_width": -1.0}, {"n_ratings": 5, "floor": 0.01}]
)
def test_contradictory_wishes_are_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(AuditError):
        Wish(**wish)
