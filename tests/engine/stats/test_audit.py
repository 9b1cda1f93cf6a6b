"""The audit's estimator against a plain loop, scikit-learn's regression, a PPI library, scipy and simulated draws."""

import importlib
import math
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn.linear_model import LinearRegression

from engine.stats.audit import TARGETS, audit_gap, find_audited
from engine.stats.audit_arm import AuditArm, AuditCell
from engine.stats.audit_mean import ArmMean, estimate_arm

RATING = st.integers(1, 5)
CELLS = st.lists(
    st.builds(
        AuditCell, judge=RATING, human=RATING, probability=st.sampled_from([0.05, 0.2, 0.5, 0.9]), n=st.integers(1, 4)
    ),
    min_size=2,
    max_size=12,
).filter(lambda cells: len({cell.human for cell in cells}) > 1)


def arm(cells, *, n_rest=None, known=(), judge_mean=None, **others):
    """An arm of these cells; the rest of the rest is rated by the judge as the audited pairs are."""
    cells = tuple(cells)
    n_audited = sum(cell.n for cell in cells)
    scored = [(cell.judge, cell.n) for cell in cells if cell.judge is not None]
    usual = judge_mean if judge_mean is not None else sum(f * n for f, n in scored) / max(sum(n for _, n in scored), 1)
    n_rest = 4 * n_audited if n_rest is None else n_rest
    given = {
        "n_known": len(known),
        "known_total": sum(known),
        "known_squares": sum(y * y for y in known),
        "n_rest": n_rest,
        "n_scored": n_rest,
        "judge_total": usual * n_rest,
        "audited": cells,
    }
    return AuditArm(**(given | others))


def mean_of(found):
    assert isinstance(found, ArmMean), found
    return found


@given(CELLS, st.lists(RATING, max_size=6))
def test_mean_and_variances_are_those_of_the_formulas_pair_by_pair(cells, known):
    found = mean_of(estimate_arm(arm(cells, known=known, judge_mean=2.5), name="positive"))
    pairs = [(cell.human, cell.judge, cell.probability) for cell in cells for _ in range(cell.n)]
    n_rest = 4 * len(pairs)
    n = n_rest + len(known)
    weight = brute_weight(pairs)
    correction = sum((y - weight * f) / p for y, f, p in pairs) / sum(1 / p for _, _, p in pairs)
    value = (sum(known) + weight * 2.5 * n_rest + n_rest * correction) / n
    n_effective = sum((1 - p) / p**2 for _, _, p in pairs) ** 2 / sum(((1 - p) / p**2) ** 2 for _, _, p in pairs)
    fitted = n_effective / max(n_effective - 1 - (0 < weight < 1), 1)
    factor = (n_rest / sum(1 / p for _, _, p in pairs)) ** 2 * fitted
    variance = sum((1 - p) / p**2 * (y - weight * f - correction) ** 2 for y, f, p in pairs) / n**2 * factor
    of_rest = n_rest * sum((y - value) ** 2 / p for y, _, p in pairs) / sum(1 / p for _, _, p in pairs)
    spread = (sum((y - value) ** 2 for y in known) + of_rest) / (n - 1)
    assert found.judge_weight == pytest.approx(weight, abs=1e-9)
    assert found.value == pytest.approx(value)
    assert found.variance("samples") == pytest.approx(variance, abs=1e-12)
    assert found.variance("future") == pytest.approx(variance + spread / n)


def brute_weight(pairs):
    """Slope of people's ratings on the judge's with weights, cut to 0…1."""
    weights = [(1 - p) / p**2 for _, _, p in pairs]
    total = sum(weights)
    y_mean = sum(w * y for w, (y, _, _) in zip(weights, pairs, strict=True)) / total
    f_mean = sum(w * f for w, (_, f, _) in zip(weights, pairs, strict=True)) / total
    products = sum(w * (y - y_mean) * (f - f_mean) for w, (y, f, _) in zip(weights, pairs, strict=True))
    squares = sum(w * (f - f_mean) ** 2 for w, (_, f, _) in zip(weights, pairs, strict=True))
    return min(max(round(products / squares, 12), 0), 1) if squares > 1e-9 * total else 0.0


