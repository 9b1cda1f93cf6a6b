"""Everything about one pair, put together of what is found at once: the rows of its sample, and what people said of it.

One statement for all of it takes the database longer to plan than these take to run.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from app.data.browsing import is_large
from app.data.memory import TABLES, remembered_each, renew_at
from app.data.ratings import bin_of
from app.data.rows import fetch, records
from app.data.samples import JudgmentVote, LensScore, Pair, PairDetail, TopicVote
from app.data.sayings import Saying, in_force, read_history
from app.data.study import load_profiles
from db import connect
from db.errors import ExpectedError
from db.patience import giving_way

_WRITTEN: Final = tuple(table for table in TABLES if table != "judgments")
_SOON_S: Final = 0.3
"""After a pair came on screen: by then it is drawn, and nobody has read it."""
_UNJUDGED: Final = {"judge_rating": None, "judge_spread": None, "n_votes": 0, "n_unscored": 0}


@dataclass(frozen=True, slots=True)
class _Written:
    """What a pair has been since it was written, and its lenses' word, which stay while people rate and judges vote."""

    place: dict[str, Any]
    text: dict[str, Any]
    scores: tuple[LensScore, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the judge says of a pair, and vote by vote."""

    rating: dict[str, Any]
    votes: tuple[JudgmentVote, ...]


def load_pair(folder: Path, run_id: str, judge_id: str, *, concept: str, sample_id: str, form_rule: str) -> Pair | None:
    """Everything about one pair; None when the run has no such pair, or it has no output yet."""
    pair = {"run_id": run_id, "concept": concept, "sample_id": sample_id}
    written = _load_written(folder, pair, form_rule)
    if written is None:
        return None
    judged = _load_judged(folder, judge_id, concept, sample_id)
    with connect(folder) as cursor:
        history = read_history(cursor, run_id, concept, sample_id)
        topics = fetch(cursor, "samples.topics", TopicVote, judge_id=judge_id, sample_id=sample_id)
    quadrants = {profile.concept: profile.quadrant for profile in load_profiles(folder, run_id)}
    detail = PairDetail(
        concept=concept,
        sample_id=sample_id,
        quadrant=quadrants.get(concept),
        **written.place,
        **written.text,
        **judged.rating,
        **_in_force(history, judged.rating["judge_rating"]),
    )
    return Pair(detail, topics, judged.votes, written.scores, history)


def prepare_pair(folder: Path, run_id: str, judge_id: str, *, concept: str, sample_id: str, form_rule: str) -> None:
    """Have a thread read what is shown of a pair once it is rated, while its text is being read; of large studies alone."""
    pair = {"run_id": run_id, "concept": concept, "sample_id": sample_id}
    renew_at(time.monotonic() + _SOON_S, _prepare, folder, judge_id, pair, form_rule)


def _prepare(folder: Path, judge_id: str, pair: dict[str, str], form_rule: str) -> None:
    # A study that is busy or gone, or was closed meanwhile, is told to whoever asks.
    with suppress(ExpectedError, OSError, duckdb.Error), giving_way():
        if is_large(folder):
            _load_written(folder, pair, form_rule)
            _load_judged(folder, judge_id, pair["concept"], pair["sample_id"])


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


def _load_judged(folder: Path, judge_id: str, concept: str, sample_id: str) -> _Judged:
    """Read once while the judge says nothing of any pair, for people's ratings have a pair drawn anew much more often."""
    asked = {"judge_id": judge_id, "concept": concept, "sample_id": sample_id}

    def judged() -> _Judged:
        with connect(folder) as cursor:
            rating = records(cursor, "samples.judged", **asked) or [_UNJUDGED]
            return _Judged(rating[0], fetch(cursor, "samples.judgments", JudgmentVote, **asked))

    return remembered_each(folder, "judged", tuple(asked.values()), judged, of=("judgments",))


def _in_force(history: Sequence[Saying], judged: float | None) -> dict[str, Any]:
    """The rating in force, as the view `verdicts` tells it: the override, else the audit rating, else the judge's mean."""
    said: dict[str, float | None] = {"override": None, "audit": None}
    said |= {source: saying.rating for source, saying in in_force(history).items()} | {"judge": judged}
    source = next((source for source, rating in said.items() if rating is not None), None)
    verdict = said[source] if source else None
    otherwise = judged if said["audit"] is None else said["audit"]
    told = {"verdict": verdict, "bin": bin_of(verdict), "verdict_source": source}
    return told | {"otherwise": otherwise, "judge_bin": bin_of(otherwise)}
