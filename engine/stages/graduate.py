"""After each step of escalation: which concepts graduate, which get more pairs, and why the others stop.

The lens that decides is of the first family of the settings, fitted on the pairs that the concept has now by these settings.
All of a run's concepts are decided about at the same layers, those of the best mean F1 over all of them when the rule first
decides: chosen anew among those who are left, they would follow whoever is hard. What is decided is never decided again by
the same rule: a row stands for it.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db import connect, query
from db.rows import GraduationStepRow
from engine.config import StudyConfig
from engine.lenses.graduation import Decision, End, Goal, Measured, Outcome, Rule, best_layers, decide
from engine.stages.progress import now
from engine.stats.estimate import Estimate, unknown
from engine.stats.findings import Settings, count_concepts, summarise

DECIDING = (
    "steps",
    "target",
    "falloff",
    "train_gap",
    "graduate_by",
    "most_samples",
    "layers",
    "join_layers",
    "mode",
    "phase",
    "pool",
    "folds",
    "repeats",
    "validation",
    "group_by",
    "memory_mib",
)
"""Settings beside those of the run that decide a lens, or what is asked of it."""


@dataclass(frozen=True, slots=True)
class StepLens:
    """The lens of a concept that decides about it; None where none was fitted."""

    concept: str
    layers: tuple[int, ...]
    lens_id: str | None
    measured: Measured


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a concept at the last step that it took."""

    step: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a concept, and where that comes from, in words and in few words."""

    goal: Goal
    why: str = ""
    in_short: str = ""


def choose_rule(config: StudyConfig) -> Rule:
    """What the settings say of graduation."""
    return Rule(config.falloff, config.train_gap, config.graduate_by)


def rule_hash(config: StudyConfig, *others: Any) -> str:
    """Identity of all that decides in a run: settings, the first family of lenses, and what else is given, as JSON."""
    settings = {name: getattr(config, name) for name in DECIDING} | {"family": config.lenses[0]}
    content = json.dumps([settings, *others], sort_keys=True)
    return hashlib.blake2b(content.encode(errors="replace"), digest_size=6).hexdigest()


def steps_taken(study: Path, run_id: str, rule: str) -> dict[str, Taken]:
    """The last step of each concept that the rule has decided about."""
    with connect(study) as cursor:
        rows = cursor.execute(query("graduation.steps"), {"run_id": run_id, "rule_hash": rule}).fetchall()
    return {concept: Taken(step, decision) for concept, step, decision in rows}


def load_lenses(
    study: Path, run_id: str, config: StudyConfig, concepts: Sequence[str], *, lens_ids: Collection[str]
) -> list[StepLens]:
    """Those of these lenses that are of the first family and of these concepts."""
    values = {
        "run_id": run_id,
        "family": config.lenses[0],
        "concepts": list(concepts),
        "lens_ids": list(lens_ids),
    }
    with connect(study) as cursor:
        rows = cursor.execute(query("graduation.lenses"), values).fetchall()
    return [_step_lens(row) for row in rows]


def kept_layers(study: Path, run_id: str, rule: str) -> tuple[int, ...] | None:
    """The layers that the rule decides by, as its first decision had them; None before that, or while nothing has an F1."""
    with connect(study) as cursor:
        row = cursor.execute(query("graduation.layers"), {"run_id": run_id, "rule_hash": rule}).fetchone()
    return tuple(row[0]) if row else None


def choose_layers(lenses: Iterable[StepLens]) -> tuple[int, ...] | None:
    """The layers of the best mean F1; None where nothing has been measured."""
    return best_layers([(lens.concept, lens.layers, lens.measured.f1.value) for lens in lenses])


def deciding_lenses(
    lenses: Iterable[StepLens], concepts: Sequence[str], layers: tuple[int, ...] | None
) -> list[StepLens]:
    """One lens a concept, all of these layers; a concept without one has none, and no F1."""
    # Where nothing could be measured, any of them says why.
    by_concept = {lens.concept: lens for lens in reversed(list(lenses)) if layers in (None, lens.layers)}
    nothing = Measured(unknown("no lens was trained on these pairs", method="none"), None)
    return [by_concept.get(concept) or StepLens(concept, (), None, nothing) for concept in concepts]


def decide_step(
    lenses: Sequence[StepLens],
    asked: Mapping[str, Asked],
    rule: Rule,
    *,
    end: End | None = None,
    afford: Callable[[str], bool] = lambda concept: True,
) -> dict[str, Outcome]:
    """What becomes of each concept, in order; one that should get more but for which no texts are left stops at the budget."""
    outcomes: dict[str, Outcome] = {}
    for lens in lenses:
        goal = asked[lens.concept].goal
        outcome = decide(goal, lens.measured, rule, end=end)
        if outcome.decision == "more" and not afford(lens.concept):
            outcome = decide(goal, lens.measured, rule, end="budget")
        outcomes[lens.concept] = outcome
    return outcomes


def step_rows(
    run_id: str,
    rule: str,
    lenses: Sequence[StepLens],
    asked: Mapping[str, Asked],
    outcomes: Mapping[str, Outcome],
    *,
    step: int,
    n_pairs: Mapping[str, int],
) -> list[GraduationStepRow]:
    """The rows that stand for the decisions about a step."""
    return [
        _step_row(
            run_id,
            rule,
            lens,
            asked[lens.concept],
            outcomes[lens.concept],
            step=step,
            n_pairs=n_pairs.get(lens.concept, 0),
        )
        for lens in lenses
    ]


def _step_row(
    run_id: str, rule: str, lens: StepLens, asked: Asked, outcome: Outcome, *, step: int, n_pairs: int
) -> GraduationStepRow:
    ceiling = asked.goal.ceiling
    return GraduationStepRow(
        run_id=run_id,
        rule_hash=rule,
        concept=lens.concept,
        step=step,
        n_pairs=n_pairs,
        lens_id=lens.lens_id,
        target=asked.goal.target,
        ceiling=ceiling.value if ceiling else None,
        reached=outcome.reached,
        decision=outcome.decision,
        why=f"{outcome.why} ({asked.in_short})" if asked.in_short else outcome.why,
        decided_at=now(),
    )


def rated_ceilings(study: Path, run_id: str, concepts: Sequence[str]) -> dict[str, Estimate]:
    """The ceiling of each concept by the ratings of the judge that is shown first of those that are no baseline."""
    with connect(study) as cursor:
        judges = cursor.execute(query("findings.judges"), {"run_id": run_id}).fetchall()
        judge = next((row[0] for row in judges if not row[4]), None)
        if judge is None:
            return {}
        values = {"run_id": run_id, "judge_id": judge, "concept": None, "form_rule": "loop"}
        counts = cursor.execute(query("findings.counts"), values).fetchall()
    wanted, settings = set(concepts), Settings()
    counted = count_concepts((row for row in counts if row[0] in wanted), quadrants=dict.fromkeys(concepts))
    found = {one.concept: summarise(one.concept, (one,), settings).ceilings[settings.model].estimate for one in counted}
    return {concept: estimate for concept, estimate in found.items() if estimate.value is not None}


def _step_lens(row: tuple[Any, ...]) -> StepLens:
    concept, layers, lens_id, value, low, high, n, method, reason, train_f1, always_positive_f1 = row
    known = value is not None
    f1 = Estimate(value, low, high, n, None, method) if known else unknown(reason, method=method or "none", n=n)
    return StepLens(concept, tuple(layers), lens_id, Measured(f1, train_f1, always_positive_f1))