def test_with_equal_probabilities_the_mean_is_the_regression_line_at_the_judges_mean():
    rng = np.random.default_rng(3)
    human = rng.integers(1, 6, 80)
    judge = np.clip(human + rng.integers(-1, 2, 80), 1, 5)
    cells = [AuditCell(float(f), float(y), 0.2) for f, y in zip(judge, human, strict=True)]
    found = mean_of(estimate_arm(arm(cells, n_rest=400, judge_mean=3.3), name="positive"))
    line = LinearRegression().fit(judge[:, None], human)
    assert 0 < found.judge_weight < 1
    assert found.judge_weight == pytest.approx(line.coef_[0])
    assert found.value == pytest.approx(line.predict([[3.3]])[0])


@pytest.fixture(scope="module")
def library():
    """A library of prediction-powered inference, imported here: it compiles, and silences all warnings."""
    with warnings.catch_warnings():
        return importlib.import_module("ppi_py")


@dataclass(frozen=True)
class Drawn:
    """Pairs of which the first n are rated by people; every pair was drawn with the same probability."""

    human: np.ndarray
    judge: np.ndarray
    n: int

    @property
    def rated(self):
        """What the library wants: people's ratings, the judge's of the same pairs, the judge's of the others."""
        return self.human[: self.n], self.judge[: self.n], self.judge[self.n :]

    @property
    def found(self):
        everyone = np.full(len(self.human), self.n / len(self.human))
        return mean_of(
            estimate_arm(
                drawn_arm(self.human, self.judge, everyone, np.arange(len(self.human)) < self.n), name="positive"
            )
        )


def draw(seed, n, n_all, *, slope=0.6, noise=0.6):
    """Ratings by people about a judge's, which rise by the slope as the judge's do."""
    rng = np.random.default_rng(seed)
    judge = rng.choice(np.arange(1.0, 6.0), n_all, p=(0.1, 0.2, 0.3, 0.2, 0.2))
    human = np.clip(np.rint(3 + slope * (judge - 3) + rng.normal(0.3, noise, n_all)), 1, 5)
    return Drawn(human, judge, n)


def half_width(ends):
    low, high = (float(end.item()) for end in ends)
    return (high - low) / 2


def shown_half_width(found):
    """Ours for future generations with a normal quantile, as the library has it."""
    return scipy_stats.norm.ppf(0.975) * math.sqrt(found.variance("future"))


SEEDS = range(12)


@pytest.mark.parametrize("slope", [0.0, 0.3, 0.6, 0.9])
def test_given_one_lambda_a_ppi_library_has_the_same_mean_and_nearly_the_same_interval(library, slope):
    """Its λ is times the judge's mean of the pairs left unrated, ours of all: ours times the share left is its own."""
    for seed in SEEDS:
        drawn = draw(seed, 60, 400, slope=slope)
        found = drawn.found
        weight = found.judge_weight * 340 / 400
        assert found.value == pytest.approx(library.ppi_mean_pointestimate(*drawn.rated, lam=weight).item(), abs=1e-9)
        ends = library.ppi_mean_ci(*drawn.rated, alpha=0.05, lam=weight)
        # It divides by n where we leave out what was fitted, and takes one part of the variance from the unrated pairs.
        assert shown_half_width(found) == pytest.approx(half_width(ends), rel=0.06)


def test_a_tuned_lambda_is_a_ppi_librarys_up_to_the_pairs_that_the_judges_variance_is_from(library):
    """It takes the judge's variance from all pairs, ours from the rated; on what both see alike they are one."""
    drawn = draw(0, 300, 900)
    judge = np.tile(drawn.judge[:300], 3)
    alike = Drawn(drawn.human, judge, 300)
    gradients = [column[:, None] for column in alike.rated]
    tuned = library.ppi._calc_lam_glm(*gradients, np.eye(1), clip=True)
    assert tuned == pytest.approx(alike.found.judge_weight * (600 / 900) * (899 / 900), abs=1e-9)
    for seed in SEEDS:
        drawn = draw(seed, 300, 3_000)
        found, ends = drawn.found, library.ppi_mean_ci(*drawn.rated, alpha=0.05)
        ours = shown_half_width(found)
        assert found.value == pytest.approx(library.ppi_mean_pointestimate(*drawn.rated).item(), abs=0.2 * ours)
        assert ours == pytest.approx(half_width(ends), rel=0.03)


