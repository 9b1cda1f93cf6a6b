"""Refine the lenses of a run's sibling groups, measure that on held-out pairs, and keep what helped.

A refinement is a comparison of the study, one a variant, under the hash of all that decides it: it is made once, and told
from the study ever after. Lenses that are kept lie beside those they began with, with a list of them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from db import connect, query
from db.rows import ComparisonResultRow, ComparisonRow, Row
from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.lenses.folds import TooLittleData
from engine.lenses.refine import VARIANTS, refine_out_of_fold
from engine.lenses.refine_standing import RefinedGroup, Variant
from engine.lenses.registry import FAMILIES
from engine.lenses.sibling_sets import NO_SIBLING, SiblingSet, build_sibling_set, group_siblings
from engine.stages.before_after import (
    LensChoice,
    choose_validation,
    fitted_lenses,
    hash_of,
    how_measured,
    is_there,
    most_folds,
)
from engine.stages.lacking_layers import leave_out_lacking
from engine.stages.not_finite import left_out_sentence
from engine.stages.pair_facts import PairFact, load_pairs, pairs_hash, read_rows
from engine.stages.progress import now
from engine.stages.refined_files import Told, has_kept, refined_folder, save_kept, write_list
from engine.stages.stage import write_rows
from engine.stages.subject import stored_subject

MEASURES = ("top1", "margin", "f1")
NO_LENS = "no lens of it is fitted on the pairs that there are now"
_BUDGET = 512 * 2**20
"""Bytes of activations that are worked on at a time, all folds' parts together."""
_WIDE = 4096
"""Features of a row where no model was loaded to tell."""


def refine_run(
    study: Path,
    run_id: str,
    config: StudyConfig,
    chosen: LensChoice,
    *,
    variants: Sequence[Variant] = VARIANTS,
    bar: Progress | None = None,
) -> dict[Variant, str]:
    """Do what is missing of the comparisons; returns their ids by variant."""
    if "ridge" in variants and chosen.family not in LINEAR:
        raise ConfigError(
            f"Lenses of {chosen.family} have no direction that ridge could add to.",
            hint=f"Refine them with --variant margin, or linear lenses: {', '.join(LINEAR)}.",
        )
    choose_validation(config, chosen.family)
    if bar:
        leave_out_lacking(study, run_id, mode=config.mode, bar=bar)
    plan = _plan(study, run_id, config, chosen)
    ids = {variant: plan.identity(variant) for variant in variants}
    if missing := [
        variant for variant, one in ids.items() if not (is_there(study, one) and _has_files(study, plan, variant))
    ]:
        _refine(study, plan, {variant: ids[variant] for variant in missing}, bar)
    return ids


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What there is to refine: groups of concepts that have a lens, all pairs, and all lenses, and the `width` of activations."""

    run_id: str
    config: StudyConfig
    chosen: LensChoice
    groups: list[tuple[str, ...]]
    pairs: Mapping[str, Sequence[PairFact]]
    lenses: Mapping[str, str]
    width: int | None

    def settings(self) -> dict[str, object]:
        """All that decides the result, but for variant, family and layer."""
        return how_measured(self.config) | {
            "pairs": pairs_hash(self.pairs),
            "lenses": hash_of(sorted(self.lenses.items())),
            "groups": self.groups,
            "top1_kept": "kept by the other folds",
        }

    def identity(self, variant: Variant) -> str:
        """The comparison's id."""
        return hash_of([self.run_id, "refinement", variant, self.chosen.family, self.chosen.layer, self.settings()])


def _plan(study: Path, run_id: str, config: StudyConfig, chosen: LensChoice) -> _Plan:
    lenses = fitted_lenses(study, run_id, config, chosen)
    with connect(study) as cursor:
        keys = cursor.execute(query("refinement.sibling_keys"), {"run_id": run_id}).fetchall()
    pairs = load_pairs(study, run_id, config, layer=chosen.layer)
    groups = group_siblings(
        {
            concept: [f"{pack_layer} bucket {bucket}"] if bucket else [f"{pack_layer} {parent}" for parent in parents]
            for concept, pack_layer, bucket, parents in keys
            if concept in lenses and concept in pairs
        }
    )
    subject = stored_subject(study, run_id)
    return _Plan(run_id, config, chosen, groups, pairs, lenses, subject.width if subject else None)


def _has_files(study: Path, plan: _Plan, variant: Variant) -> bool:
    """Whether the lenses that the comparison keeps lie where they were put; gone, they are made again."""
    with connect(study) as cursor:
        kept = cursor.execute(query("refinement.kept"), {"comparison_id": plan.identity(variant)}).fetchall()
    folder = refined_folder(study, plan.run_id, plan.chosen.layer)
    return has_kept(folder, variant, [plan.lenses[concept] for (concept,) in kept])


