"""The numbers behind a chart as a table, one observation a row, and how a spreadsheet gets it.

Columns carry their units. An unknown value is an empty cell, and the column beside it says why.
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from engine.stats.estimate import Estimate

Cell = str | int | float | None

# What a spreadsheet would take for a formula, its full-width forms included, and what it would skip to come there.
_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows as wide as they are many. Raises ValueError for a row of another width."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("every row has a cell for each column")


def table(columns: Iterable[str], rows: Iterable[Iterable[Cell]]) -> Table:
    """A table of these columns and rows."""
    return Table(tuple(columns), tuple(map(tuple, rows)))


def estimated(name: str, unit: str) -> tuple[str, ...]:
    """The columns of an estimate: value, both ends of its interval, n, and why it is unknown."""
    return (
        f"{name} ({unit})",
        f"{name}, low end of 95 % interval ({unit})",
        f"{name}, high end of 95 % interval ({unit})",
        f"{name}, n",
        f"{name} is unknown because",
    )


def cells(estimate: Estimate) -> tuple[Cell, ...]:
    """An estimate in the columns of `estimated`."""
    return estimate.value, estimate.low, estimate.high, estimate.n, estimate.reason


def as_csv(found: Table) -> bytes:
    """The table as CSV in UTF-8, marked as such for spreadsheets; no text of it is read as a formula."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(map(harmless, found.columns))
    writer.writerows(map(harmless, row) for row in found.rows)
    return written.getvalue().encode("utf-8-sig")


def harmless(cell: Cell) -> Cell:
    """A cell that no spreadsheet runs: a text that begins like a formula gets an apostrophe; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
