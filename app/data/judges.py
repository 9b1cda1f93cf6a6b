"""What the judges screen reads: agreement on audited pairs, what judges were asked and answered, and the pairs of a cell."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.data.rated import asker
from app.data.rows import read
from engine.exchange.agreement import build_agreement
from engine.exchange.audit import build_estimate
from engine.exchange.audit_agreement import build_audit_agreement

Json = dict[str, Any]
CELL_ROWS: Final = 20
_REASONS: Final = 60


@dataclass(frozen=True, slots=True)
class Work:
    """What a judge was asked on one question; `cost_usd` is None where no vote has a price, `n_unpriced` have none."""

    judge_id: str
    question: str
    n_votes: int
    n_unscored: int
    n_input_tokens: int
    n_output_tokens: int
    n_cached_tokens: int
    cost_usd: float | None
    n_unpriced: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Unscored:
    """How many votes on one arm have no rating for one reason."""

    judge_id: str
    arm: str
    reason: str
    n: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How many pairs have votes that lie so far apart."""

    judge_id: str
    arm: str
    spread: int
    n: int


@dataclass(frozen=True, slots=True)
class CellPair:
    """An audited pair of one cell of the table of two raters; `n_total` counts the cell."""

    concept: str
    sample_id: str
    arm: str
    first_bin: int
    second_bin: int
    excerpt: str
    n_total: int


@dataclass(frozen=True, slots=True)
class Votes:
    """What judges were asked and answered, from one pass over their votes each."""

    work: tuple[Work, ...]
    spreads: tuple[Spread, ...]
    unscored: tuple[Unscored, ...]


def load_audit_agreement(folder: Path, run_id: str) -> Json:
    """How far judges and people agree on audited pairs, and whether judges drift; the first time seconds on a large study."""
    return build_audit_agreement(folder, run_id=run_id, ask=asker(folder))


def load_audit_estimate(folder: Path, run_id: str, judge_id: str) -> Json:
    """What the audit says of the gap, this judge's ratings put right by it; AuditError where the judge was asked nothing."""
    return build_estimate(folder, run_id=run_id, judge_id=judge_id, ask=asker(folder))


def load_all_agreement(folder: Path, run_id: str) -> Json:
    """How far judges agree with each other and with overrides on all pairs, which is no fair sample of people's ratings."""
    return build_agreement(folder, run_id=run_id, ask=asker(folder))


def load_votes(folder: Path, run_id: str) -> Votes:
    """What the judges of a run were asked, how far their votes lie apart (several on a pair), and the frequent failures."""
    return Votes(
        work=read(folder, "finding_sources.judge_work", Work, run_id=run_id),
        spreads=read(folder, "finding_sources.spreads", Spread, run_id=run_id),
        unscored=read(folder, "finding_sources.unscored", Unscored, run_id=run_id, n_rows=_REASONS),
    )


def load_cell(
    folder: Path, run_id: str, *, first: str, second: str | None, bins: tuple[int, int], arm: str | None
) -> tuple[CellPair, ...]:
    """The first pairs of a cell: bins of the first judge and of the second one, or of people where there is none."""
    values = {"first": first, "second": second, "first_bin": bins[0], "second_bin": bins[1], "arm": arm}
    return read(folder, "finding_sources.audited_cell", CellPair, run_id=run_id, n_rows=CELL_ROWS, **values)


def load_people_cell(
    folder: Path, run_id: str, *, people: tuple[str, str] | None, bins: tuple[int, int], arm: str | None
) -> tuple[CellPair, ...]:
    """The first pairs of a cell of two people, or of any two; a pair that several two rated so counts for each."""
    first, second = people or (None, None)
    values = {"first": first, "second": second, "first_bin": bins[0], "second_bin": bins[1], "arm": arm}
    return read(folder, "finding_sources.people_cell", CellPair, run_id=run_id, n_rows=CELL_ROWS, **values)
