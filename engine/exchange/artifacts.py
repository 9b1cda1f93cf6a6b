"""What an import brings into a study, and how it is told what is wrong with the files that it was read from.

A row of a file is one sample in one arm of one concept, as text, prompt and perhaps what a judge said. Rows are kept apart by
their place, for prompts and texts repeat and many texts are empty.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from db.rows import Arm, Quadrant
from engine.errors import ArtifactsError

Kind = Literal["artifacts", "samples"]
SHOWN = 5
"""Problems that an error tells in full; the rest are counted."""
NO_PROMPT = "(the imported data names no prompt)"
NOT_COUNTED = "not counted: the imported files list no senses"
NO_RATING = "the imported file has no rating"
NO_TOPIC = "the imported file names no topic"
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class ImportedJudgment:
    """What a judge said of a sample; None for each thing that the file leaves out."""

    topic: str | None
    rating: int | None
    explanation: str | None

    @property
    def is_empty(self) -> bool:
        """Whether the file says nothing at all, as of a sample that was not judged."""
        return self == ImportedJudgment(None, None, None)


@dataclass(frozen=True, slots=True)
class ImportedSample:
    """A row that is to become a sample and its pair."""

    concept: str
    quadrant: Quadrant | None
    arm: Arm
    prompt: str
    text: str
    judgment: ImportedJudgment | None = None


@dataclass(frozen=True, slots=True)
class ReportedMeasure:
    """What others reported of the lens of a concept; `name` as their column was called."""

    concept: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row of a file; rows count from 1, without a header.

    `is_kept`: the row stays when unsound ones are left out, without what another file should say of it.
    """

    file: str
    row: int
    text: str
    is_kept: bool = False

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}: {self.text}"


@dataclass(frozen=True, slots=True)
class Imported:
    """Sound rows in the order of their file, and what a person should be told about how they were read.

    `left_out` has what was wrong with the others.
    """

    kind: Kind
    source: str
    samples: tuple[ImportedSample, ...]
    reported: tuple[ReportedMeasure, ...] = ()
    notices: tuple[str, ...] = ()
    left_out: tuple[Problem, ...] = ()

    @property
    def concepts(self) -> tuple[str, ...]:
        """The concepts in the order of their first row."""
        return tuple(dict.fromkeys(sample.concept for sample in self.samples))


class Unsound(ValueError):
    """A row that cannot be imported; the message says why."""


def settle(
    problems: Sequence[Problem], *, skip_bad: bool, error: type[ArtifactsError] = ArtifactsError
) -> tuple[str, ...]:
    """Notices of the rows that are left out, and how many for what; the error where nobody asked to leave any out."""
    if problems and not skip_bad:
        told, more = "; ".join(map(str, problems[:SHOWN])), len(problems) - SHOWN
        raise error(
            told + (f"; and {more:,} more." if more > 0 else "."),
            hint="Nothing was imported. Fix the rows, or skip invalid ones with --skip-bad.",
        )
    if not problems:
        return ()
    reasons = "; ".join(f"{n:,} because {reason}" for reason, n in count_reasons(problems).items())
    n_kept = sum(problem.is_kept for problem in problems)
    return (
        *(f"{'kept without it' if problem.is_kept else 'left out'}: {problem}" for problem in problems),
        *([f"rows kept without what another file should say of them: {n_kept:,}"] if n_kept else []),
        f"invalid rows left out: {count_rows(problems):,}{f' ({reasons})' if reasons else ''}",
    )


def count_rows(problems: Iterable[Problem]) -> int:
    """How many rows were left out; a row may have several problems."""
    return len({(problem.file, problem.row) for problem in problems if not problem.is_kept})


def count_reasons(problems: Iterable[Problem]) -> dict[str, int]:
    """How many rows were left out for what, the commonest first; what a row held instead is no part of the reason."""
    left_out = (problem.text for problem in problems if not problem.is_kept)
    return dict(Counter(re.split(r", not | \(", text)[0] for text in left_out).most_common())


def checked_text(value: object, name: str) -> str:
    """A text that a database can hold whole; Unsound for anything else."""
    if not isinstance(value, str):
        raise Unsound(f'"{name}" must be a text, not {shown(value)}')
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise Unsound(f'"{name}" holds half of a surrogate pair')
    return value


def checked_concept(value: object, name: str = "concept") -> str:
    """A concept's name: one printable line; Unsound for anything else."""
    text = checked_text(value, name)
    if not text.strip() or not text.isprintable() or len(text) > MAX_NAME:
        raise Unsound(f'"{name}" must be one printable line of at most {MAX_NAME} characters, not {shown(value)}')
    return text


def checked_rating(value: object, name: str) -> int | None:
    """A whole rating from 1 to 5, or None where there is none; Unsound for anything else."""
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= 5:
        raise Unsound(f'"{name}" must be a whole number from 1 to 5, not {shown(value)}')
    return value


def shown(value: object) -> str:
    """A value as an error may show it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
