import json
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import JudgeError
from engine.judges.api.endpoint import ANTHROPIC_URL, Capabilities, Endpoint, find_endpoint
from engine.judges.api.messages import MAX_TOKENS, Limits, MessagesJudge
from engine.judges.api.probe import probe
from engine.judges.api.thinking import LEAST, least_thinking
from engine.judges.costs.budget import Budget
from engine.judges.costs.prices import Prices, load_prices
from engine.judges.judge import Answer, Question, Rating, Topic, Unscored
from engine.judges.questions import Questioner
from engine.prompts.rubrics import load_rubric
from tests.engine.judges.conftest import Serve
from tests.engine.judges.small_pack import PACK
from tests.support.messages_server import MODEL, Settings, fate_of, rating_of, topic_of

KEY = "sk-ant-planted-0123456789"
ALL = Capabilities(structured=True, system_blocks=True, counts_tokens=True, batches=True, thinks_first=False)
PLAIN = Capabilities(structured=False, system_blocks=False, counts_tokens=False, batches=False, thinks_first=False)
QUESTIONER = Questioner(load_rubric("standard"), PACK, text_limit=200)


def endpoint_of(url: str, model: str = MODEL) -> Endpoint:
    return find_endpoint(model, url, environ={"LENSGAP_JUDGE_KEY": KEY})


def judge_at(url: str, *, model: str = MODEL, **options: Any) -> MessagesJudge:
    options = {"prices": load_prices(), "capabilities": ALL} | options
    return MessagesJudge(endpoint_of(url, model), QUESTIONER, **options)


def rate_question(number: int = 0, **fields: Any) -> Question:
    return replace(Question("relevance", f"sample-{number}", f"Text {number} is about juniper.", "gin"), **fields)


def topic_question(number: int = 0) -> Question:
    return Question("topic", f"sample-{number}", f"Text {number} is about juniper.")


def user_text(question: Question) -> str:
    return QUESTIONER.ask(question).user


def message(text: str = '{"rating": 4, "reason": "It is."}', **fields: Any) -> dict[str, Any]:
    usage = {"input_tokens": 100, "output_tokens": 20}
    return {
        "type": "message",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": usage,
    } | fields


class TestRequest:
    def test_system_is_the_same_for_all_and_marked_for_the_cache(self) -> None:
        judge = judge_at("http://h")
        systems = [judge.params(rate_question(number))["system"] for number in range(3)]
        assert systems[0] == systems[1] == systems[2]
        assert systems[0][0]["cache_control"] == {"type": "ephemeral"}
        assert judge.params(topic_question())["system"] != systems[0]

    def test_server_that_takes_no_more_is_sent_the_plainest_request(self) -> None:
        params = judge_at("http://h", model="llama", capabilities=PLAIN).params(rate_question())
        assert sorted(params) == ["max_tokens", "messages", "model", "system"]
        assert isinstance(params["system"], str)

    def test_schema_is_asked_for_where_it_is_kept(self) -> None:
        output = judge_at("http://h").params(rate_question())["output_config"]
        assert output["format"]["schema"]["properties"]["rating"]["enum"] == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("model", [*LEAST, "claude-haiku-5-5-20261001", "claude-haiku-4-5", "llama"])
    def test_model_is_kept_from_thinking_and_its_identity_says_how(self, model: str) -> None:
        judge = judge_at("http://h", model=model)
        least = least_thinking(model)
        params = judge.params(rate_question())
        assert params.get("thinking") == least.get("thinking")
        assert params["output_config"].get("effort") == least.get("output_config", {}).get("effort")
        assert least.items() <= judge.identity.parameters.items()
        assert bool(least) == (model.startswith("claude") and "4-5" not in model)

    def test_identity_holds_what_decides_answers_and_nothing_else(self) -> None:
        judge = judge_at("http://h/v1", budget=Budget(1.0), limits=Limits(rpm=3))
        assert dict(judge.identity.parameters) == {
            "base_url": "http://h",
            "text_limit": 200,
            "max_tokens": MAX_TOKENS,
            "thinking": {"type": "disabled"},
        }
        assert judge_at("http://h", capabilities=PLAIN, budget=None).identity == judge.identity
        at_anthropic = MessagesJudge(
            Endpoint(ANTHROPIC_URL, MODEL, KEY, "ANTHROPIC_API_KEY"), QUESTIONER, prices=Prices(), capabilities=ALL
        )
        assert "base_url" not in at_anthropic.identity.parameters

    @given(st.text(max_size=300), st.sampled_from(["gin", None]))
    def test_worst_cost_is_never_below_any_tokenizer(self, text: str, concept: str | None) -> None:
        question = Question("topic" if concept is None else "relevance", "s", text, concept)
        params = judge_at("http://h").params(question)
        # A tokenizer of bytes makes the most tokens.
        shown = params["system"][0]["text"] + params["messages"][0]["content"]
        assert len(json.dumps(params, ensure_ascii=False).encode()) >= len(shown.encode())