def test_a_constant_judge_leaves_a_ppi_librarys_classical_interval_but_for_one_pair(library):
    """λ = 0. The library has variance / n; ours has n - 1, and the two parts of it that the two targets are made of."""
    for seed in SEEDS:
        drawn = replace(draw(seed, 25, 250), judge=np.full(250, 3.0))
        found = drawn.found
        assert found.judge_weight == 0
        assert found.value == pytest.approx(library.ppi_mean_pointestimate(*drawn.rated, lam=0).item(), abs=1e-9)
        factor = 25 * ((1 - 25 / 250) / (25 - 1) + 1 / (250 - 1))
        ends = library.ppi_mean_ci(*drawn.rated, alpha=0.05, lam=0)
        assert shown_half_width(found) == pytest.approx(half_width(ends) * math.sqrt(factor), rel=1e-9)


def test_a_judge_trusted_in_full_gives_a_ppi_librarys_untuned_interval_but_for_one_pair(library):
    """λ = 1 where people differ more than the judge says; with few of very many pairs rated the library's is the same."""
    for seed in SEEDS:
        drawn = draw(seed, 60, 100_000, slope=1.4, noise=0.3)
        found = drawn.found
        assert found.judge_weight == 1
        assert found.value == pytest.approx(library.ppi_mean_pointestimate(*drawn.rated, lam=1).item(), abs=1e-3)
        ends = library.ppi_mean_ci(*drawn.rated, alpha=0.05, lam=1)
        assert shown_half_width(found) == pytest.approx(half_width(ends) * math.sqrt(60 / 59), rel=0.005)


def test_with_unequal_probabilities_a_ppi_library_weighting_by_their_inverses_has_the_same_mean(library):
    """Of the judge's mean over all pairs. The intervals differ: the library's weights are sample weights, no probabilities."""
    for seed in SEEDS:
        drawn = draw(seed, 0, 600)
        probability = np.where(drawn.judge > 3, 0.3, 0.1)
        kept = np.random.default_rng([seed, 1]).random(600) < probability
        found = mean_of(estimate_arm(drawn_arm(drawn.human, drawn.judge, probability, kept), name="positive"))
        columns = drawn.human[kept], drawn.judge[kept], drawn.judge
        theirs = library.ppi_mean_pointestimate(*columns, lam=found.judge_weight, w=1 / probability[kept])
        assert 0 < found.judge_weight < 1
        assert found.value == pytest.approx(theirs.item(), abs=1e-9)


def test_without_a_judge_worth_anything_the_gap_is_scipys_welch():
    """A constant judge and few of very many pairs: nothing is left but two samples of people's ratings."""
    positive, negative = [5, 4, 4, 3, 5, 2, 4], [1, 2, 1, 1, 3]
    arms = [arm([AuditCell(3.0, y, 1e-9) for y in ratings], n_rest=10**10) for ratings in (positive, negative)]
    gap = find_audited(*arms).gap["samples"]
    expected = scipy_stats.ttest_ind(positive, negative, equal_var=False).confidence_interval(0.95)
    assert (gap.low, gap.high) == pytest.approx((expected.low, expected.high), rel=1e-6)


