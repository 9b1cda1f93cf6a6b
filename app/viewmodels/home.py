"""The overview's first lines: what has changed since the last visit, and what waits for a person."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.data.visits import STUDY, Gap, News, Waiting
from engine.figures.points import MapPoint
from engine.stats.findings import Findings
from engine.words import count, number, signed


@dataclass(frozen=True, slots=True)
class Moved:
    """A gap that shows another number than it did: `name` is the study or a quadrant."""

    name: str
    before: str
    after: str
    delta: str


@dataclass(frozen=True, slots=True)
class Todo:
    """Something that waits for a person, and the screen where it is done."""

    n: int
    what: str
    why: str
    screen: str
    query: dict[str, str] = field(default_factory=dict)


def ago(then: datetime, now: datetime) -> str:
    """How long ago a time was, in the largest whole unit."""
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 60:
        return f"{count(minutes, 'minute')} ago" if minutes else "just now"
    return f"{count(minutes // 60, 'hour')} ago" if minutes < 1440 else f"{count(minutes // 1440, 'day')} ago"


def written(news: News, *, reviewer: str) -> tuple[str, ...]:
    """What came, in words: ratings by person, own ones last, then what stages and reviewers added."""
    ratings = sorted(news.ratings.items(), key=lambda one: (one[0] == reviewer, -one[1], one[0]))
    said = [f"{count(n, 'rating')} by {'you' if name == reviewer else name}" for name, n in ratings]
    added = (
        (news.n_flags, "new flag", None),
        (news.n_samples, "new text", None),
        (news.n_judgments, "new judge vote", None),
        (news.n_lenses, "new lens", "new lenses"),
    )
    return (*said, *(f"{count(n, one, many)}" for n, one, many in added if n))


def moved(gaps: Sequence[Gap], findings: Findings) -> tuple[Moved, ...]:
    """The study's gap and the quadrants' that show another number now."""
    now = {STUDY: findings.overall} | dict(findings.quadrants)
    pairs = [(gap, now[gap.grain].best_gap.value) for gap in gaps if gap.grain in now]
    return tuple(
        Moved("Study" if gap.grain == STUDY else gap.grain, number(gap.gap), number(value), _delta(gap.gap, value))
        for gap, value in sorted(pairs, key=lambda one: (one[0].grain != STUDY, one[0].grain))
        if number(gap.gap) != number(value)
    )


def _delta(before: float, after: float | None) -> str:
    return signed(round(after, 2) - round(before, 2)) if after is not None else ""


def weak(points: Sequence[MapPoint]) -> tuple[MapPoint, ...]:
    """Concepts whose gap has an interval that reaches zero or is missing, the smallest gap first."""
    return tuple(sorted((p for p in points if p.weak), key=lambda p: (p.gap.value is None, p.gap.value or 0.0)))


def todos(waiting: Waiting, *, n_weak: int, is_judged: bool) -> tuple[Todo, ...]:
    """What waits for a person, what moves numbers most first; nothing that has no pair."""
    found = [
        Todo(
            waiting.n_flagged,
            "flagged",
            "Someone asked for another look at these pairs.",
            "review",
            {"queue": "flagged"},
        ),
        Todo(
            waiting.n_disagreed,
            "disagreements" if waiting.n_disagreed != 1 else "disagreement",
            "Two people, or a blind rating and the judge, differ by two or more, and nobody has settled it.",
            "review",
            {"queue": "adjudicate"},
        ),
        Todo(
            waiting.n_to_audit,
            "to audit",
            (
                f"Of {count(waiting.n_drawn, 'pair')} drawn at random, these are unrated. Only random draws describe "
                "the texts that nobody reads."
            ),
            "review",
            {"queue": "audit"},
        ),
        Todo(
            waiting.n_unscored,
            "unscored by the judge",
            "The judge gave no readable rating, and no person has rated these pairs.",
            "samples",
            {"rating": "0"},
        ),
        Todo(
            waiting.n_spread,
            "judge uncertain",
            "The judge's own votes differ by 1 or more, and no person has rated these pairs.",
            "samples",
            {"differ": "votes"},
        ),
        Todo(
            n_weak if is_judged else 0,
            "weak gaps" if n_weak != 1 else "weak gap",
            "Concepts whose gap has no interval, or one that reaches zero. More ratings could settle them.",
            "findings",
            {"section": "gaps", "grain": "concept"},
        ),
    ]
    return tuple(one for one in found if one.n)
