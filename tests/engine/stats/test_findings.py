"""Findings against sums over single samples."""

import random
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from scipy.stats import ttest_ind

from engine.stats.ceiling import ceilings_from_counts
from engine.stats.ceiling_means import ceiling_values
from engine.stats.ceiling_models import ASSUMES, CeilingName, label_noise_ceiling
from engine.stats.counts import stack_cells
from engine.stats.estimate import Estimate, known, unknown, without_interval
from engine.stats.findings import FORMS, CountRow, Settings, count_concepts, find
from engine.stats.lens_results import LensResult, explain_excess, explain_mean_excess, summarise_lenses
from engine.stats.summary import mean_estimate

QUADRANTS = {"gin": "A", "rum": "A", "saw": "C", "elbow": None, "nothing": "D"}
Sample = tuple[str, str, str, int | None]
"""concept, arm, form, rating"""
QUICK = Settings(n_resamples=50)


def samples(seed: int) -> list[Sample]:
    rng = random.Random(seed)
    found: list[Sample] = []
    for concept in ("gin", "rum", "saw", "elbow"):
        for arm in ("positive", "negative"):
            for _ in range(rng.randint(4, 15)):
                rating = rng.choice((1, 2, 3, 4, 5, None)) if arm == "positive" else rng.choice((1, 1, 2, 3))
                found.append((concept, arm, rng.choice(FORMS), rating))
    return found


def as_rows(found: list[Sample]) -> list[CountRow]:
    """As the database counts them, in an order that means nothing."""
    cells = Counter((concept, arm, form) for concept, arm, form, _ in found)
    rows: list[CountRow] = []
    for (concept, arm, form), n in cells.items():
        ratings = Counter(rating for *cell, rating in found if tuple(cell) == (concept, arm, form))
        rows.append((concept, arm, form, n, *(ratings[k] for k in range(1, 6)), 0.0, 0.0))  # type: ignore[arg-type]
    return rows


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


@pytest.mark.parametrize("seed", range(2))
def test_ceilings_of_many_concepts_at_once_are_those_of_each_alone(seed: int) -> None:
    rows = [*as_rows(samples(seed)), ("bare", "positive", None, 3, 1, 0, 1, 0, 1, 0.0, 0.0)]
    counted = tuple(count_concepts(rows, quadrants={**QUADRANTS, "bare": None}))
    found = find(counted, settings=Settings(k=3, stability=0.4, n_resamples=50))
    at_once = ceiling_values(stack_cells(counted), k=3, stability=0.4)
    for name, values in at_once.items():
        alone = [finding.ceilings[name].estimate.value for finding in found.concepts.values()]
        assert [None if np.isnan(value) else pytest.approx(value) for value in values] == alone


@pytest.mark.parametrize("seed", range(4))
def test_every_summary_is_a_sum_over_its_samples(seed: int) -> None:
    everything = samples(seed)
    found = find(count_concepts(as_rows(everything), quadrants=QUADRANTS), settings=QUICK)
    assert list(found.concepts) == list(QUADRANTS)
    assert list(found.quadrants) == ["A", "C", "D"]
    groups = {"overall": (found.overall, set(QUADRANTS))}
    groups |= {name: (finding, {name}) for name, finding in found.concepts.items()}
    for quadrant, finding in found.quadrants.items():
        groups[f"quadrant {quadrant}"] = (finding, {c for c, q in QUADRANTS.items() if q == quadrant})
    for finding, concepts in groups.values():
        assert finding.n_concepts == len(concepts)
        means = {}
        for arm in ("positive", "negative"):
            mine = [sample for sample in everything if sample[0] in concepts and sample[1] == arm]
            counts = finding.positive if arm == "positive" else finding.negative
            assert counts.n == len(mine)
            ratings = [float(sample[3]) for sample in mine if sample[3] is not None]
            assert counts.histogram.n == len(ratings)
            means[arm] = mean(ratings)
            assert counts.histogram.mean == pytest.approx(means[arm])
            shares = counts.form_shares()
            for form in FORMS:
                n_form = sum(sample[2] == form for sample in mine)
                assert shares[form] == (pytest.approx(n_form / len(mine)) if mine else None)
        if means["positive"] is None or means["negative"] is None:
            assert finding.best_gap.value is None
            assert finding.best_gap.reason
        else:
            assert finding.best_gap.value == pytest.approx(means["positive"] - means["negative"])


