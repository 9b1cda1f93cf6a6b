"""Replies that another process receives: what it hands over is what the judge would have had itself, and it is kept before."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import JudgeError
from engine.judges.api import relay
from engine.judges.api.endpoint import Capabilities, Endpoint
from engine.judges.api.lines import Came, Sent, Start, Started
from engine.judges.api.messages import Limits, MessagesJudge
from engine.judges.api.reply_files import (
    SETTLED,
    Vote,
    held_file,
    read_reply,
    receiver_lock,
    reply_file,
    reply_files,
    write_reply,
)
from engine.judges.costs.budget import Budget
from engine.judges.costs.prices import load_prices
from engine.judges.judge import Answer, Question
from engine.judges.questions import Questioner
from engine.prompts.rubrics import load_rubric
from tests.engine.judges.conftest import Serve
from tests.engine.judges.small_pack import PACK
from tests.support.messages_server import MODEL, Settings

KEY = "sk-ant-planted-0123456789"
ALL = Capabilities(structured=True, system_blocks=True, counts_tokens=True, batches=True, thinks_first=False)
ENDPOINT = Endpoint("http://h", MODEL, KEY, "LENSGAP_JUDGE_KEY")
TEXT = st.text(st.characters(codec=None) | st.sampled_from('\ud800\x00\n\r\u2028"\\{}'))
VOTES = st.builds(Vote, st.just("topic"), TEXT, st.none(), st.integers(0, 10**5)) | st.builds(
    Vote, st.just("relevance"), TEXT, TEXT, st.integers(0, 10**5)
)
HEADERS = st.lists(st.tuples(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255))))


def judge_at(url: str, **options: Any) -> MessagesJudge:
    endpoint = Endpoint(url, MODEL, KEY, "LENSGAP_JUDGE_KEY")
    questioner = Questioner(load_rubric("standard"), PACK, text_limit=200)
    options = {"prices": load_prices(), "capabilities": ALL} | options
    return MessagesJudge(endpoint, questioner, **options)


def question(number: int = 0) -> Question:
    return Question("relevance", f"sample-{number}", f"Text {number} is about juniper.", "gin")


def vote(number: int = 0) -> Vote:
    return Vote("relevance", f"sample-{number}", "gin", 0)


def received(judge: MessagesJudge, folder: Path, n: int) -> list[Answer]:
    """The answers to so many questions, whose replies another process received."""
    folder.mkdir(exist_ok=True)
    with judge.receiving(folder, "j", "t"):
        return list(judge.answer(map(question, range(n))))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


class TestFiles:
    @given(found=VOTES, said=TEXT, before=TEXT)
    def test_a_reply_comes_out_as_it_went_in_but_for_the_key(
        self, scratch: Path, found: Vote, said: str, before: str
    ) -> None:
        message = {"type": "message", "content": [{"type": "text", "text": said}], "x": f"{before}{KEY}"}
        file = reply_file(scratch, "j", found)
        for body in (json.dumps(message).encode(), json.dumps(message).replace("-", "\\u002d").encode()):
            write_reply(file, found, body, ENDPOINT)
            assert KEY.encode() not in file.read_bytes()
            assert read_reply(file) == (found, ENDPOINT.redacted(message))

    @given(one=VOTES, other=VOTES)
    def test_votes_share_a_file_only_if_they_are_the_same(self, one: Vote, other: Vote) -> None:
        same = reply_file(Path(), "j", one) == reply_file(Path(), "j", other)
        assert same == (one == other)
        assert reply_file(Path(), "j", one) != reply_file(Path(), "k", one)

    @given(st.data())
    def test_a_file_that_is_cut_or_overwritten_is_damaged_and_raises_nothing(
        self, scratch: Path, data: st.DataObject
    ) -> None:
        file = reply_file(scratch, "j", vote())
        write_reply(file, vote(), b'{"content": [], "usage": {"input_tokens": 1}}', ENDPOINT)
        content = file.read_bytes()
        file.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        assert read_reply(file) is None
        file.write_bytes(data.draw(st.binary()))
        assert read_reply(file) is None

    @pytest.mark.parametrize(
        "first", [{"kind": "other"}, {"sample_id": 3}, {"concept": None}, {"vote": "0"}, {"vote": True}, {"more": 1}]
    )
    def test_a_vote_that_is_none_is_damage(self, tmp_path: Path, first: dict[str, object]) -> None:
        named = {"kind": "relevance", "sample_id": "s", "concept": "gin", "vote": 0}
        file = tmp_path / "j-x.reply"
        file.write_text(json.dumps(named) + '\n{"content": []}')
        assert read_reply(file)
        file.write_text(json.dumps(named | first) + '\n{"content": []}')
        assert read_reply(file) is None

    def test_without_room_nothing_remains(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(file: Path, content: bytes) -> None:
            with file.open("wb") as half:
                half.write(content[:10])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            write_reply(tmp_path / "j-x.reply", vote(), b"{}", ENDPOINT)
        assert os.listdir(tmp_path) == []


class TestLines:
    @given(VOTES, st.floats(0, 1e6), HEADERS, st.binary())
    def test_what_is_told_comes_over_as_it_was(
        self, found: Vote, worst: float, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        for told in (
            Sent(3, found, worst, "POST", "http://h/v1/messages", headers, body),
            Came(3, 200, headers, body),
            Came(4, error="ReadError", told="\n it broke"),
            Started("It cannot.", "Try again."),
            Start("/a\nb", "j", "t", ENDPOINT, 64, 120.0, 10.0, 0.25),
        ):
            line = told.line()
            assert line.endswith(b"\n")
            assert line.count(b"\n") == 1
            back = type(told).read(line)
            # JSON knows no tuples.
            assert json.loads(back.line()) == json.loads(line)
            assert getattr(back, "content", None) == getattr(told, "content", None)
            assert getattr(back, "vote", None) == getattr(told, "vote", None)


class TestReceiving:
    def test_answers_are_those_of_a_judge_that_makes_its_calls_itself(self, serve: Serve, tmp_path: Path) -> None:
        settings = Settings(share_refusals=0.1, share_malformed=0.1, share_429=0.1, retry_after_s=0.01)
        server = serve(settings)
        direct = list(judge_at(server.url).answer(map(question, range(30))))
        server.become(settings)
        over = received(judge_at(server.url), tmp_path, 30)

        def said(answers: list[Answer]) -> dict[str, object]:
            return {each.question.sample_id: (each.said, each.raw_reply, each.usage) for each in answers}

        assert said(over) == said(direct)
        # Every reply that was paid is in its file, and nothing else is.
        kept = {found[0].sample_id for file in reply_files(tmp_path, "j") if (found := read_reply(file))}
        assert kept == {each.question.sample_id for each in over}
        assert set(server.stats().paid.values()) == {1}
        assert not [file for file in tmp_path.rglob("*") if KEY.encode() in file.read_bytes()]

    @pytest.mark.parametrize(
        ("settings", "consequence"),
        [
            (Settings(key="another"), "refuses the key in LENSGAP_JUDGE_KEY"),
            (Settings(share_html=1.0, html_status=200), "HTML"),
            (Settings(share_stalled=1.0), "does not answer in time"),
            (Settings(share_dropped_before=1.0), "broke"),
            (Settings(share_dropped_after=1.0), "broke"),
            (Settings(share_malformed_body=1.0), "something that is no message"),
        ],
        ids=lambda each: each if isinstance(each, str) else "",
    )
    def test_faults_of_the_way_are_told_as_if_they_had_happened_here(
        self, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, consequence: str
    ) -> None:
        monkeypatch.setattr("engine.judges.api.asking.FIRST_DELAY_S", 0.0)
        server = serve(settings)
        told = []
        for way in (lambda judge: list(judge.answer([question()])), lambda judge: received(judge, tmp_path, 1)):
            judge = judge_at(server.url, limits=Limits(reply_s=0.1 if settings.share_stalled else 30.0))
            with pytest.raises(JudgeError, match=consequence) as raised:
                way(judge)
            told.append((str(raised.value), judge.traffic.n_calls, judge.budget.unsure_usd))
        assert told[0] == told[1]
        assert reply_files(tmp_path, "j") == []

    def test_a_server_that_cannot_be_reached_is_told_as_if_it_had_been_tried_here(self, tmp_path: Path) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            judge = judge_at(f"http://127.0.0.1:{unused.getsockname()[1]}")
            with pytest.raises(JudgeError, match=r"cannot be reached.*does the server run"):
                received(judge, tmp_path, 3)
        assert judge.budget.unsure_usd == 0.0

    def test_no_thread_and_no_process_is_left_and_the_lock_is_free(
        self, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, started = set(threading.enumerate()), spied(monkeypatch)
        received(judge_at(serve(Settings()).url), tmp_path, 3)
        assert set(threading.enumerate()) <= before
        assert [process.poll() for process in started] == [0]
        FileLock(receiver_lock(tmp_path, "j")).acquire(timeout=0).lock.release()

    def test_without_room_for_files_replies_come_all_the_same(self, serve: Serve, tmp_path: Path) -> None:
        server = serve(Settings())
        judge = judge_at(server.url)
        with judge.receiving(tmp_path, "j", "t"):
            # In the place of each file stands a folder.
            for number in range(3):
                reply_file(tmp_path, "j", vote(number)).mkdir()
            assert len(list(judge.answer(map(question, range(3))))) == 3


class TestTheEndOfAJudge:
    @pytest.mark.parametrize("is_lost", [False, True])
    def test_what_was_under_way_is_kept_and_what_is_lost_of_it_is_written_down(
        self, serve: Serve, tmp_path: Path, is_lost: bool
    ) -> None:
        server = serve(Settings(latency_s=(1.0, 1.0), share_malformed_body=float(is_lost)))
        held = held_file(tmp_path, "j", "t")
        judge = judge_at(server.url, budget=Budget(unsure_usd=0.125, spent_usd=1.0, hold=partial(_hold, held)))
        judge.budget.keep(-0.125)

        def source() -> Iterator[Question]:
            yield from map(question, range(8))
            while server.stats().n_in_flight < 4:
                time.sleep(0.01)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), judge.receiving(tmp_path, "j", "t"):
            list(judge.answer(source()))
        assert judge.leaves_calls
        n_sent = server.stats().n_requests
        with FileLock(receiver_lock(tmp_path, "j"), timeout=30):
            assert len(reply_files(tmp_path, "j")) == (0 if is_lost else n_sent)
        assert server.stats().n_requests == n_sent
        [told] = [line for line in held.read_bytes().splitlines() if line.startswith(SETTLED)]
        could_be_lost = judge.budget.unsure_usd - 0.125
        assert could_be_lost > 0
        # What was lost before the receiver began is part of it.
        assert float(told.removeprefix(SETTLED)) == pytest.approx(0.125 + is_lost * could_be_lost)

    def test_a_receiver_that_is_killed_ends_the_judge_and_its_calls_may_be_paid(
        self, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server, started = serve(Settings(latency_s=(30.0, 30.0))), spied(monkeypatch)
        judge = judge_at(server.url)

        def source() -> Iterator[Question]:
            yield from map(question, range(8))
            while server.stats().n_in_flight < 4:
                time.sleep(0.01)
            started[0].kill()

        ended = pytest.raises(JudgeError, match="process that receives the judge's replies has ended")
        with ended, judge.receiving(tmp_path, "j", "t"):
            list(judge.answer(source()))
        assert not judge.leaves_calls
        assert judge.budget.unsure_usd == judge.budget.not_kept_usd > 0

    def test_while_one_receives_no_other_is_started(self, serve: Serve, tmp_path: Path) -> None:
        with (
            FileLock(receiver_lock(tmp_path, "j")),
            pytest.raises(JudgeError, match="Another process receives replies"),
        ):
            received(judge_at(serve(Settings()).url), tmp_path, 1)

    def test_a_receiver_that_does_not_start_says_why(
        self, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relay, "COMMAND", (sys.executable, "-c", "raise MemoryError('all is taken')"))
        with pytest.raises(JudgeError, match=r"does not start \(MemoryError: all is taken\)"):
            received(judge_at(serve(Settings()).url), tmp_path, 1)

    def test_settings_of_the_environment_that_allow_no_calls_are_told(
        self, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with pytest.raises(JudgeError, match="proxy or certificates cannot be used"):
            received(judge_at(serve(Settings()).url), tmp_path, 1)


def _hold(file: Path, amount: float) -> None:
    with file.open("a") as held:
        held.write(f"{amount}\n")


def spied(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """The receivers that are started from now on."""
    found: list[subprocess.Popen[bytes]] = []
    start = relay._started

    def starting(first: Start) -> Any:
        ends = start(first)
        found.append(ends[0])
        return ends

    monkeypatch.setattr(relay, "_started", starting)
    return found
