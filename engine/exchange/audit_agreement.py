"""What an audit says of its raters: how far judges and people agree on pairs that were drawn, and whether a judge drifts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

from db import connect
from engine.exchange.agreement import load_judges
from engine.exchange.ask import Ask, asking
from engine.exchange.audited_ratings import (
    AuditedRow,
    AuditedVote,
    agree_by_arm,
    agree_weighted,
    between_judges,
    load_audited_votes,
    with_people,
)
from engine.exchange.runs import find_run
from engine.stats.drift import Observation, cut_into_batches, find_trends

Json = dict[str, Any]
ANY_TWO: Json = {"kind": "any two people"}


def build_audit_agreement(study: Path, *, run_id: str | None = None, ask: Ask | None = None) -> Json:
    """Agreement of judges and people on the audited pairs of a run, by arm, and each judge's drift.

    Audited: drawn, and rated blind by somebody; overrides count nowhere. Pairs are weighted by 1/π where their probabilities
    differ. Where nothing is audited, `reason` says what to do. StudyMissing when the study holds no such run.
    """
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
        ask = ask or asking(cursor)
        judges = load_judges(ask, run)
        votes = load_audited_votes(ask, run)
        people = _people(ask, run)
        versions = ask("agreement.rubric_versions", {"run_id": run})
    compared = [*_with_people(judges, votes), *people, *_between_judges(judges, votes)]
    return {
        "run": run,
        "judges": judges,
        "is_weighted": len({row[4] for _, _, rows in compared for row in rows}) > 1,
        "comparisons": [_comparison(first, second, rows) for first, second, rows in compared],
        "drift": [_drift(judge["id"], votes[judge["id"]]) for judge in judges if judge["id"] in votes],
        "rubrics": _rubrics(versions, votes),
        "reason": None if compared else _WHY_NOTHING,
    }


_WHY_NOTHING = (
    "No drawn pair has been rated blind yet. Draw some with: lensgap audit plan --ratings N. Rate them in the dashboard: "
    "lensgap serve"
)
Compared = tuple[Json, Json, list[AuditedRow]]
Votes = Mapping[str, Sequence[AuditedVote]]


def _with_people(judges: Sequence[Json], votes: Votes) -> list[Compared]:
    return [(judge, {"kind": "people"}, with_people(votes[judge["id"]])) for judge in judges if judge["id"] in votes]


def _between_judges(judges: Sequence[Json], votes: Votes) -> list[Compared]:
    found = [(a, b, between_judges(votes.get(a["id"], []), votes.get(b["id"], []))) for a, b in combinations(judges, 2)]
    return [one for one in found if one[2]]


def _people(ask: Ask, run: str) -> list[Compared]:
    """Each two people, and any two together where there are several."""
    by_two: dict[tuple[str, str], list[AuditedRow]] = {}
    rows = ask("agreement.audited_between_people", {"run_id": run, "concept": None})
    for concept, arm, first, second, *row in rows:
        by_two.setdefault((first, second), []).append((concept, arm, *row))
    together: list[Compared] = [(ANY_TWO, ANY_TWO, [row for rows in by_two.values() for row in rows])]
    return [
        *(together if len(by_two) > 1 else []),
        *((_person(first), _person(second), rows) for (first, second), rows in by_two.items()),
    ]


def _person(name: str) -> Json:
    return {"kind": "person", "name": name}


def _comparison(first: Json, second: Json, rows: Sequence[AuditedRow]) -> Json:
    """Agreement in each arm, and over both, which is inflated because arms differ."""
    are_ordered = first is not ANY_TWO
    arms = agree_by_arm(rows, are_ordered=are_ordered)
    return {
        "first": first,
        "second": second,
        "arms": {arm: asdict(found) for arm, found in arms.items()},
        "inflated_by_pooling_arms": asdict(agree_weighted(rows, are_ordered=are_ordered)),
    }


def _drift(judge: str, votes: Sequence[AuditedVote]) -> Json:
    """Trends by when the judge gave its last vote and by when people rated, each with its batches in time."""
    axes = {
        "judged": [_observation(vote, _seconds(vote.judged_at)) for vote in votes],
        "rated": [_observation(vote, _seconds(vote.rated_at)) for vote in votes],
    }
    return {"judge": judge} | {name: _trends(observed) for name, observed in axes.items()}


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _observation(vote: AuditedVote, at: float) -> Observation:
    return Observation(vote.concept, vote.arm, at, vote.rating, vote.person, 1.0 / vote.probability)


def _trends(observations: Sequence[Observation]) -> Json:
    return {
        "trends": [asdict(trend) for trend in find_trends(observations)],
        "batches": [{"label": batch.label} | _arms(batch.observations) for batch in cut_into_batches(observations)],
    }


def _arms(observations: Iterable[Observation]) -> Json:
    rows: list[AuditedRow] = [(o.concept, o.arm, o.judge, o.person, 1.0 / o.weight, 1) for o in observations]
    return {"arms": {arm: asdict(found) for arm, found in agree_by_arm(rows).items()}}


def _rubrics(versions: Iterable[tuple[Any, ...]], votes: Votes) -> list[Json]:
    """Versions of the rubric of each model, compared on the pairs that all of them rated."""
    models: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for backend, model, *version in versions:
        models.setdefault((backend, model), []).append(tuple(version))
    return [_rubric(model, rows, votes) for model, rows in models.items()]


def _rubric(
    model: tuple[str, str],
    versions: Sequence[tuple[Any, ...]],
    votes: Votes,
) -> Json:
    shared = set.intersection(*({vote.pair for vote in votes.get(judge, [])} for *_, judge in versions))
    observed = [
        [_observation(vote, float(number)) for vote in votes.get(judge, []) if vote.pair in shared]
        for number, (*_, judge) in enumerate(versions)
    ]
    return {
        "backend": model[0],
        "model": model[1],
        "n_pairs": len(shared),
        "trends": [asdict(trend) for trend in find_trends([one for some in observed for one in some])],
        "versions": [
            {"rubric": rubric, "rubric_hash": rubric_hash, "judge": judge} | _arms(some)
            for (rubric, rubric_hash, judge), some in zip(versions, observed, strict=True)
        ],
    }