class TestReply:
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"stop_reason": "refusal", "content": []}, "refused"),
            ({"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": "bio"}}, r"refused.*\(bio\)"),
            ({"stop_reason": "max_tokens"}, "cut"),
            ({"stop_reason": "model_context_window_exceeded"}, "longer than the judge can read"),
            ({"content": []}, "no text"),
            ({"content": [{"type": "thinking", "thinking": '{"rating": 5}'}]}, "no text"),
            ({"content": [{"type": "tool_use", "id": "1", "name": "x", "input": {}}, 3, {"type": "text"}]}, "no text"),
            ({"content": [{"type": "text", "text": "I would say it is fine."}]}, ""),
            ({"content": [{"type": "text", "text": '{"rating": 6}'}]}, ""),
        ],
    )
    def test_reply_without_a_rating_is_unscored_and_kept(self, fields: dict[str, Any], reason: str) -> None:
        answer = judge_at("http://h").read(rate_question(), message(**fields))
        assert isinstance(answer.said, Unscored)
        assert re.search(reason, answer.said.reason)
        assert answer.raw_reply

    def test_thinking_before_the_text_is_no_part_of_the_reply(self) -> None:
        blocks = [{"type": "thinking", "thinking": '{"rating": 1}', "signature": "x"}, *message()["content"]]
        answer = judge_at("http://h").read(rate_question(), message(content=blocks))
        assert answer.said == Rating(4, "It is.")
        assert answer.raw_reply == '{"rating": 4, "reason": "It is."}'

    def test_characters_that_no_database_holds_are_replaced(self) -> None:
        answer = judge_at("http://h").read(rate_question(), message("\ud800 \x00 I cannot."))
        assert answer.raw_reply.encode() == "\ufffd \ufffd I cannot.".encode()

    def test_cost_counts_what_was_cached_and_is_less_in_a_batch(self) -> None:
        usage = {
            "input_tokens": 1000,
            "output_tokens": 200,
            "cache_read_input_tokens": 4000,
            "cache_creation_input_tokens": 500,
        }
        judge = judge_at("http://h")
        alone, batched = (
            judge.read(rate_question(), message(usage=usage), batch=batch).usage for batch in (False, True)
        )
        assert (alone.n_input_tokens, alone.n_output_tokens) == (1000, 200)
        assert (alone.n_cache_read_tokens, alone.n_cache_write_tokens) == (4000, 500)
        step = load_prices().by_name[MODEL].steps[0]
        by_hand = (1000 * step.input + 200 * step.output + 4000 * step.cache_read + 500 * step.cache_write) / 1e6
        assert alone.cost_usd == pytest.approx(by_hand)
        assert batched.cost_usd == pytest.approx(by_hand / 2)

    @pytest.mark.parametrize("usage", [None, {}, {"input_tokens": "many"}])
    def test_cost_is_unknown_where_the_server_tells_no_tokens(self, usage: object) -> None:
        assert judge_at("http://h").read(rate_question(), message(usage=usage)).usage.cost_usd is None

    def test_cost_is_unknown_where_no_table_has_a_price(self) -> None:
        assert judge_at("http://h", model="llama").read(rate_question(), message()).usage.cost_usd is None

    def test_cut_of_the_text_is_recorded(self) -> None:
        assert judge_at("http://h").read(rate_question(text="x" * 1000), message()).n_chars_cut == 800

    @given(
        st.recursive(
            st.none() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
        )
    )
    def test_no_message_raises(self, content: object) -> None:
        judge_at("http://h").read(rate_question(), message(content=content if isinstance(content, list) else []))


