"""The rubrics that a run's pairs were tried with so far, each with how far its judge agrees with people."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from app.data.rubric_lab import TrialCell
from app.viewmodels.rubric_lab import in_words
from engine.stats.agreement import agree


@dataclass(frozen=True, slots=True)
class PastTrial:
    """A judge under a rubric: when it was first asked, and its agreement with people on `n_pairs` pairs, as written.

    `measures` are those of the lab in their order, each with its interval or why there is none.
    """

    judge_id: str
    setting: str
    rubric: str
    asked_at: datetime
    n_pairs: int
    measures: tuple[tuple[str, str], ...]


def past_trials(cells: Iterable[TrialCell]) -> tuple[PastTrial, ...]:
    """One a judge, in the order of the cells, which are together by judge."""
    return tuple(_past(list(own)) for _, own in groupby(cells, key=lambda cell: cell.judge_id))


def _past(cells: list[TrialCell]) -> PastTrial:
    first = cells[0]
    found = agree((cell.concept, cell.rating, cell.people_rating, cell.n_pairs) for cell in cells)
    return PastTrial(
        judge_id=first.judge_id,
        setting=first.setting + (f" at {first.base_url}" if first.base_url else ""),
        rubric=f"{first.rubric}, {first.rubric_hash[:6]}",
        asked_at=first.created_at,
        n_pairs=found.n,
        measures=in_words(found),
    )
