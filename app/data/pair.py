"""Everything about one pair, put together of what is found at once: the rows of its sample, and what people said of it.

One statement for all of it takes the database longer to plan than these take to run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.data.memory import TABLES, remembered_each
from app.data.ratings import bin_of
from app.data.rows import fetch, records
from app.data.samples import JudgmentVote, LensScore, Pair, PairDetail, TopicVote
from app.data.sayings import Saying, in_force, read_sayings
from app.data.study import load_profiles
from db import connect

_WRITTEN: Final = tuple(table for table in TABLES if table != "judgments")
_UNJUDGED: Final = {"judge_rating": None, "judge_spread": None, "n_votes": 0, "n_unscored": 0}


@dataclass(frozen=True, slots=True)
class _Written:
    """What a pair has been since it was written, and its lenses' word, which stay while people rate and judges vote."""

    place: dict[str, Any]
    text: dict[str, Any]
    scores: tuple[LensScore, ...]


def load_pair(folder: Path, run_id: str, judge_id: str, *, concept: str, sample_id: str, form_rule: str) -> Pair | None:
    """Everything about one pair; None when the run has no such pair, or it has no output yet."""
    pair = {"run_id": run_id, "concept": concept, "sample_id": sample_id}
    judged = {"judge_id": judge_id, "sample_id": sample_id}
    written = _load_written(folder, pair, form_rule)
    if written is None:
        return None
    with connect(folder) as cursor:
        history = read_sayings(cursor, run_id, [sample_id]).get((concept, sample_id), ())
        rated = records(cursor, "samples.judged", concept=concept, **judged) or [_UNJUDGED]
        topics = fetch(cursor, "samples.topics", TopicVote, **judged)
        votes = fetch(cursor, "samples.judgments", JudgmentVote, concept=concept, **judged)
    quadrants = {profile.concept: profile.quadrant for profile in load_profiles(folder, run_id)}
    detail = PairDetail(
        concept=concept,
        sample_id=sample_id,
        quadrant=quadrants.get(concept),
        **written.place,
        **written.text,
        **rated[0],
        **_in_force(history, rated[0]["judge_rating"]),
    )
    return Pair(detail, topics, votes, written.scores, history)


def _load_written(folder: Path, pair: dict[str, str], form_rule: str) -> _Written | None:
    """Read once while nothing is written, for a pair is drawn anew with every press on it."""

    def written() -> _Written | None:
        with connect(folder) as cursor:
            places = records(cursor, "samples.pair", **pair)
            sample = {"run_id": pair["run_id"], "sample_id": pair["sample_id"]}
            texts = records(cursor, "samples.written", **sample, form_rule=form_rule)
            if not places or not texts:
                return None
            return _Written(places[0], texts[0], fetch(cursor, "samples.scores", LensScore, **pair))

    return remembered_each(folder, "written", (*pair.values(), form_rule), written, of=_WRITTEN)


def _in_force(history: Sequence[Saying], judged: float | None) -> dict[str, Any]:
    """The rating in force, as the view `verdicts` tells it: the override, else the audit rating, else the judge's mean."""
    said: dict[str, float | None] = {"override": None, "audit": None}
    said |= {source: saying.rating for source, saying in in_force(history).items()} | {"judge": judged}
    source = next((source for source, rating in said.items() if rating is not None), None)
    verdict = said[source] if source else None
    otherwise = judged if said["audit"] is None else said["audit"]
    told = {"verdict": verdict, "bin": bin_of(verdict), "verdict_source": source}
    return told | {"otherwise": otherwise, "judge_bin": bin_of(otherwise)}
