"""Servers that echo the key, lie about counts, send without end or nested without end: nothing of it is kept or waited for."""

import asyncio
import gzip
import json
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import JudgeError
from engine.judges.api.endpoint import Capabilities, Endpoint, find_endpoint
from engine.judges.api.faults import one_line
from engine.judges.api.messages import Limits, MessagesJudge
from engine.judges.api.probe import probe
from engine.judges.api.replies import LARGEST_COUNT, LONGEST_KEPT
from engine.judges.api.sizes import MOST_BYTES
from engine.judges.batches.batch_judge import BatchJudge
from engine.judges.batches.replies import LONGEST_LINE
from engine.judges.batches.server import Polling
from engine.judges.costs.budget import Budget
from engine.judges.costs.prices import load_prices
from engine.judges.judge import Answer, Question, Rating
from engine.judges.questions import Questioner
from engine.prompts.rubrics import load_rubric
from tests.engine.judges.small_pack import PACK
from tests.support.memory_ledger import MemoryLedger
from tests.support.messages_server import MODEL

KEY = 'sk-ant-planted/"0123456789'
ALL = Capabilities(structured=True, system_blocks=True, counts_tokens=True, batches=True, thinks_first=False)
USAGE = {"input_tokens": 100, "output_tokens": 20}
QUICK = Polling(first_s=0.0, longest_s=0.0, first_delay_s=0.0, reply_s=0.05, upload_s=0.05)
DEEP = b"[" * 200_000
Respond = Callable[[httpx2.Request], httpx2.Response]


def endpoint() -> Endpoint:
    return find_endpoint(MODEL, "http://h", environ={"LENSGAP_JUDGE_KEY": KEY})


def judge_at(respond: Respond, **options: Any) -> MessagesJudge:
    questioner = Questioner(load_rubric("standard"), PACK, text_limit=200)
    options = {"prices": load_prices(), "capabilities": ALL} | options
    return MessagesJudge(endpoint(), questioner, transport=httpx2.MockTransport(respond), **options)


def probe_at(respond: Respond, **options: Any) -> Capabilities:
    transport = httpx2.MockTransport(respond)
    return probe(endpoint(), prices=load_prices(), budget=Budget(), first_delay_s=0.0, transport=transport, **options)


def rate(number: int = 0) -> Question:
    return Question("relevance", f"sample-{number}", "Gin is made of juniper.", "gin")


def topic() -> Question:
    return Question("topic", "sample-0", "Gin is made of juniper.")


