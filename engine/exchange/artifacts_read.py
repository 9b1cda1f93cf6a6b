"""Put the files of a study's artifacts together: samples, what a judge said of them, and what was reported of lenses.

Rows of two files are paired by order within those of equal concept, arm, prompt and response, so that duplicates stay apart.
`analysis.csv` cuts texts to their first 200 characters; what it says must agree with the other files.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.errors import ArtifactsError
from engine.exchange.artifacts import (
    Imported,
    ImportedJudgment,
    ImportedSample,
    Problem,
    ReportedMeasure,
    settle,
)
from engine.exchange.artifacts_files import FileRow, FileRows, read_csv, read_json
from engine.exchange.spreadsheets import bare

SAMPLES, JUDGMENTS, ANALYSIS = "samples.json", "judgments.json", "analysis.csv"
CUT = 200
"""Characters of a text that `analysis.csv` holds."""
Key = tuple[str, ...]


@dataclass
class _Found:
    """Problems and notices as they come."""

    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def add(self, file: FileRows) -> None:
        self.problems += file.problems
        if file.unknown_fields:
            named = ", ".join(map(repr, file.unknown_fields))
            self.notices.append(f"{file.file}: fields that are not kept: {named}")


def read_artifacts(folder: Path, *, skip_bad: bool = False) -> Imported:
    """All that the folder's files say; ArtifactsError for an unreadable file, and for unsound rows that may not be left out."""
    if not folder.is_dir():
        raise ArtifactsError(f"There is no folder {folder}.")
    found = _Found()
    samples = read_json(folder / SAMPLES, judged=False)
    found.add(samples)
    rows = _of_one_quadrant(samples, found)
    judgments = _judgments(folder, samples, rows, found)
    table = _read_if_there(folder / ANALYSIS, read_csv, found)
    cut = [_whole_key(row, text_key=_start) for row in rows]
    partners = _partners(SAMPLES, rows, cut, table, found, text_key=_cell) if table else [None] * len(rows)
    if (folder / JUDGMENTS).is_file():
        partners = _agreeing(judgments, partners, found)
    elif table:
        judgments = [row.judgment if row else None for row in partners]
        found.notices.append(f"ratings, topics and explanations are those of {ANALYSIS}")
    told = [replace(other, concept=row.concept) for row, other in zip(rows, partners, strict=True) if other]
    reported = _reported(table, told, found) if table else ()
    found.notices += settle(found.problems, skip_bad=skip_bad)
    if not rows:
        raise ArtifactsError(f"{folder / SAMPLES} has no valid row.")
    imported = tuple(_sample(row, judgment) for row, judgment in zip(rows, judgments, strict=True))
    return Imported("artifacts", str(folder), imported, reported, tuple(found.notices), tuple(found.problems))


def _read_if_there(file: Path, read: Callable[[Path], FileRows], found: _Found) -> FileRows | None:
    if not file.is_file():
        found.notices.append(f"{file.name} is missing")
        return None
    rows = read(file)
    found.add(rows)
    return rows


def _of_one_quadrant(samples: FileRows, found: _Found) -> list[FileRow]:
    """The rows whose quadrant is that of their concept's first row."""
    first: dict[str, FileRow] = {}
    kept = []
    for row in samples.rows:
        before = first.setdefault(row.concept, row)
        if before.quadrant == row.quadrant:
            kept.append(row)
        else:
            text = f'"{row.concept}" is in quadrant {row.quadrant}, and in row {before.number} in {before.quadrant}'
            found.problems.append(Problem(samples.file, row.number, text))
    return kept


def _judgments(
    folder: Path, samples: FileRows, rows: Sequence[FileRow], found: _Found
) -> list[ImportedJudgment | None]:
    """What `judgments.json` says of each sample; None where there is no such file or row."""
    judged = _read_if_there(folder / JUDGMENTS, lambda file: read_json(file, judged=True), found)
    if judged is None:
        return [None] * len(rows)
    if judged.n_rows != samples.n_rows:
        found.notices.append(f"{SAMPLES} has {samples.n_rows:,} rows and {JUDGMENTS} {judged.n_rows:,}")
    partners = _partners(SAMPLES, rows, [_whole_key(row) for row in rows], judged, found)
    return [row.judgment if row else None for row in partners]