def test_the_order_of_rows_changes_nothing() -> None:
    rows = as_rows(samples(1))
    one = find(count_concepts(rows, quadrants=QUADRANTS), settings=QUICK)
    assert find(count_concepts(rows[::-1], quadrants=QUADRANTS), settings=QUICK) == one


def test_several_concepts_get_the_interval_over_concepts_and_one_gets_that_over_ratings() -> None:
    found = find(count_concepts(as_rows(samples(2)), quadrants=QUADRANTS), settings=QUICK)
    assert "concepts" in found.overall.best_gap.method
    assert found.overall.cluster is not None
    assert "Welch" in found.concepts["gin"].best_gap.method
    assert "Welch" in found.quadrants["C"].best_gap.method


def test_means_of_votes_count_as_they_are_and_not_as_their_bins() -> None:
    rows: list[CountRow] = [
        # Ratings 2.25, 2.5 and 4 against 1.75 and 2.25, whose bins are 2, 2, 4 and 2, 2.
        ("gin", "positive", "good", 3, 0, 2, 0, 1, 0, 0.75, 2.25**2 + 2.5**2 - 2 * 2**2),
        ("gin", "negative", "good", 2, 0, 2, 0, 0, 0, 0.0, 1.75**2 + 2.25**2 - 2 * 2**2),
    ]
    found = find(count_concepts(rows, quadrants={"gin": "A"}), settings=QUICK)
    positive, negative = [2.25, 2.5, 4.0], [1.75, 2.25]
    for finding in (found.overall, found.quadrants["A"], found.concepts["gin"]):
        expected = ttest_ind(positive, negative, equal_var=False)
        assert finding.gap.value == pytest.approx(np.mean(positive) - np.mean(negative))
        assert finding.gap_welch.low == pytest.approx(max(-4.0, expected.confidence_interval(0.95).low))


def test_forms_that_are_not_measured_yet_are_no_zero() -> None:
    rows: list[CountRow] = [("gin", "positive", None, 5, 0, 0, 0, 0, 0, 0.0, 0.0)]
    found = find(count_concepts(rows, quadrants={"gin": "A"}), settings=QUICK).concepts["gin"]
    assert found.positive.n == 5
    assert set(found.positive.form_shares().values()) == {None}
    assert found.gap.value is None
    assert all(ceiling.estimate.value is None for ceiling in found.ceilings.values())


def test_pack_layers_hold_their_concepts_in_order_and_those_without_one_come_last() -> None:
    layers = {"gin": 10, "rum": 2, "saw": None, "elbow": 2}
    everything = samples(5)
    found = find(count_concepts(as_rows(everything), quadrants=QUADRANTS, pack_layers=layers), settings=QUICK)
    members = {name: [c.concept for c in finding.concepts] for name, finding in found.pack_layers.items()}
    assert list(members) == ["2", "10", "none"]
    assert members == {"2": ["rum", "elbow"], "10": ["gin"], "none": ["saw", "nothing"]}
    of_two = [s[3] for s in everything if s[0] in members["2"] and s[1] == "positive" and s[3] is not None]
    assert found.pack_layers["2"].positive.histogram.mean == pytest.approx(np.mean(of_two))
    assert found.pack_layers["2"].cluster is not None
    assert found.pack_layers["10"].cluster is None


def test_a_changed_rating_moves_its_pack_layer_alone() -> None:
    everything = samples(3)
    layers = {"gin": 1, "rum": 1, "saw": 2}
    before = find(count_concepts(as_rows(everything), quadrants=QUADRANTS, pack_layers=layers), settings=QUICK)
    place = next(i for i, s in enumerate(everything) if s[:2] == ("gin", "positive") and s[3] in (1, 2, 3))
    everything[place] = (*everything[place][:3], 5)
    after = find(count_concepts(as_rows(everything), quadrants=QUADRANTS, pack_layers=layers), settings=QUICK)
    assert {name for name in before.pack_layers if before.pack_layers[name] is not after.pack_layers[name]} == {"1"}


