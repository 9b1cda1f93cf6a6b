"""Everything about one pair, put together of what is found at once: the rows of its sample, and what people said of it.

One statement for all of it takes the database longer to plan than these take to run.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.data.ratings import Saying
from app.data.rows import fetch
from app.data.samples import JudgmentVote, LensScore, Pair, PairDetail, TopicVote
from app.data.study import load_profiles
from db import connect


@dataclass(frozen=True, slots=True)
class _Place:
    arm: str
    negative_kind: str | None


@dataclass(frozen=True, slots=True)
class _Written:
    prompt: str
    prompt_concept: str
    template: str
    output: str
    finish_reason: str | None
    generated_at: datetime | None
    form: str | None
    n_chars: int | None
    n_words: int | None
    tail_loop_share: float | None
    repeated_4gram_share: float | None
    distinct_2: float | None
    zlib_ratio: float | None
    first30_count: int | None


@dataclass(frozen=True, slots=True)
class _Judged:
    judge_rating: float | None = None
    judge_spread: float | None = None
    n_votes: int = 0
    n_unscored: int = 0


def load_pair(folder: Path, run_id: str, judge_id: str, *, concept: str, sample_id: str, form_rule: str) -> Pair | None:
    """Everything about one pair; None when the run has no such pair, or it has no output yet."""
    pair = {"run_id": run_id, "concept": concept, "sample_id": sample_id}
    judged = {"judge_id": judge_id, "sample_id": sample_id}
    with connect(folder) as cursor:
        places = fetch(cursor, "samples.pair", _Place, **pair)
        texts = fetch(cursor, "samples.written", _Written, run_id=run_id, sample_id=sample_id, form_rule=form_rule)
        if not places or not texts:
            return None
        history = fetch(cursor, "ratings.history", Saying, **pair)
        rated = fetch(cursor, "samples.judged", _Judged, concept=concept, **judged) or (_Judged(),)
        topics = fetch(cursor, "samples.topics", TopicVote, **judged)
        votes = fetch(cursor, "samples.judgments", JudgmentVote, concept=concept, **judged)
        scores = fetch(cursor, "samples.scores", LensScore, **pair)
    quadrants = {profile.concept: profile.quadrant for profile in load_profiles(folder, run_id)}
    detail = PairDetail(
        concept=concept,
        sample_id=sample_id,
        quadrant=quadrants.get(concept),
        **asdict(places[0]),
        **asdict(texts[0]),
        **asdict(rated[0]),
        **_in_force(history, rated[0].judge_rating),
    )
    return Pair(detail, topics, votes, scores, history)


def _in_force(history: Sequence[Saying], judged: float | None) -> dict[str, Any]:
    """The rating in force, as the view `verdicts` tells it: the override, else the audit rating, else the judge's mean."""
    people = {saying.source: saying.rating for saying in history if saying.undoes is None and not saying.is_undone}
    said = {"override": people.get("override"), "audit": people.get("audit"), "judge": judged}
    source = next((source for source, rating in said.items() if rating is not None), None)
    verdict = said[source] if source else None
    otherwise = judged if said["audit"] is None else said["audit"]
    told = {"verdict": verdict, "bin": _bin(verdict), "verdict_source": source}
    return told | {"otherwise": otherwise, "judge_bin": _bin(otherwise)}


def _bin(rating: float | None) -> int | None:
    """The nearest of the five ratings; half a step goes to the even one, as in the database."""
    return None if rating is None else round(rating)
