"""The order of an audit: every pair once, each stratum in its own order, strata with most to gain most often."""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats.audit_order import StratumWorth, audit_order, next_stratum
from engine.stats.audit_plan import StratumKey

KEYS: tuple[StratumKey, ...] = (("A", "positive"), ("A", "negative"), ("C", "positive"))


@given(sizes=st.tuples(*[st.integers(0, 6)] * 3), rated=st.tuples(*[st.integers(0, 4)] * 3), seed=st.text(max_size=4))
def test_every_pair_comes_once_and_each_stratum_in_its_order(sizes, rated, seed):
    left = {key: [(key, i) for i in range(n)] for key, n in zip(KEYS, sizes, strict=True)}
    worth = {key: StratumWorth(0.3, 1.0, n) for key, n in zip(KEYS, rated, strict=True)}
    order = list(audit_order(left, worth, seed=seed))
    assert sorted(order) == sorted(itertools.chain.from_iterable(left.values()))
    for key in KEYS:
        assert [pair for pair in order if pair[0] == key] == left[key]
    assert order == list(audit_order(left, worth, seed=seed))


def test_every_stratum_gets_two_ratings_before_any_gets_more():
    left = {key: range(20) for key in KEYS}
    worth = {key: StratumWorth(share, 1.0, 0) for key, share in zip(KEYS, (0.9, 0.05, 0.05), strict=True)}
    named = {key: [(key, i) for i in left[key]] for key in KEYS}
    first = [key for key, _ in itertools.islice(audit_order(named, worth, seed="s"), 6)]
    assert Counter(first) == dict.fromkeys(KEYS, 2)


def test_a_rating_is_worth_what_it_takes_from_the_variance():
    """Against the variance itself: share² · variance / n, before and after one more rating."""
    share, variance = 0.4, 1.7
    for n in (1, 2, 9, 40):
        gained = share**2 * variance / n - share**2 * variance / (n + 1)
        assert StratumWorth(share, variance, n).gain == pytest.approx(gained)


def test_strata_are_chosen_in_proportion_to_their_gain():
    worth = {KEYS[0]: StratumWorth(0.5, 3.0, 4), KEYS[1]: StratumWorth(0.5, 1.0, 4)}
    rng = random.Random(0)
    chosen = Counter(next_stratum(worth, rng=rng) for _ in range(4_000))
    assert chosen[KEYS[0]] / 4_000 == pytest.approx(0.75, abs=0.03)


def test_strata_of_which_nothing_is_expected_are_rated_too():
    worth = {key: StratumWorth(0.5, 0.0, 5) for key in KEYS}
    assert next_stratum(worth, rng=random.Random(1)) in KEYS
    assert next_stratum({}, rng=random.Random(1)) is None
