"""Two people's ratings of the same pairs as squares and lists, how long a desk is kept, and the ratings as files."""

import io
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow

from app.charts.table import as_csv, table
from app.data.team import Both, Key
from engine.words import RATINGS

LISTED: Final = 50
Square = tuple[int, int]
"""The first person's rating and the second's."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Pairs that may be shown with both ratings, the first of `n_all`; `n_hidden` more are still to be rated by who looks."""

    pairs: tuple[Both, ...]
    n_all: int
    n_hidden: int


def squares(both: Sequence[Both]) -> tuple[tuple[int, ...], ...]:
    """How many pairs got which two ratings, rows the first person's from 1 to 5."""
    counts = Counter((one.first_rating, one.second_rating) for one in both)
    return tuple(tuple(counts[row, column] for column in RATINGS) for row in RATINGS)


def listed(both: Sequence[Both], square: Square | None, *, hidden: Set[Key]) -> Listed:
    """Pairs of a square, else those on which the two disagree, without what who looks has yet to rate blind."""
    chosen = [
        one
        for one in both
        if (
            one.first_rating != one.second_rating if square is None else (one.first_rating, one.second_rating) == square
        )
    ]
    open_ones = [one for one in chosen if (one.concept, one.sample_id) not in hidden]
    return Listed(tuple(open_ones[:LISTED]), len(open_ones), len(chosen) - len(open_ones))


def minutes_left(until: datetime, now: datetime) -> str:
    """How long pairs stay on a desk."""
    minutes = int((until - now).total_seconds() // 60)
    return f"{minutes} min left" if minutes > 0 else "less than a minute left"


def ratings_csv(ratings: pyarrow.Table) -> bytes:
    """The ratings as CSV that no spreadsheet takes for formulas."""
    rows = (
        [value.isoformat() if isinstance(value, datetime) else value for value in row.values()]
        for row in ratings.to_pylist()
    )
    return as_csv(table(ratings.column_names, rows))


def ratings_parquet(ratings: pyarrow.Table) -> bytes:
    """The ratings as Parquet."""
    from pyarrow import parquet

    written = io.BytesIO()
    parquet.write_table(ratings, written)
    return written.getvalue()
