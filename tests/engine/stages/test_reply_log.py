"""The log of answers that are paid for: what went in comes out, whatever a process leaves behind when it ends."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import StudyUnreadable
from db.rows import JudgmentRow, TopicRow
from engine.errors import JudgeBusy, JudgeError, StudyFull
from engine.judges.api.endpoint import Endpoint
from engine.judges.api.reply_files import Vote, receiver_lock, reply_file, write_reply
from engine.stages.reply_log import LONGEST_WAIT_S, ReplyLog, VoteRow, reply_log

TEXT = st.text(st.characters(codec=None) | st.sampled_from('\ud800\udfff\x00\n\r\x85\u2028\u2029\x1c"\\{}'))
COUNT = st.integers(0, 2**40)
COST = st.none() | st.floats(0, allow_nan=False, allow_infinity=False)
TIME = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))
SHARE = st.floats(0, 1)
MATCH = st.sampled_from([None, "exact", "alias", "sibling", "ancestor", "other"])
TOPICS = st.builds(TopicRow, st.just("j"), TEXT, COUNT, st.none() | TEXT, st.none() | SHARE, st.none() | TEXT, TEXT, COUNT, COUNT,
                   COST, TIME, COUNT, COUNT, COUNT, st.none() | TEXT, MATCH)  # fmt: skip
JUDGMENTS = st.builds(JudgmentRow, st.just("j"), TEXT, TEXT, COUNT, st.none() | st.integers(1, 5), st.none() | TEXT,
                      st.none() | TEXT, TEXT, COUNT, COUNT, COST, TIME, COUNT, COUNT, COUNT,
                      st.none() | st.tuples(*[SHARE] * 5), st.none() | st.floats(1, 5))  # fmt: skip
ROWS = st.lists(TOPICS | JUDGMENTS, max_size=6)


def row(number: int, judge: str = "j") -> JudgmentRow:
    return JudgmentRow(judge, "gin", f"s{number}", 0, 3, None, None, "3", 1, 1, 0.01, datetime(2026, 1, 2))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture
def folder(scratch: Path) -> Iterator[Path]:
    """An empty folder for files of replies."""
    made = scratch / "replies"
    made.mkdir()
    yield made
    shutil.rmtree(made)


def read(folder: Path, judge: str = "j") -> list[VoteRow]:
    return ReplyLog(folder, judge).read()


def emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@settings(deadline=None, max_examples=80)
@given(rows=ROWS, more=ROWS)
def test_any_row_comes_out_as_it_went_in(scratch: Path, rows: list[VoteRow], more: list[VoteRow]) -> None:
    folder = emptied(scratch / "any")
    log = ReplyLog(folder, "j")
    for one in rows:
        log.append(one)
    log.close_file()
    for one in more:
        log.append(one)
    log.close_file()
    assert read(folder) == rows + more


@settings(deadline=None, max_examples=25)
@given(rows=st.lists(TOPICS | JUDGMENTS, min_size=1, max_size=4), data=st.data())
def test_a_line_that_the_end_of_a_process_cut_short_costs_no_other_line(
    scratch: Path, rows: list[VoteRow], data: st.DataObject
) -> None:
    folder = emptied(scratch / "torn")
    log = ReplyLog(folder, "j")
    for one in rows:
        log.append(one)
    log.close_file()
    file = folder / "j-1.jsonl"
    content = file.read_bytes()
    last = len(content.rstrip(b"\n").rpartition(b"\n")[2]) + 1
    file.write_bytes(content[: -data.draw(st.integers(2, last))])
    assert read(folder) == rows[:-1]
    later = ReplyLog(folder, "j")
    later.append(row(9))
    later.close_file()
    assert read(folder) == [*rows[:-1], row(9)]


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 200_000,
        b'{"table": "judgments", "judge_id": "j", "cost_usd": NaN}',
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b"\x00" * 40,
        b"\xff\xfe{",
        b'{"table": "judgments"}',
        b'{"table": "runs"}',
    ],
    ids=lambda line: line[:24].decode("latin-1"),
)
def test_what_is_no_row_costs_no_other_line(folder: Path, line: bytes) -> None:
    log = ReplyLog(folder, "j")
    log.append(row(1))
    log.close_file()
    file = folder / "j-1.jsonl"
    file.write_bytes(line + b"\n" + file.read_bytes() + line)
    assert read(folder) == [row(1)]


def test_files_of_an_earlier_process_outlive_what_this_one_forgets(folder: Path) -> None:
    earlier = ReplyLog(folder, "j")
    earlier.append(row(1))
    earlier.close_file()
    log = ReplyLog(folder, "j")
    log.append(row(2))
    written = log.close_file()
    log.append(row(3))
    log.forget(written)
    assert read(folder) == [row(1), row(3)]
    log.forget_found()
    assert read(folder) == [row(3)]


def test_rows_of_ten_files_and_more_keep_their_order(folder: Path) -> None:
    log = ReplyLog(folder, "j")
    for number in range(12):
        log.append(row(number))
        log.close_file()
    assert len(list(folder.glob("*.jsonl"))) == 12
    assert read(folder) == [row(number) for number in range(12)]


def test_judges_do_not_read_each_others_files(folder: Path) -> None:
    for number, judge in enumerate(("j", "k")):
        log = ReplyLog(folder, judge)
        log.append(row(number, judge))
        log.close_file()
    assert read(folder, "k") == [row(1, "k")]
    ReplyLog(folder, "k").forget_found()
    assert read(folder, "k") == []
    assert read(folder, "j") == [row(0)]


def test_without_room_the_answer_that_is_lost_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ReplyLog(folder, "j")
    log.append(row(1))
    log.close_file()
    with open("/dev/full", "a") as full:
        monkeypatch.setattr(Path, "open", lambda *_, **__: full)
        with pytest.raises(StudyFull, match="No space left on device") as raised:
            log.append(row(2))
        monkeypatch.undo()
        log.close_file()
    assert str(folder) in str(raised.value)
    assert read(folder) == [row(1)]


def test_one_process_at_a_time_asks_a_judge(tmp_path: Path) -> None:
    with reply_log(tmp_path, "j") as log:
        log.append(row(1))
        with pytest.raises(JudgeError, match="Another process is asking this judge"), reply_log(tmp_path, "j"):
            pytest.fail("a second one was let in")
        with reply_log(tmp_path, "k"):
            pass
    with reply_log(tmp_path, "j") as log:
        assert log.read() == [row(1)]


def test_where_no_answer_could_be_kept_none_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "replies").write_text("not a folder")
    with pytest.raises(StudyUnreadable, match="replies"), reply_log(tmp_path, "j"):
        pytest.fail("it would ask")


def test_a_file_holds_a_line_of_json_for_each_row_as_soon_as_it_is_given(folder: Path) -> None:
    log = ReplyLog(folder, "j")
    for number in range(3):
        log.append(row(number))
        # Another descriptor sees it before the file is closed.
        lines = (folder / "j-1.jsonl").read_text().splitlines()
        assert [json.loads(line)["sample_id"] for line in lines] == [f"s{n}" for n in range(number + 1)]
    assert os.listdir(folder) == ["j-1.jsonl"]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e999"])
def test_a_cost_that_is_no_number_is_no_answer(folder: Path, amount: str) -> None:
    log = ReplyLog(folder, "j")
    log.append(row(1))
    log.close_file()
    file = folder / "j-1.jsonl"
    file.write_text(file.read_text() + file.read_text().replace("0.01", amount))
    assert [found.row for found in log.find()] == [row(1), None]


def test_what_is_no_answer_is_set_aside_with_one_sentence_a_file(folder: Path) -> None:
    log = ReplyLog(folder, "j")
    log.append(row(1))
    log.append(row(2, "another judge"))
    log.close_file()
    first = folder / "j-1.jsonl"
    first.write_bytes(first.read_bytes() + b"\xff\xfe{\n\nhalf")
    (folder / "j-\u00b2.jsonl").write_bytes(b"{}")
    (folder / "j-3.jsonl").mkdir()
    later = ReplyLog(folder, "j")
    assert later.read() == [row(1)]
    said = later.set_aside([found for found in later.find() if found.row is None])
    later.forget_found()
    assert [sentence.partition(" of ")[0] for sentence in said] == ["Line 1", "Lines 2, 3, 5", "The whole"]
    assert all(".jsonl.bad." in sentence for sentence in said)
    assert sorted(os.listdir(folder)) == ["j-1.jsonl.bad", "j-3.jsonl.bad", "j-\u00b2.jsonl.bad"]
    assert (folder / "j-1.jsonl.bad").read_bytes().splitlines()[1:] == [b"\xff\xfe{", b"half"]
    # What is found later is added, and no number is taken twice.
    later.append(row(4))
    assert (folder / "j-4.jsonl").exists()


def test_what_is_held_is_found_by_the_next_process_until_it_is_released(folder: Path) -> None:
    killed = ReplyLog(folder, "j")
    for amount in (0.25, 0.5, 0.75):
        killed.hold(amount)
    (folder / f"j-{killed.token}.held").open("a").write("0.8")
    assert killed.found_holds() == {}
    ReplyLog(folder, "k").hold(3.0)
    (folder / "j-torn.held").write_bytes(b"1.5\n\xff\nnan\ninf\n-3\n[[")
    (folder / "j-folder.held").mkdir()
    log = ReplyLog(folder, "j")
    assert log.found_holds() == {killed.token: 0.8, "torn": 1.5}
    log.release(killed.token)
    log.release("never held")
    assert log.found_holds() == {"torn": 1.5}


@pytest.mark.parametrize(
    ("content", "amount"),
    [
        (b"0.5\n0.75\n\nsettled 0.25\n", 0.25),
        (b"0.5\n0.7\nsettled 0.0\n", 0.0),
        (b"0.5\nsettled 0.2", 0.5),
        (b"0.5\n0.7", 0.7),
        (b"0.5\nsettled nan\n", 0.0),
        (b"", 0.0),
    ],
)
def test_what_was_lost_indeed_stands_for_what_could_be_lost(folder: Path, content: bytes, amount: float) -> None:
    (folder / "j-token.held").write_bytes(content)
    assert ReplyLog(folder, "j").found_holds() == {"token": amount}


def put_reply(folder: Path, number: int) -> Path:
    """A reply that another process received and kept."""
    vote = Vote("relevance", f"s{number}", "gin", 0)
    file = reply_file(folder, "j", vote)
    write_reply(file, vote, b'{"content": []}', Endpoint("http://h", "m", "none", "KEY"))
    return file


def test_a_row_whose_reply_is_kept_is_not_kept_twice_and_both_are_forgotten_together(folder: Path) -> None:
    log, first = ReplyLog(folder, "j"), put_reply(folder, 1)
    log.append(row(1))
    log.append(row(2))
    written, later = log.close_file(), put_reply(folder, 3)
    log.append(row(3))
    assert read(folder) == [row(2)]
    log.forget(written)
    assert not first.exists()
    assert later.exists()
    assert read(folder) == []
    log.forget(log.close_file())
    assert os.listdir(folder) == []


def test_who_still_receives_for_an_earlier_process_is_waited_for_and_that_is_said(folder: Path) -> None:
    said: list[str] = []
    lock = FileLock(receiver_lock(folder, "j"), thread_local=False)
    lock.acquire()

    def tell(text: str) -> None:
        said.append(text)
        put_reply(folder, 1)
        lock.release()

    log = ReplyLog(folder, "j")
    log.await_receiver(tell)
    log.await_receiver(tell)
    assert len(said) == 1
    assert f"at most {LONGEST_WAIT_S:.0f} seconds" in said[0]
    [(file, reply)] = log.find_replies()
    assert reply == (Vote("relevance", "s1", "gin", 0), {"content": []})
    assert file.exists()


def test_who_receives_for_too_long_is_told_in_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.stages.reply_log.LONGEST_WAIT_S", 0.01)
    lock = FileLock(receiver_lock(folder, "j"), is_singleton=False)
    with lock, pytest.raises(JudgeBusy, match="still receiving replies"):
        ReplyLog(folder, "j").await_receiver(lambda _: None)
