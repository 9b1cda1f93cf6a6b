"""Agreement on audited pairs alone: drawn at random and rated blind, so that it speaks for all pairs of a run.

One query finds every judge's ratings of them; whatever is compared is counted from its rows, which are few beside all pairs.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from engine.exchange.ask import Ask
from engine.stats.agreement import Agreement, Cell, agree
from engine.stats.findings import ARMS, Arm

AuditedRow = tuple[str, str, float, float, float, int]
"""concept, arm, first rating, second rating, probability with which the pair was drawn, number of pairs"""


class AuditedVote(NamedTuple):
    """A judge's rating of an audited pair beside the person's, and when each was given."""

    concept: str
    judge: str
    sample: str
    arm: str
    judged_at: datetime
    rated_at: datetime
    rating: float
    person: float
    probability: float

    @property
    def pair(self) -> tuple[str, str]:
        """Names the pair within its run."""
        return self.concept, self.sample


def load_audited_votes(ask: Ask, run: str, *, judge: str | None = None) -> dict[str, list[AuditedVote]]:
    """Ratings of the audited pairs of a run by each judge that rated any, or by one judge, in order of the pairs."""
    found: dict[str, list[AuditedVote]] = {}
    for row in ask("agreement.audited_votes", {"run_id": run, "judge_id": judge, "concept": None}):
        vote = AuditedVote(*row)
        found.setdefault(vote.judge, []).append(vote)
    return found


def with_people(votes: Iterable[AuditedVote]) -> list[AuditedRow]:
    """How often a judge and a person gave which ratings."""
    return _counted((v.concept, v.arm, v.rating, v.person, v.probability) for v in votes)


def between_judges(first: Sequence[AuditedVote], second: Iterable[AuditedVote]) -> list[AuditedRow]:
    """How often two judges gave which ratings to the same audited pairs."""
    theirs = {vote.pair: vote.rating for vote in second}
    return _counted((v.concept, v.arm, v.rating, theirs[v.pair], v.probability) for v in first if v.pair in theirs)


def _counted(cells: Iterable[tuple[str, str, float, float, float]]) -> list[AuditedRow]:
    return sorted((*cell, n) for cell, n in Counter(cells).items())


def agreement_of_judge(ask: Ask, run: str, judge: str) -> dict[Arm, Agreement]:
    """How far a judge agrees with people in each arm; arms without an audited pair are left out."""
    votes = load_audited_votes(ask, run, judge=judge).get(judge, [])
    found = agree_by_arm(with_people(votes))
    return {arm: agreement for arm, agreement in found.items() if agreement.n}


def agree_by_arm(rows: Iterable[AuditedRow], *, are_ordered: bool = True) -> dict[Arm, Agreement]:
    """Agreement in each arm, each pair weighted by how many it stands for."""
    rows = list(rows)
    return {arm: agree_weighted([r for r in rows if r[1] == arm], are_ordered=are_ordered) for arm in ARMS}


def agree_weighted(rows: Iterable[AuditedRow], *, are_ordered: bool = True) -> Agreement:
    """Agreement over rows of any arm, weighted by 1/π where π differs."""
    cells: list[Cell] = []
    weights = []
    for concept, _, first, second, probability, n in rows:
        cells.append((concept, first, second, n))
        weights.append(1.0 / probability)
    return agree(cells, weights=weights, are_ordered=are_ordered)