class TestOverHttp:
    def test_every_question_has_the_answer_that_the_server_gave_it(self, serve: Serve) -> None:
        settings = Settings(
            key=KEY, share_refusals=0.1, share_max_tokens=0.1, share_malformed=0.1, latency_s=(0.0, 0.02)
        )
        server = serve(settings)
        questions = [*map(rate_question, range(60)), *map(topic_question, range(60))]
        answers = list(judge_at(server.url).answer(questions))
        assert sorted(map(_key, (answer.question for answer in answers))) == sorted(map(_key, questions))
        for answer in answers:
            user = user_text(answer.question)
            if fate_of(user, settings) != "good":
                assert isinstance(answer.said, Unscored), answer
            elif answer.question.kind == "topic":
                assert answer.said == Topic(topic_of(user))
            else:
                assert isinstance(answer.said, Rating)
                assert answer.said.rating == rating_of(user)

    def test_faults_of_the_way_lose_nothing_and_pay_nothing_twice(self, serve: Serve) -> None:
        server = serve(
            Settings(
                share_429=0.05,
                share_529=0.05,
                share_500=0.03,
                share_dropped_before=0.03,
                share_dropped_after=0.03,
                share_html=0.03,
                share_malformed_body=0.03,
                retry_after="date",
                retry_after_s=1.0,
                clock_skew_s=-86_400.0,
            )
        )
        judge = judge_at(server.url, limits=Limits(max_concurrency=32))
        answers = list(judge.answer(map(rate_question, range(80))))
        assert len({answer.question.sample_id for answer in answers}) == len(answers) == 80
        assert all(isinstance(answer.said, Rating) for answer in answers)
        assert set(server.stats().paid.values()) == {1}
        assert judge.traffic.n_rejected + judge.traffic.n_failed > 10

    def test_empty_text_is_judged_by_rule_without_a_call(self, serve: Serve) -> None:
        server = serve(Settings())
        answers = list(judge_at(server.url).answer([rate_question(text=" \n"), replace(topic_question(), text="")]))
        assert [type(answer.said) for answer in answers] == [Rating, Unscored]
        assert server.stats().n_requests == 0

    def test_half_open_connection_is_given_up_and_asked_again(self, serve: Serve) -> None:
        server = serve(Settings(share_stalled=0.3))
        judge = judge_at(server.url, limits=Limits(reply_s=0.5))
        answers = list(judge.answer(map(rate_question, range(12))))
        assert len(answers) == 12
        assert judge.traffic.n_failed > 0
        assert "in time" in (judge.traffic.last_fault or "")

    def test_questions_are_taken_as_they_are_needed_in_the_thread_of_the_caller(self, serve: Serve) -> None:
        server = serve(Settings())
        judge = judge_at(server.url, limits=Limits(max_concurrency=2))
        taken: list[int] = []
        threads: set[int] = set()

        def source() -> Iterator[Question]:
            for number in range(100):
                taken.append(number)
                threads.add(threading.get_ident())
                yield rate_question(number)

        for n_answered, _ in enumerate(judge.answer(source()), start=1):
            assert len(taken) - n_answered <= 20
        assert len(taken) == 100
        assert threads == {threading.get_ident()}

    def test_closing_the_generator_leaves_no_thread_and_sends_no_more(self, serve: Serve) -> None:
        server = serve(Settings(latency_s=(0.05, 0.1)))
        before = set(threading.enumerate())
        answers = judge_at(server.url).answer(map(rate_question, range(10_000)))
        next(answers)
        answers.close()  # type: ignore[attr-defined]
        assert set(threading.enumerate()) <= before
        n_requests = server.stats().n_requests
        assert n_requests < 50
        time.sleep(0.3)
        assert server.stats().n_requests == n_requests

    def test_interrupt_stops_at_once_and_leaves_no_thread(self, serve: Serve) -> None:
        server = serve(Settings(latency_s=(30.0, 30.0)))
        before = set(threading.enumerate())

        def interrupt() -> None:
            while server.stats().n_in_flight == 0:
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

        # Whoever started the tests in the background had interrupts ignored.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        with pytest.raises(KeyboardInterrupt):
            list(judge_at(server.url).answer(map(rate_question, range(100))))
        interrupting.join()
        signal.signal(signal.SIGINT, handler)
        assert set(threading.enumerate()) <= before

    def test_fault_of_the_source_reaches_the_caller(self, serve: Serve) -> None:
        def source() -> Iterator[Question]:
            yield rate_question()
            raise RuntimeError("The study is gone.")

        with pytest.raises(RuntimeError, match="The study is gone"):
            list(judge_at(serve(Settings()).url).answer(source()))


