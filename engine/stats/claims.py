"""The claim ledger: what is said of training data, decided on this study by one rule for all.

A statement names what it rests on, each an estimate with a bar that it must pass. It holds when all of that passes its bar
and does not hold when any of it fails its own. Bounds decide, never values: the end of the 95 % interval that is nearer the
bar must be beyond it. A study tests many statements at once, so their p, read off the same intervals, are adjusted by Holm's
method, and a verdict needs an adjusted p of at most .05: anything at all is decided wrongly in at most 5 % of studies,
as far as Student's t suits the values: of very skewed ones it finds too much on the side of the short tail.

Parts of a statement that must all pass need no adjustment among themselves (an intersection-union test: the largest p counts);
for a statement to fail by any of its parts, the smallest counts times their number (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.stats.claim_evidence import Evidence

Verdict = Literal["holds", "does not hold", "cannot tell"]
LEVEL = 0.05
_BEYOND_REACH = 0.05
"""Distance to the bar, in half-widths, below which four hundred times the data would be needed."""
RULE = (
    "Bound against bound: a statement holds when the 95 % interval of each thing it rests on lies wholly beyond its bar, and "
    "does not hold when one lies wholly on the other side; all else cannot be told. Concepts are the units. p is read off "
    "the same intervals, adjusted by Holm's method for all statements tested, and must be at most 0.05 for either verdict."
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim in words with what it rests on. ``settle``: what would settle it where its inputs are missing."""

    id: str
    words: str
    stated_in: str
    evidence: tuple[Evidence, ...]
    settle: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement with its verdict on a study.

    ``p`` and ``p_adjusted`` are two-sided, None where the statement could not be tested. ``why`` says in a sentence what
    decided; ``settle`` what would settle it, None where it is settled.
    """

    id: str
    words: str
    stated_in: str
    verdict: Verdict
    why: str
    evidence: tuple[Evidence, ...]
    p: float | None
    p_adjusted: float | None
    settle: str | None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was claimed and that no data of one study can decide, with the reason."""

    words: str
    stated_in: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """All claims on one study; ``n_tested`` of them had a p and were adjusted together."""

    claims: tuple[Claim, ...]
    n_tested: int
    untestable: tuple[Remark, ...] = ()
    rule: str = RULE


def decide(statements: Sequence[Statement], *, untestable: Sequence[Remark] = ()) -> Ledger:
    """Decide all statements together."""
    found = [_probabilities(statement) for statement in statements]
    p = [None if one is None else min(1.0, 2.0 * min(one)) for one in found]
    adjusted = holm(p)
    claims = tuple(
        _claim(statement, probabilities, p=each, p_adjusted=mine)
        for statement, probabilities, each, mine in zip(statements, found, p, adjusted, strict=True)
    )
    return Ledger(claims, sum(each is not None for each in p), tuple(untestable))


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjusted p, None where p is unknown; those do not count."""
    order = sorted((i for i, each in enumerate(p) if each is not None), key=lambda i: p[i] or 0.0)
    adjusted: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * (p[i] or 0.0)))
        adjusted[i] = largest
    return adjusted


def _probabilities(statement: Statement) -> tuple[float, float] | None:
    """One-sided p that the statement holds and that it does not; None where nothing is known of it.

    While a part is open the statement cannot hold, but may still fail by another.
    """
    parts = statement.evidence
    known = [(one.p_for, one.p_against) for one in parts if one.p_for is not None and one.p_against is not None]
    if not known:
        return None
    for_, against = zip(*known, strict=True)
    return max(for_) if len(known) == len(parts) else 1.0, min(1.0, len(parts) * min(against))


def _claim(
    statement: Statement, found: tuple[float, float] | None, *, p: float | None, p_adjusted: float | None
) -> Claim:
    verdict: Verdict = "cannot tell"
    if found is not None and p_adjusted is not None and p_adjusted <= LEVEL:
        verdict = "holds" if found[0] < found[1] else "does not hold"
    return Claim(
        id=statement.id,
        words=statement.words,
        stated_in=statement.stated_in,
        verdict=verdict,
        why=_why(statement, verdict, p=p),
        evidence=statement.evidence,
        p=p,
        p_adjusted=p_adjusted,
        settle=_settle(statement, p=p) if verdict == "cannot tell" else None,
    )


def _why(statement: Statement, verdict: Verdict, *, p: float | None) -> str:
    open_ = [f"{one.words}: {reason}" for one in statement.evidence if (reason := one.why_open)]
    if verdict == "holds":
        return "every interval lies wholly on the right side of its limit"
    if verdict == "does not hold":
        return "an interval lies wholly on the wrong side of its limit"
    if p is not None and p <= LEVEL:
        return "tested alone it would be decided, but not when all statements are tested together"
    return "; ".join(open_) if open_ else "an interval includes its limit"


def _settle(statement: Statement, *, p: float | None) -> str:
    """What is missing: inputs, or so many units as would bring the farthest undecided bound to its bar."""
    if any(one.estimate.value is None for one in statement.evidence):
        return statement.settle
    if any(one.why_open for one in statement.evidence) or (p is not None and p <= LEVEL):
        return f"more {statement.evidence[0].unit}"
    needed = [units_needed(one) for one in statement.evidence]
    if any(n is None for n in needed):
        return "the value lies so near its limit that more data would not decide it"
    most = max(zip((n or 0 for n in needed), (one.unit for one in statement.evidence), strict=True))
    # One bound of several may lie on the other side, and still not be enough among them.
    if not most[0]:
        return f"more {most[1]}"
    now = max(one.estimate.n for one in statement.evidence if one.unit == most[1])
    return f"about {most[0]:,} {most[1]} instead of {now:,}, if the new ones are like these"


def units_needed(evidence: Evidence) -> int | None:
    """How many units bring the bound to the bar at the present value: 0 where it is there, None where it is beyond reach."""
    estimate = evidence.estimate
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    apart = estimate.value - evidence.bar
    half = estimate.value - estimate.low if apart > 0 else estimate.high - estimate.value
    if half < abs(apart):
        return 0
    return math.ceil(estimate.n * (half / apart) ** 2) + 1 if abs(apart) > _BEYOND_REACH * half else None
