import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from study_rows import rating_row

from db import connect, create_study, insert, lending, transaction
from db.connect import DATABASE, close_all, files
from db.errors import StudyLocked, StudyMissing, StudyShort, StudyUnreadable
from db.opening import file_state, limit
from db.patience import giving_way
from db.rows import PackRow
from tests.support.planted import close_databases


def packs(folder: Path) -> list[str]:
    with connect(folder) as cursor:
        return [name for (name,) in cursor.execute("select name from packs order by name").fetchall()]


def pack(name: str) -> PackRow:
    return PackRow(name, name, "1", "", "", 1)


def in_threads(n: int, work: Callable[[int], None]) -> list[BaseException]:
    errors: list[BaseException] = []

    def run(i: int) -> None:
        try:
            work(i)
        except Exception as error:  # noqa: BLE001 - the caller asserts on whatever it was
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_new_study_is_made_with_its_folders_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "study"
    create_study(folder)
    assert [file.name for file in folder.iterdir()] == [DATABASE]
    assert packs(folder) == []


def test_making_a_study_again_keeps_it(study: Path) -> None:
    with transaction(study) as cursor:
        insert(cursor, [pack("kept")])
    create_study(study)
    assert packs(study) == ["kept"]


def test_threads_that_make_one_study_make_it_once(tmp_path: Path) -> None:
    assert in_threads(6, lambda _: create_study(tmp_path / "study")) == []
    assert [file.name for file in (tmp_path / "study").iterdir()] == [DATABASE]


def test_a_study_that_takes_the_place_of_an_open_one_is_read_and_written_at_once(study: Path, tmp_path: Path) -> None:
    create_study(tmp_path / "other")
    with transaction(study) as cursor:
        insert(cursor, [pack("old")])
    os.replace(tmp_path / "other" / DATABASE, study / DATABASE)
    assert packs(study) == []
    with transaction(study) as cursor:
        insert(cursor, [pack("new")])
    close_databases()
    assert packs(study) == ["new"]


def test_a_study_that_is_deleted_while_it_is_open_is_missed_at_once(study: Path) -> None:
    assert packs(study) == []
    (study / DATABASE).unlink()
    with pytest.raises(StudyMissing):
        packs(study)


def test_transaction_keeps_all_or_nothing(study: Path) -> None:
    with transaction(study) as cursor:
        insert(cursor, [pack("a")])
    with pytest.raises(KeyboardInterrupt), transaction(study) as cursor:  # noqa: PT012 - the body is what is tested
        insert(cursor, [pack("b")])
        raise KeyboardInterrupt
    assert packs(study) == ["a"]


def test_swallowed_failure_in_a_transaction_is_not_taken_for_success(study: Path) -> None:
    def swallow() -> None:
        with transaction(study) as cursor:
            insert(cursor, [pack("a")])
            with contextlib.suppress(duckdb.ConstraintException):
                cursor.execute("insert into packs values (null, '', '', '', '', 1, null, null)")

    with pytest.raises(duckdb.TransactionException, match="aborted"):
        swallow()
    assert packs(study) == []
    with transaction(study) as cursor:
        insert(cursor, [pack("b")])
    assert packs(study) == ["b"]


def test_eight_threads_write_without_conflict(study: Path) -> None:
    def write(i: int) -> None:
        for j in range(25):
            with transaction(study) as cursor:
                assert insert(cursor, [pack(f"{i}-{j:02d}")]) == 1
                insert(cursor, [pack("shared")])

    assert in_threads(8, write) == []
    assert len(packs(study)) == 8 * 25 + 1


def test_repeated_send_of_a_rating_from_many_threads_counts_once(study_with_run: Path) -> None:
    n_new: list[int] = []

    def send(_: int) -> None:
        with transaction(study_with_run) as cursor:
            n_new.append(insert(cursor, [rating_row("same", "s1", 4)]))

    assert in_threads(8, send) == []
    assert sorted(n_new) == [0] * 7 + [1]


