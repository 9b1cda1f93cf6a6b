"""Read the rows of a JSON Lines, JSON, CSV or TSV file one by one, so that a bad one is known by its number.

Every cell of a CSV is text as it stands: NA is a word and 007 no number. A byte order mark and Windows line ends are no part
of the data. Bytes that are no UTF-8 spoil their row alone.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import SamplesError
from engine.exchange.artifacts import shown
from engine.exchange.json_objects import Repeated, object_once
from engine.terminal import counted

JSON: Final = frozenset({".jsonl", ".ndjson", ".json"})
CSV: Final = {".csv": ",", ".tsv": "\t"}
LONGEST_CELL: Final = 2**31 - 1
Entry = Mapping[str, Any] | str
"""A row by its columns, or what is wrong with it."""


@dataclass(frozen=True, slots=True)
class FileEntries:
    """The rows of a file in order, which count from 1 without a header, and its columns."""

    column_names: tuple[str, ...]
    rows: tuple[Entry, ...]


def read_entries(file: Path) -> FileEntries:
    """The rows of a file whose name ends in one of JSON or CSV; SamplesError for a file that holds none."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SamplesError(f"{file} cannot be read: {error.strerror or error}.") from error
    # What is no UTF-8 stays recognisable until its row is known.
    text = content.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")
    if file.suffix.lower() in CSV:
        return _csv_entries(text, file)
    entries = _list_entries(text, file) if text.lstrip().startswith("[") else tuple(_line_entries(text))
    sound = [entry for entry in entries if not isinstance(entry, str)]
    if not sound:
        why = f": {entries[0]} in row 1" if entries and isinstance(entries[0], str) else ""
        raise SamplesError(f"{file} holds no row{why}.")
    return FileEntries(tuple(dict.fromkeys(name for entry in sound for name in entry)), entries)


def _line_entries(text: str) -> Iterator[Entry]:
    """A row a line; blank lines are none, and do not count."""
    return (_entry(line) for line in text.split("\n") if line.strip())


def _list_entries(text: str, file: Path) -> tuple[Entry, ...]:
    try:
        found = json.loads(text, object_pairs_hook=object_once)
    except (ValueError, RecursionError) as error:
        raise SamplesError(f"{file} is not JSON: {_why(error)}.") from error
    return tuple(map(_checked, found))


def _entry(line: str) -> Entry:
    try:
        return _checked(json.loads(line, object_pairs_hook=object_once))
    except (ValueError, RecursionError) as error:
        return f"it is not JSON ({_why(error)})"


def _why(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        place = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        return f"{error.msg} at {place}"
    return "a number of thousands of digits, or too deep a nesting"


def _checked(found: object) -> Entry:
    """The row, unless it is none or holds what is no text."""
    if isinstance(found, Repeated):
        return f"it names the field {shown(found.name)} twice"
    return _decoded(found) if isinstance(found, dict) else f"it must be an object, not {shown(found)}"


def _decoded(entry: Mapping[str, Any]) -> Entry:
    """The row, unless one of its texts came from bytes that are no UTF-8."""
    names = (name for name, value in entry.items() if isinstance(value, str) and _is_spoilt(value))
    spoilt = next(names, None)
    return entry if spoilt is None else f'"{spoilt}" is no UTF-8 text'


def _is_spoilt(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text)


def _csv_entries(text: str, file: Path) -> FileEntries:
    before = csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=CSV[file.suffix.lower()], strict=True)
    try:
        header = next(reader, [])
        if any(map(_is_spoilt, header)):
            raise SamplesError(f"{file} is no UTF-8 text.")
        twice = next((name for place, name in enumerate(header) if name in header[:place]), None)
        if twice is not None or not any(header):
            raise SamplesError(f"{file} names the column {twice!r} twice." if any(header) else f"{file} has no header.")
        return FileEntries(tuple(header), tuple(_cells(header, cells) for cells in reader if cells))
    except csv.Error as error:
        raise SamplesError(f"{file} is not CSV: {error} in line {reader.line_num:,}.") from error
    finally:
        csv.field_size_limit(before)


def _cells(header: list[str], cells: Iterable[str]) -> Entry:
    there = list(cells)
    if len(there) != len(header):
        return f"it has {counted(len(there), 'cell')}, and the header names {counted(len(header), 'column')}"
    return _decoded(dict(zip(header, there, strict=True)))
