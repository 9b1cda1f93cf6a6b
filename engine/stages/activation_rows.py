"""Rows of the study for measures of activation quality: by grain, and of all, good and degenerate outputs."""

from collections.abc import Iterator, Mapping

import numpy as np
from rich.progress import Progress

from db.rows import ActivationQualityResultRow, QualityGrain
from engine.stages.activation_phases import PhaseSamples
from engine.stats.activation_quality import align, debiased_cka, mean_rows
from engine.stats.estimate import Estimate, unknown
from engine.stats.grouped import BoolArray
from engine.stats.transfer import (
    OUTPUTS,
    Outputs,
    Transfer,
    TransferScores,
    mean_transfer,
    of_outputs,
    transfer_of_concept,
)

OVERALL = "all"
Place = tuple[QualityGrain, str, Outputs]
"""Of what a measure is: grain, name of the concept or quadrant, and which outputs."""


def transfer_rows(
    quality_id: str, scores: Mapping[str, TransferScores | str], quadrants: Mapping[str, str | None]
) -> Iterator[ActivationQualityResultRow]:
    """Transfer of each concept, or why it is unknown, and means over the concepts of each quadrant and over all."""
    for outputs in OUTPUTS:
        of_concept = {concept: _of_concept(one, outputs) for concept, one in scores.items()}
        for concept, found in of_concept.items():
            yield from _transfer(quality_id, ("concept", concept, outputs), found)
        for quadrant in sorted({q for c in scores if (q := quadrants.get(c))}):
            own = [found for concept, found in of_concept.items() if quadrants.get(concept) == quadrant]
            yield from _transfer(quality_id, ("quadrant", quadrant, outputs), mean_transfer(own))
        yield from _transfer(quality_id, ("overall", OVERALL, outputs), mean_transfer(list(of_concept.values())))


def _of_concept(scores: TransferScores | str, outputs: Outputs) -> Transfer:
    if isinstance(scores, TransferScores):
        return transfer_of_concept(scores, outputs)
    return Transfer(*(unknown(scores, method="AUC out of fold") for _ in range(4)))


def _transfer(quality_id: str, place: Place, found: Transfer) -> Iterator[ActivationQualityResultRow]:
    named = {
        "auc_within": found.within,
        "auc_transfer": found.transfer,
        "auc_shuffled": found.shuffled,
        "transfer_ratio": found.ratio,
    }
    for measure, estimate in named.items():
        yield _row(quality_id, place, measure, estimate)


def alignment_rows(
    quality_id: str, samples: PhaseSamples, *, seed: int, bar: Progress | None = None
) -> Iterator[ActivationQualityResultRow]:
    """What needs no lens, of each quadrant and overall."""
    groups: list[tuple[QualityGrain, str, BoolArray]] = [("overall", OVERALL, np.ones(len(samples.names), np.bool_))]
    for quadrant in sorted({q for q in samples.quadrants if q}):
        groups.append(("quadrant", quadrant, np.array([each == quadrant for each in samples.quadrants], np.bool_)))
    task = bar.add_task("alignment", total=len(groups), note="") if bar else None
    for grain, name, mine in groups:
        for outputs in OUTPUTS:
            kept = np.flatnonzero(mine & of_outputs(samples.is_good, outputs))
            yield from _alignment(quality_id, (grain, name, outputs), samples, kept.tolist(), seed)
        if bar and task is not None:
            bar.advance(task)


def _alignment(
    quality_id: str, place: Place, samples: PhaseSamples, kept: list[int], seed: int
) -> Iterator[ActivationQualityResultRow]:
    prompts, concepts, templates = (
        [labels[row] for row in kept] for labels in (samples.prompts, samples.concepts, samples.templates)
    )
    prompt, output = samples.prompt[kept].astype(np.float64), samples.output[kept].astype(np.float64)
    for measure, strata in (("cosine", None), ("cosine_same_template", templates)):
        found = align(prompt, output, prompts=prompts, clusters=concepts, strata=strata, seed=seed)
        yield _row(quality_id, place, measure, found.estimate, p=found.p)
    # A prompt that was asked several times is one prompt: two rows of it would be alike for no other reason.
    first = {each: row for row, each in reversed(list(enumerate(prompts)))}
    of_prompt = [concepts[first[each]] for each in sorted(first)]
    sides = [mean_rows(X, prompts) if kept else X for X in (prompt, output)]
    yield _row(quality_id, place, "cka", debiased_cka(*sides, clusters=of_prompt))


def _row(
    quality_id: str, place: Place, measure: str, estimate: Estimate, *, p: float | None = None
) -> ActivationQualityResultRow:
    grain, name, outputs = place
    return ActivationQualityResultRow(
        quality_id=quality_id,
        grain=grain,
        name=name,
        outputs=outputs,
        measure=measure,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        p=p,
        n=estimate.n,
        reason=estimate.reason,
        method=estimate.method,
    )
