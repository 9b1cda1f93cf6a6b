"""Write down the prompts and pairs of a run before a token is generated: all at once, or step by step.

A run that escalates is planned whole, and a concept is given the first positives and negatives of its plan. Pairs that it has
not come to are in no table, so that no other stage need know of steps. Steps change no text: a sample is what the plan
says, whenever it is asked for, and no batch of an earlier step is touched.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from pathlib import Path

from db import connect, query
from db.rows import PairRow, PromptRow, Row
from engine.config import StudyConfig
from engine.prompts.plan import PlannedPair, PlannedSample, Planner, collector_paused
from engine.stages.select import PreparedRun
from engine.stages.stage import write_rows

WRITE_AT_ONCE = 50_000
"""Rows in one transaction: half a second, and a plan of millions takes hardly more memory to write than to make."""


class RunPlan:
    """All pairs of a run in their order, concept by concept, positives first; a pair's place is its `position`."""

    def __init__(self, config: StudyConfig, pairs: Sequence[PlannedPair]) -> None:
        self._config, self._pairs = config, pairs
        self._places: dict[str, range] = {}
        start = 0
        for concept, group in groupby(pairs, key=lambda pair: pair.concept):
            end = start + sum(1 for _ in group)
            self._places[concept], start = range(start, end), end

    @property
    def concepts(self) -> tuple[str, ...]:
        """The concepts in the run's order."""
        return tuple(self._places)

    def first(self, concept: str, n_pairs: int) -> Iterator[tuple[int, PlannedPair]]:
        """Position and pair of a concept's first pairs, both arms in the proportion of the whole."""
        n_positive, n_negative = split_arms(self._config, n_pairs)
        places = self._places[concept]
        negatives = places[self._config.n_positive :]
        for place in chain(places[:n_positive], negatives[:n_negative]):
            yield place, self._pairs[place]

    def n_first(self, concept: str, n_pairs: int) -> int:
        """How many these are: fewer than asked for where the plan of a concept is shorter."""
        n_positive, n_negative = split_arms(self._config, n_pairs)
        return n_positive + min(n_negative, len(self._places[concept]) - self._config.n_positive)


def split_arms(config: StudyConfig, n_pairs: int) -> tuple[int, int]:
    """How many of a concept's first pairs are positives and negatives: as in the whole, each arm with one at least."""
    whole = config.n_positive + config.n_negative
    n_positive = (2 * n_pairs * config.n_positive + whole) // (2 * whole)
    n_positive = min(max(1, n_positive), max(1, n_pairs - 1))
    return n_positive, n_pairs - n_positive


def make_plan(prepared: PreparedRun, concepts: Sequence[str]) -> RunPlan:
    """Plan all pairs of these concepts; nothing is written."""
    with collector_paused():
        planner = Planner(prepared.pack, prepared.templates, prepared.config, run_id=prepared.run_id)
        return RunPlan(prepared.config, planner.plan(concepts))


def plan(study: Path, prepared: PreparedRun, concepts: Sequence[str]) -> RunPlan:
    """Plan the pairs of these concepts and store them: all, or with steps those of the step that each has come to.

    Planning again changes nothing. A concept without pairs has come to the first step; one whose step was not written whole
    gets the rest of it.
    """
    planned, config = make_plan(prepared, concepts), prepared.config
    whole = config.n_positive + config.n_negative
    there = pairs_there(study, prepared.run_id) if config.steps else {}
    steps = {
        concept: config.steps[step_of(planned, config.steps, concept, there.get(concept, 0))] if config.steps else whole
        for concept in planned.concepts
    }
    write_pairs(study, prepared, planned, steps)
    return planned


def step_of(planned: RunPlan, steps: Sequence[int], concept: str, n_there: int) -> int:
    """The first step whose pairs are at least as many as a concept has."""
    return next((i for i, n in enumerate(steps) if planned.n_first(concept, n) >= n_there), len(steps) - 1)


def pairs_there(study: Path, run_id: str) -> dict[str, int]:
    """How many pairs of each concept are written down."""
    with connect(study) as cursor:
        return dict(cursor.execute(query("graduation.pairs_there"), {"run_id": run_id}).fetchall())


def write_pairs(study: Path, prepared: PreparedRun, planned: RunPlan, n_pairs: Mapping[str, int]) -> None:
    """Write the first so many pairs of each concept, with the prompts that are not there yet."""
    there = pairs_there(study, prepared.run_id)
    behind = {concept: n for concept, n in n_pairs.items() if planned.n_first(concept, n) > there.get(concept, 0)}
    if not behind:
        return
    with collector_paused():
        # Prompts are written before the pairs that need them, so a concept that has its pairs has its prompts.
        prompts = _new_prompts(study, prepared, _all_first(planned, behind))
        _write(study, prompts, at_once=_whole_batches(prepared.config.batch_size))
        _write(study, _pair_rows(prepared.run_id, _all_first(planned, behind)), at_once=WRITE_AT_ONCE)


def prompts_there(study: Path, run_id: str) -> set[str]:
    """Ids of the samples that are asked for so far."""
    with connect(study) as cursor:
        return {row[0] for row in cursor.execute(query("graduation.prompts_there"), {"run_id": run_id}).fetchall()}


def _all_first(planned: RunPlan, n_pairs: Mapping[str, int]) -> Iterator[tuple[int, PlannedPair]]:
    for concept, n in n_pairs.items():
        yield from planned.first(concept, n)


def _whole_batches(batch_size: int) -> int:
    """Prompts in one transaction: whole batches, so that prompts left over by a kill make the batches that they would have."""
    return max(1, WRITE_AT_ONCE // batch_size) * batch_size


def _write(study: Path, rows: Iterator[Row], *, at_once: int) -> None:
    while part := list(islice(rows, at_once)):
        write_rows(study, part)


def _new_prompts(study: Path, prepared: PreparedRun, pairs: Iterable[tuple[int, PlannedPair]]) -> Iterator[Row]:
    """Rows of the prompts that are missing; those of like length share a batch, so that little is padded."""
    there = prompts_there(study, prepared.run_id)
    with connect(study) as cursor:
        [batch] = cursor.execute(query("graduation.next_batch"), {"run_id": prepared.run_id}).fetchone() or (0,)
    samples: dict[str, PlannedSample] = {
        pair.sample.sample_id: pair.sample for _, pair in pairs if pair.sample.sample_id not in there
    }
    by_length = sorted(samples.values(), key=lambda sample: (len(sample.prompt), sample.sample_id))
    for position, sample in enumerate(by_length):
        yield PromptRow(
            sample_id=sample.sample_id,
            run_id=prepared.run_id,
            prompt_concept=sample.prompt_concept,
            template=sample.template,
            draw=sample.draw,
            prompt=sample.prompt,
            batch=batch + position // prepared.config.batch_size,
            seed=sample.seed,
        )


def _pair_rows(run_id: str, pairs: Iterable[tuple[int, PlannedPair]]) -> Iterator[Row]:
    for position, pair in pairs:
        yield PairRow(run_id, pair.concept, pair.sample.sample_id, pair.arm, pair.negative_kind, pair.u, position)
