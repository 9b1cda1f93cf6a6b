"""Plans, progress and settings of runs as the screen tells them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.data.study import Run, Stage
from engine.config import StudyConfig
from engine.words import UNKNOWN, count, dollars, integer

Json = Mapping[str, Any]
HIDDEN: Final = ("base_url",)
"""Settings that may hold what is not for every eye, such as a password in an address."""


STAGES: Final = {
    "generate": "Writing texts",
    "form": "Measuring form",
    "capture": "Capturing activations",
    "topics": "Naming topics",
    "relevance": "Rating relevance",
    "train": "Training lenses",
    "escalate": "Graduating lenses",
    "curve": "Learning curves",
}
"""What each stage does, by the name that it has in the study."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is; `left_s` is None where its pace is not known yet."""

    stage: str
    n_done: int
    n_total: int
    left_s: float | None

    @property
    def share(self) -> float:
        """The share that is done."""
        return self.n_done / self.n_total if self.n_total else 1.0


def progress_of(stages: Sequence[Stage], done_before: Mapping[str, int]) -> list[Progress]:
    """Each stage in the order in which they were begun, with what it will take at the pace that it has had since."""
    ordered = sorted(stages, key=lambda stage: stage.updated_at)
    return [Progress(one.stage, one.n_done, one.n_total, _left(one, done_before.get(one.stage, 0))) for one in ordered]


def _left(stage: Stage, before: int) -> float | None:
    n_left, n_since = stage.n_total - stage.n_done, stage.n_done - before
    if n_left <= 0:
        return 0.0
    return n_left * stage.seconds / n_since if n_since > 0 and stage.seconds > 0 else None


def duration(seconds: float | None) -> str:
    """A length of time in one unit."""
    if seconds is None:
        return UNKNOWN
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def plan_facts(plan: Json) -> list[tuple[str, str]]:
    """What a plan asks for, as terms with what is said of each."""
    negatives = sum(plan["n_negative"].values())
    bound = "at most" if plan["is_bound"] else "about"
    time = f"{bound} {duration(plan['seconds'])}" if plan["seconds"] is not None else f"unknown: {plan['reason']}"
    return [
        ("Concepts", integer(plan["n_concepts"])),
        ("Pairs", f"{count(plan['n_positive'], 'positive')}, {count(negatives, 'negative')}"),
        ("Texts to write", f"{integer(plan['n_to_generate'])}; {integer(plan['n_generated'])} already written"),
        ("Tokens", f"{bound} {integer(plan['n_tokens'])}"),
        ("Time to write them", time),
        ("Questions to the judge", integer(plan["judging"]["n_calls"])),
        ("Cost of judging", cost(plan["judging"])),
    ]


def cost(judging: Json) -> str:
    """What judging will cost in a few words."""
    told = judging["cost"]
    if not told["known"]:
        return f"unknown: {told['reason']}"
    if not told["high_usd"]:
        return "nothing"
    return f"about {dollars(told['likely_usd'])}, {dollars(told['high_usd'])} at most"


def stage_words(stage: str) -> str:
    """What a stage does; its own name where it is none of ours."""
    return STAGES.get(stage, stage)


def unfinished(run: Run, stages: Sequence[Stage]) -> str | None:
    """What is left to do of a run, in a few words; None where nothing is known to be."""
    if run.n_samples < run.n_prompts:
        return f"{integer(run.n_samples)} of {count(run.n_prompts, 'text')} written"
    left = next((stage for stage in stages if stage.n_done < stage.n_total), None)
    return f"{stage_words(left.stage).lower()}, {integer(left.n_done)} of {integer(left.n_total)}" if left else None


def run_names(runs: Sequence[Run]) -> dict[str, str]:
    """Each run by what tells it from the others, for there is little room: what all names have in common is left out."""
    made = made_at(runs)
    parts = {run.run_id: [*run.name.split(" · "), Path(run.model).name, made[run.run_id]] for run in runs}
    shared = set.intersection(*map(set, parts.values()))
    own = {run_id: [part for part in dict.fromkeys(told) if part not in shared] for run_id, told in parts.items()}
    return {run.run_id: " · ".join(own[run.run_id]) or run.name for run in runs}


def made_at(runs: Sequence[Run]) -> dict[str, str]:
    """When each run was made, to the second where two share a minute."""
    minutes = {run.run_id: f"{run.created_at:%d %b %H:%M}" for run in runs}
    if len(set(minutes.values())) == len(minutes):
        return minutes
    return {run.run_id: f"{run.created_at:%d %b %H:%M:%S}" for run in runs}


def differing_settings(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """The settings in which the runs are not all alike, each with every run's value in their order."""
    told = [json.loads(run.config) for run in runs]
    names = sorted({name for one in told for name in one if name not in HIDDEN})
    rows = [(name, [_shown(one.get(name)) for one in told]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def setting_hint(name: str) -> str:
    """What a setting is, as the command line explains it; empty for one that is none of ours."""
    field = StudyConfig.__dataclass_fields__.get(name)
    return str(field.metadata.get("help", "")) if field else ""


def _shown(value: Any) -> str:
    if value is None or value == []:
        return UNKNOWN
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
