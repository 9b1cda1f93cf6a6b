"""Measure what quality filters are worth to a run's lenses; each is a comparison of the study, made once.

What decides a comparison is in its id: the pairs with their forms and verdicts, the judge, the family and its settings. So a
verdict that a person changes makes a comparison of its own, and the earlier one stays.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from db.rows import ComparisonResultRow, ComparisonRow, Row
from engine.config import StudyConfig
from engine.lenses.evaluate import Validation
from engine.lenses.filter_measures import FilteredConcept, FilteredLens, fit_filtered, measure_filters
from engine.lenses.filters import Filter, RatedRows
from engine.lenses.folds import join_groups
from engine.lenses.registry import FAMILIES
from engine.stages.before_after import LensChoice, choose_validation, hash_of, how_measured, is_there, most_folds
from engine.stages.lacking_layers import leave_out_lacking
from engine.stages.not_finite import left_out_sentence
from engine.stages.pair_facts import PairFact, load_pairs, pairs_hash, read_rows
from engine.stages.progress import now
from engine.stages.stage import write_rows
from engine.stages.subject import stored_subject
from engine.stats.form import FormRule

_BUDGET = 512 * 2**20
_WIDE = 4096


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Whose verdicts count: people's, else this judge's; a baseline is said to be one."""

    judge_id: str | None
    is_baseline: bool
    form_rule: FormRule = "loop"


@dataclass(frozen=True, slots=True)
class _Reading:
    """How rows of a run are read, and the pairs (concept, sample) whose activation was found not to be finite."""

    study: Path
    config: StudyConfig
    layer: int
    width: int | None
    left_out: set[tuple[str, str]] = field(default_factory=set)

    def chunks(self, pairs: Mapping[str, Sequence[PairFact]], *, n_ways: int) -> Iterator[list[str]]:
        """Concepts of about as many pairs as the budget holds; what a family shares, it shares within them."""
        bytes_a_row = 4 * (self.width or _WIDE) * n_ways * self.config.repeats
        bytes_a_row *= most_folds(self.config, pairs)
        some: list[str] = []
        n = 0
        for concept, own in pairs.items():
            if some and (n + len(own)) * bytes_a_row > _BUDGET:
                yield some
                some, n = [], 0
            some.append(concept)
            n += len(own)
        if some:
            yield some

    def rated_rows(self, concept: str, pairs: Sequence[PairFact]) -> RatedRows:
        """Read a concept; what is not finite of it is added to what is left out."""
        found = read_rows(self.study, self.config, pairs, layer=self.layer, width=self.width)
        own = found.pairs
        with_prompts = self.config.group_by == "template+prompt_concept"
        # As in training, only negatives are told apart by what they are about.
        about = [None if pair.arm else pair.prompt_concept for pair in own]
        self.left_out.update((concept, sample_id) for sample_id in found.left_out)
        return RatedRows(
            concept=concept,
            X=found.X,
            y=np.array([pair.arm for pair in own], dtype=np.int64),
            groups=join_groups(
                [pair.template for pair in own], [pair.text for pair in own], about if with_prompts else None
            ),
            is_good=np.array([pair.form == "good" for pair in own], dtype=np.bool_),
            verdict=np.array([np.nan if pair.verdict is None else pair.verdict for pair in own], dtype=np.float64),
        )


