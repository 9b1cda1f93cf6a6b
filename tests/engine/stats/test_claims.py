"""The claim ledger: planted studies in which each statement holds, fails and stays open, and how often it errs by chance."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr, ttest_1samp, ttest_ind

from bench.claims import LAWS, PAGE, SIZES, Errors, measure, table
from bench.page import read_table
from engine.stats.agreement import agree
from engine.stats.claim_data_statements import data_statements
from engine.stats.claim_evidence import Evidence, contrast_evidence, mean_evidence, rank_evidence, read_off
from engine.stats.claim_facts import ConceptFacts, StudyFacts
from engine.stats.claim_lens_statements import UNTESTABLE, lens_statements
from engine.stats.claims import Statement, decide, holm, units_needed
from engine.stats.estimate import known, unknown, without_interval

N_EACH = 12
"""Concepts of each quadrant in the planted studies."""
QUADRANTS = "ABCD"


def ledger(facts):
    return decide([*data_statements(facts), *lens_statements(facts)], untestable=UNTESTABLE)


def verdicts(facts):
    return {claim.id: claim.verdict for claim in ledger(facts).claims}


def agreement(apart):
    """Two sides over ten concepts that differ by one step in `apart` of the pairs, or are unrelated for None."""
    rng = np.random.default_rng(2)
    cells = []
    for concept in range(10):
        truth = rng.integers(1, 6, 30)
        other = rng.integers(1, 6, 30) if apart is None else np.where(rng.random(30) < apart, 6 - truth, truth)
        cells += [(f"c{concept}", int(a), int(b), 1) for a, b in zip(truth, other, strict=True)]
    return agree(cells)


HOLDS = {
    "c": {"gap": 0.7, "good_gap": 1.0, "good_positive": 0.45, "ceiling": 0.7, "f1": 0.6},
    "other": {"gap": 2.0, "good_gap": 2.0, "good_positive": 0.75, "ceiling": 0.9, "f1": 0.87},
    "all": {
        "good_negative": 0.95,
        "positive_mean": 2.5,
        "text_only_f1": 0.4,
        "always_positive_f1": 0.5,
        "good_lead": 0.7,
        "degenerate_lead": 0.65,
        "off_topic_lead": 0.5,
        "sibling_alarm": 0.2,
        "graduated": 0.2,
    },
}
FAILS = {
    "c": {"gap": -0.2, "good_gap": 3.0, "good_positive": 0.95, "ceiling": 0.99, "f1": 0.99},
    "other": {"gap": -1.0, "good_gap": 2.0, "good_positive": 0.9, "ceiling": 0.98, "f1": 0.7},
    "all": {
        "good_negative": 0.5,
        "positive_mean": 4.8,
        "text_only_f1": 1.0,
        "always_positive_f1": 0.5,
        "good_lead": 0.8,
        "degenerate_lead": -0.3,
        "off_topic_lead": -0.2,
        "sibling_alarm": -0.2,
        "graduated": 0.9,
    },
}


def planted(values, *, noise, sign, seed=0):
    """A study whose concepts lie around these values; counts of senses and siblings rise as the gap falls where sign is 1."""
    rng = np.random.default_rng(seed)
    concepts = []
    for quadrant in QUADRANTS:
        means = values["c" if quadrant == "C" else "other"] | values["all"]
        for i in range(N_EACH):
            drawn = {name: value + noise * rng.normal() for name, value in means.items()}
            drawn["f1"] += sign * 0.3 * noise * (drawn["gap"] - means["gap"])
            counts = 20 - sign * 4 * drawn["gap"] + noise * rng.normal()
            concepts.append(ConceptFacts(f"{quadrant}{i}", quadrant, n_senses=counts, n_siblings=counts, **drawn))
    return concepts


def changes(mean, noise):
    rng = np.random.default_rng(1)
    return {
        kind: list(mean + noise * rng.normal(size=30)) for kind in ("filter", "refinement", "splitting", "bucketing")
    }


@pytest.fixture(scope="module")
def holding():
    """Every statement is true: f1 rises with the gap, and gains by all that the report proposes."""
    concepts = planted(HOLDS, noise=0.02, sign=1)
    return StudyFacts(
        tuple(concepts),
        agreement={"positive": agreement(0.02), "negative": agreement(0.02)},
        changes=changes(0.05, 0.02),
        transfer=[(0.85 + i / 1e3, 0.9) for i in range(9)],
        learning=changes(0.05, 0.02)["filter"],
    )


@pytest.fixture(scope="module")
def failing():
    concepts = planted(FAILS, noise=0.02, sign=-1)
    concepts = [replace(c, f1=0.97 - 0.1 * (c.gap + 1.0) if c.quadrant != "C" else 0.99) for c in concepts]
    return StudyFacts(
        tuple(concepts),
        agreement={"positive": agreement(None), "negative": agreement(None)},
        changes=changes(-0.05, 0.02),
        transfer=[(0.6 + i / 1e3, 0.9) for i in range(9)],
        learning=changes(-0.05, 0.02)["filter"],
    )


def test_planted_statements_hold(holding):
    found = verdicts(holding)
    # F1 is planted low in C, which keeps its mean from .85.
    assert {name for name, verdict in found.items() if verdict != "holds"} == {"primary-reached"}
    assert len(found) >= 25
    high = [replace(c, f1=0.9 + c.f1 / 100) for c in holding.concepts]
    assert verdicts(replace(holding, concepts=tuple(high)))["primary-reached"] == "holds"


def test_planted_opposites_do_not_hold(failing):
    found = verdicts(failing)
    # F1 is planted high, near its ceiling, and alike in all concepts but C's.
    others = {"primary-reached", "data-bound-f1", "gap-predicts-f1"}
    assert {name for name, verdict in found.items() if verdict != "does not hold"} == others
    low = [replace(c, f1=0.6 - 0.05 * c.gap + i / 1e4) for i, c in enumerate(failing.concepts)]
    low = verdicts(replace(failing, concepts=tuple(low)))
    assert low["gap-predicts-f1"] == low["primary-reached"] == "does not hold"
    beyond = [replace(c, f1=c.ceiling + 0.02 + i / 1e4) for i, c in enumerate(failing.concepts)]
    assert verdicts(replace(failing, concepts=tuple(beyond)))["data-bound-f1"] == "does not hold"


def test_wide_scatter_leaves_every_statement_open_with_what_would_settle_it():
    concepts = planted(HOLDS, noise=30.0, sign=0)
    facts = StudyFacts(
        tuple(concepts[:3] + concepts[12:15] + concepts[24:27] + concepts[36:39]),
        agreement={"positive": agreement(0.15)},
        changes=changes(0.0, 1.0),
        transfer=[(0.5, 0.9), (0.9, 0.7), (0.8, 0.9)],
        learning=(0.1, -0.1, 0.02),
    )
    for claim in ledger(facts).claims:
        assert claim.verdict == "cannot tell", claim
        assert claim.settle
        assert claim.why


def test_an_empty_study_decides_nothing_and_names_what_to_run():
    found = ledger(StudyFacts(()))
    assert found.n_tested == 0
    assert {claim.verdict for claim in found.claims} == {"cannot tell"}
    assert all(claim.p is claim.p_adjusted is None for claim in found.claims)
    for claim in found.claims:
        assert "lensgap" in claim.settle
        assert all(one.why_open for one in claim.evidence)
    assert found.untestable == UNTESTABLE


def test_every_statement_has_an_id_of_its_own_and_a_place_in_the_report(holding):
    claims = ledger(holding).claims
    assert len({claim.id for claim in claims}) == len(claims)
    assert all(claim.stated_in and claim.evidence for claim in claims)


def test_under_the_null_a_statement_holds_in_at_most_five_percent_of_studies():
    found = measure(6, n_studies=250, seed=20)
    # At most .025 of the level is for holding; 12 of 250 is the .99 quantile of that, and many statements are looked at.
    assert found.alone_worst <= 14 / 250
    assert found.alone_mean <= 0.03
    # Anything at all is decided in at most 5 % of studies: 20 of 250 is the .99 quantile.
    assert found.any_told <= found.any_decided <= 20 / 250
    assert found.told_worst <= min(found.any_told, found.alone_worst)
    assert found.n_statements == 22


def test_the_page_has_the_table_of_errors():
    shown = read_table(PAGE, "claims")
    found = table({(law, n): Errors(22, 0.0, 0.0, 0.0, 0.0, 0.0) for law in LAWS for n in SIZES})
    for line in found.splitlines():
        assert line.partition("| 0.000")[0] in shown


VALUES = st.lists(st.integers(-40, 40).map(lambda x: x / 10), min_size=3, max_size=20)


@given(VALUES, st.floats(-2, 2), st.sampled_from(["above", "below"]))
def test_p_of_a_mean_is_that_of_scipy_and_agrees_with_the_interval(values, bar, side):
    found = mean_evidence("x", values, side=side, bar=bar)
    if np.ptp(values) == 0:
        assert found.p_for is None
        assert found.why_open == "the values do not vary"
        return
    assert found.p_above == pytest.approx(ttest_1samp(values, bar, alternative="greater").pvalue, abs=1e-9)
    assert found.p_below == pytest.approx(1 - found.p_above)
    assert found.p_for == (found.p_above if side == "above" else found.p_below)
    if abs(found.p_above - 0.025) > 1e-9:
        assert (found.p_above < 0.025) == (found.estimate.low > bar)


@pytest.mark.filterwarnings("ignore:Precision loss")
@given(VALUES, VALUES)
def test_p_of_two_quadrants_is_welchs(first, second):
    found = contrast_evidence("x", {"C": first, "A": second}, {"C": 1.0, "A": -1.0}, side="below")
    if np.ptp(first) == np.ptp(second) == 0:
        assert found.why_open == "the values do not vary within the quadrants"
        return
    oracle = ttest_ind(first, second, equal_var=False)
    interval = oracle.confidence_interval(0.95)
    assert found.p_above + found.p_below == pytest.approx(1.0)
    assert 2 * min(found.p_above, found.p_below) == pytest.approx(oracle.pvalue, abs=1e-9)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((interval.low, interval.high))


def test_contrasts_say_which_quadrant_is_missing_or_single():
    weights = {"C": 1.0, "A": -1.0}
    assert "quadrant A" in contrast_evidence("x", {"C": [1.0, 2.0]}, weights, side="below").why_open
    assert (
        "quadrant C has only one"
        in contrast_evidence("x", {"C": [1.0], "A": [1.0, 2.0]}, weights, side="below").why_open
    )


def test_a_rank_correlation_is_spearmans_and_its_p_follows_its_interval():
    rng = np.random.default_rng(0)
    for _ in range(30):
        x = rng.normal(size=12)
        y = x + rng.normal(size=12) * 1.5
        found = rank_evidence("x", list(zip(x.tolist(), y.tolist(), strict=True)), side="above")
        oracle = spearmanr(x, y)
        assert found.estimate.value == pytest.approx(oracle.statistic)
        assert (found.p_above <= 0.025) == (found.estimate.low >= 0)
        assert 2 * min(found.p_above, found.p_below) == pytest.approx(oracle.pvalue, abs=0.05)


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([(1.0, 2.0)] * 4, "4 concepts, 5 are needed"),
        ([(1.0, float(i)) for i in range(9)], "does not vary"),
        ([(float(i), float(i)) for i in range(9)], "agree without exception"),
        ([(None, 1.0)] * 9, "0 concepts"),
    ],
)
def test_correlations_that_cannot_be_told_say_why(pairs, reason):
    assert reason in rank_evidence("x", pairs, side="above").why_open


@given(st.floats(0.01, 3), st.floats(0.01, 3), st.floats(-4, 4))
def test_p_read_off_an_interval_is_below_a_fortieth_where_the_bar_is_outside_it(below, above, bar):
    found = read_off("x", known(0.0, -below, above, n=9, method="any"), side="above", bar=bar, freedom=8)
    if min(abs(bar + below), abs(bar - above)) > 1e-6:
        assert (min(found.p_above, found.p_below) < 0.025) == (not -below <= bar <= above)
    assert found.p_above + found.p_below == pytest.approx(1.0)


def test_intervals_without_width_or_value_decide_nothing():
    for estimate in (
        unknown("nobody asked", method="m"),
        without_interval(1.0, n=3, method="m", because="it is one"),
        known(1.0, 1.0, 2.0, n=3, method="m"),
    ):
        found = read_off("x", estimate, side="above", bar=0.0)
        assert found.p_for is found.p_against is None
        assert found.why_open


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_holm_is_its_definition(p):
    given_p = sorted(each for each in p if each is not None)
    stepped = [min(1.0, (len(given_p) - i) * each) for i, each in enumerate(given_p)]
    expected = {each: max(stepped[: i + 1]) for i, each in enumerate(given_p)}
    for each, found in zip(p, holm(p), strict=True):
        assert found == (None if each is None else pytest.approx(expected[each]))


def evidence(p_for, side="above"):
    value = 1.0 if p_for < 0.5 else -1.0
    p = (p_for, 1 - p_for) if side == "above" else (1 - p_for, p_for)
    return Evidence("x", known(value, value - 1.5, value + 1.5, n=5, method="m"), side, 0.0, *p)


def one(*parts):
    [claim] = decide([Statement("s", "words", "1", parts, "do this")]).claims
    return claim


def test_a_statement_needs_all_its_parts_and_fails_by_one():
    assert one(evidence(0.01), evidence(0.02)).verdict == "holds"
    assert one(evidence(0.01), evidence(0.02, side="below")).verdict == "holds"
    assert one(evidence(0.01), evidence(0.03)).verdict == "cannot tell"
    # By one of two parts: the smallest p counts twice.
    assert one(evidence(0.01), evidence(0.99)).verdict == "does not hold"
    assert one(evidence(0.01), evidence(0.98)).verdict == "cannot tell"


def test_bounds_on_either_side_that_are_not_enough_together_ask_for_more():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 20)
    values = (values - values.mean()) / values.std(ddof=1) * 20**0.5
    above, below = (mean_evidence("x", (values + shift).tolist(), side="above") for shift in (2.3, -2.3))
    assert above.estimate.low > 0 > below.estimate.high
    found = one(above, below)
    assert (found.verdict, found.settle) == ("cannot tell", "more concepts")


def test_an_open_part_keeps_a_statement_from_holding_but_not_from_failing():
    missing = read_off("x", unknown("not there", method="m"), side="above", bar=0.0)
    assert one(evidence(0.0001), missing).verdict == "cannot tell"
    assert one(evidence(0.0001), missing).settle == "do this"
    assert one(evidence(0.9999), missing).verdict == "does not hold"


def test_more_statements_make_each_harder_to_decide_and_the_reason_is_told():
    statements = [Statement(str(i), "words", "1", (evidence(p),), "do") for i, p in enumerate((0.01, 0.3, 0.4))]
    first, *_ = decide(statements).claims
    assert first.verdict == "cannot tell"
    assert first.p == pytest.approx(0.02)
    assert first.p_adjusted == pytest.approx(0.06)
    assert "alone it would be decided" in first.why
    assert decide(statements[:1]).claims[0].verdict == "holds"


def test_as_many_concepts_as_told_would_about_settle_it():
    rng = np.random.default_rng(4)
    few = rng.normal(0.3, 1, 20)
    n = units_needed(mean_evidence("x", few.tolist(), side="above"))
    found = mean_evidence("x", np.tile(few, math.ceil(n / 20)).tolist(), side="above")
    assert found.estimate.low == pytest.approx(0.0, abs=0.12)
    assert units_needed(mean_evidence("x", (few + 5).tolist(), side="above")) == 0
    assert units_needed(mean_evidence("x", (few - few.mean()).tolist(), side="above")) is None
