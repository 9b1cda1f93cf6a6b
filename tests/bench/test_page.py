"""The page of results: what is measured has a place on it, and a table goes there and nowhere else."""

import runpy
import sys
from pathlib import Path

import pytest

from bench.compare import compare, peak_memory
from bench.page import PAGE, put_table, table


def test_every_comparison_has_a_place_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in ("capture", "generation", "generation-and-capture", "growth", "planning", "counts", "bootstrap"):
        assert text.index(f"<!-- {name} -->") < text.index(f"<!-- end of {name} -->")


def test_the_command_knows_every_place_of_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--help"])
    # In this process, which has loaded most of what the command does before it reads its options.
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_module("bench", run_name="__main__")
    helped = capsys.readouterr().out
    places = PAGE.read_text(encoding="utf-8").split("<!-- end of ")[1:]
    assert places
    for place in places:
        assert place.split(" -->")[0] in helped


def test_a_table_replaces_what_stood_in_its_place_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end of a -->\nbetween\n<!-- b -->\nkept\n<!-- end of b -->\nafter\n")
    for found in ("| new \\1 |", "| newer |"):
        put_table(page, "a", found)
        expected = (
            f"before\n<!-- a -->\n{found}\n<!-- end of a -->\nbetween\n<!-- b -->\nkept\n<!-- end of b -->\nafter\n"
        )
        assert page.read_text() == expected


def test_a_page_without_the_place_is_told_and_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- a -->\nold, and no end\n")
    with pytest.raises(ValueError, match="no place for a"):
        put_table(page, "a", "new")
    assert page.read_text() == "<!-- a -->\nold, and no end\n"


def test_a_share_of_the_job_is_timed_as_the_whole_and_absent_peers_have_no_number() -> None:
    def work() -> int:
        return sum(i * i for i in range(200_000))

    found = compare(
        "job", {"ours": work, "peer": work}, agreement="", n_repeats=3, absent=["other"], shares={"peer": 0.01}
    )
    ours, peer, other = found.timings
    assert ours.seconds is not None
    assert peer.seconds is not None
    assert peer.seconds > 20 * ours.seconds
    assert (other.seconds, other.times_ours, other.peak_mib) == (None, None, None)
    assert table(found).splitlines()[-1].endswith("|  |  |  |  |")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_is_what_the_work_holds_even_after_the_process_has_freed_as_much() -> None:
    used = [bytearray(1000) for _ in range(60_000)]
    del used
    peak = peak_memory(lambda: [bytearray(1000) for _ in range(60_000)])
    assert 50 < peak < 90


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_that_was_freed_before_is_not_taken_for_that_of_the_work() -> None:
    used = [bytearray(100_000) for _ in range(1000)]
    before = [bytearray(100) for _ in range(10)]  # stands above them, so that the allocator keeps what is freed
    del used
    assert peak_memory(lambda: len(before)) < 20
