import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import JudgeError
from engine.judges.costs.budget import Budget

AMOUNTS = st.floats(0, 5)


@given(st.floats(0, 20), st.lists(st.tuples(AMOUNTS, st.floats(0, 1), st.sampled_from(["sure", "lost", "late"]))))
def test_never_more_is_spent_than_the_limit(limit: float, calls: list[tuple[float, float, str]]) -> None:
    budget, true_cost, late = Budget(limit), 0.0, []
    for worst, share, fate in calls:
        if not budget.reserve(worst):
            continue
        true_cost += worst * share
        if fate == "late":
            late.append((worst, worst * share))
        else:
            budget.settle(worst, worst * share, is_sure=fate == "sure")
        assert true_cost <= budget.committed_usd + 1e-9
        assert budget.committed_usd <= limit + 1e-9
    for worst, cost in late:
        budget.settle(worst, cost)
    assert budget.reserved_usd == 0
    assert true_cost <= limit + 1e-9


def test_what_was_spent_before_counts() -> None:
    budget = Budget(1.0, spent_usd=0.9)
    assert not budget.reserve(0.2)
    assert budget.reserve(0.1 - 1e-9)


def test_without_a_limit_everything_fits_and_is_counted() -> None:
    budget = Budget()
    assert budget.reserve(1e9)
    budget.settle(1e9, 12.0)
    assert budget.spent_usd == 12.0


def test_budget_of_nothing_allows_only_what_costs_nothing() -> None:
    assert not Budget(0.0).reserve(1e-12)
    assert Budget(0.0).reserve(0.0)


@pytest.mark.parametrize("limit", [-1.0, math.nan, math.inf])
def test_senseless_limit_is_refused(limit: float) -> None:
    with pytest.raises(JudgeError, match="makes no sense"):
        Budget(limit)


def test_error_tells_the_limit_what_is_spent_and_what_may_be() -> None:
    budget = Budget(0.5, spent_usd=0.4987)
    budget.reserve(0.001)
    budget.settle(0.001, None, is_sure=False)
    told = str(budget.spent_out(0.0012))
    assert told.startswith("Of the budget of $0.5")
    assert "$0.4987 is spent and at most $0.001 for replies that were lost;" in told
    assert "may cost $0.0012" in told
    assert "is kept" in told


# Each call: what it may cost, what it does, how it ends, and whether what it cost is on disk by then.
CALLS = st.lists(st.tuples(AMOUNTS, st.floats(0, 1), st.sampled_from(["sure", "lost", "late"]), st.booleans()))


@given(CALLS)
def test_what_is_held_covers_all_that_the_study_does_not_know_yet(
    calls: list[tuple[float, float, str, bool]],
) -> None:
    held, true_cost, known = [0.0], 0.0, 0.0
    budget = Budget(hold=held.append)
    for worst, share, fate, is_kept in calls:
        budget.reserve(worst)
        # From here on the server may take the money, whatever becomes of the process.
        true_cost += worst * share
        assert true_cost - known <= held[-1] + 1e-9
        if fate != "late":
            budget.settle(worst, worst * share, is_sure=fate == "sure")
        if fate == "sure" and is_kept:
            budget.keep(worst * share)
            known += worst * share
        assert true_cost - known <= held[-1] + 1e-9
        assert budget.not_kept_usd <= held[-1] + 1e-9
    assert held == sorted(held)


def test_where_it_cannot_be_held_the_call_is_not_sent() -> None:
    def full(amount: float) -> None:
        raise OSError("No space left on device")

    budget = Budget(hold=full)
    with pytest.raises(OSError, match="No space"):
        budget.reserve(0.1)
    assert (budget.committed_usd, budget.n_under_way) == (0.0, 0)


def test_batches_under_way_count_but_are_not_lost_with_the_process() -> None:
    held: list[float] = []
    budget = Budget(1.0, at_server_usd=0.4, hold=held.append)
    assert budget.reserve_at_server(0.5)
    assert not budget.reserve_at_server(0.2)
    assert not budget.reserve(0.2)
    assert held == []
    assert "at most $0.9" in str(budget.spent_out(0.2))
    budget.settle_at_server(0.5, 0.1)
    assert budget.committed_usd == pytest.approx(0.5)
    # What was never to be had may have been paid for; the study does not know of it.
    budget.settle_at_server(0.4, None, is_sure=False)
    assert (budget.spent_usd, budget.unsure_usd) == pytest.approx((0.1, 0.4))
    assert held[-1] >= 0.4