def message(text: str = '{"rating": 4}', **fields: Any) -> dict[str, Any]:
    told = {"type": "message", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": USAGE}
    return told | fields


def always(content: bytes, status: int = 200, **headers: str) -> Respond:
    """A server that sends the same to all, as a stream."""

    async def body() -> AsyncIterator[bytes]:
        yield content

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx2.Response(status, content=body(), headers={"content-type": "application/json"} | named)


def trickling(first: bytes = b"") -> Respond:
    """A server that never ends."""

    async def body() -> AsyncIterator[bytes]:
        yield first
        while True:
            await asyncio.sleep(0.001)
            yield b" "

    return lambda _: httpx2.Response(200, content=body(), headers={"content-type": "application/json"})


def texts(answer: Answer) -> list[str]:
    """All text that an answer holds but for the question."""
    return [answer.raw_reply, *(value for value in asdict(answer.said).values() if isinstance(value, str))]  # type: ignore[call-overload]


def escaped(text: str) -> str:
    """The text as JSON may write it, each character by its number."""
    return "".join(f"\\u{ord(each):04x}" for each in text)


REASONS = [KEY, json.dumps(KEY)[1:-1], json.dumps(KEY)[1:-1].replace("/", r"\/"), escaped(KEY)]
ECHOES = [
    *[message(f'{{"rating": 4, "reason": "It is {said}."}}') for said in REASONS[1:]],
    *[message(f'{{"topic": "{said}"}}') for said in REASONS[1:]],
    message(KEY),
    message(f'{{"rating": {json.dumps(KEY)}}}'),
    message(stop_reason="refusal", stop_details={"type": "refusal", "category": KEY, "explanation": KEY}, content=[]),
    message(content=[{"type": "text", "text": KEY[:9]}, {"type": "text", "text": KEY[9:]}]),
    message(
        content=[
            {"type": "text", "text": said}
            for said in (
                '{"rating": 4, "topic": "sk-ant-',
                "",
                REASONS[1][7:] + '", "reason": "sk-ant-',
                REASONS[1][7:] + '"}',
            )
        ]
    ),
    message(content=[{"type": KEY, KEY: [KEY]}]),
    message(stop_reason=KEY, content=[]),
]


def shows_key(text: str) -> bool:
    return any(each in text for each in {*REASONS, KEY[:9] + "…" + KEY[9:]}) or "planted" in text


class TestEchoedKey:
    @pytest.mark.parametrize("echo", ECHOES)
    @pytest.mark.parametrize("question", [rate(), topic()], ids=["relevance", "topic"])
    @pytest.mark.parametrize("batch", [False, True])
    def test_no_text_of_an_answer_holds_it(self, echo: dict[str, Any], question: Question, batch: bool) -> None:
        answer = judge_at(always(b"")).read(question, echo, batch=batch)
        assert not any(map(shows_key, texts(answer)))

    def test_explanation_around_it_stays(self) -> None:
        answer = judge_at(always(b"")).read(rate(), ECHOES[0])
        assert answer.said == Rating(4, "It is ….")

    @pytest.mark.parametrize("said", REASONS[1:])
    def test_a_refused_request_is_kept_without_it(self, said: str) -> None:
        body = f'{{"error": {{"type": "x", "message": "too long: \\u0000 {said}"}}}}'
        [answer] = judge_at(always(body.encode(), 400)).answer([rate()])
        assert not any(map(shows_key, texts(answer)))
        assert "too long" in answer.raw_reply

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_it_is_found_between_any_texts_however_it_is_written(self, before: str, after: str) -> None:
        for said in REASONS:
            assert not shows_key(endpoint().redact(before + said + after))

    def test_text_of_backslashes_alone_is_searched_in_no_time(self) -> None:
        text = "\\" * 1_000_000
        assert endpoint().redact(text) == text


class TestBatchedEcho:
    def test_no_result_of_a_batch_and_no_fault_holds_it(self) -> None:
        results = [
            {"type": "succeeded", "message": ECHOES[0]},
            {"type": "errored", "error": {"error": {"type": "invalid_request_error", "message": f"\ud800 {KEY}"}}},
            {"type": f"{KEY}\n", "x": float("nan")},
        ]
        ledger = MemoryLedger()
        judge = judge_at(batch_of(results))
        answers = list(BatchJudge(judge, ledger, polling=QUICK).answer(map(rate, range(3))))
        # The third comes of the next batch, after an ending that no one knows.
        assert len(answers) == 3
        assert not any(shows_key(text) for answer in answers for text in texts(answer))
        told = judge.traffic.last_fault or ""
        assert not shows_key(told)
        assert told == one_line(told)


def batch_of(results: list[dict[str, Any]]) -> Respond:
    """A server whose batches end at once with these results, in the order of their requests."""
    names: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            names[:] = [each["custom_id"] for each in json.loads(request.content)["requests"]]
        if request.url.path.endswith("/results"):
            lines = [json.dumps({"custom_id": n, "result": r}) for n, r in zip(names, results, strict=False)]
            return httpx2.Response(200, content="\n".join(lines))
        shown = {"id": "b", "processing_status": "ended", "results_url": "http://elsewhere/results"}
        return httpx2.Response(200, json=shown)

    return respond


class TestCounts:
    @pytest.mark.parametrize("count", [2**31, 2**40, 10**30, True, -1, "many", 1.5, [3], None])
    @pytest.mark.parametrize("name", ["input_tokens", "output_tokens"])
    def test_usage_with_an_absurd_count_is_not_told(self, name: str, count: object) -> None:
        usage = judge_at(always(b"")).read(rate(), message(usage=USAGE | {name: count})).usage
        assert (usage.n_input_tokens, usage.n_output_tokens, usage.cost_usd) == (0, 0, None)

    @pytest.mark.parametrize("name", ["cache_read_input_tokens", "cache_creation_input_tokens"])
    def test_cache_may_be_untold_but_not_absurd(self, name: str) -> None:
        read = judge_at(always(b"")).read
        assert read(rate(), message(usage=USAGE | {name: 2**40})).usage.cost_usd is None
        assert read(rate(), message(usage=USAGE | {name: None})).usage.cost_usd
        assert read(rate(), message(usage=USAGE | {name: LARGEST_COUNT})).usage.cost_usd

    @pytest.mark.parametrize("body", [b'{"input_tokens": "many"}', b'{"input_tokens": -100000}', DEEP, b"[]", b"<p>"])
    def test_what_is_no_count_is_not_counted(self, body: bytes) -> None:
        assert judge_at(always(body)).count_tokens([rate(), rate(1)]) == [None, None]

    def test_count_is_taken(self) -> None:
        def respond(_: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(200, json={"input_tokens": 123})

        assert judge_at(respond).count_tokens([rate(), rate(1)]) == [123, 123]


class TestSize:
    def test_small_bomb_ends_as_a_named_fault_and_takes_no_memory(self) -> None:
        bomb = gzip.compress(bytes(200_000_000), 1)
        server = always(bomb, content_encoding="gzip")
        tracemalloc.start()
        try:
            with pytest.raises(JudgeError, match="a reply of more than 4 MB"):
                probe_at(server)
            assert tracemalloc.get_traced_memory()[1] < 40_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("status", [400, 500])
    def test_error_without_end_is_a_fault_of_the_way(self, status: int) -> None:
        server = always(bytes(MOST_BYTES + 1), status)
        with pytest.raises(JudgeError, match="a reply of more than 4 MB"):
            probe_at(server)
        assert judge_at(server).count_tokens([rate()]) == [None]

    def test_packed_reply_is_read(self) -> None:
        packed = gzip.compress(json.dumps(message(" " * 3_000_000 + '{"rating": 4}')).encode())
        [answer] = judge_at(lambda _: _streamed(packed)).answer([rate()])
        assert answer.said == Rating(4)

    def test_long_reply_is_kept_cut_and_says_so(self) -> None:
        judge = judge_at(always(b"", 400))
        raw = judge.read(rate(), message("x" * 200_000)).raw_reply
        assert len(raw) <= LONGEST_KEPT
        assert raw.endswith("more characters of the reply are not kept)")

    def test_long_refusal_is_kept_cut(self) -> None:
        body = json.dumps({"error": {"message": "too long" + "x" * 200_000}}).encode()
        [answer] = judge_at(always(body, 400)).answer([rate()])
        assert len(answer.raw_reply) <= LONGEST_KEPT


def _streamed(packed: bytes) -> httpx2.Response:
    async def body() -> AsyncIterator[bytes]:
        yield packed

    return httpx2.Response(200, content=body(), headers={"content-encoding": "gzip"})


class TestTime:
    def test_probe_ends(self) -> None:
        with pytest.raises(JudgeError, match="does not answer in time"):
            probe_at(trickling(), reply_s=0.02)

    def test_counting_ends(self) -> None:
        assert judge_at(trickling(), limits=Limits(connect_s=0.02)).count_tokens([rate()]) == [None]

    @pytest.mark.parametrize("call", ["submit", "look", "results"])
    def test_every_call_about_a_batch_ends(self, call: str) -> None:
        def respond(request: httpx2.Request) -> httpx2.Response:
            is_stuck = {
                "submit": request.method == "POST",
                "look": request.method == "GET",
                "results": request.url.path.endswith("/results"),
            }[call]
            if is_stuck:
                return trickling()(request)
            shown = {"id": "b", "processing_status": "ended", "results_url": "x", "data": []}
            return httpx2.Response(200, json=shown)

        with pytest.raises(JudgeError, match="does not answer in time"):
            list(BatchJudge(judge_at(respond), MemoryLedger(), polling=QUICK).answer([rate()]))


class TestNesting:
    def test_message_nested_without_end_is_no_message(self) -> None:
        with pytest.raises(JudgeError, match="something that is no message"):
            probe_at(always(DEEP))

    @pytest.mark.parametrize("depth", [60, 300, 900])
    def test_content_nested_deeply_is_unscored(self, depth: int) -> None:
        nested = json.loads("[" * depth + "]" * depth)
        answer = judge_at(always(b"")).read(rate(), message(content=[{"type": "x", "x": nested}]))
        assert answer.raw_reply

    @pytest.mark.parametrize("body", [DEEP, b"[]", b'{"id": 3}', b'{"id": "a\\n", "processing_status": "ended"}'])
    def test_batch_that_is_none_ends_in_one_sentence_and_leaves_no_thread(self, body: bytes) -> None:
        before = set(threading.enumerate())
        with pytest.raises(JudgeError, match="The judge does not answer any more"):
            list(BatchJudge(judge_at(always(body)), MemoryLedger(), polling=QUICK).answer([rate()]))
        assert set(threading.enumerate()) <= before

    @pytest.mark.parametrize("line", [DEEP, b" " * 10 + b"x" * (LONGEST_LINE + 1), b'{"custom_id": "x"}', b'"'])
    def test_results_that_are_none_end_in_one_sentence(self, line: bytes) -> None:
        def respond(request: httpx2.Request) -> httpx2.Response:
            if request.url.path.endswith("/results"):
                return always(line)(request)
            return httpx2.Response(200, json={"id": "b", "processing_status": "ended", "results_url": "x"})

        with pytest.raises(JudgeError, match="came in pieces"):
            list(BatchJudge(judge_at(respond), MemoryLedger(), polling=QUICK).answer([rate()]))

    @pytest.mark.parametrize(
        "created_at", ["2026-11-22T10:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "x", 3, None]
    )
    @pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "x", "Sun, 22 Nov 2026 10:00:00 -0000"])
    def test_list_with_odd_times_ends_in_one_sentence_or_finds_nothing(self, created_at: object, date: str) -> None:
        listed = {"data": [{"id": "b", "created_at": created_at, "request_counts": {"x": 1}}], "has_more": True}

        def respond(request: httpx2.Request) -> httpx2.Response:
            shown = DEEP if request.method == "POST" else json.dumps(listed).encode()
            return httpx2.Response(200, content=shown, headers={"date": date})

        with pytest.raises(JudgeError, match="The judge does not answer any more"):
            list(BatchJudge(judge_at(respond), MemoryLedger(), polling=QUICK).answer([rate()]))


class TestFirstPage:
    """A page of HTML, with status 200, at the first question."""

    def first_html(self) -> Respond:
        replies: Iterator[httpx2.Response] = iter([httpx2.Response(200, html="<html>Back soon</html>")])
        return lambda _: next(replies, None) or httpx2.Response(200, json=message())

    def test_is_tried_again_where_the_endpoint_has_answered_before(self) -> None:
        judge = judge_at(self.first_html())
        judge.was_reached_before = True
        [answer] = judge.answer([rate()])
        assert answer.said == Rating(4)
        assert judge.traffic.n_failed == 1

    def test_ends_asking_where_nothing_was_ever_answered(self) -> None:
        with pytest.raises(JudgeError, match="HTML"):
            list(judge_at(self.first_html()).answer([rate()]))

    def test_is_tried_again_by_a_judge_in_batches(self) -> None:
        pages = iter([httpx2.Response(200, html="<html>Back soon</html>")])
        server = batch_of([{"type": "succeeded", "message": message()}])
        judge = judge_at(lambda request: next(pages, None) or server(request))
        judge.was_reached_before = True
        [answer] = BatchJudge(judge, MemoryLedger(), polling=QUICK).answer([rate()])
        assert answer.said == Rating(4)


def test_results_are_fetched_from_the_address_that_holds_the_key_and_no_other() -> None:
    hosts: set[str] = set()
    server = batch_of([{"type": "succeeded", "message": message()}])

    def respond(request: httpx2.Request) -> httpx2.Response:
        hosts.add(request.url.host)
        return server(request)

    assert list(BatchJudge(judge_at(respond), MemoryLedger(), polling=QUICK).answer([rate()]))
    assert hosts == {"h"}
