"""Escalation: give each concept as many pairs as it needs, step by step, and say why it stopped.

For each step, of the concepts that are open: write the pairs that are missing, generate, capture, train, decide. Every
decision is a row, so that a run killed anywhere goes on where it was, and a run that is done has nothing left to do. In the
end all lenses whose pool has grown since are trained again, so that those of a run rest on the same texts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from db import connect, query
from db.rows import GraduationStepRow
from engine.config import StudyConfig, change_config
from engine.exchange.targets import OF_SETTINGS, Targets, read_targets, resolve, unknown_concepts
from engine.lenses.graduation import End, Goal, Rule
from engine.own_lenses import present_lens_ids
from engine.pipeline import captured_layers, open_subject, run, stored_layers, work_with_model
from engine.stages.graduate import (
    Asked,
    StepLens,
    Taken,
    choose_layers,
    choose_rule,
    decide_step,
    deciding_lenses,
    kept_layers,
    load_lenses,
    rated_ceilings,
    rule_hash,
    step_rows,
    steps_taken,
)
from engine.stages.lacking_layers import leave_out_lacking
from engine.stages.plan import RunPlan, make_plan, pairs_there, prompts_there, step_of, write_pairs
from engine.stages.progress import StageProgress, progress_bars
from engine.stages.select import PreparedRun, prepare_run, select
from engine.stages.stage import run_stage, write_rows
from engine.stages.train import choose_families, training
from engine.terminal import counted, visible

STEPS = (40, 80, 120, 160, 200)
"""Steps where the settings name none: pairs of a concept, both arms together."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Graduation:
    """A run and the rule that decided about its concepts, as their rows are known by; where each target is from, in words."""

    run_id: str
    rule_hash: str
    rule: Rule
    sources: Mapping[str, str]


def escalate(study: Path, config: StudyConfig, *, quiet: bool = False) -> Graduation:
    """Work off all steps that are open; each step has a line on stderr, and each concept that stops."""
    config = config if config.steps else change_config(config, {"steps": list(STEPS)})
    choose_families(config)
    targets = read_targets(Path(config.targets)) if config.targets else None
    prepared = prepare_run(config)
    subject = open_subject(study, prepared, is_needed=True)
    concepts = [profile.concept.term for profile in select(study, prepared)]
    with progress_bars(quiet=quiet) as bar:
        tell = teller(bar.console, quiet=quiet)
        tell_targets(targets, concepts, tell)
        leave_out_lacking(study, prepared.run_id, mode=config.mode, bar=bar)
        escalation = Escalation(study, prepared, make_plan(prepared, concepts), targets, tell)
        progress = escalation.progress(bar)
        for step, n_pairs in enumerate(config.steps):
            open_now, refused = escalation.begin_step(step)
            earlier = set(bar.task_ids)
            if refused and captured_layers(study, prepared):
                # Their own pairs have not changed, but what their lenses share with others may have.
                escalation.train(refused, bar)
            if refused:
                escalation.decide(step, refused, progress, end="budget")
            if open_now:
                tell(
                    f"Step {step + 1} of {len(config.steps)}: {counted(n_pairs, 'pair')} a concept, {len(open_now):,} open."
                )
                write_pairs(study, prepared, escalation.planned, dict.fromkeys(open_now, n_pairs))
                work_with_model(study, prepared, subject, ("generate", "capture"), bar)
                escalation.train(open_now, bar)
                escalation.decide(step, open_now, progress)
            for task in set(bar.task_ids) - earlier:
                bar.remove_task(task)
        # What lenses share with those of others has changed since their own concept stopped.
        if captured_layers(study, prepared):
            escalation.train(concepts, bar)
    return escalation.graduation


