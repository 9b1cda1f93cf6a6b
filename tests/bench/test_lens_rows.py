"""Tables of lenses: measuring one number of rows leaves what the page has of the others as it is."""

from pathlib import Path

from bench.lens_rows import UNKNOWN, Measured, read_measured, tell_measured
from bench.lenses import HEAD
from bench.page import PAGE, put_table, read_table

OLD = Measured(("| 512 | 40 | ridge | 1.0 | 2.0 | 0.5 |", "| 512 | 40 | lda | 3.0 | 4.0 | 0.6 |"), "2026-01-01, load 2")
NEW = Measured(("| 512 | 160 | ridge | 5.0 | 6.0 | 0.7 |",), "2026-02-02, load 9")


def test_what_is_told_of_each_number_of_rows_is_read_again_as_it_was() -> None:
    told = tell_measured(HEAD, {160: NEW, 40: OLD})
    assert told.startswith(HEAD)
    assert told.index(OLD.rows[1]) < told.index(NEW.rows[0])
    assert read_measured(told) == {40: OLD, 160: NEW}


def test_rows_without_a_line_of_their_own_are_of_an_unknown_day() -> None:
    told = "\n".join([HEAD, *OLD.rows])
    assert read_measured(told) == {40: Measured(OLD.rows, UNKNOWN)}


def test_one_number_of_rows_measured_anew_leaves_the_others_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- lenses -->\n<!-- end of lenses -->\nafter\n")
    for piece in ({40: OLD}, {160: Measured(("| 512 | 160 | ridge | 0.1 | 0.2 | 0.3 |",), "2026-01-03")}, {160: NEW}):
        put_table(page, "lenses", tell_measured(HEAD, read_measured(read_table(page, "lenses")) | piece))
    assert read_measured(read_table(page, "lenses")) == {40: OLD, 160: NEW}
    assert page.read_text().startswith("before\n<!-- lenses -->\n|")
    assert page.read_text().endswith("*\n<!-- end of lenses -->\nafter\n")


def test_the_tables_on_the_page_have_every_way_at_every_number_of_rows() -> None:
    for name in ("lenses-512", "lenses-4096"):
        found = read_measured(read_table(PAGE, name))
        assert sorted(found) == [40, 160, 200]
        assert len({len(one.rows) for one in found.values()}) == 1
