"""`lensgap judge` against a server on this machine: what is told before money is spent, every fault in a sentence, and no key."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from db import connect, insert, query, transaction
from db.rows import SampleRow
from engine import pipeline
from engine.config import StudyConfig, change_config, read_stored_config
from engine.errors import ConsentMissing
from engine.judges.batches import batch_judge as batches
from engine.judges.batches.server import Polling
from engine.judges.costs.prices import load_prices
from engine.judges.judge import Usage
from engine.judges.open import open_judge
from engine.packs.folder import load_pack
from engine.pipeline import run
from engine.prompts.rubrics import load_rubric
from engine.stages import judge_run as judging
from engine.stages import pricing
from engine.stages.judge import Inquiry
from engine.stages.pricing import require_payable
from engine.stages.reply_log import ReplyLog
from tests.support.command import Command, Outcome
from tests.support.hand_made import HAND_MADE, write_pack
from tests.support.messages_server import MODEL, MessagesServer, Settings
from tests.support.planted import close_databases, copy_study, snapshot

KEY = "sk-ant-planted-and-never-seen-7391"
OWN_KEY = "own-server-key-never-seen-4402"
VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "LENSGAP_JUDGE_KEY", "ANTHROPIC_AUTH_TOKEN")
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
TABLES = ("topics", "judgments", "judges", "endpoints", "judge_batches", "progress", "runs")
SPEND = ("--judge", "anthropic", "--yes")


@pytest.fixture(scope="module")
def server(server_process: MessagesServer) -> MessagesServer:
    return server_process


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two concepts whose texts were written and never judged; one text is empty."""
    folder = tmp_path_factory.mktemp("made")
    pack = write_pack(folder / "pack", HAND_MADE)
    config = StudyConfig(pack=str(pack), picker="list", concepts=("gin", "hammer"), n_positive=3, n_negative=3)
    run(folder / "study", config, only=("select",), quiet=True)
    with connect(folder / "study") as cursor:
        ids = [row[0] for row in cursor.execute("select sample_id from prompts order by all").fetchall()]
    texts = ["", *(f"Text {number} tells of gin.\x00\u2028 It is no hammer." for number in range(1, len(ids)))]
    rows = [SampleRow(i, text, "stop", (1, 2), 4, datetime(2026, 1, 2)) for i, text in zip(ids, texts, strict=True)]
    with transaction(folder / "study") as cursor:
        insert(cursor, rows)
    return folder / "study"


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A study of the test's own; no file of it holds a key afterwards."""
    folder = copy_study(made, tmp_path / "study")
    yield folder
    close_databases()
    content = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert content
    assert KEY.encode() not in content
    assert OWN_KEY.encode() not in content


