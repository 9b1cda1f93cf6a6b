"""Lenses of a quality filter for a pack: fitted on the pairs that the filter leaves, with what was measured of the filter.

What a filter is worth was measured out of fold on all pairs, bad ones and all (see `engine.lenses.filter_measures`): F1 and AUC,
which are those of the lenses here. All else that the study knows is of the lenses that no filter trained.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.config import StudyConfig, change_config
from engine.errors import ConfigError, LensPackError
from engine.exchange.lens_pack import LeftOut, PackedLens
from engine.exchange.lens_pack_refined import without_measures
from engine.exchange.mitigation_table import build_mitigation
from engine.lenses.filter_measures import FilteredLens
from engine.lenses.filters import Filter
from engine.lenses.interface import State
from engine.stages.before_after import LensChoice
from engine.stages.filter import Verdicts, filter_run, fit_filtered_run
from engine.terminal import counted

OF_ALL_PAIRS = (
    "F1 and AUC are of this filter out of fold, on all pairs that were held out, those that it drops and all; intervals and "
    "other measures of a filter were not taken"
)


@dataclass(frozen=True, slots=True)
class Filtered:
    """A filter with whose verdicts it goes by."""

    how: Filter
    verdicts: Verdicts

    @property
    def said(self) -> str:
        """What the F1 of its lenses is of, and whose verdicts it goes by."""
        if not self.how.needs_verdicts:
            return OF_ALL_PAIRS
        judge = f"judge {self.verdicts.judge_id}" if self.verdicts.judge_id else "nobody"
        baseline = ", a baseline and no language model" if self.verdicts.is_baseline else ""
        return f"{OF_ALL_PAIRS}; verdicts are people's, else of {judge}{baseline}"


def measure_filtered(
    study: Path,
    run_id: str,
    config: StudyConfig,
    asked: Filtered,
    lenses: Sequence[PackedLens],
    *,
    min_f1: float | None,
) -> tuple[list[PackedLens], list[LeftOut]]:
    """The lenses that the filter allows, with what it reaches, and the others with the reason; measured now if they were not yet.

    ConfigError where the lenses read several layers, LensPackError where none is left.
    """
    if len({lens.layers for lens in lenses}) > 1 or lenses[0].layer is None:
        raise ConfigError("Lenses of a filter are fitted at one layer of the model: name it with --layer.")
    chosen = LensChoice(str(lenses[0].family), lenses[0].layer)
    ids = filter_run(study, run_id, config, chosen, filters=[asked.how], verdicts=asked.verdicts)
    found = build_mitigation(study, ids[asked.how.name])["concepts"]
    reasons = {lens.concept: _why_not(found.get(lens.concept), min_f1) for lens in lenses}
    left_out = [
        LeftOut(lens.concept, lens.layer, str(lens.lens_id), reason, lens.layers)
        for lens in lenses
        if (reason := reasons[lens.concept]) is not None
    ]
    if len(left_out) == len(lenses):
        raise LensPackError(
            f"None of {counted(len(lenses), 'lens', 'lenses')} can go into the pack by filter {asked.how.name}: "
            f"{left_out[0].concept}, for one: {left_out[0].reason}."
        )
    return [_measured(lens, asked, found) for lens in lenses if reasons[lens.concept] is None], left_out


def _why_not(found: Mapping[str, Any] | None, min_f1: float | None) -> str | None:
    if found is None:
        return "it has no captured pairs"
    if found["reason"]:
        return str(found["reason"])
    f1 = found["measures"]["f1"]["after"]
    return f"its F1 of {f1:.3f} is below {min_f1:g}" if min_f1 is not None and f1 < min_f1 else None


def _measured(lens: PackedLens, asked: Filtered, found: Mapping[str, Any]) -> PackedLens:
    measures = found[lens.concept]["measures"]
    before, after = measures["f1"]["before"], measures["f1"]["after"]
    return replace(
        without_measures(lens),
        f1=after,
        auc=measures["auc"]["after"],
        variant=asked.how.name,
        variant_f1=(before, after),
        f1_reason=asked.said,
        lens_id=None,
        pairs_hash=None,
    )


def fit_filtered_lenses(
    study: Path, run_id: str, config: StudyConfig, asked: Filtered, lenses: Sequence[PackedLens]
) -> Iterator[tuple[PackedLens, State]]:
    """Fit the lenses, and yield each with its threshold, the pairs that it was trained on and its weights.

    All concepts that the filter allows teach what a family shares, whichever go into the pack.
    """
    layer = lenses[0].layer
    assert layer is not None
    chosen = LensChoice(str(lenses[0].family), layer)
    wanted = {lens.concept: lens for lens in lenses}
    for concept, found in fit_filtered_run(study, run_id, config, chosen, how=asked.how, verdicts=asked.verdicts):
        if concept in wanted:
            yield _fitted(wanted[concept], found), found.lens.state()


def _fitted(lens: PackedLens, found: FilteredLens) -> PackedLens:
    return replace(
        lens,
        threshold=found.threshold,
        threshold_rule=found.threshold_rule,
        n_positive=found.n_positive,
        n_negative=found.n_negative,
        n_groups=found.n_groups,
    )


def settings_of(config: StudyConfig, kind: tuple[str, str, str, str]) -> StudyConfig:
    """The run's settings with the phase, mode and pool of the lenses that are chosen."""
    _, phase, mode, pool = kind
    return change_config(config, {"phase": phase, "mode": mode, "pool": pool})
