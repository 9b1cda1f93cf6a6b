"""Asking in message batches: nothing is lost, nothing is paid twice, wherever a process ends."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Generator, Iterable
from datetime import UTC, datetime
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import JudgeError
from engine.judges.api.endpoint import Capabilities, find_endpoint
from engine.judges.api.messages import MessagesJudge
from engine.judges.batches.batch_judge import BatchJudge
from engine.judges.batches.ledger import Intent, Key, key_of
from engine.judges.batches.replies import lines_of
from engine.judges.batches.server import Polling
from engine.judges.costs.budget import Budget
from engine.judges.costs.prices import load_prices
from engine.judges.judge import Answer, Question, Rating, Topic, Unscored
from engine.judges.questions import Questioner
from engine.prompts.rubrics import load_rubric
from tests.engine.judges.conftest import Serve
from tests.engine.judges.small_pack import PACK
from tests.support.memory_ledger import Killed, MemoryLedger
from tests.support.messages_server import MODEL, MessagesServer, Settings, rating_of, request_key, share_of, topic_of

QUICK = Polling(first_s=0.01, longest_s=0.05, first_delay_s=0.01)
CAPABLE = Capabilities(structured=True, system_blocks=True, counts_tokens=True, batches=True, thinks_first=False)


def judge_at(server: MessagesServer, *, budget: Budget | None = None) -> MessagesJudge:
    endpoint = find_endpoint(MODEL, server.url, environ={"LENSGAP_JUDGE_KEY": "a-key-of-ours"})
    questioner = Questioner(load_rubric("standard"), PACK, text_limit=1000)
    return MessagesJudge(endpoint, questioner, prices=load_prices(), capabilities=CAPABLE, budget=budget)


def questions(n: int, *, kind: str = "relevance") -> list[Question]:
    concept = "gin" if kind == "relevance" else None
    return [Question(kind, f"s{i:04d}", f"Text number {i} is about gin.", concept) for i in range(n)]  # type: ignore[arg-type]


def batches(
    server: MessagesServer,
    ledger: MemoryLedger,
    *,
    size: int = 10_000,
    said: list[str] | None = None,
    **options: object,
) -> BatchJudge:
    heard = said if said is not None else []
    return BatchJudge(judge_at(server, **options), ledger, size=size, polling=QUICK, tell=heard.append)  # type: ignore[arg-type]


def ask(judge: BatchJudge, ledger: MemoryLedger, asked: Iterable[Question]) -> list[Answer]:
    """Ask what is pending, and keep each answer before the next is asked for, as the stage does."""
    answers = []
    for answer in judge.answer(question for question in asked if key_of(question) not in ledger.kept):
        ledger.keep(answer)
        answers.append(answer)
    return answers


def user_of(judge: MessagesJudge, question: Question) -> str:
    return str(judge.params(question)["messages"][0]["content"])


def paid(server: MessagesServer, judge: MessagesJudge, asked: Iterable[Question]) -> list[int]:
    """How often each question was paid for."""
    counts = server.stats().paid
    keys = [request_key(MODEL, judge.questioner.ask(question).system, user_of(judge, question)) for question in asked]
    return [counts.get(key, 0) for key in keys]


@pytest.mark.parametrize("kind", ["topic", "relevance"])
def test_every_question_is_answered_once_at_half_the_price(serve: Serve, kind: str) -> None:
    server, ledger, asked = serve(Settings(batch_s=0.05)), MemoryLedger(), questions(50, kind=kind)
    judge = batches(server, ledger, size=20)
    answers = ask(judge, ledger, asked)
    assert sorted(answer.question.sample_id for answer in answers) == [question.sample_id for question in asked]
    for answer in answers:
        user = user_of(judge.judge, answer.question)
        assert answer.said == (Topic(topic_of(user)) if kind == "topic" else Rating(rating_of(user), topic_of(user)))
        full = judge.judge.prices.cost(MODEL, answer.usage)
        assert full
        assert answer.usage.cost_usd == pytest.approx(full / 2)
    assert server.stats().batch_sizes == (20, 20, 10)
    assert set(paid(server, judge.judge, asked)) == {1}
    assert set(ledger.ended.values()) == {"done"}


def test_requests_are_those_that_are_asked_one_by_one(serve: Serve) -> None:
    server, ledger = serve(Settings()), MemoryLedger()
    judge = batches(server, ledger)
    ask(judge, ledger, questions(2))
    sent = next(entry for entry in server.log() if entry["path"].endswith("/batches") and entry["body"])
    requests = json.loads(sent["body"])["requests"]
    assert [request["params"] for request in requests] == [judge.judge.params(question) for question in questions(2)]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", request["custom_id"]) for request in requests)


def test_an_empty_text_needs_no_request(serve: Serve) -> None:
    server, ledger = serve(Settings()), MemoryLedger()
    [answer] = ask(batches(server, ledger), ledger, [Question("relevance", "s", "  ", "gin")])
    assert isinstance(answer.said, Rating)
    assert answer.said.rating == 1
    assert server.stats().n_requests == 0


def test_an_item_that_failed_is_asked_again(serve: Serve) -> None:
    server, ledger, asked = (
        serve(Settings(share_batch_errored=0.2, share_batch_expired=0.1)),
        MemoryLedger(),
        questions(60),
    )
    judge = batches(server, ledger)
    ask(judge, ledger, asked)
    assert len(server.stats().batch_sizes) == 3
    assert judge.judge.traffic.n_left == len(asked) - len(ledger.kept)
    assert paid(server, judge.judge, asked) == [int(key_of(question) in ledger.kept) for question in asked]
    assert len(ledger.kept) >= 50


def test_what_fails_three_times_stays_pending(serve: Serve) -> None:
    server, ledger = serve(Settings(share_batch_errored=1.0)), MemoryLedger()
    judge = batches(server, ledger)
    assert ask(judge, ledger, questions(5)) == []
    assert server.stats().batch_sizes == (5, 5, 5)
    assert judge.judge.traffic.n_left == 5
    assert "Internal server error" in str(judge.judge.traffic.last_fault)


def test_an_item_that_the_server_will_not_take_is_unscored_with_its_reason(serve: Serve) -> None:
    server, ledger, asked = serve(Settings(share_batch_invalid=0.2)), MemoryLedger(), questions(40)
    ask(batches(server, ledger), ledger, asked)
    reasons = [answer.said.reason for answer in ledger.kept.values() if isinstance(answer.said, Unscored)]
    assert len(ledger.kept) == 40
    assert 0 < len(reasons) < 40
    assert all("this request is not taken" in reason for reason in reasons)
    assert server.stats().batch_sizes == (40,)


def test_where_every_request_is_refused_the_requests_are_blamed(serve: Serve) -> None:
    server, ledger = serve(Settings(share_batch_invalid=1.0)), MemoryLedger()
    with pytest.raises(JudgeError, match="this request is not taken"):
        ask(batches(server, ledger), ledger, questions(5))
    assert ledger.kept == {}


def test_a_refusal_and_nonsense_are_unscored(serve: Serve) -> None:
    settings = Settings(share_refusals=0.2, share_max_tokens=0.2, share_malformed=0.2)
    server, ledger = serve(settings), MemoryLedger()
    ask(batches(server, ledger), ledger, questions(60))
    assert len(ledger.kept) == 60
    assert {type(answer.said) for answer in ledger.kept.values()} == {Rating, Unscored}


@pytest.mark.parametrize("skew", [0.0, 7200.0, -7200.0])
def test_a_batch_is_found_again_after_a_kill_before_its_id_was_written(serve: Serve, skew: float) -> None:
    server, asked = serve(Settings(batch_s=0.1, clock_skew_s=skew)), questions(12)
    ledger = MemoryLedger(dies_at="submitted")
    with pytest.raises(Killed):
        ask(batches(server, ledger), ledger, asked)
    judge = batches(server, ledger)
    ask(judge, ledger, asked)
    assert server.stats().batch_sizes == (12,)
    assert paid(server, judge.judge, asked) == [1] * 12
    assert len(ledger.kept) == 12


def test_a_batch_whose_acknowledgement_was_lost_is_found_and_not_submitted_again(serve: Serve) -> None:
    seed = next(seed for seed in range(50) if share_of(seed, "batches", 0) < 0.4 < share_of(seed, "batches", 2))
    server, ledger = serve(Settings(seed=seed, share_dropped_after=0.4)), MemoryLedger()
    ask(batches(server, ledger), ledger, questions(8))
    stats = server.stats()
    assert stats.by_status["dropped"] >= 1
    assert stats.batch_sizes == (8,)
    assert len(ledger.kept) == 8


def test_a_batch_that_never_reached_the_server_is_submitted_anew(serve: Serve) -> None:
    server, asked = serve(Settings()), questions(7)
    keys = dict(enumerate(map(key_of, asked)))
    ledger = MemoryLedger()
    ledger.intend(Intent("never-sent", "relevance", keys, 7, datetime.now(UTC).replace(tzinfo=None)))
    ask(batches(server, ledger), ledger, asked)
    assert ledger.ended["never-sent"] == "lost"
    assert server.stats().batch_sizes == (7,)
    assert len(ledger.kept) == 7


def test_a_batch_of_another_study_is_not_taken_for_ours(serve: Serve) -> None:
    server, theirs = serve(Settings(batch_s=0.1)), MemoryLedger()
    ask(batches(server, theirs), theirs, questions(6))
    ours, asked = MemoryLedger(dies_at="submitted"), questions(6, kind="topic")
    with pytest.raises(Killed):
        ask(batches(server, ours), ours, asked)
    ask(batches(server, theirs), theirs, [Question("topic", f"x{i}", f"Of {i}.") for i in range(6)])
    judge = batches(server, ours)
    ask(judge, ours, asked)
    assert len(server.stats().batch_sizes) == 3
    assert paid(server, judge.judge, asked) == [1] * 6
    assert {answer.question.kind for answer in ours.kept.values()} == {"topic"}


@pytest.mark.parametrize("n_kept", [1, 5, 9])
def test_a_kill_amid_the_results_lets_nothing_be_paid_twice(serve: Serve, n_kept: int) -> None:
    server, ledger, asked = serve(Settings()), MemoryLedger(), questions(9)
    answers = cast("Generator[Answer]", batches(server, ledger).answer(asked))
    for _ in range(n_kept):
        ledger.keep(next(answers))
    answers.close()
    judge = batches(server, ledger)
    ask(judge, ledger, asked)
    assert len(server.stats().batch_sizes) == 1
    assert paid(server, judge.judge, asked) == [1] * 9
    assert len(ledger.kept) == 9


def test_two_votes_on_one_text_are_two_requests(serve: Serve) -> None:
    server, ledger = serve(Settings(varies=True)), MemoryLedger()
    asked = [Question("relevance", "s", "About gin.", "gin", vote) for vote in range(4)]
    judge = batches(server, ledger)
    ask(judge, ledger, asked)
    assert sorted(key.vote for key in ledger.kept) == [0, 1, 2, 3]
    assert set(paid(server, judge.judge, asked)) == {4}


def test_faults_of_the_way_lose_nothing(serve: Serve) -> None:
    settings = Settings(
        share_429=0.05,
        share_529=0.05,
        share_500=0.05,
        share_dropped_before=0.05,
        share_html=0.05,
        retry_after_s=0.01,
        seed=3,
    )
    server, ledger = serve(settings), MemoryLedger()
    judge = batches(server, ledger, size=5)
    ask(judge, ledger, questions(25))
    assert len(ledger.kept) == 25
    assert set(paid(server, judge.judge, questions(25))) == {1}
    assert sum(n for status, n in server.stats().by_status.items() if status != "200") >= 3


def test_a_server_without_batches_says_what_to_leave_out(serve: Serve) -> None:
    server, ledger = serve(Settings(has_batches=False)), MemoryLedger()
    with pytest.raises(JudgeError, match="has no message batches") as raised:
        ask(batches(server, ledger), ledger, questions(3))
    assert "--batches" in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(key="another"), "key"),
        (Settings(models=("other",)), "model"),
        (Settings(out_of_credit=400), "credit"),
        (Settings(out_of_credit=402), "credit"),
        (Settings(share_html=1.0, html_status=200), "HTML"),
    ],
)
def test_what_every_batch_would_meet_is_said_in_one_sentence(serve: Serve, settings: Settings, said: str) -> None:
    server, ledger = serve(settings), MemoryLedger()
    with pytest.raises(JudgeError, match=said) as raised:
        ask(batches(server, ledger), ledger, questions(3))
    assert "a-key-of-ours" not in str(raised.value)


def test_an_interrupt_leaves_the_batch_at_the_server_and_says_how_to_go_on(serve: Serve) -> None:
    server, ledger, asked, said = serve(Settings(batch_s=0.2)), MemoryLedger(), questions(4), []

    def interrupt(words: str) -> None:
        said.append(words)
        if len(said) == 2:
            raise KeyboardInterrupt

    judge = BatchJudge(judge_at(server), ledger, polling=QUICK, tell=interrupt)
    with pytest.raises(KeyboardInterrupt):
        ask(judge, ledger, asked)
    assert "Waiting for 1 batch of 4 requests" in said[0]
    assert "run the same command again" in said[-1]
    ask(batches(server, ledger), ledger, asked)
    assert server.stats().batch_sizes == (4,)
    assert len(ledger.kept) == 4


def test_results_that_are_gone_are_asked_anew(serve: Serve) -> None:
    server, ledger = serve(Settings(has_results=False)), MemoryLedger()
    judge = batches(server, ledger)
    assert ask(judge, ledger, questions(3)) == []
    assert set(ledger.ended.values()) == {"lost"}
    # They may have been paid all the same.
    assert judge.judge.budget.unsure_usd == pytest.approx(sum(intent.worst_usd for intent in ledger.intents.values()))
    assert judge.judge.traffic.n_left == 3


def test_the_budget_is_never_exceeded_and_no_tiny_batches_are_made_of_what_is_left(serve: Serve) -> None:
    server, ledger, asked = serve(Settings()), MemoryLedger(), questions(120)
    one = judge_at(server).worst_usd(4000, batch=True)
    judge = batches(server, ledger, budget=Budget(limit_usd=12 * one), size=100)
    with pytest.raises(JudgeError, match="budget"):
        ask(judge, ledger, asked)
    spent = sum(answer.usage.cost_usd or 0.0 for answer in ledger.kept.values())
    assert 0 < len(ledger.kept) < 120
    assert spent == pytest.approx(judge.judge.budget.spent_usd)
    assert spent <= 12 * one
    assert sum(server.stats().batch_sizes) == len(ledger.kept)
    assert min(server.stats().batch_sizes) >= 5


def test_without_money_nothing_is_submitted(serve: Serve) -> None:
    server, ledger = serve(Settings()), MemoryLedger()
    with pytest.raises(JudgeError, match="budget"):
        ask(batches(server, ledger, budget=Budget(limit_usd=0.0)), ledger, questions(3))
    assert server.stats().n_requests == 0


def test_a_batch_left_open_is_collected_although_the_budget_is_spent(serve: Serve) -> None:
    server, asked = serve(Settings(batch_s=0.1)), questions(4)
    ledger = MemoryLedger(dies_at="submitted")
    with pytest.raises(Killed):
        ask(batches(server, ledger), ledger, asked)
    [intent] = ledger.intents.values()
    budget = Budget(limit_usd=0.0, at_server_usd=intent.worst_usd)
    assert not budget.reserve(1e-12)
    ask(batches(server, ledger, budget=budget), ledger, asked)
    assert len(ledger.kept) == 4
    assert server.stats().batch_sizes == (4,)
    # What it held at most is what it cost by now.
    assert budget.at_server_usd == pytest.approx(0.0)
    assert 0 < budget.spent_usd < intent.worst_usd
    assert budget.spent_usd == pytest.approx(sum(answer.usage.cost_usd or 0.0 for answer in ledger.kept.values()))


def test_questions_are_taken_only_as_batches_are_filled(serve: Serve) -> None:
    server, ledger, taken = serve(Settings()), MemoryLedger(), []

    def endless() -> Iterable[Question]:
        for i in range(10**9):
            taken.append(i)
            yield Question("relevance", f"s{i}", f"Text {i} about gin.", "gin")

    answers = cast("Generator[Answer]", batches(server, ledger, size=5).answer(endless()))
    for _ in range(7):
        next(answers)
    assert len(taken) <= 31
    answers.close()


@given(
    st.lists(st.text(alphabet='ab"{}\u2028\u2029\x85\x0b\x0c\x1c\r', min_size=1).filter(str.strip)), st.integers(1, 9)
)
def test_lines_are_found_however_they_are_cut(lines: list[str], size: int) -> None:
    whole = "\n".join(lines).encode()

    async def chunks() -> AsyncGenerator[bytes]:
        for start in range(0, len(whole), size):
            yield whole[start : start + size]

    async def read() -> list[str]:
        return [line.decode() async for line in lines_of(chunks())]

    assert asyncio.run(read()) == lines


def test_a_key_tells_votes_apart() -> None:
    asked = [Question("topic", "s", "t"), Question("relevance", "s", "t", "gin"), Question("topic", "s", "t", None, 1)]
    assert [key_of(question) for question in asked] == [Key(None, "s", 0), Key("gin", "s", 0), Key(None, "s", 1)]