class TestMoney:
    def test_budget_holds_over_http_and_what_came_is_kept(self, serve: Serve) -> None:
        server = serve(Settings())
        judge = judge_at(server.url, budget=Budget(0.01))
        answers, error = _until_error(judge, 1000)
        assert "Of the budget of $0.01" in error
        spent = sum(answer.usage.cost_usd or 0.0 for answer in answers)
        assert 0 < spent <= 0.01
        assert judge.budget.spent_usd == pytest.approx(spent)
        assert server.stats().n_paid == len(answers)

    def test_budget_of_nothing_makes_no_call(self, serve: Serve) -> None:
        server = serve(Settings())
        answers, error = _until_error(judge_at(server.url, budget=Budget(0.0)), 10)
        assert answers == []
        assert "Of the budget of $0.00" in error
        with pytest.raises(JudgeError, match=r"budget of \$0.00"):
            probe(endpoint_of(server.url), prices=load_prices(), budget=Budget(0.0))
        assert server.stats().n_requests == 0

    def test_unknown_price_with_a_budget_makes_no_call(self, serve: Serve) -> None:
        server = serve(Settings(models=("llama",)))
        answers, error = _until_error(judge_at(server.url, model="llama", budget=Budget(5.0)), 10)
        assert answers == []
        assert 'price of "llama" is unknown' in error
        assert server.stats().n_requests == 0

    def test_tokens_read_from_the_cache_are_reported(self, serve: Serve) -> None:
        server = serve(Settings(cache_minimum=100))
        answers = list(judge_at(server.url, limits=Limits(max_concurrency=1)).answer(map(rate_question, range(5))))
        assert sum(answer.usage.n_cache_read_tokens for answer in answers) == server.stats().cached_tokens > 0


class TestFatal:
    @pytest.mark.parametrize(
        ("settings", "model", "said"),
        [
            (Settings(key="another"), MODEL, "refuses the key in LENSGAP_JUDGE_KEY"),
            (Settings(), "claude-unheard-of", 'no model "claude-unheard-of"'),
            (Settings(out_of_credit=400), MODEL, "cannot pay"),
            (Settings(out_of_credit=402), MODEL, "cannot pay"),
            (Settings(out_of_credit=429), MODEL, "cannot pay"),
            (Settings(share_html=1.0, html_status=200), MODEL, "HTML"),
            (Settings(share_html=1.0, html_status=404), MODEL, "no Messages API"),
        ],
    )
    def test_server_that_answers_nobody_is_told_in_one_sentence(
        self, serve: Serve, settings: Settings, model: str, said: str
    ) -> None:
        server = serve(settings)
        answers, error = _until_error(judge_at(server.url, model=model), 100)
        assert answers == []
        assert said in error
        assert KEY not in error
        assert server.stats().n_requests <= 4
        with pytest.raises(JudgeError, match=said.replace('"', ".")):
            probe(endpoint_of(server.url, model), prices=load_prices(), budget=Budget())

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid", "https://{server}"])
    def test_server_that_cannot_be_reached_is_told_in_one_sentence(self, serve: Serve, url: str) -> None:
        url = url.format(server=serve(Settings()).url.removeprefix("http://"))
        answers, error = _until_error(judge_at(url), 100)
        assert answers == []
        assert "cannot be reached" in error
        assert url in error

    def test_refused_form_of_requests_shows_what_the_server_says(self) -> None:
        n_calls = 0

        def refuse(_: httpx2.Request) -> httpx2.Response:
            nonlocal n_calls
            n_calls += 1
            return httpx2.Response(
                400, json={"type": "error", "error": {"type": "x", "message": f"thinking: no {KEY}"}}
            )

        transport = httpx2.MockTransport(refuse)
        answers, error = _until_error(judge_at("http://h", transport=transport), 1000)
        assert answers == []
        assert "400: thinking: no …" in error
        assert n_calls <= 8
        with pytest.raises(JudgeError, match="400: thinking"):
            probe(endpoint_of("http://h"), prices=load_prices(), budget=Budget(), transport=transport)


