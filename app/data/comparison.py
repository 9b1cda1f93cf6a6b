"""Sides of a comparison beside each other, by the functions of the command, but from what is kept between ratings.

On a large study the first comparison of two runs takes seconds: a million verdicts are counted, and the lenses of the runs'
settings looked for. None of it is asked again when somebody rates but the counts of the rated concepts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from app.data.later import measured
from app.data.memory import load_last_rating, remembered, work_on
from app.data.rated import asker
from db import connect, query
from engine.exchange.ask import Ask, Rows
from engine.exchange.comparison import Comparison, LensChoice
from engine.exchange.comparison_json import comparison_json
from engine.exchange.comparison_sides import (
    LensRows,
    Reading,
    StoredRun,
    judge_of_all,
    read_lenses,
    stored_runs,
)
from engine.exchange.run_comparison import compare_judges, compare_runs
from engine.exchange.told_comparisons import tell_together

Json = dict[str, Any]
Kind = Literal["runs", "judges"]
AT_ONCE: Final = 1_000
"""Comparing fewer concepts, counted on every side, takes a fraction of a second as soon as its sources are at hand."""
_OF_RUNS: Final = frozenset({"comparisons.runs", "comparisons.concepts"})
_OF_LENSES: Final = ("runs", "pairs", "samples", "lenses")


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared, each with the first: runs, or judges of the run."""

    kind: Kind
    run_id: str
    names: tuple[str, ...]


def compare(folder: Path, sides: Sides) -> list[Json]:
    """Each side against the first, as the study is now; ConfigError where they cannot be compared."""
    reading = _reading(folder)
    runs = stored_runs(folder, reading)
    found = _runs(folder, runs, sides.names, reading) if sides.kind == "runs" else _judges(folder, runs, sides, reading)
    return [comparison_json(None, told) for told in tell_together(found)]


def compare_at_once(folder: Path, sides: Sides) -> list[Json]:
    """The same, kept until somebody rates or a stage writes."""
    return remembered(folder, ("comparison", sides), lambda: compare(folder, sides), also=measured(folder))


def fetch_sources(folder: Path, sides: Sides) -> int:
    """Have all at hand that comparing these takes; how many concepts there are to compare, counted on every side."""
    found = compare(folder, sides)
    return sum(one[side]["n_concepts"] for one in found for side in ("before", "after"))


def load_n_by_people(folder: Path, run_id: str) -> int:
    """How many pairs of a run count with people's ratings, whatever a judge says of them."""

    def number() -> int:
        with connect(folder) as cursor:
            return int(cursor.execute(query("ratings.n_pairs"), {"run_id": run_id}).fetchall()[0][0])

    return remembered(folder, ("n by people", run_id), number, also=load_last_rating(folder))


def _runs(folder: Path, runs: Mapping[str, StoredRun], names: Sequence[str], reading: Reading) -> list[Comparison]:
    first, *others = (runs[name] for name in names)
    judge = judge_of_all(first, others, reading)
    return [compare_runs(folder, first, other, judge_id=judge, reading=reading) for other in others]


def _judges(folder: Path, runs: Mapping[str, StoredRun], sides: Sides, reading: Reading) -> list[Comparison]:
    first, *others = sides.names
    return [compare_judges(folder, runs[sides.run_id], first, other, reading=reading) for other in others]


def _reading(folder: Path) -> Reading:
    """Answers that only ratings move, and those that only a run's stages do."""

    def lenses(run: StoredRun, lens: LensChoice) -> LensRows:
        return remembered(folder, ("compared lenses", run.run_id, lens), lambda: read_lenses(run, lens), of=_OF_LENSES)

    return Reading(ask=lambda _: _asker(folder), lenses=lenses)


def _asker(folder: Path) -> Ask:
    of_ratings = asker(folder)

    def ask(name: str, values: Mapping[str, Any]) -> Rows:
        if name not in _OF_RUNS:
            return of_ratings(name, values)
        # As of now, for a run that was added since is one that may be chosen.
        runs = work_on(folder, ("runs", "run_concepts"))
        return remembered(folder, (name, *values.values()), lambda: of_ratings(name, values), also=runs, of=())

    return ask
