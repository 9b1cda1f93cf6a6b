import asyncio
from collections.abc import Callable

import pytest

from engine.judges.api.asking import ATTEMPTS, DEAD_S, REFUSED_AT_FIRST, Asking, Failed, is_told
from engine.judges.api.faults import Fault
from engine.judges.costs.budget import Budget
from engine.judges.judge import Answer, Question, Unscored
from tests.support.judge_traffic import COST, WORST, SimulatedServer, ask_all, open_asking, questions_of
from tests.support.virtual_time import run_virtually

BROKEN = Fault("again", "The connection broke.")
UNREACHABLE = Fault("again", "The server cannot be reached.", is_final_at_first=True)
NO_KEY = Fault("endpoint", "The server refuses the key.", "Check the key.")
BAD_FORM = Fault("question", "The server refuses the request (400: thinking).", is_final_at_first=True, body="{}")
TOO_LONG = Fault("question", "The server refuses the request (413: too large).")


class Faulty(SimulatedServer):
    """Fails as its rule says, which is given the question and how many calls there were before."""

    rule: Callable[[Question, int], Fault | None]

    async def reply(self, question: Question) -> Answer:
        fault = self.rule(question, len(self.began))
        if fault is None:
            return await super().reply(question)
        self.began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.2)
        raise Failed(fault)


def faulty(rule: Callable[[Question, int], Fault | None]) -> Faulty:
    server = Faulty()
    server.rule = rule
    return server


def asked(server: SimulatedServer, n: int, **options: object) -> tuple[Asking, list[Answer | None], float]:
    """The asking at its end, what came of it, and the seconds it took."""

    async def main() -> tuple[Asking, list[Answer | None], float]:
        asking = open_asking(server, **options)  # type: ignore[arg-type]
        return asking, await ask_all(asking, questions_of(n)), asyncio.get_running_loop().time()

    return run_virtually(main())  # type: ignore[no-any-return]


def test_every_question_is_answered_once_in_spite_of_faults() -> None:
    server = SimulatedServer(share_429=0.1, share_529=0.05, share_dropped=0.05)
    asking, got, _ = asked(server, 500)
    assert sorted(answer.question.sample_id for answer in got if answer) == sorted(
        q.sample_id for q in questions_of(500)
    )
    assert len(server.answered) == 500
    assert asking.traffic.n_calls == 500 + asking.traffic.n_rejected + asking.traffic.n_failed


def test_question_that_always_fails_is_left_while_others_are_answered() -> None:
    asking, got, _ = asked(faulty(lambda question, _: BROKEN if question.sample_id == "sample-7" else None), 1500)
    assert asking.ended_by is None
    assert asking.traffic.n_left == got.count(None) == 1
    assert asking.traffic.n_failed == ATTEMPTS


def test_endpoint_that_fails_from_the_start_is_given_up() -> None:
    asking, got, seconds = asked(faulty(lambda *_: BROKEN), 1000)
    assert asking.is_dead
    assert "does not answer any more" in str(asking.ended_by)
    assert "run the same command again" in str(asking.ended_by)
    assert set(got) == {None}
    assert seconds < 4 * DEAD_S


def test_a_person_who_waits_hears_within_seconds_that_calls_fail() -> None:
    told: list[str] = []
    asking, got, seconds = asked(faulty(lambda *_: BROKEN), 20, in_haste=True, tell=told.append)
    assert "does not answer any more. The connection broke." in str(asking.ended_by)
    assert set(got) == {None}
    assert seconds < 8
    assert told[0] == "The connection broke. 3 calls in a row got no answer; trying again."


def test_a_person_who_waits_waits_for_a_busy_server_all_the_same() -> None:
    server = SimulatedServer(closed_until=20.0)
    asking, got, seconds = asked(server, 20, in_haste=True)
    assert asking.ended_by is None
    assert None not in got
    assert seconds > 20


def test_single_failures_are_not_told_and_long_ones_ever_more_rarely() -> None:
    told: list[str] = []
    asked(faulty(lambda _, n_before: BROKEN if n_before % 40 == 39 else None), 500, tell=told.append)
    assert told == []
    assert [n for n in range(1, 50) if is_told(n)] == [3, 6, 12, 24, 48]


