import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.judges.api.pace import CEILING, FIRST_LIMIT, RUN, Gate, Pace, Rate
from tests.support.judge_traffic import SimulatedServer, ask_all, open_asking, questions_of
from tests.support.virtual_time import run_virtually

FAULTS = {"share_429": 0.05, "share_529": 0.02, "share_dropped": 0.01}


@given(st.lists(st.sampled_from(["done", "rejected", "failed"]), max_size=400), st.integers(1, 100))
def test_limit_stays_between_one_and_the_ceiling(outcomes: list[str], ceiling: int) -> None:
    pace = Pace(ceiling)
    for now, outcome in enumerate(outcomes):
        pace.end(pace.begin(float(now)), outcome, now + 0.1)  # type: ignore[arg-type]
        assert 1 <= pace.limit <= ceiling


@given(st.lists(st.sampled_from(["rejected", "done"]), min_size=1, max_size=200), st.integers(0, 200))
def test_one_more_rejection_never_raises_the_limit(outcomes: list[str], at: int) -> None:
    at %= len(outcomes)
    worse = [*outcomes[:at], "rejected", *outcomes[at + 1 :]]
    assert _limit_after(worse[:16]) <= _limit_after(outcomes[:16])


def _limit_after(outcomes: list[str]) -> float:
    pace = Pace()
    for outcome in outcomes:
        pace.end(pace.begin(0.0), outcome, 0.1)  # type: ignore[arg-type]
    return pace.limit


def test_without_rejections_the_limit_doubles_up_to_the_ceiling() -> None:
    pace, limits = Pace(), []
    for _ in range(500):
        pace.end(pace.begin(0.0), "done", 0.1)
        limits.append(pace.limit)
    assert [limit for limit, _ in itertools.groupby(limits)] == [4, 8, 16, 32, 64]


def test_calls_that_began_under_another_limit_do_not_count() -> None:
    pace = Pace()
    old = [pace.begin(0.0) for _ in range(40)]
    for ticket in old[:16]:
        pace.end(ticket, "done", 0.2)
    raised = pace.limit
    for ticket in old[16 : 16 + RUN - 1]:
        pace.end(ticket, "rejected", 0.3)
    assert pace.limit == raised > FIRST_LIMIT


def test_run_of_rejections_pauses_for_as_long_as_the_server_asks() -> None:
    pace = Pace()
    for ticket in [pace.begin(0.0) for _ in range(RUN)]:
        pace.end(ticket, "rejected", 5.0, 30.0)
    assert pace.paused_until == 35.0
    assert pace.limit < FIRST_LIMIT


def test_pauses_that_no_server_asked_for_double_until_a_success() -> None:
    pace, now, pauses = Pace(), 0.0, []
    for n_runs in range(10):
        if n_runs == 8:
            pace.end(pace.begin(now), "done", now)
        for ticket in [pace.begin(now) for _ in range(RUN)]:
            pace.end(ticket, "rejected", now)
        pauses.append(pace.paused_until - now)
        now = pace.paused_until
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 0.5, 1])


@pytest.mark.parametrize("rate", [3.0, 20.0, 60.0, 150.0])
def test_reaches_most_of_the_allowed_rate_in_spite_of_random_faults(rate: float) -> None:
    server = SimulatedServer(rate, **FAULTS)

    async def busy() -> None:
        asking = open_asking(server)
        await ask_all(asking, questions_of(int(rate * 45)))
        assert asking.ended_by is None
        assert asking.traffic.n_left == 0

    run_virtually(busy())
    # What the server rejects or drops at random is lost of its rate; while the end runs dry nothing is measured.
    ramped, until = 10.0, 40.0
    n_answered = sum(ramped <= at < until for at in server.answered)
    reachable = min(rate, CEILING / 0.275)
    assert n_answered / (until - ramped) >= 0.85 * reachable
    assert server.n_over_rate <= 0.35 * len(server.began)


def test_random_faults_alone_do_not_lower_the_limit() -> None:
    server = SimulatedServer(**FAULTS)

    async def limits() -> list[float]:
        asking, seen = open_asking(server), []

        async def watch() -> None:
            while True:
                await asyncio.sleep(1)
                seen.append(asking.gate.pace.limit)

        watching = asyncio.create_task(watch())
        await ask_all(asking, questions_of(6_000))
        watching.cancel()
        return seen

    seen = run_virtually(limits())
    assert min(seen[10:]) > 0.8 * CEILING


def test_closed_server_is_hardly_asked_and_everything_is_answered_later() -> None:
    server = SimulatedServer(closed_until=100.0)

    async def patient() -> int:
        got = await ask_all(open_asking(server), questions_of(600))
        return sum(answer is not None for answer in got)

    assert run_virtually(patient()) == 600
    assert sum(at < 100 for at in server.began) <= 2 * CEILING


@pytest.mark.parametrize("rpm", [30.0, 60.0, 600.0, 3000.0])
def test_no_minute_has_more_calls_than_rpm_allows_and_most_are_used(rpm: float) -> None:
    server = SimulatedServer(latency_s=(0.05, 0.1))

    async def capped() -> None:
        await ask_all(open_asking(server, rpm=rpm), questions_of(int(rpm * 1.5)))

    run_virtually(capped())
    assert sum(at < 1.0 for at in server.began) <= rpm / 60 + 1 + rpm / 600
    for start in server.began[:: max(1, len(server.began) // 50)]:
        assert sum(start <= at < start + 60 for at in server.began) <= rpm * 1.002 + 1
    assert server.began[-1] - server.began[0] <= 90 * 1.05 + 5


def test_tokens_are_capped_by_what_calls_really_took() -> None:
    server = SimulatedServer(latency_s=(0.05, 0.1))

    async def capped() -> float:
        # A call is estimated at 120 tokens and takes 100.
        asking = open_asking(server, tpm=6000.0)
        await ask_all(asking, questions_of(120))
        return asyncio.get_running_loop().time()

    assert run_virtually(capped()) == pytest.approx(120.0, rel=0.05)


@given(st.lists(st.floats(0, 500), min_size=1, max_size=50), st.floats(1, 10_000))
def test_rate_never_lets_through_more_than_its_share_of_the_time(amounts: list[float], per_minute: float) -> None:
    rate, now = Rate(per_minute), 0.0
    for amount in amounts:
        now += rate.wait_s(now)
        rate.take(now, amount)
    assert sum(amounts[:-1]) <= per_minute * (now + 0.11) / 60 + 1e-6


def test_gate_lets_calls_through_in_the_order_in_which_they_came() -> None:
    async def order() -> list[int]:
        gate, entered = Gate(Pace(2), clock=asyncio.get_running_loop().time), []

        async def go(number: int) -> None:
            ticket = await gate.enter(1)
            entered.append(number)
            await asyncio.sleep(0.01 * (number % 3))
            gate.leave(ticket, "done")

        await asyncio.gather(*(go(number) for number in range(50)))
        return entered

    assert run_virtually(order()) == list(range(50))