def test_thread_that_holds_a_cursor_may_borrow_another_beyond_the_longest_hold(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "LONGEST_S", 0.2)
    with connect(study) as outer:
        time.sleep(0.3)
        with connect(study, wait_s=0.5) as inner:
            assert inner.execute("select 1").fetchall() == outer.execute("select 1").fetchall()


def test_a_slow_query_keeps_nobody_waiting_but_lengthens_the_hold_only_while_it_lasts(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "LONGEST_S", 0.2)
    is_late, ends = threading.Event(), threading.Event()

    def borrow(_: int) -> None:
        with connect(study, wait_s=0.3) as cursor:
            assert cursor.execute("select 1").fetchall() == [(1,)]

    def borrow_late() -> None:
        with connect(study):
            is_late.set()
            ends.wait(20)

    def borrow_if_in_turn(_: int) -> None:
        with giving_way(), connect(study, wait_s=0.1):
            pass

    with connect(study) as slow:
        assert in_threads(1, borrow_if_in_turn) == []
        time.sleep(0.3)
        assert in_threads(3, borrow) == []
        assert [type(error) for error in in_threads(1, borrow_if_in_turn)] == [StudyLocked]
        thread = threading.Thread(target=borrow_late)
        thread.start()
        assert is_late.wait(20)
        assert slow.execute("select 1").fetchall() == [(1,)], "cursors that are out are never cut off"
    # What is out now was lent after the turn, so whoever comes waits until the database was given up, or is told.
    errors = in_threads(1, borrow)
    ends.set()
    thread.join()
    assert [type(error) for error in errors] == [StudyLocked]
    assert str(os.getpid()) in str(errors[0])
    assert packs(study) == []


def test_cursor_from_a_finished_thread_can_be_given_back_elsewhere(study: Path) -> None:
    lent = connect(study)
    thread = threading.Thread(target=lent.__enter__)
    thread.start()
    thread.join()
    lent.__exit__(None, None, None)
    time.sleep(0.4)
    assert packs(study) == []


