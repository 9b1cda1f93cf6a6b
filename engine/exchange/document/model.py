"""What a document is made of, whatever it is written as. All texts are plain: whoever writes them out escapes them.

A number never stands alone: a cell has the value, its interval and its n beside it, or a dash with the reason why there is none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import plotly.graph_objects as go

from engine.stats.estimate import Estimate
from engine.words import UNKNOWN, integer, interval, number

Json = Mapping[str, Any]
Align = Literal["words", "numbers"]
_TALL_PX: Final = 620


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell of a table says: `value`, beneath it `note`; `why` is told under the table, `order` sorts the column."""

    value: str
    note: str = ""
    why: str = ""
    order: float | str | None = None
    quadrant: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name, what it means, and how it is set."""

    name: str
    means: str = ""
    align: Align = "numbers"


@dataclass(frozen=True, slots=True)
class Row:
    """Cells, the first of which heads the row; `strong` rows sum up others."""

    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `rule` says what was left out and why, `sortable` lets readers reorder it where that is possible."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    rule: str = ""
    sortable: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why cells are unknown, each reason once, in the order in which they are met."""
        return tuple(dict.fromkeys(cell.why for row in self.rows for cell in row.cells if cell.why))

    def mark(self, cell: Cell) -> str:
        """The letter with which a cell points at its reason; empty where it has none."""
        return letters(self.reasons.index(cell.why)) if cell.why else ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words; a note is set smaller, a warning stands out."""

    text: str
    kind: Literal["plain", "lead", "note", "warning"] = "plain"


@dataclass(frozen=True, slots=True)
class Command:
    """What to type for what is missing."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms with what is said of each."""

    title: str
    pairs: tuple[tuple[str, str], ...]
    many: bool = False
    """Many short ones, set in columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """A figure for light and for dark, what it shows in words, and how to read it."""

    name: str
    title: str
    alt: str
    caption: str
    light: go.Figure
    dark: go.Figure

    @property
    def is_tall(self) -> bool:
        """Whether it needs most of a printed page."""
        return bool(self.light.layout.height > _TALL_PX)


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the few numbers at the top."""

    name: str
    value: str
    note: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """The few numbers at the top."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A text of the subject model as it wrote it: `loop` is where its looping end lies in `text`, `n_cut` what was cut off."""

    concept: str
    quadrant: str | None
    arm: str
    form: str
    prompt: str
    text: str
    loop: tuple[int, int] | None
    n_cut: int
    rating: str
    rated_by: str
    said: str


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts beside each other under one title."""

    title: str
    examples: tuple[Example, ...]


Block = Paragraph | Command | Facts | Chart | Tiles | Table | Examples


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the document under a heading; `name` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report: its title, the answer in a few words, what it rests on, and its sections."""

    title: str
    answer: str
    study: str
    facts: tuple[tuple[str, str], ...]
    snapshot: str
    sections: tuple[Section, ...]
    warnings: tuple[str, ...] = field(default=())

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every chart, in order."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Chart))


def letters(index: int) -> str:
    """a, b, … z, aa, ab, …"""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


def words(text: str, *, note: str = "") -> Cell:
    """A cell of words."""
    return Cell(text, note, order=text.casefold())


def quadrant_cell(letter: str | None, *, why: str = "") -> Cell:
    """A quadrant's letter, or why there is none."""
    return Cell(letter or UNKNOWN, why="" if letter else why, order=letter or "~", quadrant=letter)


def counted(n: int | None, *, why: str = "") -> Cell:
    """A count, or why it is not known."""
    return Cell(integer(n), why=why if n is None else "", order=n)


def plain_number(value: float | None, *, note: str = "", why: str = "", digits: int = 2) -> Cell:
    """A number that describes and has no interval, or why it is not known."""
    if value is None:
        return Cell(UNKNOWN, why=why or "not known")
    return Cell(number(value, digits=digits), note, order=value)


def estimated(found: Json, *, unit: str = "", of: str = "") -> Cell:
    """A cell from an estimate as JSON (value, low, high, n, reason): interval and n beneath the value; `unit` names "
    "what n counts."""
    if found.get("value") is None:
        return Cell(UNKNOWN, why=f"{of}{found.get('reason') or 'not known'}")
    value, low, high, n = found["value"], found.get("low"), found.get("high"), found.get("n")
    counted_units = "" if n is None else f"n {integer(n)}{f' {unit}' if unit else ''}"
    if low is None or high is None:
        why = str(found.get("method") or "").partition("no interval: ")[2]
        return Cell(number(value), f"no interval, {counted_units}".strip(", "), why and f"no interval: {why}", value)
    span = f"[{number(low)}, {number(high)}]"
    return Cell(number(value), f"{span} {counted_units}".strip(), order=value)


def estimated_from(estimate: Estimate, *, unit: str = "") -> Cell:
    """The same from an estimate."""
    parts = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
    return estimated({**parts, "reason": estimate.reason, "method": estimate.method}, unit=unit)


def told(found: Json) -> str:
    """An estimate as JSON in a sentence: value, interval and n, or unknown with the reason."""
    if found.get("value") is None:
        return f"unknown ({found.get('reason') or 'not known'})"
    estimate = Estimate(found["value"], found.get("low"), found.get("high"), found.get("n") or 0, None, "")
    bracket = interval(estimate)
    n = f"n {integer(found['n'])}" if found.get("n") is not None else ""
    return " ".join(filter(None, [number(estimate.value), bracket, n]))


def joined(parts: Iterable[str]) -> str:
    """A list in words: a, b and c."""
    *first, last = list(parts) or [""]
    return f"{', '.join(first)} and {last}" if first else last
