"""Alignment of two phases: brute force as the oracle, planted directions, and p that is uniform where there is nothing."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from engine.stats import activation_quality
from engine.stats.activation_quality import Alignment, align, debiased_cka, mean_rows

Floats = NDArray[np.float64]


def planted(n: int, d: int, *, strength: float, seed: int, shared: float = 20.0) -> tuple[Floats, Floats]:
    """Two phases with large means of their own; output i keeps so much of prompt i's direction."""
    rng = np.random.default_rng(seed)
    prompt = rng.normal(size=(n, d))
    output = strength * prompt + rng.normal(size=(n, d))
    return prompt + shared * rng.normal(size=d), output + shared * rng.normal(size=d)


def aligned(prompt: Floats, output: Floats, **options: object) -> Alignment:
    names = np.arange(len(prompt))
    return align(prompt, output, **({"prompts": names, "clusters": names, "seed": 0} | options))  # type: ignore[arg-type]


def by_hand(
    prompt: Floats, output: Floats, prompts: NDArray[np.int64], strata: NDArray[np.int64]
) -> tuple[float, float]:
    """Matched and mismatched means in plain loops."""
    mine = [strata == each for each in strata]
    p, o = ([X[i] - X[mine[i]].mean(axis=0) for i in range(len(X))] for X in (prompt, output))

    def cosine(i: int, j: int) -> float:
        m = mine[i].sum()
        return float((1 - 1 / m) * (p[i] @ o[j]) / np.linalg.norm(p[i]) / np.linalg.norm(o[j]))

    n, mismatched = len(p), []
    for i in range(n):
        others = [j for j in range(n) if prompts[j] != prompts[i] and strata[j] == strata[i]]
        mismatched.append(np.mean([(cosine(i, j) + cosine(j, i)) / 2.0 for j in others]))
    return float(np.mean([cosine(i, i) for i in range(n)])), float(np.mean(mismatched))


def test_value_is_that_of_plain_loops() -> None:
    prompt, output = planted(12, 5, strength=0.7, seed=1)
    prompts, strata = np.array([0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9]), np.array([0] * 6 + [1] * 6)
    found = align(prompt, output, prompts=prompts, clusters=prompts, strata=strata, seed=0)
    matched, mismatched = by_hand(prompt, output, prompts, strata)
    assert found.matched == pytest.approx(matched)
    assert found.mismatched == pytest.approx(mismatched)
    assert found.estimate.value == pytest.approx(matched - mismatched)
    assert found.estimate.n == 12


def test_a_planted_direction_is_found_and_a_shared_mean_is_not() -> None:
    found = aligned(*planted(60, 30, strength=0.8, seed=2))
    assert found.estimate.low is not None
    assert found.estimate.low > 0.3
    assert found.p == pytest.approx(1 / (activation_quality.N_PERMUTATIONS + 1))
    nothing = aligned(*planted(60, 30, strength=0.0, seed=3))
    assert nothing.estimate.low is not None
    assert nothing.estimate.high is not None
    assert nothing.estimate.low < 0.0 < nothing.estimate.high


def test_the_means_of_the_phases_count_for_nothing() -> None:
    near, far = (aligned(*planted(20, 8, strength=0.5, seed=4, shared=shared)) for shared in (0.0, 1000.0))
    assert near.estimate.value == pytest.approx(far.estimate.value, abs=1e-9)
    assert near.p == far.p


def test_p_is_uniform_where_outputs_have_nothing_of_their_prompts() -> None:
    p = [aligned(*planted(12, 6, strength=0.0, seed=seed), n_permutations=199).p or 0.0 for seed in range(400)]
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.01


def test_all_permutations_are_gone_through_where_they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    prompt, output = planted(6, 4, strength=0.3, seed=5)
    p, o = prompt - prompt.mean(axis=0), output - output.mean(axis=0)
    cosine = (p @ o.T) / np.linalg.norm(p, axis=1)[:, None] / np.linalg.norm(o, axis=1)
    every = [sum(cosine[i, way[i]] for i in range(6)) for way in itertools.permutations(range(6))]
    exact = aligned(prompt, output)
    assert exact.p == pytest.approx(np.mean(np.array(every) >= np.trace(cosine) - 1e-9))
    monkeypatch.setattr(activation_quality, "EXACT_UP_TO", 0)
    drawn = aligned(prompt, output, n_permutations=20_000)
    assert drawn.p == pytest.approx(exact.p, abs=0.012)
    assert drawn.p != aligned(prompt, output, n_permutations=20_000, seed=1).p
    assert drawn == aligned(prompt, output, n_permutations=20_000)


def test_what_wordings_have_in_common_is_no_concept() -> None:
    rng = np.random.default_rng(6)
    wording = np.repeat(np.arange(4), 15)
    direction = rng.normal(size=(4, 20))[wording] * 3.0
    prompt, output = direction + rng.normal(size=(60, 20)), direction + rng.normal(size=(60, 20))
    plain, within = aligned(prompt, output).estimate, aligned(prompt, output, strata=wording).estimate
    assert plain.low is not None
    assert plain.low > 0.5
    assert within.value == pytest.approx(0.0, abs=0.1)


