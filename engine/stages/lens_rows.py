"""Rows of the study for a measured lens, and its file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from db.rows import LensMeasureRow, LensRow, LensScoreRow, Row
from engine.config import StudyConfig
from engine.lenses.evaluate import LensEvaluation
from engine.lenses.files import save_lens
from engine.lenses.interface import FittedLens, State
from engine.stages.progress import now
from engine.stages.validation_words import validation_words
from engine.subject.shards import unwritable


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredLens:
    """One concept's lens on its layers: what was measured, of which samples, and the lens fitted on all of them if any."""

    lens_id: str
    run_id: str
    concept: str
    layers: tuple[int, ...]
    sample_ids: Sequence[str]
    n_excluded: int
    found: LensEvaluation
    lens: FittedLens | None


def lens_rows(one: MeasuredLens, config: StudyConfig) -> Iterator[Row]:
    """The lens, its measures and the score of every pair."""
    yield _lens_row(one, config)
    for name, each in one.found.measures.items():
        method = f"{each.method}; {validation_words(config)}" if name == "f1" else each.method
        yield LensMeasureRow(one.lens_id, name, each.value, each.low, each.high, each.n, each.reason, method)
    for number, scores in enumerate(one.found.rounds):
        each_pair = zip(
            one.sample_ids, scores.fold.tolist(), scores.probability.tolist(), scores.fires.tolist(), strict=True
        )
        for sample_id, fold, probability, fires in each_pair:
            yield LensScoreRow(one.lens_id, sample_id, number, fold, probability, fires)


def _lens_row(one: MeasuredLens, config: StudyConfig) -> LensRow:
    cost = one.lens.cost if one.lens else None
    return LensRow(
        lens_id=one.lens_id,
        run_id=one.run_id,
        concept=one.concept,
        family=one.found.family,
        layers=one.layers,
        phase=config.phase,
        mode=config.mode,
        pool=config.pool,
        n_positive=one.found.n_positive,
        n_negative=one.found.n_negative,
        n_excluded=one.n_excluded,
        n_groups=one.found.n_groups,
        threshold=one.found.threshold,
        fit_seconds=cost.seconds if cost else None,
        n_parameters=cost.n_parameters if cost else None,
        reason=one.found.reason,
        n_pairs_more=one.found.n_pairs_more if one.found.reason else None,
        trained_at=now(),
    )


def lens_file(study: Path, run_id: str, layers: Sequence[int], lens_id: str) -> Path:
    """Where a lens of a run is kept: in the folder of its layer, or of the layers that it reads joined."""
    return study / "lenses" / run_id / f"layer{'+'.join(map(str, layers))}" / f"{lens_id}.safetensors"


def store_lens(state: State, file: Path) -> None:
    """Write a lens file; StudyFull or StudyUnreadable where the disk refuses it."""
    try:
        save_lens(state, file)
    except OSError as error:
        raise unwritable(file, error) from error