@pytest.mark.parametrize("make", [Path.mkdir, lambda _: None], ids=["empty", "absent"])
def test_missing_study_names_the_folder_and_what_to_do(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "nothing here"
    make(folder)
    with pytest.raises(StudyMissing, match=r"nothing here.*lensgap run"), connect(folder):
        pass
    assert not (folder / DATABASE).exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 certainly no database" * 1_000], ids=["empty", "other"])
def test_file_that_is_no_database_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(StudyUnreadable, match=r"damaged or is no Lensgap study.*Restore"), connect(tmp_path):
        pass
    assert (tmp_path / DATABASE).read_bytes() == content


@pytest.fixture
def sound_bytes(tmp_path: Path) -> bytes:
    """The database file of a study of two thousand packs."""
    create_study(tmp_path / "sound")
    with transaction(tmp_path / "sound") as cursor:
        insert(cursor, [pack(f"pack-{i}") for i in range(2_000)])
    close_databases()
    return (tmp_path / "sound" / DATABASE).read_bytes()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_truncated_study_is_told_or_whole(tmp_path: Path, sound_bytes: bytes, share: float) -> None:
    (tmp_path / DATABASE).write_bytes(sound_bytes[: int(len(sound_bytes) * share)])
    with contextlib.suppress(StudyUnreadable):
        assert len(packs(tmp_path)) == 2_000
        assert share > 0.5


def test_flipped_bytes_are_told_or_harmless(tmp_path: Path, sound_bytes: bytes) -> None:
    draw = random.Random(3)
    n_told = 0
    for i in range(25):
        folder = tmp_path / f"damaged-{i}"
        folder.mkdir()
        damaged = bytearray(sound_bytes)
        start = draw.randrange(len(damaged) - 64)
        damaged[start : start + 64] = draw.randbytes(64)
        (folder / DATABASE).write_bytes(damaged)
        try:
            assert len(packs(folder)) == 2_000
        except StudyUnreadable:
            n_told += 1
    assert n_told > 0


@pytest.mark.parametrize("where", ["under a file", "in /proc"])
def test_unwritable_folder_is_told(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("no folder")
    folder = tmp_path / "file" / "study" if where == "under a file" else Path("/proc/lensgap/study")
    with pytest.raises(StudyUnreadable, match=r"cannot be written to.*Choose a writable folder"):
        create_study(folder)


def test_folder_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 300)
    with pytest.raises(StudyUnreadable, match="cannot be read"), connect(folder):
        pass
    with pytest.raises(StudyUnreadable, match="cannot be written to"):
        create_study(folder)


@pytest.mark.parametrize("use", [connect, transaction])
def test_links_in_a_circle_are_told(
    tmp_path: Path, use: Callable[[Path], contextlib.AbstractContextManager[object]]
) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for folder in (tmp_path / "a", tmp_path / "a" / "study"):
        with pytest.raises(StudyUnreadable, match="Name a folder"), use(folder):
            pass


REACHING_OUT = {
    "read a text": "select * from read_text('{file}')",
    "read a table": "select * from read_csv('{file}')",
    "list a folder": "select * from glob('{file}*')",
    "open another database": "attach '{file}' as other",
    "write a file": "copy packs to '{file}'",
    "unlock the settings": "set lock_configuration = false",
    "change a setting": "set memory_limit = '1GB'",
}


@pytest.mark.parametrize("statement", REACHING_OUT.values(), ids=REACHING_OUT)
def test_a_study_reaches_no_file_but_its_own(study: Path, tmp_path: Path, statement: str) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("a,b\n1,2\n")
    refused = pytest.raises(duckdb.Error, match=r"disabled by configuration|configuration has been locked")
    with refused, connect(study) as cursor:
        cursor.execute(statement.format(file=outside))
    assert outside.read_text() == "a,b\n1,2\n"


def test_what_exceeds_the_limit_of_memory_is_answered_from_files_that_go_again(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.opening._limits", {})
    limit(memory="20MB", threads=1)
    close_databases()
    with connect(study) as cursor:
        assert cursor.execute("select current_setting('memory_limit')").fetchone() == ("19.0 MiB",)
        # Sorted whole, hashes of 32 characters take more than what is allowed.
        sorted_ = "select count(*), min(h), max(h) from (select h, lag(h) over (order by h) as l from "
        found = cursor.execute(f"{sorted_} (select md5(i::text) as h from range(400000) r(i))) where l <= h").fetchone()
        # A list of numbers has to be in memory whole.
        with pytest.raises(StudyShort, match="more memory than its database may use"), connect(study) as other:
            other.execute("select list(i) from range(10000000) r(i)")
        assert cursor.execute("select 1").fetchall() == [(1,)]
    assert found is not None
    assert found[0] == 399_999
    close_databases()
    assert {file.name.split(".")[-1] for file in study.iterdir()} <= {"duckdb", "queue", "turn"}


def test_a_view_that_a_stranger_put_into_a_study_reads_no_file(study: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("key")
    close_databases()
    with duckdb.connect(study / DATABASE) as stranger:
        stranger.execute(f"create view stolen as select content from read_text('{secret}')")
    with pytest.raises(duckdb.PermissionException), connect(study) as cursor:
        cursor.execute("select * from stolen")


def test_a_killed_process_leaves_a_log_that_is_replayed(study: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from db import transaction
with transaction(Path(sys.argv[1])) as cursor:
    cursor.execute("insert into packs values ('a', 'a', '1', '', '', 1, null, null)")
os._exit(0)
"""
    assert run_python(code, str(study)).returncode == 0
    assert (study / f"{DATABASE}.wal").exists()
    assert packs(study) == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_write_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StudyUnreadable, match="Choose a writable folder"):
        create_study(tmp_path)


def test_faults_of_ours_pass_through(study: Path) -> None:
    with pytest.raises(duckdb.CatalogException), connect(study) as cursor:
        cursor.execute("select * from no_such_table")


def test_connection_is_given_up_soon_and_its_thread_with_it(study: Path) -> None:
    assert packs(study) == []
    deadline = time.monotonic() + 20
    while (left := [t for t in threading.enumerate() if t.name == "lensgap-db-idle"]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def test_a_process_that_is_told_to_keeps_a_study_open_until_a_peer_waits(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "_idle_s", 60.0)
    monkeypatch.setattr(lending, "LONGEST_S", 60.0)
    assert packs(study) == []
    time.sleep(2 * lending.IDLE_S)
    assert "lensgap-db-idle" in [thread.name for thread in threading.enumerate()]
    written = run_python(WRITE, str(study))
    assert (written.returncode, packs(study)) == (0, ["theirs"]), written.stderr


def test_state_of_the_files_changes_with_whoever_commits_and_not_with_closing(study: Path) -> None:
    before = files(study)
    with transaction(study) as cursor:
        insert(cursor, [pack("ours")])
    after, as_they_are = files(study), file_state(study / DATABASE)
    close_databases()
    assert file_state(study / DATABASE) != as_they_are, "closing folds the log into the file"
    assert before != after == files(study)
    assert (packs(study), files(study)) == (["ours"], after)
    close_databases()
    assert run_python(WRITE, str(study)).returncode == 0
    assert files(study) != after


WRITE = """
import sys
from pathlib import Path
from db import insert, transaction
from db.rows import PackRow
with transaction(Path(sys.argv[1])) as cursor:
    insert(cursor, [PackRow("theirs", "theirs", "1", "", "", 1)])
"""


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)


def test_process_that_ends_at_once_ends_quietly(study: Path) -> None:
    code = """
import sys
from pathlib import Path
from db import connect, transaction
with transaction(Path(sys.argv[1])) as cursor:
    cursor.execute("insert into packs values ('a', 'a', '1', '', '', 1, null, null)")
print("done")
"""
    ended = run_python(code, str(study))
    assert (ended.stdout, ended.stderr, ended.returncode) == ("done\n", "", 0)
    assert packs(study) == ["a"]
    assert not (study / f"{DATABASE}.wal").exists(), "the file alone must hold the study when nobody works on it"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_forked_child_cannot_touch_its_parents_open_study(study: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from db import connect, transaction
folder = Path(sys.argv[1])
with transaction(folder) as cursor:
    cursor.execute("insert into packs values ('a', 'a', '1', '', '', 1, null, null)")
    child = os.fork()
    if not child:
        try:
            with connect(folder):
                os._exit(1)
        except RuntimeError as error:
            os._exit(0 if "forked" in str(error) else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    ended = run_python(code, str(study))
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert packs(study) == ["a"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_child_forked_from_an_idle_process_works(study: Path) -> None:
    code = """
import os, sys, time
from pathlib import Path
from db import connect, transaction
folder = Path(sys.argv[1])
with connect(folder):
    pass
time.sleep(0.6)
child = os.fork()
with transaction(folder) as cursor:
    cursor.execute("insert into packs values ($name, 'x', '1', '', '', 1, null, null)", {"name": "parent" if child else "child"})
    cursor.execute("update packs set name = pack_hash")
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    ended = run_python(code, str(study))
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert packs(study) == ["child", "parent"]


def test_a_study_that_was_moved_behind_its_link_is_followed(tmp_path: Path) -> None:
    first, moved, link = tmp_path / "first", tmp_path / "moved", tmp_path / "link"
    create_study(first)
    link.symlink_to(first)
    with connect(link) as cursor:
        cursor.execute("select 1")
    close_all()
    first.rename(moved)
    link.unlink()
    link.symlink_to(moved)
    create_study(first)
    with transaction(link) as cursor:
        cursor.execute("create table told (n integer)")
    for folder, n_tables in ((moved, 1), (first, 0)):
        with connect(folder) as cursor:
            assert cursor.execute("select count(*) from duckdb_tables() where table_name = 'told'").fetchall() == [
                (n_tables,)
            ]
