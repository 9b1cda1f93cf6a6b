"""The rule of graduation: what holds for every F1, ceiling and setting, and what it says of a few of them."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.lenses.graduation import End, Goal, Measured, Outcome, Rule, best_layers, choose_tiers, decide, is_held_back
from engine.stats.estimate import Estimate, known, unknown, without_interval

shares = st.integers(0, 100).map(lambda percent: percent / 100)
ends = st.sampled_from([None, "exhausted", "budget"])


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    value, below, above = draw(shares), draw(shares), draw(shares)
    if draw(st.booleans()):
        return without_interval(value, n=40, method="drawn", because="it was drawn so")
    return known(value, max(0.0, value - below), min(1.0, value + above), n=40, method="drawn")


goals = st.builds(Goal, target=shares, ceiling=st.none() | estimates())
measures = st.builds(
    Measured, f1=estimates(), train_f1=st.none() | shares, always_positive_f1=st.none() | st.sampled_from([0.5, 2 / 3])
)
rules = st.builds(
    Rule,
    falloff=st.sampled_from([(0.75, 0.70), (), (0.6,)]),
    train_gap=st.sampled_from([0.0, 0.1, 1.0]),
    by=st.sampled_from(["value", "lower-bound"]),
)


def reached(outcome: Outcome) -> float:
    return -1.0 if outcome.reached is None else outcome.reached


@given(goal=goals, measured=measures, rule=rules, end=ends)
def test_who_graduates_reached_a_tier_that_the_ceiling_permits(
    goal: Goal, measured: Measured, rule: Rule, end: End | None
) -> None:
    found = decide(goal, measured, rule, end=end)
    assert (found.decision == "graduated") == (found.reached is not None)
    assert found.why
    if found.reached is None:
        return
    f1, ceiling = measured.f1, goal.ceiling
    assert found.reached in {goal.target, *rule.falloff}
    assert found.reached <= goal.target
    asked = f1.low if rule.by == "lower-bound" else f1.value
    assert asked is not None
    assert asked >= found.reached - 1e-9
    assert f1.value is not None
    assert measured.train_f1 is not None
    assert measured.train_f1 - f1.value <= rule.train_gap + 1e-9
    if ceiling is not None and ceiling.value is not None:
        assert found.reached <= (ceiling.value if ceiling.high is None else ceiling.high) + 1e-9


@given(goal=goals, measured=measures, rule=rules, end=ends)
def test_only_a_concept_that_may_get_more_goes_on(goal: Goal, measured: Measured, rule: Rule, end: End | None) -> None:
    found = decide(goal, measured, rule, end=end)
    assert found.decision in {"graduated", "ceiling", end or "more"}


@given(goal=goals, measured=measures, rule=rules, end=ends, more=shares)
@example(
    goal=Goal(0.85, known(0.80, 0.70, 0.90, n=40, method="")),
    measured=Measured(known(0.76, 0.70, 0.79, n=40, method=""), 0.76),
    rule=Rule(),
    end=None,
    more=0.02,
)
def test_a_higher_f1_never_graduates_lower(
    goal: Goal, measured: Measured, rule: Rule, end: End | None, more: float
) -> None:
    f1 = measured.f1
    assume(f1.value is not None and measured.train_f1 is not None)
    values = [None if x is None else x + more for x in (f1.value, f1.low, f1.high)]
    raised = Measured(
        Estimate(*values, 40, None, "raised"), (measured.train_f1 or 0) + more, measured.always_positive_f1
    )
    assert reached(decide(goal, raised, rule, end=end)) >= reached(decide(goal, measured, rule, end=end))


@given(target=shares, measured=measures, rule=rules)
def test_without_a_ceiling_only_the_target_counts_until_the_end(target: float, measured: Measured, rule: Rule) -> None:
    before = decide(Goal(target), measured, rule)
    last = decide(Goal(target), measured, rule, end="exhausted")
    assert before.decision in {"graduated", "more"}
    assert before.reached in {None, target}
    if before.reached is not None:
        assert last.reached == target
    tiers = choose_tiers(Goal(target), rule, floor=measured.always_positive_f1)
    alone = [tier for tier in tiers if decide(Goal(tier), measured, Rule((), rule.train_gap, rule.by)).reached == tier]
    assert reached(last) == max(alone, default=-1.0)


@given(goal=goals, measured=measures, rule=rules)
def test_a_larger_gap_allowed_never_graduates_lower(goal: Goal, measured: Measured, rule: Rule) -> None:
    lax = Rule(rule.falloff, 1.0, rule.by)
    assert reached(decide(goal, measured, lax, end="budget")) >= reached(decide(goal, measured, rule, end="budget"))


@given(goal=goals, measured=measures, rule=rules, end=ends)
def test_by_the_lower_bound_nobody_graduates_higher(
    goal: Goal, measured: Measured, rule: Rule, end: End | None
) -> None:
    value = decide(goal, measured, Rule(rule.falloff, rule.train_gap, "value"), end="exhausted")
    low = decide(goal, measured, Rule(rule.falloff, rule.train_gap, "lower-bound"), end="exhausted")
    assert reached(low) <= reached(value)


def estimate(value: float, low: float, high: float) -> Estimate:
    return known(value, low, high, n=40, method="given")


F1 = estimate(0.76, 0.66, 0.84)
CASES: dict[str, tuple[Goal, Measured, End | None, str, float | None, str]] = {
    "target reached": (Goal(0.75), Measured(F1, 0.80), None, "graduated", 0.75, "F1 0.76 [0.66, 0.84] reaches 0.75"),
    "target missed": (Goal(0.85), Measured(F1, 0.80), None, "more", None, "is below 0.85"),
    "steps at an end": (Goal(0.85), Measured(F1, 0.80), "exhausted", "graduated", 0.75, "no pairs are left"),
    "texts used up": (Goal(0.85), Measured(estimate(0.6, 0.5, 0.7), 0.7), "budget", "budget", None, "settings allow"),
    "fits its own pairs only": (
        Goal(0.75),
        Measured(F1, 0.87),
        "exhausted",
        "exhausted",
        None,
        "0.11 higher, and --train-gap allows 0.10",
    ),
    "gap at its limit": (Goal(0.75), Measured(F1, 0.86), None, "graduated", 0.75, "reaches 0.75"),
    "training F1 unknown": (Goal(0.75), Measured(F1, None), None, "more", None, "training pairs is unknown"),
    "no F1": (Goal(0.75), Measured(unknown("too few", method=""), None), None, "more", None, "too few"),
    "ceiling below its target": (
        Goal(0.85, estimate(0.72, 0.66, 0.78)),
        Measured(F1, 0.80),
        None,
        "graduated",
        0.75,
        "does not permit 0.85",
    ),
    "ceiling below every tier": (
        Goal(0.85, estimate(0.62, 0.58, 0.68)),
        Measured(estimate(0.9, 0.8, 1), 0.9),
        None,
        "ceiling",
        None,
        "the upper bound of its ceiling 0.62 [0.58, 0.68] is below 0.70",
    ),
    "near a ceiling whose bound permits the tier": (
        Goal(0.85, estimate(0.80, 0.70, 0.88)),
        Measured(F1, 0.80),
        None,
        "more",
        None,
        "is below 0.85",
    ),
    "near such a ceiling at the end": (
        Goal(0.85, estimate(0.80, 0.70, 0.88)),
        Measured(F1, 0.80),
        "exhausted",
        "graduated",
        0.75,
        "it reaches 0.75",
    ),
    "still far below what it may reach": (
        Goal(0.85, estimate(0.80, 0.70, 0.88)),
        Measured(estimate(0.68, 0.5, 0.84), 0.7),
        None,
        "more",
        None,
        "is below 0.85",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_rule_says_why(case: str) -> None:
    goal, measured, end, decision, tier, said = CASES[case]
    found = decide(goal, measured, Rule(), end=end)
    assert (found.decision, found.reached) == (decision, tier)
    assert said in found.why


@given(goal=goals, measured=measures, rule=rules, end=ends)
def test_the_ceiling_stops_only_whom_its_upper_bound_forbids_every_tier(
    goal: Goal, measured: Measured, rule: Rule, end: End | None
) -> None:
    lowest = choose_tiers(goal, rule, floor=measured.always_positive_f1)[-1]
    bound = None if goal.ceiling is None else goal.ceiling.high if goal.ceiling.high is not None else goal.ceiling.value
    forbids = bound is not None and bound < lowest - 1e-9
    assert (decide(goal, measured, rule, end=end).decision == "ceiling") == forbids


@given(target=shares, measured=measures, rule=rules)
def test_the_train_gap_held_back_who_would_graduate_without_it(target: float, measured: Measured, rule: Rule) -> None:
    found = decide(Goal(target), measured, rule, end="exhausted")
    lax = decide(Goal(target), measured, Rule(rule.falloff, 1.0, rule.by), end="exhausted")
    assert is_held_back(target, measured, rule) == (found.reached is None and lax.reached is not None)


@given(goal=goals, measured=measures, rule=rules, end=ends)
def test_a_reason_is_one_short_sentence(goal: Goal, measured: Measured, rule: Rule, end: End | None) -> None:
    why = decide(goal, measured, rule, end=end).why
    assert len(why) < 200
    assert ". " not in why


def test_a_tier_that_always_answering_yes_reaches_is_none() -> None:
    tiers = choose_tiers(Goal(0.85), Rule((0.75, 0.70)), floor=0.75)
    assert tiers == (0.85,)


def test_the_layer_is_that_of_the_best_mean_over_the_same_concepts() -> None:
    rows: list[tuple[str, tuple[int, ...], float | None]] = [
        ("gin", (0,), 0.9),
        ("rum", (0,), 0.5),
        ("gin", (2,), 0.8),
        ("rum", (2,), 0.7),
        ("ale", (0,), 1.0),
        ("ale", (2,), None),
    ]
    assert best_layers(rows) == (2,)
    assert best_layers(rows[::-1]) == (2,)
    assert best_layers([("gin", (2,), 0.5), ("gin", (0,), 0.5)]) == (0,)
    assert best_layers([("gin", (0,), None)]) is None