def test_parts_of_several_concepts_take_concepts_as_units_and_add_up_to_the_gap() -> None:
    found = find(count_concepts(as_rows(samples(2)), quadrants=QUADRANTS), settings=QUICK)
    parts = found.overall.best_decomposition
    assert parts is found.overall.cluster_decomposition
    assert (parts.topicality.n, parts.degeneracy.n) == (4, 4)
    assert (parts.topicality.value or 0) + (parts.degeneracy.value or 0) == pytest.approx(found.overall.gap.value)
    gin = found.concepts["gin"]
    assert gin.best_decomposition is gin.decomposition
    assert gin.cluster_bootstrap is None


def test_no_concepts_at_all_are_unknown_with_reasons() -> None:
    found = find([], settings=QUICK)
    assert found.overall.gap.value is None
    assert found.overall.gap.reason
    assert found.quadrants == {}


def test_one_rating_moves_its_concept_its_quadrant_and_the_whole_alone() -> None:
    everything = samples(3)
    before = find(count_concepts(as_rows(everything), quadrants=QUADRANTS), settings=QUICK)
    place = next(i for i, s in enumerate(everything) if s[:2] == ("gin", "positive") and s[3] in (1, 2, 3))
    everything[place] = (*everything[place][:3], 5)
    after = find(count_concepts(as_rows(everything), quadrants=QUADRANTS), settings=QUICK)
    moved = {name for name in QUADRANTS if before.concepts[name] != after.concepts[name]}
    assert moved == {"gin"}
    assert {name for name in before.quadrants if before.quadrants[name] != after.quadrants[name]} == {"A"}
    assert (after.overall.gap.value or 0) > (before.overall.gap.value or 0)


def lens(concept: str, f1: float | None, text_only: float | None = None) -> LensResult:
    reason = None if f1 is not None else "too few"
    return LensResult(concept, f1, None, None, 2 / 3, None, text_only, None, 20, reason)


def test_lens_means_are_over_measured_lenses_alone() -> None:
    found = summarise_lenses([lens("a", 0.9, 0.5), lens("b", 0.7, None), lens("c", None, 0.1)])
    assert found.f1.value == pytest.approx(0.8)
    assert found.f1.n == 2
    assert found.always_positive.value == pytest.approx(2 / 3)
    assert (found.text_only.value, found.text_only.n) == (pytest.approx(0.5), 1)
    assert found.shuffled.value is None
    assert summarise_lenses([lens("c", None)]).f1.reason


def test_the_ceiling_of_several_concepts_is_the_mean_of_theirs_not_that_of_their_pooled_counts() -> None:
    clean = [
        ("clean", "positive", "good", 40, 0, 0, 0, 0, 40, 0.0, 0.0),
        ("clean", "negative", "good", 40, 40, 0, 0, 0, 0, 0.0, 0.0),
    ]
    mixed = [
        ("mixed", "positive", "good", 40, 30, 0, 0, 0, 10, 0.0, 0.0),
        ("mixed", "negative", "good", 40, 38, 0, 2, 0, 0, 0.0, 0.0),
    ]
    found = find(count_concepts([*clean, *mixed], quadrants={"clean": "A", "mixed": "A"}), settings=Settings())
    for name, ceiling in found.overall.ceilings.items():
        if name == "empirical":  # follows from curves, not from counts
            assert ceiling.estimate.value is None
            continue
        alone = [concept.ceilings[name].estimate.value for concept in found.concepts.values()]
        assert ceiling.estimate.value == pytest.approx(sum(v for v in alone if v is not None) / 2), name
        assert ceiling.estimate.n == 2
    pooled = ceilings_from_counts(
        positive=found.overall.positive.histogram,
        negative=found.overall.negative.histogram,
        good_positive=80,
        n_positive=80,
        seed=0,
    )
    assert found.overall.ceilings["label_noise"].estimate.value != pytest.approx(
        pooled["label_noise"].estimate.value, abs=0.02
    )


def test_mean_ceilings_cover_the_mean_of_concepts_that_differ() -> None:
    """Concepts drawn from a population: the pooled interval covered .55 of the time in such a world."""
    rng, covered = np.random.default_rng(1), 0
    truth = np.mean([label_noise_ceiling(1 - share, 0.05, prevalence=0.5) for share in rng.beta(4, 1.2, 20_000)])
    for _ in range(200):
        rows: list[CountRow] = []
        for concept, share in enumerate(rng.beta(4, 1.2, 12)):
            on, off = int(rng.binomial(40, share)), int(rng.binomial(40, 0.05))
            rows.append((str(concept), "positive", "good", 40, 40 - on, 0, 0, 0, on, 0.0, 0.0))
            rows.append((str(concept), "negative", "good", 40, 40 - off, 0, 0, 0, off, 0.0, 0.0))
        concepts = count_concepts(rows, quadrants=dict.fromkeys(map(str, range(12))))
        values = ceiling_values(stack_cells(tuple(concepts)), k=2, stability=0.75)["label_noise"]
        interval = mean_estimate(values, bounds=(0, 1))
        covered += (interval.low or 1) <= truth <= (interval.high or 0)
    assert covered >= 170