@pytest.fixture
def judge(
    lensgap: Command, server: MessagesServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Command]:
    """Runs `lensgap judge`, with a key in the environment and every log on; neither tells it."""
    for variable in (*VARIABLES, *PROXIES):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("LENSGAP_JUDGE_KEY", OWN_KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    monkeypatch.setattr(pricing, "N_EXAMPLES", 1)
    server.become(Settings())
    caplog.set_level(logging.DEBUG)

    def command(*arguments: object) -> Outcome:
        found = lensgap("judge", *arguments)
        said = found.stdout + found.stderr + caplog.text
        assert KEY not in said
        assert OWN_KEY not in said
        return found

    yield command
    assert server.stats().violations == ()


def told(found: Outcome) -> str:
    """The sentence that a command ended in: the last line, after the price where it was told; nothing else on any stream."""
    assert found.status == 1, found
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    *before, last = found.stderr.strip().splitlines()
    assert not before or "Before judging by" in before[0]
    assert last.endswith((".", "?"))
    return last


def rows(study: Path, table: str) -> list[tuple[Any, ...]]:
    with connect(study) as cursor:
        return cursor.execute(f"select * from {table} order by all").fetchall()


def n_rows(study: Path) -> dict[str, int]:
    return {table: len(rows(study, table)) for table in TABLES}


def n_votes(study: Path) -> tuple[int, int]:
    """Topics and ratings that the study holds."""
    found = n_rows(study)
    return found["topics"], found["judgments"]


def n_asked(server: MessagesServer) -> int:
    """Requests for a message, answered or not, without the probe's."""
    return sum(server.stats().tries.values())


def to_judge(study: Path) -> tuple[int, int]:
    return len(rows(study, "samples")), len(rows(study, "pairs"))


def n_empty(study: Path) -> int:
    """Votes on the empty text, which need no call."""
    found = rows(study, "samples join pairs using (sample_id) where output = ''")
    return 1 + len(found)


# What is wrong, said in a sentence.


@dataclass(frozen=True)
class Fault:
    """What is given to the command and the server, and what must be said of it."""

    arguments: tuple[object, ...]
    words: tuple[str, ...]
    settings: Settings = field(default_factory=Settings)
    environment: dict[str, str | None] = field(default_factory=dict)


NOWHERE = "http://127.0.0.1:1"
FAULTS: dict[str, Fault] = {
    "no key": Fault(SPEND, ("ANTHROPIC_API_KEY", "--judge offline"), environment={"ANTHROPIC_API_KEY": None}),
    "empty key": Fault(SPEND, ("ANTHROPIC_API_KEY", "--judge offline"), environment={"ANTHROPIC_API_KEY": " "}),
    "key that is none": Fault(SPEND, ("ANTHROPIC_API_KEY",), environment={"ANTHROPIC_API_KEY": "two words"}),
    "wrong key": Fault(SPEND, ("ANTHROPIC_API_KEY", "401"), Settings(key="another-key-altogether")),
    "wrong key of one's own server": Fault(
        (*SPEND, "--base-url", "{url}"), ("LENSGAP_JUDGE_KEY", "401"), Settings(key="another-key-altogether")
    ),
    "unknown model": Fault(("--judge", "anthropic:no-such", "--yes"), ("no-such", "404")),
    "no credit, 400": Fault(SPEND, ("credit",), Settings(out_of_credit=400)),
    "no credit, 402": Fault(SPEND, ("credit",), Settings(out_of_credit=402)),
    "spend limit, 429": Fault(SPEND, ("spend limit",), Settings(out_of_credit=429)),
    "a web site": Fault(SPEND, ("HTML", "{url}"), Settings(share_html=1.0, html_status=200)),
    "a web site without the page": Fault(SPEND, ("HTML", "404"), Settings(share_html=1.0, html_status=404)),
    "no server": Fault((*SPEND, "--base-url", NOWHERE), (NOWHERE, "cannot be reached")),
    "no address": Fault((*SPEND, "--base-url", "ftp://here"), ("address", "http://")),
    "login in the address": Fault((*SPEND, "--base-url", f"http://me:{OWN_KEY}@here"), ("LENSGAP_JUDGE_KEY",)),
    "no proxy": Fault(
        SPEND,
        ("HTTPS_PROXY", "api.anthropic.com"),
        environment={"HTTPS_PROXY": f"http://me:{OWN_KEY}@127.0.0.1:1", "ANTHROPIC_BASE_URL": None},
    ),
    "budget of nothing": Fault(("--judge", "anthropic", "--budget", "0"), ("budget of $0.00", "--budget")),
    "budget below nothing": Fault(("--judge", "anthropic", "--budget", "-1"), ("budget", "at least 0")),
    "budget of no number": Fault(("--judge", "anthropic", "--budget", "nan"), ("budget",)),
    "budget without a price": Fault(("--judge", "anthropic:unpriced", "--budget", "1"), ("unpriced", "price")),
    "prices that are not there": Fault((*SPEND, "--prices", "no-such.toml"), ("no-such.toml",)),
    "rubric that is not there": Fault((*SPEND, "--rubric", "no-such.toml"), ("no-such.toml", "standard")),
    "asking one again who says the same": Fault(("--retry-unscored",), ("--retry-unscored", "offline")),
    "asking a local judge again": Fault(("--judge", "local:x", "--retry-unscored"), ("--retry-unscored", "local:x")),
    "votes of one who says the same": Fault(("--votes", "2"), ("votes", "offline")),
    "batches of no server": Fault(("--batches",), ("batches", "anthropic")),
    "batches of a server without": Fault((*SPEND, "--batches"), ("no message batches",), Settings(has_batches=False)),
    "unknown judge": Fault(("--judge", "oracle"), ("oracle", "offline", "anthropic")),
    "judge without a model": Fault(("--judge", "anthropic:"), ("anthropic:",)),
    "local judge without a name": Fault(("--judge", "local:"), ("local:",)),
    "money and nobody to ask": Fault(("--judge", "anthropic"), ("calls cost money", "--budget", "--yes")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_told_in_one_sentence_and_changes_nothing(
    judge: Command, study: Path, server: MessagesServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    wrong, before = FAULTS[fault], snapshot(study)
    server.become(wrong.settings)
    for variable, value in wrong.environment.items():
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value)
    said = told(judge(study, *(str(argument).format(url=server.url) for argument in wrong.arguments)))
    assert all(word.format(url=server.url) in said for word in wrong.words), said
    assert snapshot(study) == before
    # The probe of a server that has no batches is the only answer that may have been paid for.
    assert server.stats().n_paid == (1 if "server without" in fault else 0)


BROKEN_RUBRICS: dict[str, tuple[Callable[[str], str], str]] = {
    "no text in the topic's question": (lambda toml: toml.replace("{text}", "this", 1), "topic.question"),
    "no concept": (lambda toml: toml.replace("{concept}", "it"), "{concept}"),
    "a placeholder of nothing": (lambda toml: toml.replace("{text}", "{text} {arm}", 1), "{arm}"),
    "half a file": (lambda toml: toml[: len(toml) // 2], "TOML"),
    "an empty file": (lambda toml: "", "topic"),
}


@pytest.mark.parametrize("how", BROKEN_RUBRICS)
def test_a_rubric_that_is_broken_is_told_with_file_and_field(
    judge: Command, study: Path, tmp_path: Path, server: MessagesServer, how: str
) -> None:
    spoil, word = BROKEN_RUBRICS[how]
    file = tmp_path / "mine.toml"
    file.write_text(spoil(judge("rubric").stdout))
    for arguments in (
        ("rubric", file),
        (study, *SPEND, "--rubric", file),
        ("ask", study, "--rubric", file, "--dry-run"),
    ):
        if arguments[0] == "ask":
            arguments = (*arguments, "--judge", "anthropic")
        said = told(judge(*arguments))
        assert str(file) in said
        assert word in said
    assert n_votes(study) == (0, 0)
    assert server.stats().n_requests == 0


def test_a_folder_without_a_study_is_not_made_into_one(judge: Command, tmp_path: Path) -> None:
    # A subcommand that is mistyped reads as a folder.
    for arguments in (
        ("comapre",),
        ("comapre", "--dry-run"),
        ("compare", "comapre"),
        ("try", "comapre", "--pair", "s:c"),
    ):
        said = told(judge(*arguments))
        assert "comapre" in said or "no such run" in said
    assert not Path("comapre").exists()


def test_a_run_that_was_never_generated_is_not_judged(judge: Command, study: Path) -> None:
    before = snapshot(study)
    said = told(judge(study, "--seed", "77"))
    assert "lensgap generate" in said
    assert snapshot(study) == before
    assert n_rows(study)["runs"] == 1


# What it costs, before it does.


def test_a_dry_run_tells_the_price_and_touches_nothing(
    judge: Command, study: Path, server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_databases()
    database = study / "study.duckdb"
    before = database.read_bytes(), [file for file in study.iterdir() if not file.name.endswith((".queue", ".turn"))]
    arguments = (study, "--judge", "anthropic", "--dry-run", "--votes", "3")
    n_samples, n_pairs = to_judge(study)
    for key in (KEY, "", None):
        if key is None:
            monkeypatch.delenv("ANTHROPIC_API_KEY")
        else:
            monkeypatch.setenv("ANTHROPIC_API_KEY", key)
        server.become(Settings())
        found = judge(*arguments, "--json")
        assert (found.status, found.stderr) == (0, "")
        price = json.loads(found.stdout)
        assert price["judge"] == f"anthropic:{MODEL}"
        assert [kind["n_calls"] + kind["n_by_rule"] for kind in price["kinds"]] == [3 * n_samples, 3 * n_pairs]
        assert sum(kind["n_by_rule"] for kind in price["kinds"]) == 3 * n_empty(study)
        assert 0 < price["cost"]["likely_usd"] < price["cost"]["high_usd"]
        stats = server.stats()
        # With a key the tokens of some questions are counted, which costs nothing; without one nobody is asked.
        assert (stats.n_counted > 0) == (key == KEY)
        assert stats.n_requests == stats.n_counted
        assert "of the questions" in price["assumptions"][0] if key else "4 characters" in price["assumptions"][0]
    shown = judge(*arguments)
    assert shown.status == 0
    assert "Cost: about $" in shown.stdout
    close_databases()
    assert (
        database.read_bytes(),
        [file for file in study.iterdir() if not file.name.endswith((".queue", ".turn"))],
    ) == before


def test_the_questions_that_stand_for_all_are_each_of_another_text_or_concept(
    judge: Command, study: Path, server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pricing, "N_EXAMPLES", 20)
    texts = rows(study, "samples where output <> ''")
    pairs = rows(study, "pairs semi join (from samples where output <> '') using (sample_id)")
    n_expected = len(texts) + min(20, len(pairs))
    assert max(len(texts), 5) < 20
    found = judge(study, "--judge", "anthropic", "--dry-run", "--json", "--votes", "3")
    assert f"for {n_expected} of the questions" in json.loads(found.stdout)["assumptions"][0]
    # All votes on a text ask the same; each that is counted is another question.
    assert server.stats().n_counted == n_expected
    inquiry = Inquiry(study, rows(study, "runs")[0][0], "nobody", n_votes=3)
    for name, n_wanted in (("topic", len(texts)), ("relevance", min(20, len(pairs)))):
        values = inquiry.values(name) | {"n_rows": 20}  # type: ignore[arg-type]
        with connect(study) as cursor:
            given = cursor.execute(query(f"judging.{name}_examples"), values).fetchall()
        assert len(set(given)) == len(given) == n_wanted
        assert {row[2] for row in given} <= {row[1] for row in texts}


def test_a_dry_run_of_what_costs_nothing_says_so(judge: Command, study: Path, server: MessagesServer) -> None:
    free = json.loads(judge(study, "--dry-run", "--json").stdout)
    assert free["cost"] == free["cost"] | {"known": True, "likely_usd": 0.0, "high_usd": 0.0}
    own = ("--judge", "anthropic:own", "--base-url", server.url)
    unknown = json.loads(judge(study, *own, "--dry-run", "--json").stdout)
    assert unknown["cost"] == unknown["cost"] | {"known": False, "likely_usd": None, "high_usd": None}
    assert unknown["cost"]["reason"]


def test_the_cost_stays_below_what_was_told_and_stands_in_status(
    judge: Command, lensgap: Command, study: Path, server: MessagesServer
) -> None:
    told_before = json.loads(judge(study, "--judge", "anthropic", "--dry-run", "--json").stdout)
    server.become(Settings())
    found = judge(study, "--judge", "anthropic", "--budget", "1")
    assert found.status == 0, found.stderr
    assert "Before judging by" in found.stderr
    assert found.stdout.strip() in found.stderr
    assert n_votes(study) == to_judge(study)
    [status] = json.loads(lensgap("status", study, "--json").stdout)["runs"]
    [row] = status["judges"]
    assert (row["n_topics"], row["n_ratings"], row["n_unpriced"]) == (*to_judge(study), 0)
    assert 0 < row["cost_usd"] < told_before["cost"]["high_usd"]
    costs = [vote[-1] for table in ("topics", "judgments") for vote in rows(study, f"(select cost_usd from {table})")]
    assert row["cost_usd"] == pytest.approx(sum(costs))
    # Every vote is a call, but those on the empty text; and one call found out what the server can do.
    assert server.stats().n_paid == sum(to_judge(study)) - n_empty(study) + 1
    again = judge(study, "--judge", "anthropic")
    assert (again.status, again.stdout) == (0, found.stdout)
    assert "nothing left to do" in again.stderr


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_a_person_who_does_not_agree_to_the_price_spends_nothing(
    judge: Command, study: Path, server: MessagesServer, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(judging, "terminal_asks", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    found = judge(study, "--judge", "anthropic")
    assert "nothing spent" in told(found)
    assert found.stderr.count("Go on?") == 1
    assert (n_votes(study), n_asked(server)) == ((0, 0), 0)


def test_a_person_who_agrees_is_asked_once(
    judge: Command, study: Path, server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "terminal_asks", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    found = judge("ask", study, "--judge", "anthropic")
    assert found.status == 0, found.stderr
    assert found.stdout == f"{found.stdout.strip()}\n"
    assert found.stderr.count("Go on?") == 1
    assert n_votes(study) == to_judge(study)
    # Now nothing is left to pay for, so nobody is asked.
    assert judge("ask", study, "--judge", "anthropic").stderr.count("Go on?") == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--judge", "anthropic"), "--yes"),
        (("--judge", "anthropic:no-such"), "--yes"),
        (("--judge", "anthropic:no-such", "--budget", "1"), "unknown"),
    ],
)
def test_a_run_that_could_not_pay_for_its_judge_ends_before_anything_is_written(
    lensgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], words: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    monkeypatch.setattr(pipeline, "load_subject", lambda *_: pytest.fail("the model was loaded"))
    said = told(lensgap("run", tmp_path / "study", *options))
    assert words in said
    assert not (tmp_path / "study").exists()


def test_a_run_whose_judge_may_be_paid_goes_on(
    lensgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Loaded(Exception):
        pass

    def load(*_: object) -> None:
        raise Loaded

    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("LENSGAP_JUDGE_KEY", OWN_KEY)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    monkeypatch.setattr(pipeline, "load_subject", load)
    own = ("--judge", "anthropic:own", "--base-url", "http://127.0.0.1:1")
    for options in ((*SPEND,), ("--judge", "anthropic", "--budget", "1"), own):
        with pytest.raises(Loaded):
            lensgap("run", tmp_path / "study", *options)


def test_what_is_judged_wholly_needs_nobodys_word_to_be_run_again(
    judge: Command, study: Path, server: MessagesServer
) -> None:
    config = change_config(read_stored_config(stored(study)), {"judge": "anthropic"})
    paid = partial(require_payable, study, rows(study, "runs")[0][0], config=config, agreed=False)
    with pytest.raises(ConsentMissing):
        paid(open_judge(config, load_pack(config.pack)))
    assert judge(study, *SPEND).status == 0
    paid(open_judge(config, load_pack(config.pack)))


def stored(study: Path) -> str:
    with connect(study) as cursor:
        return str(cursor.execute("select config from runs").fetchall()[0][0])


def test_ones_own_server_is_asked_at_once_and_never_shown_the_other_key(
    judge: Command, study: Path, server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.become(Settings(models=("own",), structured=False, counts_tokens=False, has_batches=False))
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    found = judge(study, "--judge", "anthropic:own", "--base-url", f"{server.url}/v1/")
    assert found.status == 0, found.stderr
    assert "price unknown" in found.stderr
    assert n_votes(study) == to_judge(study)
    assert server.stats().keys == (OWN_KEY,)
    assert all(cost is None for (cost,) in rows(study, "(select cost_usd from judgments where raw_reply <> '')"))


def test_a_budget_that_ends_in_between_keeps_what_was_paid_and_goes_on_with_more(
    judge: Command, study: Path, server: MessagesServer
) -> None:
    # The probe and the first calls fit, each reserved at the worst that it may cost; all of them do not.
    said = told_after_asking(judge(study, "--judge", "anthropic", "--budget", "0.0015"))
    assert "budget of $0.0015" in said
    kept, spent = sum(n_votes(study)), total_cost(study)
    assert n_empty(study) < kept < sum(to_judge(study))
    assert spent + sum(extras(study, "probe")) <= 0.0015
    assert "The budget is reached." in said
    assert len(extras(study, "probe")) == 1
    assert judge(study, "--judge", "anthropic", "--budget", "1").status == 0
    assert n_votes(study) == to_judge(study)
    assert server.stats().n_paid == sum(to_judge(study)) - n_empty(study) + 1


def told_after_asking(found: Outcome) -> str:
    """The sentence at the end, after prices and progress."""
    assert (found.status, found.stdout) == (1, "")
    assert "Traceback" not in found.stderr
    return found.stderr.strip().splitlines()[-1]


def extras(study: Path, reason: str) -> list[float]:
    """What was spent beside the votes, or may have been."""
    return [cost for (cost,) in rows(study, f"(select cost_usd from judge_extras where reason = '{reason}')")]


def test_what_lost_replies_may_have_cost_counts_in_the_next_call(
    judge: Command, lensgap: Command, study: Path, server: MessagesServer
) -> None:
    server.become(Settings(share_dropped_after=0.3))
    assert judge(study, *SPEND).status == 0
    [lost] = extras(study, "lost")
    assert lost > 0
    [status] = json.loads(lensgap("status", study, "--json").stdout)["runs"]
    assert status["judges"][0]["lost_usd"] == pytest.approx(lost)
    assert status["judges"][0]["probe_usd"] == pytest.approx(sum(extras(study, "probe")))
    server.become(Settings())
    sure = total_cost(study) + sum(extras(study, "probe"))
    said = told_after_asking(judge(study, "--judge", "anthropic", "--votes", "2", "--budget", f"{sure + lost:.9f}"))
    assert "for replies that were lost" in said
    assert n_asked(server) == 0
    assert "at most" in lensgap("status", study).stdout


def test_what_a_killed_process_may_have_paid_for_counts_once(
    judge: Command, study: Path, server: MessagesServer
) -> None:
    first = told_after_asking(judge(study, "--judge", "anthropic", "--budget", "0"))
    assert "The budget is reached." in first
    [name] = [row[0] for row in rows(study, "judges")]
    held = study / "replies" / f"{name}-1234.held"
    for _ in range(2):
        held.write_text("0.125\n0.25\n")
        said = told_after_asking(judge(study, "--judge", "anthropic", "--budget", "0.2"))
        assert "at most $0.25 for replies that were lost" in said
        assert not held.exists()
    assert extras(study, "killed") == [0.25]
    assert n_asked(server) == 0
    assert judge(study, "--judge", "anthropic", "--budget", "0.5").status == 0
    assert not list((study / "replies").glob("*.held"))


def test_what_calls_may_cost_is_on_disk_before_they_are_sent(
    judge: Command, study: Path, server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the process had been killed with every call paid and no answer kept.
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ReplyLog, "append", killed)
    monkeypatch.setattr(judging, "_keep_extra", lambda *_: None)
    monkeypatch.setattr(ReplyLog, "release", lambda *_: None)
    assert judge(study, *SPEND).status != 0
    [held] = (study / "replies").glob("*.held")
    price = load_prices().find(MODEL)
    assert price
    n_paid = server.stats().n_paid
    assert n_paid > 0
    # The server bills at least one token in and one out for each.
    amounts = held.read_text().partition("settled")[0].split()
    assert max(map(float, amounts)) > n_paid * price.steps[0].cost(Usage(1, 1))


def test_a_run_in_which_much_is_unscored_says_so(judge: Command, study: Path, server: MessagesServer) -> None:
    server.become(Settings(share_refusals=1.0))
    found = judge(study, *SPEND)
    assert found.status == 0
    n_samples, n_pairs = to_judge(study)
    n_empty_pairs = n_empty(study) - 1
    assert f"topics {n_samples}, of which {n_samples} unscored (commonest reason: " in found.stderr
    assert f"relevance {n_pairs}, of which {n_pairs - n_empty_pairs} unscored (commonest reason: " in found.stderr
    assert "Warning: much of topics and relevance is unscored." in found.stderr
    server.become(Settings())
    assert "Warning" not in judge(study, *SPEND, "--retry-unscored").stderr


def total_cost(study: Path) -> float:
    return sum(cost for table in ("topics", "judgments") for (cost,) in rows(study, f"(select cost_usd from {table})"))


# Inquiry again, several times, in batches, about a few.


def test_unscored_votes_are_asked_once_more_under_new_numbers(
    judge: Command, study: Path, server: MessagesServer
) -> None:
    server.become(Settings(share_refusals=0.3, share_malformed=0.2))
    assert judge(study, *SPEND).status == 0
    first = rows(study, "judgments")
    with connect(study) as cursor:
        unscored = cursor.execute("select count(*) from judgments where rating is null").fetchall()[0][0]
    assert 0 < unscored < len(first)
    server.become(Settings())
    assert "nothing left" in judge(study, *SPEND).stderr
    assert server.stats().n_requests == 0
    assert judge(study, *SPEND, "--retry-unscored").status == 0
    later = rows(study, "judgments")
    assert set(first) < set(later)
    assert len(later) == len(first) + unscored
    with connect(study) as cursor:
        unrated = cursor.execute(
            "select concept, sample_id from judgments group by all having count(rating) <> 1"
        ).fetchall()
    assert unrated == []
    n_before = n_asked(server)
    # The empty text has no topic, however often it is asked about, and costs nothing.
    assert judge(study, *SPEND, "--retry-unscored").status == 0
    assert n_asked(server) == n_before


def test_more_votes_ask_only_for_those_that_are_missing(judge: Command, study: Path, server: MessagesServer) -> None:
    server.become(Settings(varies=True))
    assert judge(study, *SPEND).status == 0
    first, n_paid = rows(study, "judgments"), server.stats().n_paid
    assert judge(study, *SPEND, "--votes", "3").status == 0
    assert set(first) < set(rows(study, "judgments"))
    assert n_votes(study) == tuple(3 * n for n in to_judge(study))
    # What the server can do is remembered, so no second probe is paid for.
    assert server.stats().n_paid == n_paid + 2 * (n_paid - 1)


def test_batches_give_what_asking_one_by_one_gives_at_half_the_price(
    judge: Command, study: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: MessagesServer
) -> None:
    monkeypatch.setattr(batches, "Polling", partial(Polling, first_s=0.0))
    found = judge(study, *SPEND, "--batches")
    assert found.status == 0, found.stderr
    assert len(server.stats().batch_sizes) == 2
    assert n_rows(study)["judge_batches"] == 2
    other = copy_study(made, tmp_path / "one by one")
    server.become(Settings())
    assert judge(other, *SPEND).status == 0
    columns = "(select judge_id, concept, sample_id, vote, rating, explanation, raw_reply from judgments)"
    assert rows(study, columns) == rows(other, columns)
    assert total_cost(study) == pytest.approx(total_cost(other) / 2)


def test_chosen_pairs_are_tried_and_not_paid_for_again(judge: Command, study: Path, server: MessagesServer) -> None:
    empty = {row[0] for row in rows(study, "samples") if row[1] == ""}
    pairs = [(concept, sample) for _, concept, sample, *_ in rows(study, "pairs") if sample not in empty][:3]
    options = [part for concept, sample in (*pairs, pairs[0]) for part in ("--pair", f"{sample}:{concept}")]
    price = json.loads(judge("try", study, *options, "--judge", "anthropic", "--dry-run", "--json").stdout)
    assert [(kind["kind"], kind["n_calls"]) for kind in price["kinds"]] == [("relevance", 3)]
    assert "calls cost money" in told(judge("try", study, *options, "--judge", "anthropic"))
    found = judge("try", study, *options, *SPEND, "--json")
    assert found.status == 0, found.stderr
    answer = json.loads(found.stdout)
    assert set(answer) == {"judge", "n_asked", "n_pairs"}
    assert (answer["n_asked"], answer["n_pairs"]) == (3, 3)
    assert [(row[1], row[2]) for row in rows(study, "judgments")] == sorted(pairs)
    assert judge("try", study, *options, *SPEND).stdout.strip() == answer["judge"]
    assert judge(study, *SPEND).status == 0
    assert n_votes(study) == to_judge(study)
    assert server.stats().n_paid == sum(to_judge(study)) - n_empty(study) + 1
    assert {row[0] for row in rows(study, "judgments")} == {answer["judge"]}


@pytest.mark.parametrize("pair", ["no-such:gin", "{sample}:no-such"])
def test_a_pair_that_the_run_does_not_have_is_told(judge: Command, study: Path, pair: str) -> None:
    sample = rows(study, "pairs where concept = 'gin'")[0][2]
    for more in ((), ("--dry-run",)):
        said = told(judge("try", study, "--pair", f"{sample}:gin", "--pair", pair.format(sample=sample), *more))
        assert "no-such" in said
    assert n_rows(study)["judges"] == 0


@pytest.mark.parametrize("arguments", [(), ("--pair", "sample"), ("--pair", ":gin"), ("--pair", "sample:")])
def test_a_pair_that_is_none_is_wrong_usage(judge: Command, study: Path, arguments: tuple[str, ...]) -> None:
    found = judge("try", study, *arguments)
    assert (found.status, found.stdout) == (2, "")
    assert "SAMPLE_ID:CONCEPT" in found.stderr


# Rubrics, comparison, help.


def test_a_printed_rubric_reads_back_as_itself_and_as_the_same_judge(
    judge: Command, study: Path, tmp_path: Path, server: MessagesServer
) -> None:
    printed = judge("rubric").stdout
    file = tmp_path / "mine.toml"
    file.write_text(printed)
    assert judge("rubric", file).stdout == printed
    assert load_rubric(str(file)) == load_rubric("standard")
    assert judge(study, *SPEND).status == 0
    server.become(Settings())
    assert "nothing left" in judge(study, *SPEND, "--rubric", file).stderr
    file.write_text(printed.replace("name = ", "name = 'other' # ", 1).replace("{text}", "Text: {text}"))
    changed = judge(study, "--judge", "anthropic", "--rubric", file, "--dry-run", "--json")
    n_calls = json.loads(changed.stdout)["n_calls"]
    assert n_calls == sum(to_judge(study)) - n_empty(study)


def test_judges_are_compared(judge: Command, study: Path) -> None:
    assert "lensgap judge" in json.loads(judge("compare", study, "--json").stdout)["reason"]
    assert judge(study).status == judge(study, *SPEND).status == 0
    found = json.loads(judge("compare", study, "--json").stdout)
    assert sorted(one["backend"] for one in found["judges"]) == ["anthropic", "offline"]
    assert len(found["comparisons"]) == 1
    shown = judge("compare", study).stdout
    assert all(word in shown for word in ("offline:tf-idf", f"anthropic:{MODEL}", "kappa"))


@pytest.mark.parametrize("name", ["ask", "compare", "try", "rubric"])
def test_each_subcommand_has_help(judge: Command, name: str) -> None:
    found = judge(name, "--help")
    assert found.status == 0
    assert "Usage" in found.stdout
    if name == "ask":
        assert all(option in found.stdout for option in ("--dry-run", "--yes", "--retry-unscored", "--budget"))


def test_help_names_the_other_subcommands(judge: Command) -> None:
    found = judge("--help")
    assert found.status == 0
    assert all(name in found.stdout for name in ("compare", "try", "rubric"))


def test_a_process_with_every_log_on_tells_no_key(study: Path, server: MessagesServer) -> None:
    server.become(Settings(share_500=0.1))
    environment = {name: value for name, value in os.environ.items() if name not in (*PROXIES, *VARIABLES)}
    environment |= {"ANTHROPIC_LOG": "debug", "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server.url}
    close_databases()
    command = [sys.executable, "-m", "engine.cli", "judge", str(study), *SPEND]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert found.returncode == 0, found.stderr
    assert KEY in server.stats().keys
    assert "x-api-key" in found.stderr.lower() or "request" in found.stderr.lower()  # the log is on
    assert KEY not in found.stdout + found.stderr