def test_endpoint_that_stops_answering_is_given_up_and_what_came_is_kept() -> None:
    asking, got, _ = asked(faulty(lambda _, n_before: BROKEN if n_before >= 50 else None), 1000)
    assert asking.is_dead
    assert sum(answer is not None for answer in got) == 50


def test_short_outage_loses_nothing() -> None:
    asking, got, _ = asked(faulty(lambda _, n_before: UNREACHABLE if 50 <= n_before < 90 else None), 300)
    assert asking.ended_by is None
    assert None not in got


@pytest.mark.parametrize("fault", [UNREACHABLE, NO_KEY])
def test_fault_of_the_endpoint_at_the_start_ends_everything_at_once(fault: Fault) -> None:
    server = faulty(lambda *_: fault)
    asking, got, seconds = asked(server, 1000)
    assert str(asking.ended_by).startswith(fault.told)
    assert set(got) == {None}
    assert len(server.began) <= 4
    assert seconds < 1


def test_calls_under_way_are_waited_for_when_everything_ends() -> None:
    server = faulty(lambda _, n_before: NO_KEY if n_before == 30 else None)
    asking, got, _ = asked(server, 1000)
    assert asking.ended_by is not None
    assert sum(answer is not None for answer in got) == len(server.answered) == len(server.began) - 1


def test_budget_is_never_exceeded_and_used_up_to_one_call() -> None:
    server = SimulatedServer()
    budget = Budget(0.1)
    asking, got, _ = asked(server, 1000, budget=budget)
    n_answered = sum(answer is not None for answer in got)
    assert n_answered == len(server.began)
    assert 0.1 - WORST - 1e-9 < n_answered * COST <= 0.1
    assert budget.spent_usd == pytest.approx(n_answered * COST)
    assert "Of the budget of $0.1" in str(asking.ended_by)


def test_budget_of_nothing_sends_nothing() -> None:
    server = SimulatedServer()
    asking, _, seconds = asked(server, 1000, budget=Budget(0.0))
    assert (server.began, seconds) == ([], 0.0)
    assert "budget" in str(asking.ended_by)


def test_lost_replies_count_against_the_budget_at_their_worst() -> None:
    lost = Fault("again", "The connection broke.", may_be_paid=True)
    budget = Budget(1000 * WORST)
    asking, _, _ = asked(faulty(lambda _, n_before: lost if n_before % 10 == 5 else None), 200, budget=budget)
    assert asking.traffic.n_failed > 10
    assert budget.unsure_usd == pytest.approx(asking.traffic.n_failed * WORST)


@pytest.mark.parametrize("n", [1, 2, 3, 1000])
def test_requests_that_are_all_refused_blame_their_form_and_stay_pending(n: int) -> None:
    server = faulty(lambda *_: BAD_FORM)
    asking, got, _ = asked(server, n)
    assert "400: thinking" in str(asking.ended_by)
    assert set(got) == {None}
    assert len(server.began) <= 2 * REFUSED_AT_FIRST


def test_refused_question_is_unscored_where_others_are_answered() -> None:
    asking, got, _ = asked(faulty(lambda q, _: BAD_FORM if q.sample_id in ("sample-0", "sample-90") else None), 100)
    assert asking.ended_by is None
    unscored = {
        answer.question.sample_id: answer.said for answer in got if answer and isinstance(answer.said, Unscored)
    }
    assert unscored == {name: Unscored(BAD_FORM.told) for name in ("sample-0", "sample-90")}
    assert None not in got


def test_text_that_is_too_long_is_unscored_even_alone() -> None:
    asking, got, _ = asked(faulty(lambda *_: TOO_LONG), 1)
    assert asking.ended_by is None
    assert [answer.said for answer in got if answer] == [Unscored(TOO_LONG.told)]


def test_refused_question_is_asked_once() -> None:
    server = faulty(lambda q, _: BAD_FORM if q.sample_id == "sample-50" else None)
    asked(server, 100)
    assert len(server.began) == 100