def a_lens(f1: float | None, text_only: float | None = 0.7, *, concept: str = "gin") -> LensResult:
    return LensResult(concept, f1, None, None, None, None, text_only, None, 10, None)


@pytest.mark.parametrize(
    ("ceiling", "told"),
    [
        (known(0.80, 0.75, 0.90, n=9, method="t"), True),
        (known(0.80, 0.75, 0.96, n=9, method="t"), False),
        (known(0.97, 0.96, 0.98, n=9, method="t"), False),
        (without_interval(0.80, n=9, method="t", because="few"), True),
        (known(0.00, 0.00, 0.00, n=9, method="t"), True),
        (unknown("nothing is rated", method="t"), False),
    ],
)
def test_only_a_lens_that_is_above_its_ceiling_bound_against_bound_is_explained(ceiling: Estimate, told: bool) -> None:
    f1 = known(0.95, 0.94, 0.96, n=40, method="F1")
    assert (explain_excess(f1, 0.7, ceiling, model="label_noise") is not None) is told
    assert (
        explain_excess(without_interval(0.95, n=4, method="F1", because="few"), 0.7, ceiling, model="published") is None
    )


def some_lenses(words: float | None = 0.7) -> list[LensResult]:
    return [a_lens(f1, words, concept=name) for name, f1 in zip("abcd", (0.94, 0.95, 0.95, 0.96), strict=True)]


CEILINGS_OF_SOME = {"a": 0.80, "b": 0.82, "c": 0.78, "d": 0.80, "unmeasured": 0.2}


def test_lenses_are_held_against_the_ceilings_of_their_own_concepts_alone() -> None:
    told = explain_mean_excess(some_lenses(), CEILINGS_OF_SOME)
    over = [lens.f1 - CEILINGS_OF_SOME[lens.concept] for lens in some_lenses()]
    low, high = stats.t.interval(0.95, 3, np.mean(over), stats.sem(over))
    assert told is not None
    assert f"0.95 on average, 0.15 [{low:.2f}, {high:.2f}] above this ceiling of 0.80 for the same 4 concepts" in told
    # Concepts that nobody measured a lens of pull the mean ceiling down, which says nothing of these lenses.
    just_below = {lens.concept: lens.f1 + 0.03 for lens in some_lenses()}
    assert explain_mean_excess(some_lenses(), just_below | {f"other {i}": 0.5 for i in range(20)}) is None
    assert explain_mean_excess([*some_lenses(), a_lens(None, concept="unmeasured")], CEILINGS_OF_SOME) == told


def test_lenses_that_lie_on_both_sides_of_their_ceilings_are_not_explained() -> None:
    assert explain_mean_excess(some_lenses(), {"a": 0.7, "b": 0.99, "c": 0.99, "d": 0.9}) is None
    assert explain_mean_excess(some_lenses()[:1], CEILINGS_OF_SOME) is None, "one concept has no interval"
    assert explain_mean_excess([], CEILINGS_OF_SOME) is None


@pytest.mark.parametrize(("words", "blamed"), [(0.9, True), (0.7, False), (None, False)])
def test_words_are_named_as_the_reason_only_where_they_too_beat_the_ceiling(words: float | None, blamed: bool) -> None:
    told = explain_mean_excess(some_lenses(words), CEILINGS_OF_SOME)
    assert told is not None
    assert ("words alone reach 0.90" in told) is blamed


@pytest.mark.parametrize("model", ASSUMES)
def test_an_excess_is_told_by_what_the_chosen_ceiling_rests_on(model: CeilingName) -> None:
    told = explain_mean_excess(some_lenses(), CEILINGS_OF_SOME, model=model)
    assert told is not None
    assert [name for name, words in ASSUMES.items() if f"concepts, which {words}." in told] == [model]