def _partners(
    file: str,
    rows: Sequence[FileRow],
    keys: Sequence[Key],
    others: FileRows,
    found: _Found,
    *,
    text_key: Callable[[str], str] = str,
) -> list[FileRow | None]:
    """For each row that of the other file which pairs with it; rows without a sound partner are problems, in both files."""
    waiting: defaultdict[Key, deque[FileRow]] = defaultdict(deque)
    for other in others.rows:
        waiting[_whole_key(other, text_key=text_key)].append(other)
    partners: list[FileRow | None] = []
    for row, key in zip(rows, keys, strict=True):
        queue = waiting[key]
        partner = queue.popleft() if queue else None
        if partner is None:
            text = f"{others.file} has no row left of this concept, arm, prompt and response"
            found.problems.append(Problem(file, row.number, text, is_kept=True))
        elif partner.quadrant != row.quadrant:
            text = f"its quadrant is {partner.quadrant}, and in row {row.number} of {file} it is {row.quadrant}"
            found.problems.append(Problem(others.file, partner.number, text))
            partner = None
        partners.append(partner)
    left = sorted((other for queue in waiting.values() for other in queue), key=lambda other: other.number)
    text = f"{file} has no row left of this concept, arm, prompt and response"
    found.problems += [Problem(others.file, other.number, text) for other in left]
    return partners


def _whole_key(row: FileRow, *, text_key: Callable[[str], str] = str) -> Key:
    return text_key(row.concept), row.arm, text_key(row.prompt), text_key(row.response)


def _start(text: str) -> str:
    """What `analysis.csv` holds of a text, whether or not it was guarded against spreadsheets."""
    return bare(_lines(text[:CUT]))


def _cell(cell: str) -> str:
    """A cell of `analysis.csv`, as long as it should be, whatever line ends the file was given on its way."""
    lines = _lines(cell)
    return bare(lines) if len(lines) <= CUT else _start(cell)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _agreeing(
    judgments: Sequence[ImportedJudgment | None], partners: Sequence[FileRow | None], found: _Found
) -> list[FileRow | None]:
    """The rows of the table; None for one that says something else than the judgment of the same sample, which is told."""
    agreeing: list[FileRow | None] = []
    for judgment, row in zip(judgments, partners, strict=True):
        why = _disagreement(judgment, row.judgment) if judgment and row and row.judgment else None
        if row and why:
            found.problems.append(Problem(ANALYSIS, row.number, why))
        agreeing.append(None if why else row)
    return agreeing


def _disagreement(judgment: ImportedJudgment, cells: ImportedJudgment) -> str | None:
    if judgment.rating != cells.rating:
        return f"its rating is {cells.rating}, and in {JUDGMENTS} it is {judgment.rating}"
    if _agrees(cells.topic, judgment.topic) and _agrees(cells.explanation, judgment.explanation):
        return None
    return f"its topic or explanation does not agree with that in {JUDGMENTS}"


def _agrees(cell: str | None, text: str | None) -> bool:
    """Whether a cell is the text, or its first characters."""
    return bare(_lines(cell or "")) == bare(_lines(text or "")) or _cell(cell or "") == _start(text or "")


def _reported(table: FileRows, rows: Iterable[FileRow], found: _Found) -> tuple[ReportedMeasure, ...]:
    """Measures of each concept, which every row of it repeats."""
    first: dict[str, FileRow] = {}
    for row in sorted(rows, key=lambda row: row.number):
        before = first.setdefault(row.concept, row)
        if before.measures != row.measures:
            text = f'its measures of "{row.concept}" are not those of row {before.number}'
            found.problems.append(Problem(table.file, row.number, text))
    return tuple(
        ReportedMeasure(concept, name, value) for concept, row in first.items() for name, value in row.measures
    )


def _sample(row: FileRow, judgment: ImportedJudgment | None) -> ImportedSample:
    said = None if judgment is None or judgment.is_empty else judgment
    return ImportedSample(row.concept, row.quadrant, row.arm, row.prompt, row.response, said)