def test_p_within_wordings_is_uniform_where_wordings_are_all_there_is() -> None:
    wording, p = np.repeat(np.arange(3), 6), []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        prompt, output = rng.normal(size=(2, 3, 5))[:, wording] * 3.0 + rng.normal(size=(2, 18, 5))
        p.append(aligned(prompt, output, strata=wording, n_permutations=199).p or 0.0)
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.01


def test_few_samples_look_no_better_matched_than_many() -> None:
    """Four of the same population come out as four hundred do, on average, though each of four is drawn to its mean."""
    few = [aligned(*planted(4, 200, strength=0.7, seed=seed)).estimate.value or 0.0 for seed in range(100)]
    many = aligned(*planted(400, 200, strength=0.7, seed=0), n_permutations=1).estimate.value
    assert np.mean(few) == pytest.approx(many, abs=0.02)


def test_interval_covers_where_samples_come_in_concepts() -> None:
    """95 % of 400 draws, less three standard errors, with 8 concepts of 5 samples that share half of what they are."""
    truth, covered = [], 0
    found = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        concept = np.repeat(np.arange(8), 5)
        of_concept, of_output = rng.normal(size=(8, 16)), rng.normal(size=(8, 16))
        prompt = of_concept[concept] + rng.normal(size=(40, 16))
        output = 0.5 * prompt + of_output[concept] + rng.normal(size=(40, 16))
        one = align(prompt, output, prompts=np.arange(40), clusters=concept, seed=0, n_permutations=1).estimate
        found.append(one)
        truth.append(one.value)
    mean = float(np.mean([each for each in truth if each is not None]))
    covered = sum(one.low <= mean <= one.high for one in found if one.low is not None and one.high is not None)
    assert 0.915 <= covered / 400 <= 0.985


@pytest.mark.parametrize(
    ("prompts", "reason"),
    [([0, 0, 0], "fewer than two prompts"), ([0], "fewer than two prompts"), ([0, 1, 2], "do not vary")],
)
def test_what_cannot_be_compared_is_unknown(prompts: list[int], reason: str) -> None:
    X = np.ones((len(prompts), 3))
    found = align(X, X, prompts=prompts, clusters=prompts, seed=0)
    assert found.estimate.value is None
    assert reason in str(found.estimate.reason)
    assert found.p is None


def test_one_concept_has_no_interval() -> None:
    prompt, output = planted(8, 4, strength=1.0, seed=0)
    assert not aligned(prompt, output, clusters=np.zeros(8)).estimate.has_interval


def test_samples_without_another_to_compare_with_are_left_out() -> None:
    prompt, output = planted(9, 4, strength=1.0, seed=0)
    alone = aligned(prompt, output, strata=[0] * 8 + [1])
    assert alone.estimate == aligned(prompt[:8], output[:8]).estimate


def hsic_by_definition(k: Floats, other: Floats) -> float:
    """Song et al.'s HSIC as means over distinct pairs, triples and quadruples."""
    n = range(len(k))
    pairs = np.mean([k[i, j] * other[i, j] for i, j in itertools.permutations(n, 2)])
    triples = np.mean([k[i, j] * other[i, q] for i, j, q in itertools.permutations(n, 3)])
    quadruples = np.mean([k[i, j] * other[q, r] for i, j, q, r in itertools.permutations(n, 4)])
    return float(pairs + quadruples - 2.0 * triples)


def test_debiased_cka_is_that_of_the_definition() -> None:
    prompt, output = planted(8, 5, strength=0.6, seed=9, shared=2.0)
    k, other = prompt @ prompt.T, output @ output.T
    expected = hsic_by_definition(k, other) / np.sqrt(hsic_by_definition(k, k) * hsic_by_definition(other, other))
    assert debiased_cka(prompt, output, clusters=np.arange(8)).value == pytest.approx(expected)


def test_few_unrelated_samples_in_many_dimensions_are_not_alike() -> None:
    values = [debiased_cka(*planted(20, 400, strength=0.0, seed=s), clusters=np.arange(20)).value for s in range(40)]
    assert np.mean([value for value in values if value is not None]) == pytest.approx(0.0, abs=0.1)


def test_cka_does_not_depend_on_rotation_scale_or_mean() -> None:
    rng = np.random.default_rng(0)
    prompt, output = planted(15, 6, strength=1.0, seed=10)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    one = debiased_cka(prompt, output, clusters=np.arange(15))
    other = debiased_cka(prompt @ rotation * 7.0 - 3.0, output, clusters=np.arange(15))
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))
    assert debiased_cka(prompt, prompt, clusters=np.arange(15)).value == pytest.approx(1.0)


@pytest.mark.parametrize(("n", "reason"), [(3, "too few"), (10, "no more alike")])
def test_cka_without_similarities_is_unknown(n: int, reason: str) -> None:
    assert reason in str(debiased_cka(np.ones((n, 4)), np.ones((n, 4)), clusters=np.arange(n)).reason)


def test_rows_of_one_prompt_become_their_mean() -> None:
    assert mean_rows(np.array([[1.0, 0.0], [5.0, 2.0], [3.0, 2.0]]), ["b", "a", "b"]).tolist() == [
        [5.0, 2.0],
        [2.0, 1.0],
    ]
