"""What an audit says of its raters: how far judges and people agree on pairs that were drawn, and whether a judge drifts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb

from db import connect, query
from engine.exchange.agreement import load_judges
from engine.exchange.audited_ratings import AuditedRow, Draws, agree_by_arm, agree_weighted
from engine.exchange.report import find_run
from engine.stats.drift import Observation, cut_into_batches, find_trends

Json = dict[str, Any]
ANY_TWO: Json = {"kind": "any two people"}


def build_audit_agreement(study: Path, *, run_id: str | None = None, seed: int = 0, n_resamples: int = 1000) -> Json:
    """Agreement of judges and people on the audited pairs of a run, by arm, and each judge's drift.

    Audited: drawn, and rated blind by somebody; overrides count nowhere. Pairs are weighted by 1/π where their probabilities
    differ. Where nothing is audited, `reason` says what to do. StudyMissing when the study holds no such run.
    """
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
        judges = load_judges(cursor, run)
        compared = [*_with_people(cursor, run, judges), *_people(cursor, run), *_between_judges(cursor, run, judges)]
        in_time = {judge["id"]: _in_time(cursor, run, judge["id"]) for judge in judges}
        versions = cursor.execute(query("agreement.rubric_versions"), {"run_id": run}).fetchall()
    draws = Draws(seed, n_resamples)
    return {
        "run": run,
        "judges": judges,
        "is_weighted": len({row[4] for _, _, rows in compared for row in rows}) > 1,
        "comparisons": [_comparison(first, second, rows, draws=draws) for first, second, rows in compared],
        "drift": [_drift(judge, rows, draws=draws) for judge, rows in in_time.items() if rows],
        "rubrics": _rubrics(versions, in_time, draws=draws),
        "reason": None if compared else _WHY_NOTHING,
    }


_WHY_NOTHING = (
    "No drawn pair has been rated blind yet. Draw some with: lensgap audit plan --ratings N. Rate them in the dashboard: "
    "lensgap serve"
)
Compared = tuple[Json, Json, list[AuditedRow]]


def _with_people(cursor: duckdb.DuckDBPyConnection, run: str, judges: Sequence[Json]) -> list[Compared]:
    statement = query("agreement.audited_with_people")
    found = [
        (judge, cursor.execute(statement, {"run_id": run, "judge_id": judge["id"]}).fetchall()) for judge in judges
    ]
    return [(judge, {"kind": "people"}, rows) for judge, rows in found if rows]


def _between_judges(cursor: duckdb.DuckDBPyConnection, run: str, judges: Sequence[Json]) -> list[Compared]:
    statement = query("agreement.audited_between_judges")
    found = [
        (a, b, cursor.execute(statement, {"run_id": run, "first": a["id"], "second": b["id"]}).fetchall())
        for a, b in combinations(judges, 2)
    ]
    return [one for one in found if one[2]]


def _people(cursor: duckdb.DuckDBPyConnection, run: str) -> list[Compared]:
    """Each two people, and any two together where there are several."""
    by_two: dict[tuple[str, str], list[AuditedRow]] = {}
    rows = cursor.execute(query("agreement.audited_between_people"), {"run_id": run}).fetchall()
    for concept, arm, first, second, *row in rows:
        by_two.setdefault((first, second), []).append((concept, arm, *row))
    together: list[Compared] = [(ANY_TWO, ANY_TWO, [row for rows in by_two.values() for row in rows])]
    return [
        *(together if len(by_two) > 1 else []),
        *((_person(first), _person(second), rows) for (first, second), rows in by_two.items()),
    ]


def _person(name: str) -> Json:
    return {"kind": "person", "name": name}


def _comparison(first: Json, second: Json, rows: Sequence[AuditedRow], *, draws: Draws) -> Json:
    """Agreement in each arm, and over both, which is inflated because arms differ."""
    are_ordered = first is not ANY_TWO
    arms = agree_by_arm(rows, are_ordered=are_ordered, draws=draws)
    return {
        "first": first,
        "second": second,
        "arms": {arm: asdict(found) for arm, found in arms.items()},
        "inflated_by_pooling_arms": asdict(agree_weighted(rows, are_ordered=are_ordered, draws=draws)),
    }


def _in_time(cursor: duckdb.DuckDBPyConnection, run: str, judge: str) -> list[tuple[Any, ...]]:
    values = {"run_id": run, "judge_id": judge}
    return cursor.execute(query("agreement.audited_in_time"), values).fetchall()


def _drift(judge: str, rows: Iterable[tuple[Any, ...]], *, draws: Draws) -> Json:
    """Trends by when the judge gave its last vote and by when people rated, each with its batches in time."""
    rows = list(rows)
    axes = {"judged": 3, "rated": 4}
    return {"judge": judge} | {name: _trends(_observations(rows, place), draws=draws) for name, place in axes.items()}


def _observations(rows: Iterable[tuple[Any, ...]], place: int) -> list[Observation]:
    return [
        Observation(row[0], row[2], row[place].replace(tzinfo=UTC).timestamp(), row[5], row[6], 1.0 / row[7])
        for row in rows
    ]


def _trends(observations: Sequence[Observation], *, draws: Draws) -> Json:
    return {
        "trends": [asdict(trend) for trend in find_trends(observations)],
        "batches": [
            {"label": batch.label} | _arms(batch.observations, draws=draws) for batch in cut_into_batches(observations)
        ],
    }


def _arms(observations: Iterable[Observation], *, draws: Draws) -> Json:
    rows: list[AuditedRow] = [(o.concept, o.arm, o.judge, o.person, 1.0 / o.weight, 1) for o in observations]
    return {"arms": {arm: asdict(found) for arm, found in agree_by_arm(rows, draws=draws).items()}}


def _rubrics(
    versions: Iterable[tuple[Any, ...]], in_time: Mapping[str, Sequence[tuple[Any, ...]]], *, draws: Draws
) -> list[Json]:
    """Versions of the rubric of each model, compared on the pairs that all of them rated."""
    models: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for backend, model, *version in versions:
        models.setdefault((backend, model), []).append(tuple(version))
    return [_rubric(model, rows, in_time, draws=draws) for model, rows in models.items()]


def _rubric(
    model: tuple[str, str],
    versions: Sequence[tuple[Any, ...]],
    in_time: Mapping[str, Sequence[tuple[Any, ...]]],
    *,
    draws: Draws,
) -> Json:
    shared = set.intersection(*({row[:2] for row in in_time[judge]} for *_, judge in versions))
    observed = [
        [
            Observation(row[0], row[2], float(number), row[5], row[6], 1.0 / row[7])
            for row in in_time[judge]
            if row[:2] in shared
        ]
        for number, (*_, judge) in enumerate(versions)
    ]
    return {
        "backend": model[0],
        "model": model[1],
        "n_pairs": len(shared),
        "trends": [asdict(trend) for trend in find_trends([one for some in observed for one in some])],
        "versions": [
            {"rubric": rubric, "rubric_hash": rubric_hash, "judge": judge} | _arms(some, draws=draws)
            for (rubric, rubric_hash, judge), some in zip(versions, observed, strict=True)
        ],
    }
