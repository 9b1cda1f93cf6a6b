"""Sweeps of ceilings say at each setting what the finding's own ceilings and targets say there."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from engine.stats.ceiling_sensitivity import CUTS, MODELS, STABILITIES, Sweep, sweep_ceiling
from engine.stats.counts import ConceptCounts, count_concepts
from engine.stats.findings import Finding, Settings, find, summarise

ROWS = [
    ("gin", "positive", "good", 24, 4, 2, 6, 7, 5, 0.0, 0.0),
    ("gin", "positive", "repetitive", 6, 4, 2, 0, 0, 0, 0.0, 0.0),
    ("gin", "negative", "good", 30, 22, 5, 2, 1, 0, 0.0, 0.0),
    ("rye", "positive", "good", 20, 0, 1, 2, 9, 8, 0.0, 0.0),
    ("rye", "negative", "good", 20, 14, 3, 2, 0, 1, 0.0, 0.0),
    ("ale", "positive", "good", 9, 1, 1, 3, 2, 2, 0.0, 0.0),
    ("ale", "positive", "short", 3, 3, 0, 0, 0, 0, 0.0, 0.0),
    ("ale", "negative", "good", 12, 10, 1, 1, 0, 0, 0.0, 0.0),
    ("mead", "positive", "good", 5, 1, 1, 1, 1, 1, 0.0, 0.0),
]
QUADRANTS = {"gin": "A", "rye": "A", "ale": "B", "mead": "D"}
FINDINGS = find(count_concepts(ROWS, quadrants=QUADRANTS), settings=Settings())
GRAINS = {"overall": FINDINGS.overall, "quadrant": FINDINGS.quadrants["A"], "concept": FINDINGS.concepts["ale"]}


def under(finding: Finding, **changes) -> Finding:
    return summarise(finding.name, finding.concepts, replace(finding.settings, **changes))


def values(sweep: Sweep) -> list[float]:
    return [point.ceiling.estimate.value for point in sweep.points]


@pytest.mark.parametrize("grain", GRAINS)
def test_a_sweep_says_at_each_setting_what_the_ceiling_and_the_target_are_there(grain: str) -> None:
    finding = GRAINS[grain]
    for of, xs in (("stability", (0.0, 0.7, 0.75, 1.0)), ("k", CUTS)):
        for x, point in zip(xs, sweep_ceiling(finding, of, xs).points, strict=True):
            there = under(finding, model=MODELS[of], **{of: int(x) if of == "k" else x})
            assert point.x == x
            assert point.ceiling == there.ceilings[MODELS[of]]
            assert point.target == there.target


def test_a_perfectly_stable_activation_permits_a_perfect_lens_and_more_stability_never_less() -> None:
    found = values(sweep_ceiling(FINDINGS.overall, "stability", STABILITIES))
    assert all(first <= second for first, second in pairwise(found))
    assert found[-1] == 1.0
    assert found[0] < 1.0


@pytest.mark.parametrize("grain", ["overall", "quadrant"])
def test_a_prevalence_moves_label_noise_and_its_floor_concept_by_concept(grain: str) -> None:
    finding = GRAINS[grain]
    sweep = sweep_ceiling(finding, "prevalence", (0.1, 0.5, 0.9))
    for point in sweep.points:
        alone = (under_share(finding, concept, point.x) for concept in finding.concepts)
        known = [value for value in alone if value is not None]
        assert point.ceiling.estimate.value == pytest.approx(np.mean(known))
        assert point.ceiling.estimate.n == len(known), "concepts are the units"
        assert point.ceiling == finding.ceilings_at(point.x)["label_noise"]
        assert point.ceiling.floor == pytest.approx(2 * point.x / (1 + point.x))


def under_share(finding: Finding, concept: ConceptCounts, share: float) -> float | None:
    """The ceiling of a concept by itself, if positives were such a share of its pairs."""
    alone = summarise(concept.concept, (concept,), finding.settings)
    return alone.pooled_ceilings(finding.settings, prevalence=share)["label_noise"].estimate.value


def test_the_datas_own_share_of_positives_changes_nothing_where_all_concepts_have_it() -> None:
    finding = FINDINGS.quadrants["A"]
    assert all(concept.positive.histogram.n == concept.negative.histogram.n for concept in finding.concepts)
    for name, ceiling in finding.ceilings_at(0.5).items():
        assert ceiling.estimate == finding.ceilings[name].estimate, name


def test_a_share_of_positives_that_is_set_holds_along_the_other_sweeps() -> None:
    (point,) = sweep_ceiling(FINDINGS.overall, "k", (2.0,), prevalence=0.2).points
    assert point.ceiling.prevalence == 0.2
    assert point.ceiling == FINDINGS.overall.ceilings_at(0.2)["label_noise"]


def test_without_ratings_in_an_arm_every_point_says_why_and_recommends_nothing() -> None:
    sweep = sweep_ceiling(FINDINGS.concepts["mead"], "k", CUTS)
    assert not sweep.is_known
    for point in sweep.points:
        assert "negative" in point.ceiling.estimate.reason
        assert (point.target.value, point.target.tier) == (None, "none")
    assert sweep_ceiling(FINDINGS.overall, "k", CUTS).is_known


@pytest.mark.parametrize(("of", "x"), [("stability", 1.2), ("k", 7.0), ("prevalence", 0.0)])
def test_a_value_out_of_range_is_refused(of: str, x: float) -> None:
    with pytest.raises(ValueError, match="between"):
        sweep_ceiling(GRAINS["concept"], of, (x,))