def test_means_are_unbiased_variances_true_and_intervals_cover_over_draws_with_unequal_probabilities():
    """One fixed set of pairs a study, drawn 2,000 times: 95 % intervals for these samples hold their gap in 93 to 97 %."""
    rng = np.random.default_rng(11)
    humans, judges, probabilities = [], [], []
    for mean in (0.6, 0.25):
        human = 1.0 + rng.binomial(4, mean, 300)
        judge = np.clip(np.rint(human + rng.normal(0.7, 0.8, 300)), 1, 5)
        humans.append(human)
        judges.append(judge)
        probabilities.append(np.where(judge > np.median(judge), 0.3, 0.1))
    truth = humans[0].mean() - humans[1].mean()
    gaps, variances, covered = [], [], []
    for _ in range(2000):
        arms = []
        for human, judge, probability in zip(humans, judges, probabilities, strict=True):
            drawn = rng.random(300) < probability
            arms.append(drawn_arm(human, judge, probability, drawn))
        means = [mean_of(estimate_arm(one, name="positive")) for one in arms]
        gap = audit_gap(*means, "samples", n=0)
        gaps.append(gap.value)
        variances.append(sum(mean.variance("samples") for mean in means))
        covered.append(gap.low <= truth <= gap.high)
    error = np.std(gaps) / math.sqrt(len(gaps))
    assert np.mean(gaps) == pytest.approx(truth, abs=4 * error + 0.005)
    assert np.mean(variances) == pytest.approx(np.var(gaps), rel=0.12)
    assert 0.93 <= np.mean(covered) <= 0.97


def drawn_arm(human, judge, probability, drawn):
    kinds = np.stack([judge[drawn], human[drawn], probability[drawn]])
    cells, counts = np.unique(kinds, axis=1, return_counts=True)
    return AuditArm(
        n_rest=len(human),
        n_scored=len(human),
        judge_total=float(judge.sum()),
        audited=tuple(AuditCell(*cell, n) for cell, n in zip(cells.T.tolist(), counts.tolist(), strict=True)),
    )


GOOD = arm([AuditCell(4, 5, 0.3), AuditCell(2, 2, 0.3), AuditCell(3, 4, 0.3), AuditCell(5, 3, 0.3)])


@pytest.mark.parametrize(
    ("poor", "reason"),
    [
        (AuditArm(), "the negative arm has no pair"),
        (
            arm([AuditCell(4, 5, None), AuditCell(2, 2, 0.3)]),
            "for 1 of 2 audit ratings of the negative arm the probability of being drawn was not recorded",
        ),
        (arm([AuditCell(4, 5, 0.3)]), "only one pair of the negative arm is audited"),
        (arm([], n_rest=9, judge_mean=2), "no pair of the negative arm is audited"),
        (arm([AuditCell(4, 1, 0.3), AuditCell(2, 1, 0.2, 7)]), "all 8 audit ratings of the negative arm are 1"),
        (
            arm([AuditCell(None, 1, 0.3), AuditCell(None, 3, 0.3)], n_scored=0, judge_total=0.0),
            "the judge has rated no pair of the negative arm",
        ),
        (replace(GOOD, n_unanswered=7), "none of the 7 pairs that were drawn from some quadrant"),
    ],
    ids=[
        "no negatives",
        "no probability",
        "one rating",
        "no rating",
        "all equal",
        "unscored only",
        "stratum unanswered",
    ],
)
def test_an_audit_that_licenses_nothing_gives_a_reason_and_never_a_number(poor, reason):
    found = find_audited(GOOD, poor)
    for target in TARGETS:
        for estimate in (found.negative[target], found.gap[target]):
            assert estimate.value is None
            assert estimate.low is None
            assert estimate.reason.startswith(reason)
        assert found.positive[target].value is not None
    assert found.judge_weights["negative"] is None
    swapped = find_audited(poor, GOOD).gap["samples"]
    assert swapped.value is None
    assert "positive" in swapped.reason


def test_a_judge_that_foretold_every_rating_gets_a_value_and_no_interval():
    perfect = arm([AuditCell(2, 2, 0.3), AuditCell(4, 4, 0.3), AuditCell(5, 5, 0.3)])
    for target in TARGETS:
        gap = find_audited(perfect, GOOD).gap[target]
        assert gap.value is not None
        assert not gap.has_interval
        assert "agree on every audited pair" in gap.method


def test_what_people_rated_completely_is_known_without_doubt_for_these_samples_alone():
    census = arm([], known=[1, 2, 2, 5], n_rest=0)
    everyone_drawn = arm([AuditCell(5, 1, 1.0), AuditCell(1, 3, 1.0)], n_rest=2)
    found = find_audited(census, everyone_drawn)
    assert (found.gap["samples"].low, found.gap["samples"].high) == (0.5, 0.5)
    assert found.gap["future"].low < 0.5 < found.gap["future"].high


