"""Ten thousand votes from a faulty server, and a process that is killed three times: every vote or a reason, none paid twice.

A real `lensgap judge` asks a real server over HTTP. What is paid is counted at the server, request by request.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from db import connect
from engine.judges.judge import Question
from engine.judges.questions import Asked
from tests.engine.judges.conftest import Serve
from tests.support.command import Command
from tests.support.judge_process import KEY, judging, status_of, wait_until
from tests.support.judging import asked, study_to_judge, votes_in_database, votes_on_disk
from tests.support.messages_server import (
    MODEL,
    MessagesServer,
    Settings,
    fate_of,
    rating_of,
    request_key,
    topic_of,
)

FAULTY = Settings(
    share_429=0.05,
    retry_after_s=0.02,
    share_529=0.02,
    share_dropped_before=0.005,
    share_dropped_after=0.005,
    share_malformed=0.01,
    share_refusals=0.01,
    latency_s=(0.002, 0.04),
)
N_VOTES, VOTES, N_BETWEEN_KILLS, N_WARM = 10_000, 4, 700, 2_000
BATCH_S = 1.0
"""How long a batch takes, much longer than to be killed after it was submitted."""


def resident_mib(process: ForkServerProcess) -> float:
    """Memory of a process in MiB, 0 once it has ended."""
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, text=True, check=False)
    return int(shown.stdout or 0) / 1024


def kill_amid(study: Path, server: MessagesServer) -> None:
    """Kill −9 a process after some hundred more answers, and wait until the server has noticed."""
    goal = server.progress()[0] + N_BETWEEN_KILLS
    with judging(study, server, "--votes", str(VOTES)) as process:
        wait_until(lambda: server.progress()[0] >= goal, process)
        process.kill()
    wait_until(lambda: server.progress()[1] == 0)


def judge_to_the_end(study: Path, server: MessagesServer) -> tuple[float, float]:
    """Let a process finish; its largest resident size until it had some thousand answers, and after that."""
    goal = server.progress()[0] + N_WARM
    early = late = 0.0
    with judging(study, server, "--votes", str(VOTES)) as process:
        while process.is_alive():
            if server.progress()[0] < goal:
                early = max(early, resident_mib(process))
            else:
                late = max(late, resident_mib(process))
            time.sleep(0.5)
        assert process.exitcode == 0, study.with_suffix(".said").read_text()
    return early, late


@pytest.mark.slow
def test_ten_thousand_votes_end_with_a_value_or_a_reason_and_none_is_paid_twice_across_three_kills(
    serve: Serve, tmp_path: Path
) -> None:
    study = study_to_judge(tmp_path / "study", per_quadrant=3, n_arm=60)
    questions = asked(study)
    assert VOTES * len(questions) >= N_VOTES
    server = serve(FAULTY)
    for _ in range(3):
        kill_amid(study, server)
    early, late = judge_to_the_end(study, server)
    stats = server.stats()

    keys = [request_key(MODEL, words.system, words.user) for words in questions.values()]
    assert {stats.paid.get(key, 0) for key in keys} == {VOTES}
    assert stats.n_paid == VOTES * len(keys) + 1, "the probe's"
    assert stats.violations == ()

    kept = votes_in_database(study)
    assert len(kept) == len(set(kept)) == VOTES * len(questions)
    assert votes_on_disk(study) == []
    assert said(study) == expected(questions, FAULTY)
    assert late < early + 40, f"{early:.0f} MiB became {late:.0f} MiB"
    assert not files_with(tmp_path, KEY)


def said(study: Path) -> dict[tuple[str | None, str], object]:
    """What was said of every sample and pair, the same in all votes; that it is a reason where nothing was."""
    with connect(study) as cursor:
        topics = cursor.execute("select distinct sample_id, topic, unscored_reason is not null from topics").fetchall()
        ratings = cursor.execute(
            "select distinct concept, sample_id, rating, unscored_reason is not null from judgments"
        ).fetchall()
    found: dict[tuple[str | None, str], object] = {(None, sample): topic or reason for sample, topic, reason in topics}
    found |= {(concept, sample): rating or reason for concept, sample, rating, reason in ratings}
    assert len(found) == len(topics) + len(ratings)
    return found


def expected(questions: Mapping[Question, Asked], settings: Settings) -> dict[tuple[str | None, str], object]:
    """What the server's rule says of each question, or that there is a reason why nothing is said."""

    def ruled(question: Question, user: str) -> object:
        if fate_of(user, settings) != "good":
            return True
        rule = topic_of if question.kind == "topic" else rating_of
        return rule(user, seed=settings.seed)

    return {(each.concept, each.sample_id): ruled(each, words.user) for each, words in questions.items()}


