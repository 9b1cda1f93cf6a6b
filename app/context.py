"""What every screen works on: the study, its run and judge, and the reader's settings, all read from the address."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast, get_args

import streamlit as st

from app import data, state
from engine.stats.ceiling_models import CeilingName
from engine.stats.findings import Findings, Settings, find

CEILING_MODELS: Final = get_args(CeilingName)
DEFAULTS: Final = Settings()
_MANY_CONCEPTS: Final = 500


@dataclass(frozen=True)
class Context:
    """The study, run and judge on screen with the reader's settings; `judge` is None until something is judged."""

    folder: Path
    runs: tuple[data.Run, ...]
    run: data.Run
    judges: tuple[data.Judge, ...]
    judge: data.Judge | None
    settings: Settings
    form_rule: str
    not_found: tuple[str, ...] = ()
    """What the address asks for that the study does not have, each as a sentence."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Readable names of concepts, where they are not their terms."""

    @property
    def judge_id(self) -> str:
        """The judge's id; one that no judge has where nothing is judged."""
        return self.judge.judge_id if self.judge else ""

    def name(self, concept: str) -> str:
        """What people call a concept."""
        return self.names.get(concept, concept)

    def load_pair(self, concept: str, sample_id: str) -> data.Pair | None:
        """Everything about one pair; None when the run has no such pair, or it has no output yet."""
        return data.load_pair(
            self.folder, self.run.run_id, self.judge_id, concept=concept, sample_id=sample_id, form_rule=self.form_rule
        )

    def prepare_pair(self, concept: str, sample_id: str) -> None:
        """Have that of it read which people's ratings do not change, as it will be asked for soon."""
        data.prepare_pair(
            self.folder, self.run.run_id, self.judge_id, concept=concept, sample_id=sample_id, form_rule=self.form_rule
        )

    def counts(self) -> tuple[data.ConceptCounts, ...]:
        """The counts behind all findings, as they are now."""
        return data.load_counts(self.folder, self.run.run_id, self.judge_id, form_rule=self.form_rule)

    def find(self, counts: Sequence[data.ConceptCounts]) -> Findings:
        """Findings on these counts under the reader's settings."""
        if len(counts) <= _MANY_CONCEPTS:
            return find(counts, settings=self.settings)
        with st.spinner(f"Computing gaps and ceilings of {len(counts):,} concepts. The first time takes a while"):
            return find(counts, settings=self.settings)


def study_folder() -> Path | None:
    """The study to show: LENSGAP_STUDY, else the first argument after `--`; None when neither is given."""
    named = os.environ.get("LENSGAP_STUDY") or next(iter(sys.argv[1:]), None)
    return Path(named).expanduser() if named else None


def read_settings() -> Settings:
    """The reader's settings as the address has them."""
    model = state.one_of("ceiling", CEILING_MODELS, default=DEFAULTS.model)
    return Settings(
        k=int(state.given_number("k", default=DEFAULTS.k, low=1, high=4)),
        stability=state.given_number("s", default=DEFAULTS.stability, low=0, high=1),
        user_target=state.given_number("target", default=DEFAULTS.user_target, low=0.5, high=1),
        model=model,  # type: ignore[arg-type]
    )


def load_context(folder: Path) -> Context | None:
    """The context of this view, or None while the study has no run. Raises ExpectedError for a study that cannot be read."""
    runs = data.load_runs(folder)
    if not runs:
        return None
    wanted = state.given("run")
    default = next(run for run in runs if run.is_default)
    run = next((run for run in runs if run.run_id == wanted), default)
    judges = data.load_judges(folder, run.run_id)
    judge_id = state.given("judge")
    judge = next((judge for judge in judges if judge.judge_id == judge_id), judges[0] if judges else None)
    rule = state.one_of("form_rule", ("loop", "study"), default="loop") or "loop"
    not_found = _not_found(runs, run, judges)
    names = data.load_names(folder, run.run_id)
    return Context(folder, runs, run, judges, judge, read_settings(), rule, not_found, names)


def _not_found(runs: Sequence[data.Run], run: data.Run, judges: Sequence[data.Judge]) -> tuple[str, ...]:
    said = []
    if state.unknown("run", [other.run_id for other in runs]):
        said.append(f"This study has no run {state.quoted('run')}. Shown instead: {run.name}.")
    if state.unknown("judge", [judge.judge_id for judge in judges]):
        instead = f" Shown instead: {judges[0].model}." if judges else ""
        said.append(f"No judge {state.quoted('judge')} has rated this run.{instead}")
    return tuple(said)


def current() -> Context:
    """The context that the frame loaded for this run of the script."""
    return cast(Context, st.session_state["context"])
