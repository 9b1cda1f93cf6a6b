"""Read the files of a study's artifacts row by row: `samples.json`, `judgments.json` and `analysis.csv`.

A byte order mark and Windows line ends are no part of the data. What makes a whole file unreadable ends the reading with an
ArtifactsError; what is wrong with one row is told with its place.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.rows import Arm, Quadrant
from engine.errors import ArtifactsError
from engine.exchange.artifacts import (
    ImportedJudgment,
    Problem,
    Unsound,
    checked_concept,
    checked_rating,
    checked_text,
    shown,
)
from engine.exchange.json_objects import Repeated, object_once
from engine.exchange.spreadsheets import may_run, unguarded

SAMPLE_FIELDS = ("concept", "quadrant", "sample_type", "prompt", "response")
JUDGMENT_FIELDS = ("inferred_topic", "relevance_rating", "relevance_explanation")
TEXT_FIELDS = ("concept", "prompt", "response", "inferred_topic", "relevance_explanation")
"""Those that a CSV file guards against spreadsheets."""
MEASURE = re.compile(r"(probe|lens)_(f1|precision|recall)")
Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A sound row with its number; `measures` are the columns of reported measures in a CSV, as text."""

    number: int
    concept: str
    quadrant: Quadrant | None
    arm: Arm
    prompt: str
    response: str
    judgment: ImportedJudgment | None
    measures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class FileRows:
    """The sound rows of a file, the problems of the others, and the fields that are not kept."""

    file: str
    rows: tuple[FileRow, ...]
    n_rows: int
    problems: tuple[Problem, ...]
    unknown_fields: tuple[str, ...]


def read_json(file: Path, *, judged: bool) -> FileRows:
    """The rows of a JSON file that holds a list of objects."""
    try:
        entries = json.loads(_read_text(file), object_pairs_hook=object_once)
    except json.JSONDecodeError as error:
        raise ArtifactsError(
            f"{file} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ArtifactsError(f"{file} holds a number of thousands of digits, or is nested too deeply.") from error
    if not isinstance(entries, list):
        raise ArtifactsError(f"{file} must hold a JSON list of rows.")
    return _collect(file.name, enumerate(entries, start=1), judged=judged)


def read_csv(file: Path) -> FileRows:
    """The rows of a CSV file with a header; an empty cell is a null where the field may be one.

    A table in which a spreadsheet would run a cell was guarded by nobody, so that each apostrophe in it is the text's own.
    """
    reader = csv.DictReader(io.StringIO(_read_text(file), newline=""))
    try:
        header, entries = reader.fieldnames or (), list(reader)
    except csv.Error as error:
        raise ArtifactsError(f"{file} is not CSV: {error} in line {reader.line_num}.") from error
    missing = [name for name in (*SAMPLE_FIELDS, *JUDGMENT_FIELDS) if name not in header]
    if missing or len(set(header)) < len(header):
        raise ArtifactsError(f'{file} lacks the column "{missing[0]}".' if missing else f"{file} names a column twice.")
    texts = (cell for entry in entries for name in TEXT_FIELDS if isinstance(cell := entry[name], str))
    read = str if any(map(may_run, texts)) else unguarded
    return _collect(file.name, enumerate((_typed(entry, read) for entry in entries), start=1), judged=True)


def _read_text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ArtifactsError(f"{file} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ArtifactsError(f"{file} is no UTF-8 text ({error.reason} at byte {error.start:,}).") from error


def _collect(file: str, entries: Iterator[tuple[int, Any]], *, judged: bool) -> FileRows:
    rows, problems, unknown, n_rows = [], [], dict[str, None](), 0
    for number, entry in entries:
        n_rows += 1
        try:
            rows.append(_row(number, entry, judged=judged))
        except Unsound as unsound:
            problems.append(Problem(file, number, str(unsound)))
        else:
            unknown |= dict.fromkeys(name for name in entry if not _is_known(name, judged=judged))
    return FileRows(file, tuple(rows), n_rows, tuple(problems), tuple(unknown))


def _is_known(name: str, *, judged: bool) -> bool:
    fields = (*SAMPLE_FIELDS, *JUDGMENT_FIELDS) if judged else SAMPLE_FIELDS
    return name in fields or MEASURE.fullmatch(name) is not None


def _row(number: int, entry: Any, *, judged: bool) -> FileRow:
    """The row of an entry; Unsound says what is wrong with it."""
    if isinstance(entry, Repeated):
        raise Unsound(f"it names the field {shown(entry.name)} twice")
    if not isinstance(entry, Mapping):
        raise Unsound(f"it must be an object, not {shown(entry)}")
    fields = (*SAMPLE_FIELDS, *JUDGMENT_FIELDS) if judged else SAMPLE_FIELDS
    if missing := [name for name in fields if name not in entry]:
        raise Unsound(f'the field "{missing[0]}" is missing')
    if None in entry or any(value is _TOO_FEW for value in entry.values()):
        raise Unsound("it has another number of fields than the header")
    return FileRow(
        number=number,
        concept=checked_concept(entry["concept"]),
        quadrant=_quadrant(entry["quadrant"]),
        arm=_arm(entry["sample_type"]),
        prompt=checked_text(entry["prompt"], "prompt"),
        response=checked_text(entry["response"], "response"),
        judgment=_judgment(entry) if judged else None,
        measures=tuple(_measures(entry)),
    )


def _quadrant(value: object) -> Quadrant | None:
    if value is None or value in ("A", "B", "C", "D"):
        return value
    raise Unsound(f'"quadrant" must be A, B, C, D or nothing, not {shown(value)}')


def _arm(value: object) -> Arm:
    if value in ("positive", "negative"):
        return value
    raise Unsound(f'"sample_type" must be positive or negative, not {shown(value)}')


def _judgment(entry: Entry) -> ImportedJudgment:
    topic, explanation = entry["inferred_topic"], entry["relevance_explanation"]
    return ImportedJudgment(
        topic=None if topic is None else checked_text(topic, "inferred_topic"),
        rating=checked_rating(entry["relevance_rating"], "relevance_rating"),
        explanation=None if explanation is None else checked_text(explanation, "relevance_explanation"),
    )


def _measures(entry: Entry) -> Iterator[tuple[str, float]]:
    for name, value in entry.items():
        if MEASURE.fullmatch(name) and value not in (None, ""):
            yield name, _share(value, name)


def _share(value: object, name: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 1 or isinstance(value, bool):
        raise Unsound(f'"{name}" must be a number from 0 to 1, not {shown(value)}')
    return number


_TOO_FEW = object()


def _typed(entry: Entry, read: Callable[[str], str]) -> dict[str, Any]:
    """A CSV row with nulls for empty cells, numbers for ratings as far as they are such, and texts as they were written."""
    typed: dict[str, Any] = {name: _TOO_FEW if value is None else value for name, value in entry.items()}
    typed |= {name: read(typed[name]) for name in TEXT_FIELDS if isinstance(typed[name], str)}
    for name in ("quadrant", *JUDGMENT_FIELDS):
        if typed[name] == "":
            typed[name] = None
    rating = typed["relevance_rating"]
    # Spreadsheets and data frames write whole numbers beside empty cells as 3.0.
    if isinstance(rating, str) and re.fullmatch(r"-?[0-9]{1,9}(\.0+)?", rating):
        typed["relevance_rating"] = int(rating.partition(".")[0])
    return typed