def _refine(study: Path, plan: _Plan, ids: Mapping[Variant, str], bar: Progress | None) -> None:
    """Work off all groups, then write the comparisons, each whole or not at all."""
    results: dict[Variant, list[Row]] = {variant: [] for variant in ids}
    kept: list[Told] = []
    family, folder = FAMILIES[plan.chosen.family], study / "lenses" / plan.run_id
    validation = choose_validation(plan.config, plan.chosen.family)
    task = bar.add_task("refine", total=len(plan.groups), note="") if bar else None
    left_out: set[tuple[str, str]] = set()
    for some in _chunks(plan):
        sets = [_sibling_set(study, plan, group, left_out) for group in some]
        found = refine_out_of_fold(family, sets, variants=list(ids), validation=validation, seed=plan.config.seed)
        for one, group in zip(sets, found, strict=True):
            for variant, comparison_id in ids.items():
                results[variant] += _result_rows(comparison_id, one, group, variant)
                kept += save_kept(folder, one, group, variant, layer=plan.chosen.layer, lenses=plan.lenses)
        if bar and task is not None:
            bar.advance(task, len(some))
    inside = {concept for group in plan.groups for concept in group}
    measured = {plan.lenses[concept] for concept in inside}
    # Whoever has the study's database is alone with the list, too.
    with connect(study):
        write_list(folder / "refined" / f"layer{plan.chosen.layer}", kept, measured=measured, variants=list(ids))
    for variant, comparison_id in ids.items():
        alone = [row for concept in plan.pairs if concept not in inside for row in _alone(comparison_id, concept, plan)]
        write_rows(study, [_comparison_row(plan, variant, len(left_out)), *results[variant], *alone])
    if bar and (sentence := left_out_sentence(left_out)):
        bar.console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _comparison_row(plan: _Plan, variant: Variant, n_excluded: int) -> ComparisonRow:
    return ComparisonRow(
        comparison_id=plan.identity(variant),
        run_id=plan.run_id,
        other_run_id=None,
        kind="refinement",
        variant=variant,
        family=plan.chosen.family,
        layers=(plan.chosen.layer,),
        settings=json.dumps(plan.settings() | {"n_excluded": n_excluded}),
        compared_at=now(),
    )


def _alone(comparison_id: str, concept: str, plan: _Plan) -> Iterator[ComparisonResultRow]:
    return _without(comparison_id, concept, NO_SIBLING if concept in plan.lenses else NO_LENS)


LINEAR = tuple(name for name in FAMILIES if name in ("logistic", "ridge", "lda"))
"""Families whose lenses have a direction."""


def _chunks(plan: _Plan) -> Iterator[list[tuple[str, ...]]]:
    """Groups of about as many pairs as the budget holds; what a family shares, it shares within them."""
    # A row is in all training parts but one, and in those parts' own inner ones.
    bytes_a_row = 4 * (plan.width or _WIDE) * 4 * most_folds(plan.config, plan.pairs)
    bytes_a_row *= plan.config.repeats
    some: list[tuple[str, ...]] = []
    n = 0
    for group in plan.groups:
        own = sum(len(plan.pairs[concept]) for concept in group)
        if some and (n + own) * bytes_a_row > _BUDGET:
            yield some
            some, n = [], 0
        some.append(group)
        n += own
    if some:
        yield some


def _sibling_set(study: Path, plan: _Plan, group: Sequence[str], left_out: set[tuple[str, str]]) -> SiblingSet:
    """Read a group; pairs (concept, sample) whose activation is not finite are added to those left out."""
    unique = list({pair.sample_id: pair for concept in group for pair in plan.pairs[concept]}.values())
    found = read_rows(study, plan.config, unique, layer=plan.chosen.layer, width=plan.width)
    with_prompts = plan.config.group_by == "template+prompt_concept"
    own = {(concept, pair.sample_id) for concept in group for pair in plan.pairs[concept]}
    left_out |= {pair for pair in own if pair[1] in found.left_out}
    return build_sibling_set(
        group,
        [{pair.sample_id: pair.arm for pair in plan.pairs[concept]} for concept in group],
        found.X,
        sample_ids=[row.sample_id for row in found.pairs],
        templates=[row.template for row in found.pairs],
        texts=[row.text for row in found.pairs],
        prompt_concepts=[row.prompt_concept for row in found.pairs] if with_prompts else None,
    )


def _result_rows(
    comparison_id: str, group: SiblingSet, found: RefinedGroup | TooLittleData, variant: Variant
) -> Iterator[ComparisonResultRow]:
    if isinstance(found, TooLittleData):
        for concept in group.concepts:
            yield from _without(comparison_id, concept, found.reason)
        return
    for one in found.concepts:
        before, after = one.standings["before"], one.standings[variant]
        kept = one.is_kept(variant)
        for name, n in zip(MEASURES, (one.n_positive, one.n_positive, one.n_pairs), strict=True):
            yield ComparisonResultRow(
                comparison_id, one.concept, name, getattr(before, name), getattr(after, name), n, kept, None
            )
        with_kept = found.standings_kept[variant][one.concept]
        yield ComparisonResultRow(
            comparison_id, one.concept, "top1_kept", before.top1, with_kept, one.n_positive, kept, None
        )


def _without(comparison_id: str, concept: str, reason: str) -> Iterator[ComparisonResultRow]:
    for name in MEASURES:
        yield ComparisonResultRow(comparison_id, concept, name, None, None, 0, None, reason)