def files_with(folder: Path, text: str) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of some forty questions."""
    return study_to_judge(tmp_path_factory.mktemp("small") / "study", per_quadrant=1, n_arm=3)


@pytest.fixture
def study(small: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(small, tmp_path / "study"))


@pytest.mark.parametrize(
    "settings",
    [
        Settings(structured=False),
        Settings(counts_tokens=False),
        Settings(has_batches=False),
        Settings(thinking_first=True),
        Settings(structured=False, thinking_first=True, counts_tokens=False, has_batches=False),
        Settings(share_html=0.1),
        Settings(share_html=0.1, html_status=200, seed=1),
        Settings(share_malformed_body=0.1),
        Settings(retry_after="date", share_429=0.2, clock_skew_s=86_400.0, retry_after_s=0.0),
    ],
    ids=lambda settings: json.dumps(differing(settings)),
)
def test_a_server_of_another_make_judges_all_the_same(
    serve: Serve, study: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("LENSGAP_JUDGE_KEY", KEY)
    server = serve(settings)
    outcome = lensgap("judge", study, "--judge", "anthropic", "--base-url", server.url, "--yes")
    assert outcome.status == 0, outcome.stderr
    assert said(study) == expected(asked(study), settings)


HELD = Settings(held_after=1)
"""All but the probe is answered when the test says so, and no sooner, however slow the machine is."""


def receiver_of(process: ForkServerProcess) -> int:
    """The process that receives replies for a judge."""
    shown = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
    return int(shown.stdout)


def lost_by_kills(study: Path) -> list[float]:
    """What processes that were killed are said to have lost."""
    with connect(study) as cursor:
        rows = cursor.execute("select cost_usd from judge_extras where reason = 'killed'").fetchall()
    return [cost for (cost,) in rows]


def times_paid(study: Path, server: MessagesServer) -> set[int]:
    """How often the questions of a study were paid for."""
    paid = server.stats().paid
    return {paid.get(request_key(MODEL, words.system, words.user), 0) for words in asked(study).values()}


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_replies_that_come_after_the_end_of_their_judge_are_kept_and_nothing_is_lost(
    serve: Serve, study: Path, ending: signal.Signals
) -> None:
    server = serve(HELD)
    with judging(study, server) as process:
        wait_until(lambda: server.progress()[1] >= 3, process)
        os.kill(process.pid or 0, ending)
        process.join()
        n_answered, n_under_way = server.progress()
    assert (n_answered, n_under_way >= 3) == (1, True)
    # All that is under way is waited for, and nothing more is sent.
    with judging(study, server, "--budget", "0") as process:
        server.let_go()
        assert status_of(process) == 1
    assert server.progress() == (n_answered + n_under_way, 0)
    assert len(votes_in_database(study)) == n_answered + n_under_way - 1, "all but the probe's"
    server.become(Settings())
    with judging(study, server) as process:
        assert status_of(process) == 0
    assert len(votes_in_database(study)) == len(asked(study))
    assert server.stats().n_paid == len(asked(study)) - (n_answered + n_under_way - 1)
    assert lost_by_kills(study) == []
    assert said(study) == expected(asked(study), Settings())
    assert [file.suffix for file in (study / "replies").iterdir()] == [".lock", ".lock"]


def test_what_was_under_way_at_a_kill_of_both_counts_against_the_budget_from_then_on(serve: Serve, study: Path) -> None:
    server = serve(HELD)
    with judging(study, server) as process:
        wait_until(lambda: server.progress()[1] >= 3, process)
        receiver = receiver_of(process)
        os.kill(process.pid or 0, signal.SIGSTOP)
        os.kill(receiver, signal.SIGKILL)
        process.kill()
    server.let_go()
    wait_until(lambda: server.progress()[1] == 0)
    n_paid = server.stats().n_paid
    with judging(study, server, "--budget", "0") as process:
        assert status_of(process) == 1
    assert "for replies that were lost" in study.with_suffix(".said").read_text()
    assert server.stats().n_paid == n_paid
    [cost_usd] = lost_by_kills(study)
    assert cost_usd > 0


def test_a_judge_whose_receiver_is_killed_says_so_and_goes_on_when_it_is_called_again(
    serve: Serve, study: Path
) -> None:
    server = serve(HELD)
    with judging(study, server) as process:
        wait_until(lambda: server.progress()[1] >= 3, process)
        os.kill(receiver_of(process), signal.SIGKILL)
        assert status_of(process) == 1
    assert study.with_suffix(".said").read_text().count("The process that receives the judge's replies has ended.") == 1
    with connect(study) as cursor:
        [(lost,)] = cursor.execute("select cost_usd from judge_extras where reason = 'lost'").fetchall()
    assert lost > 0
    server.become(Settings())
    with judging(study, server) as process:
        assert status_of(process) == 0
    assert said(study) == expected(asked(study), Settings())


def test_batches_are_collected_after_kills_and_not_submitted_again(serve: Serve, study: Path) -> None:
    n_of_kind = [len([each for each in asked(study) if each.kind == kind]) for kind in ("topic", "relevance")]
    server = serve(Settings(batch_s=BATCH_S))
    for n_submitted in (1, 2):
        with judging(study, server, "--batches") as process:
            wait_until(lambda n=n_submitted: len(server.stats().batch_sizes) == n, process)  # type: ignore[misc]
            process.kill()
        # Whoever finds a batch unfinished looks again only after five seconds.
        time.sleep(BATCH_S)
    with judging(study, server, "--batches") as process:
        assert status_of(process) == 0, study.with_suffix(".said").read_text()
    stats = server.stats()
    assert list(stats.batch_sizes) == n_of_kind
    questions = asked(study)
    assert {stats.paid[request_key(MODEL, words.system, words.user)] for words in questions.values()} == {1}
    assert said(study) == expected(questions, Settings())


def differing(settings: Settings) -> dict[str, object]:
    return {name: value for name, value in asdict(settings).items() if value != asdict(Settings())[name]}