class Escalation:
    """Where the concepts of one run stand, by one rule."""

    def __init__(
        self, study: Path, prepared: PreparedRun, planned: RunPlan, targets: Targets | None, tell: Tell
    ) -> None:
        self.study, self.planned = study, planned
        self.rule = rule_hash(prepared.config, asdict(targets) if targets else None)
        self._run_id, self._config, self._targets, self._tell = prepared.run_id, prepared.config, targets, tell
        self._prepared = prepared

    @property
    def graduation(self) -> Graduation:
        """What was decided by, and where the targets of all concepts are from."""
        asked = ask(self.study, self._run_id, self._config, self._targets, self.planned.concepts)
        return Graduation(self._run_id, self.rule, choose_rule(self._config), sources_of(asked))

    def progress(self, bar: Progress) -> StageProgress:
        """A bar of the concepts that are decided about."""
        n_done = sum(taken.decision != "more" for taken in self._taken().values())
        return StageProgress(bar, self._run_id, "escalate", n_done=n_done, n_total=len(self.planned.concepts))

    def begin_step(self, step: int) -> tuple[list[str], list[str]]:
        """The concepts that take this step, and those that begin with it and for which no texts are left."""
        taken, there = self._taken(), pairs_there(self.study, self._run_id)
        going_on = [c for c in self.planned.concepts if c in taken and taken[c] == Taken(step - 1, "more")]
        new = [c for c in self.planned.concepts if c not in taken and self._first_step(c, there) == step]
        afford = self._purse(going_on, step)
        admitted = {concept: afford(concept, step) for concept in new}
        refused = [concept for concept, is_admitted in admitted.items() if not is_admitted]
        return [c for c in self.planned.concepts if c in set(going_on) or admitted.get(c)], refused

    def train(self, concepts: Sequence[str], bar: Progress) -> None:
        """Train the lenses of these concepts on the pairs that they have."""
        layers = stored_layers(self.study, self._prepared)
        stage = training(self.study, self._run_id, self._config, layers=layers, concepts=concepts)
        run_stage(self.study, self._run_id, stage, bar)

    def decide(self, step: int, concepts: Sequence[str], progress: StageProgress, *, end: End | None = None) -> None:
        """Write down what becomes of the concepts that took the step, or could not."""
        is_last = step + 1 == len(self._config.steps)
        end = end or ("exhausted" if is_last else None)
        lenses = self._lenses(concepts)
        asked = ask(self.study, self._run_id, self._config, self._targets, concepts)
        there, afford = pairs_there(self.study, self._run_id), self._purse([], step)
        rule = choose_rule(self._config)
        outcomes = decide_step(lenses, asked, rule, end=end, afford=lambda concept: afford(concept, step + 1))
        progress.advance(sum(outcome.decision != "more" for outcome in outcomes.values()))
        rows = step_rows(self._run_id, self.rule, lenses, asked, outcomes, step=step, n_pairs=there)
        write_rows(self.study, rows, progress)
        tell_steps(rows, self._tell)

    def _lenses(self, concepts: Sequence[str]) -> list[StepLens]:
        """The lenses that decide: of the layers that the rule began with, else of the best over all the run's concepts."""
        layers = kept_layers(self.study, self._run_id, self.rule)
        wanted = self.planned.concepts if layers is None else concepts
        lenses = present_lenses(self.study, self._prepared, wanted)
        return deciding_lenses(lenses, concepts, layers or choose_layers(lenses))

    def _taken(self) -> dict[str, Taken]:
        return steps_taken(self.study, self._run_id, self.rule)

    def _first_step(self, concept: str, there: Mapping[str, int]) -> int:
        """Where a concept begins: pairs that are there are never taken away."""
        return step_of(self.planned, self._config.steps, concept, there.get(concept, 0))

    def _purse(self, admitted: Iterable[str], step: int) -> Callable[[str, int], bool]:
        """Says of one concept after another whether the texts allowed suffice for its next step, and sets them aside."""
        most = self._config.most_samples
        if most is None:
            return lambda concept, step: True
        taken = prompts_there(self.study, self._run_id)
        for concept in admitted:
            taken |= self._samples(concept, step)

        def afford(concept: str, step: int) -> bool:
            with_these = taken | self._samples(concept, step)
            if len(with_these) > most and len(with_these) > len(taken):
                return False
            taken.update(with_these)
            return True

        return afford

    def _samples(self, concept: str, step: int) -> set[str]:
        return {pair.sample.sample_id for _, pair in self.planned.first(concept, self._config.steps[step])}