def filter_run(
    study: Path,
    run_id: str,
    config: StudyConfig,
    chosen: LensChoice,
    *,
    filters: Sequence[Filter],
    verdicts: Verdicts,
    bar: Progress | None = None,
) -> dict[str, str]:
    """Do what is missing of the comparisons; returns their ids by the filter's name."""
    validation = choose_validation(config, chosen.family)
    if bar:
        leave_out_lacking(study, run_id, mode=config.mode, bar=bar)
    pairs = _load_pairs(study, run_id, config, chosen, verdicts)
    settings = how_measured(config) | {
        "judge": verdicts.judge_id,
        "is_baseline": verdicts.is_baseline,
        "form_rule": verdicts.form_rule,
        "pairs": pairs_hash(pairs, with_verdicts=True),
    }
    ids = {one.name: hash_of([run_id, "filter", one.name, chosen.family, chosen.layer, settings]) for one in filters}
    missing = [one for one in filters if not is_there(study, ids[one.name])]
    reading = _Reading(study, config, chosen.layer, _width(study, run_id))
    found: list[FilteredConcept] = []
    if missing:
        found = _measure(reading, pairs, missing, family=chosen.family, validation=validation, bar=bar)
    settings["n_excluded"] = len(reading.left_out)
    for one in missing:
        write_rows(study, _rows(ids[one.name], run_id, chosen, one, found, settings))
    if bar and (sentence := left_out_sentence(reading.left_out)):
        bar.console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    return ids


def fit_filtered_run(
    study: Path, run_id: str, config: StudyConfig, chosen: LensChoice, *, how: Filter, verdicts: Verdicts
) -> Iterator[tuple[str, FilteredLens]]:
    """Fit the lenses of all concepts that a filter leaves enough of, in the run's order, as many at a time as memory allows."""
    pairs = _load_pairs(study, run_id, config, chosen, verdicts)
    reading = _Reading(study, config, chosen.layer, _width(study, run_id))
    for some in reading.chunks(pairs, n_ways=1):
        rows = [reading.rated_rows(concept, pairs[concept]) for concept in some]
        fitted = fit_filtered(FAMILIES[chosen.family], rows, how, seed=config.seed)
        yield from ((concept, lens) for concept, lens in zip(some, fitted, strict=True) if lens is not None)


def _load_pairs(
    study: Path, run_id: str, config: StudyConfig, chosen: LensChoice, verdicts: Verdicts
) -> dict[str, list[PairFact]]:
    return load_pairs(
        study, run_id, config, layer=chosen.layer, judge_id=verdicts.judge_id, form_rule=verdicts.form_rule
    )


def _width(study: Path, run_id: str) -> int | None:
    """Numbers of an activation; None where the subject that the run began with is not known."""
    subject = stored_subject(study, run_id)
    return subject.width if subject else None


def _measure(
    reading: _Reading,
    pairs: Mapping[str, Sequence[PairFact]],
    filters: Sequence[Filter],
    *,
    family: str,
    validation: Validation,
    bar: Progress | None,
) -> list[FilteredConcept]:
    """Measure every concept without and with each filter."""
    task = bar.add_task("filter", total=len(pairs), note="") if bar else None
    found: list[FilteredConcept] = []
    for some in reading.chunks(pairs, n_ways=1 + len(filters)):
        rows = [reading.rated_rows(concept, pairs[concept]) for concept in some]
        found += measure_filters(FAMILIES[family], rows, filters, validation=validation, seed=reading.config.seed)
        if bar and task is not None:
            bar.advance(task, len(some))
    return found


def _rows(
    comparison_id: str,
    run_id: str,
    chosen: LensChoice,
    how: Filter,
    found: Iterable[FilteredConcept],
    settings: Mapping[str, Any],
) -> list[Row]:
    """A comparison and its results."""
    layers, told = (chosen.layer,), json.dumps(dict(settings))
    comparison = ComparisonRow(comparison_id, run_id, None, "filter", how.name, chosen.family, layers, told, now())
    return [comparison, *(row for concept in found for row in _result_rows(comparison_id, concept, how))]


def _result_rows(comparison_id: str, one: FilteredConcept, how: Filter) -> Iterator[ComparisonResultRow]:
    before, after = one.before[how.name], one.after[how.name]
    reason = before.reason or after.reason
    for name in ("f1", "auc"):
        yield ComparisonResultRow(
            comparison_id, one.concept, name, getattr(before, name), getattr(after, name), one.n_pairs, None, reason
        )
    yield ComparisonResultRow(comparison_id, one.concept, "n_train", one.n_pairs, after.n_kept, one.n_pairs, None, None)
