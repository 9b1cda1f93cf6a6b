"""What slow findings count, kept between ratings: a rating moves the rows of its concept, and everything else stays.

Counting a million verdicts or scores takes a second, those of one concept a few hundredths. So the rows of a query that can be
asked of one concept are kept by concept, and asked anew of the concepts that people rated since. Those that no rating moves are
kept until a stage writes.
"""

import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

from app.data.browsing import ask_if_held
from app.data.memory import TABLES, load_last_rating, remembered, unchanged, unhurried
from db import connect, query
from db.errors import StudyShort
from engine.exchange.ask import Ask, Rows, asking

BY_CONCEPT: Final = frozenset(
    {
        "activation_quality.cells",
        "agreement.audited_between_people",
        "agreement.audited_votes",
        "agreement.with_overrides",
        "audit.strata",
        "claims.firing",
        "findings.counts",
        "ratings.corrected",
        "review.known",
    }
)
"""Queries whose first column is the concept, and which a rating moves in its concept alone."""
BY_WORK: Final = frozenset({"agreement.between_judges", "agreement.rubric_versions", "findings.judges"})
"""Queries that no rating moves."""

WITHOUT_VOTES: Final[Mapping[str, tuple[str, ...]]] = {
    "agreement.audited_between_people": ("run_concepts", "pairs", "samples"),
    "review.known": (),
}
"""What queries rest on beside ratings and plans, where that is no judge's vote."""
_IN_MEMORY: Final[Mapping[str, str]] = {"findings.counts": "samples.counts"}
"""Queries that the pairs in memory answer too, by the name under which they do."""
_MANY: Final = 12
"""Of more concepts than these rows take longer one by one than those of the whole run."""


@dataclass
class _Kept:
    """Rows by concept as of a rating, shared by the threads that hold the lock."""

    last_rating: int
    rows: dict[str, Rows]
    lock: threading.Lock = field(default_factory=threading.Lock)


def asker(folder: Path) -> Ask:
    """Answer slow queries from what is kept, and ask the file for the others."""

    def ask(name: str, values: Mapping[str, Any]) -> Rows:
        if name in BY_CONCEPT and values["concept"] is None:
            return _by_concept(folder, name, values)
        if name in BY_WORK:
            return remembered(folder, (name, _key(values)), lambda: _ask_file(folder, name, values))
        return _ask_file(folder, name, values)

    return ask


def _ask_file(folder: Path, name: str, values: Mapping[str, Any]) -> Rows:
    with connect(folder) as cursor:
        return asking(cursor)(name, values)


def _key(values: Mapping[str, Any]) -> Hashable:
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in values.items())


def _by_concept(folder: Path, name: str, values: Mapping[str, Any]) -> Rows:
    # Looked up before the rows: a rating that comes in between is counted now and once more next time.
    last = load_last_rating(folder)
    # A plan gives pairs of every concept another probability.
    made = (name, load_n_plans(folder, values["run_id"]), _key(values))
    tables = WITHOUT_VOTES.get(name, TABLES)
    kept = remembered(folder, made, lambda: _count_all(folder, name, values), of=tables)
    with kept.lock:
        if last > kept.last_rating:
            _count_rated(folder, kept, last, name, values)
        return list(chain.from_iterable(kept.rows.values()))


def load_n_plans(folder: Path, run_id: str) -> int:
    """How often an audit of the run was planned, which with the stages' work decides what is drawn."""

    def number() -> int:
        with connect(folder) as cursor:
            return _number(cursor.execute(query("audit.n_plans"), {"run_id": run_id}).fetchone())

    return unchanged(folder, ("n plans", run_id), number)


def _count_all(folder: Path, name: str, values: Mapping[str, Any]) -> _Kept:
    # Read before counting: a rating that comes in between is counted now and once more next time.
    last = load_last_rating(folder)
    try:
        return _Kept(last, _split(unhurried(lambda: _ask_file(folder, name, values))))
    except StudyShort:
        # Where all at once take more memory than the database may use, though others have ended.
        concepts = _ask_file(folder, "changes.concepts", {"run_id": values["run_id"]})
        rows = {concept: _ask_file(folder, name, {**values, "concept": concept}) for (concept,) in concepts}
        return _Kept(last, {concept: found for concept, found in rows.items() if found})


def _count_rated(folder: Path, kept: _Kept, last: int, name: str, values: Mapping[str, Any]) -> None:
    since = {"run_id": values["run_id"], "last_rating": kept.last_rating}
    with connect(folder) as cursor:
        rated = [concept for (concept,) in cursor.execute(query("changes.rated_since"), since).fetchall()]
        found = rows_in_memory(folder, name, values, rated)
        held = None if found is None else _split(found)
        if held is None and len(rated) > _MANY:
            kept.rows, rated = _split(asking(cursor)(name, values)), []
        for concept in rated:
            is_new = concept not in kept.rows
            if held is None:
                kept.rows[concept] = asking(cursor)(name, {**values, "concept": concept})
            else:
                kept.rows[concept] = held.get(concept, [])
            if is_new:
                # Queries that have no row of an unrated concept give theirs in order of the concepts.
                kept.rows = dict(sorted(kept.rows.items()))
    kept.last_rating = last


def rows_in_memory(folder: Path, name: str, values: Mapping[str, Any], concepts: Sequence[str]) -> Rows | None:
    """Rows of some concepts from the pairs in memory, None where they are not: the file takes ten times as long for each."""
    if name not in _IN_MEMORY or not concepts:
        return None
    asked = {"concepts": list(concepts), "form_rule": values["form_rule"]}
    found = ask_if_held(folder, values["run_id"], values["judge_id"], _IN_MEMORY[name], **asked)
    return None if found is None else found[1]


def _split(rows: Iterable[tuple[Any, ...]]) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


def _number(row: tuple[Any, ...] | None) -> int:
    return int(row[0]) if row else 0