def train_to_targets(study: Path, config: StudyConfig, *, quiet: bool = False) -> Graduation:
    """Train all lenses on the pairs that are there, and decide about every concept at once."""
    targets = read_targets(Path(config.targets)) if config.targets else None
    run_id = run(study, config, only=("train",), quiet=quiet).run_id
    tell = teller(Console(stderr=True), quiet=quiet)
    concepts = [name for name, _, _ in run_concepts(study, run_id)]
    tell_targets(targets, concepts, tell)
    asked = ask(study, run_id, config, targets, concepts)
    found = present_lenses(study, prepare_run(config), concepts)
    lenses = deciding_lenses(found, concepts, choose_layers(found))
    goals = {concept: asdict(one.goal) for concept, one in asked.items()}
    # Another lens or another ceiling is another decision; the former one stays.
    rule = rule_hash(config, goals, [lens.lens_id for lens in lenses])
    outcomes = decide_step(lenses, asked, choose_rule(config), end="exhausted")
    rows = step_rows(run_id, rule, lenses, asked, outcomes, step=0, n_pairs=pairs_there(study, run_id))
    write_rows(study, rows)
    tell_steps(rows, tell)
    return Graduation(run_id, rule, choose_rule(config), sources_of(asked))


def present_lenses(study: Path, prepared: PreparedRun, concepts: Sequence[str]) -> list[StepLens]:
    """The lenses of these concepts that the settings give on the pairs that are captured now, as far as they are trained."""
    config, run_id = prepared.config, prepared.run_id
    if not captured_layers(study, prepared):
        return []
    layers = stored_layers(study, prepared)
    with connect(study) as cursor:
        ids = present_lens_ids(cursor, run_id, config, families=config.lenses[:1], layers=layers)
    return load_lenses(study, run_id, config, concepts, lens_ids=ids)


def sources_of(asked: Mapping[str, Asked]) -> dict[str, str]:
    """Where the target of each concept is from, in words."""
    return {concept: one.why or OF_SETTINGS for concept, one in asked.items()}


def ask(
    study: Path, run_id: str, config: StudyConfig, targets: Targets | None, concepts: Sequence[str]
) -> dict[str, Asked]:
    """What is asked of each concept: its target by file or settings, and its ceiling by file or ratings."""
    groups = {name: (quadrant, layer) for name, quadrant, layer in run_concepts(study, run_id)}
    rated = rated_ceilings(study, run_id, concepts)
    asked = {}
    for concept in concepts:
        quadrant, layer = groups[concept]
        found = resolve(targets, concept, quadrant=quadrant, pack_layer=layer, otherwise=config.target)
        words = ("", "") if found.why == OF_SETTINGS else (found.why, found.in_short)
        asked[concept] = Asked(Goal(found.target, found.ceiling or rated.get(concept)), *words)
    return asked


def run_concepts(study: Path, run_id: str) -> list[tuple[str, str | None, int]]:
    """Concept, quadrant and pack layer, in the run's order."""
    with connect(study) as cursor:
        return cursor.execute(query("graduation.concepts"), {"run_id": run_id}).fetchall()


def teller(console: Console, *, quiet: bool) -> Tell:
    """Prints lines as they are; quiet, none."""

    def tell(line: str) -> None:
        if not quiet:
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    return tell


def tell_targets(targets: Targets | None, concepts: Sequence[str], tell: Tell) -> None:
    """Say what of a file of targets cannot be used."""
    if targets is None:
        return
    strangers = unknown_concepts(targets, concepts)
    if strangers:
        named = ", ".join(map(visible, strangers[:3])) + (" …" if len(strangers) > 3 else "")
        noun = "a concept" if len(strangers) == 1 else f"{len(strangers):,} concepts"
        tell(f"The targets name {noun} that the run does not have: {named}.")
    if targets.judge and targets.judge.is_baseline:
        tell("The targets come from the ratings of a baseline judge, so its ceilings stop no concept.")


def tell_steps(rows: Sequence[GraduationStepRow], tell: Tell) -> None:
    """A line for each concept that stops, and one that counts the others."""
    for row in rows:
        if row.decision != "more":
            at = f" at {row.reached:.2f}" if row.reached is not None else ""
            tell(f"{visible(row.concept)}: {row.decision}{at} with {counted(row.n_pairs, 'pair')}: {visible(row.why)}.")
    n_more = sum(row.decision == "more" for row in rows)
    if n_more:
        tell(f"{n_more:,} {'concept gets' if n_more == 1 else 'concepts get'} more pairs.")