def test_intervals_of_few_audited_pairs_are_marked_weak_and_complete_arms_never():
    few = arm([AuditCell(4, 5, 0.3, 6), AuditCell(2, 2, 0.3, 5)])
    enough = arm([AuditCell(4, 5, 0.3, 6), AuditCell(2, 2, 0.3, 6)])
    complete = arm([], known=[1, 2, 5], n_rest=0)
    assert find_audited(enough, few).weak
    assert find_audited(few, enough).weak
    assert not find_audited(enough, enough).weak
    assert not find_audited(enough, complete).weak


@given(CELLS)
def test_pairs_of_one_cell_count_like_as_many_cells(cells):
    apart = [replace(cell, n=1) for cell in cells for _ in range(cell.n)]
    together, single = (mean_of(estimate_arm(arm(some), name="positive")) for some in (cells, apart))
    assert together.value == pytest.approx(single.value)
    assert together.variance("future") == pytest.approx(single.variance("future"))


@given(CELLS, CELLS, st.lists(RATING, max_size=5))
def test_estimates_stay_in_the_range_of_ratings_with_their_values_in_the_interval(positive, negative, known):
    found = find_audited(arm(positive, known=known), arm(negative))
    for target in TARGETS:
        for estimate, lowest, highest in (
            (found.positive[target], 1, 5),
            (found.negative[target], 1, 5),
            (found.gap[target], -4, 4),
        ):
            assert lowest <= estimate.value <= highest
            if estimate.has_interval:
                assert lowest <= estimate.low <= estimate.value <= estimate.high <= highest
    assert all(0 <= weight <= 1 for weight in found.judge_weights.values())


def test_a_pair_that_the_judge_left_unscored_corrects_by_what_people_say_of_it():
    scored = [AuditCell(3.0, 4, 0.3), AuditCell(3.0, 2, 0.3)]
    with_unscored = arm([*scored, AuditCell(None, 5, 0.3)], n_rest=30, n_scored=20, judge_total=60.0)
    as_usual = arm([*scored, AuditCell(3.0, 5, 0.3)], n_rest=30, judge_mean=3.0)
    one, other = (mean_of(estimate_arm(some, name="positive")) for some in (with_unscored, as_usual))
    assert one.value == pytest.approx(other.value)
    assert one.variance("samples") == pytest.approx(other.variance("samples"))


def test_half_of_the_drawn_pairs_rated_counts_like_half_the_probability():
    cells = [AuditCell(4, 5, 0.5), AuditCell(2, 2, 0.5), AuditCell(3, 4, 0.5)]
    half = arm(cells, n_rest=20, n_drawn=6)
    drawn_half = arm([replace(cell, probability=0.25) for cell in cells], n_rest=20)
    assert estimate_arm(half, name="positive") == estimate_arm(drawn_half, name="positive")


def test_strata_are_merged_each_with_its_own_share_of_answers():
    one = arm([AuditCell(4, 5, 0.4), AuditCell(2, 2, 0.4)], n_rest=10, n_drawn=4)
    other = arm([AuditCell(3, 1, 0.6)], n_rest=10, n_drawn=1)
    silent = arm([], n_rest=5, judge_mean=2, n_drawn=3)
    merged = AuditArm.merge([one, other, silent])
    assert [cell.probability for cell in merged.audited] == [0.2, 0.2, 0.6]
    assert (merged.n_rest, merged.n_audited, merged.n_unanswered) == (25, 3, 3)
    assert isinstance(estimate_arm(merged, name="positive"), str)


@pytest.mark.parametrize("wrong", [{"probability": 0.0}, {"probability": 1.2}, {"human": 6}, {"judge": 0.5}, {"n": 0}])
def test_impossible_cells_are_refused(wrong):
    with pytest.raises(ValueError, match=r"probability|rated"):
        AuditCell(**({"judge": 3.0, "human": 3.0, "probability": 0.3} | wrong))