class TestProbe:
    @pytest.mark.parametrize(
        ("settings", "seen"),
        [
            (Settings(), ALL),
            (Settings(structured=False), replace(ALL, structured=False)),
            (Settings(counts_tokens=False), replace(ALL, counts_tokens=False)),
            (Settings(has_batches=False), replace(ALL, batches=False)),
            (Settings(thinking_first=True), replace(ALL, thinks_first=True)),
        ],
    )
    def test_sees_what_a_server_can_do(self, serve: Serve, settings: Settings, seen: Capabilities) -> None:
        budget = Budget(1.0)
        server = serve(settings)
        assert probe(endpoint_of(server.url), prices=load_prices(), budget=budget) == seen
        assert server.stats().n_paid == 1
        assert 0 < budget.spent_usd < 0.001

    def test_tries_less_often_and_says_so_where_a_person_waits(self, serve: Serve) -> None:
        told: list[str] = []
        server = serve(Settings(share_500=1.0))
        with pytest.raises(JudgeError, match="The judge's server fails"):
            probe(
                endpoint_of(server.url),
                prices=load_prices(),
                budget=Budget(),
                first_delay_s=0.01,
                in_haste=True,
                tell=told.append,
            )
        assert server.stats().by_status == {"500": 3}
        assert told == ["The judge's server fails (500: Internal server error). Trying again."] * 2

    def test_is_patient_with_a_busy_server(self, serve: Serve) -> None:
        server = serve(Settings(share_529=0.5, seed=4))
        assert probe(endpoint_of(server.url), prices=load_prices(), budget=Budget(), first_delay_s=0.01) == ALL


class TestSecrets:
    def test_planted_key_is_nowhere(self, serve: Serve, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
        caplog.set_level(logging.DEBUG)
        server = serve(Settings(share_429=0.2, share_500=0.2, retry_after_s=0.01))
        judge = judge_at(server.url, limits=Limits(max_concurrency=4))
        answers = list(judge.answer(map(rate_question, range(10))))
        server.become(Settings(key="another"))
        _, error = _until_error(judge, 5)
        out, err = capfd.readouterr()
        assert len(caplog.text) > 1000
        assert server.stats().keys == (KEY,)
        shown = repr(answers) + repr(vars(judge)) + repr(judge.identity) + error + caplog.text + out + err
        assert KEY not in shown

    def test_key_that_a_server_echoes_is_cut_out(self) -> None:
        answer = judge_at("http://h").read(rate_question(), message(f"Your key is {KEY}."))
        assert answer.raw_reply == "Your key is …."


def _key(question: Question) -> tuple[str, str]:
    return question.kind, question.sample_id


def _until_error(judge: MessagesJudge, n: int) -> tuple[list[Answer], str]:
    """What came before the error, and the error."""
    answers: list[Answer] = []
    try:
        for answer in judge.answer(map(rate_question, range(n))):
            answers.append(answer)
    except JudgeError as error:
        return answers, str(error)
    pytest.fail("The judge raised nothing.")
