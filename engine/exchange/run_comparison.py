"""Compare two runs of a study, or the lenses of one run that were trained in two ways, concept by concept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from db import connect
from db.rows import ComparisonKind
from engine.errors import ConfigError
from engine.exchange.comparison_sides import (
    CONTENTS,
    LensWish,
    StoredRun,
    choose_lenses,
    common_judge,
    lens_rows,
    read_side,
    wish_of,
)
from engine.stages.compare import Comparison, LensChoice, Match, Measure, Pair, Setting, compare_sides
from engine.stats.estimate import Estimate
from engine.stats.gap import LARGEST_GAP
from engine.stats.paired import PairedComparison, adjusted_p, compare_paired

RUN_MEASURES: tuple[Measure, ...] = ("gap", "good", "f1", "text_only_f1")
LENS_MEASURES: tuple[Measure, ...] = ("f1", "auc", "text_only_f1")
SEED: Final = 0
"""Of the resamples that check an interval."""

_APART: Final = frozenset({"lenses", "layers", "join_layers", "phase", "mode", "pool"})
"""Settings that the choice of lenses tells more exactly."""

_JUDGING: Final = ("judge", "base_url", "rubric", "votes", "text_limit", "budget", "rpm", "tpm", "batches", "prices")
_DECIDING: Final = ("target", "falloff", "train_gap", "graduate_by", "targets")
_NO_MATTER: Final = frozenset({"device", "device_map", *_JUDGING, *_DECIDING})
"""Settings that change nothing of what is compared: both sides are read with one judge."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One measure over some of the matched concepts; `p` is Wilcoxon's, adjusted for the measures that are tested together."""

    measure: Measure
    among: str
    paired: PairedComparison
    p: float | None


def compare_runs(
    study: Path,
    before: StoredRun,
    after: StoredRun,
    *,
    judge_id: str | None = None,
    wishes: tuple[LensWish, LensWish] | None = None,
) -> Comparison:
    """Compare two runs over the concepts that both have; ConfigError where they have none in common.

    Without wishes, each side shows the lenses that its settings ask for.
    """
    if before.run_id == after.run_id:
        raise ConfigError(f"Run {before.run_id} cannot be compared with itself.")
    runs, wished = (before, after), wishes or (wish_of(before), wish_of(after))
    with connect(study) as cursor:
        judges = common_judge(cursor, before.run_id, after.run_id, judge_id)
        lenses = [lens_rows(cursor, run.run_id, wish) for run, wish in zip(runs, wished, strict=True)]
        is_one_model = before.contents["model_fingerprint"] == after.contents["model_fingerprint"]
        choices = choose_lenses(lenses, wished, first=before.settings["lenses"], is_one_model=is_one_model)
        sides = [read_side(cursor, *each) for each in zip(runs, judges, choices, lenses, strict=True)]
    return compare_sides(
        _kind(before, after),
        *sides,
        settings=(*differing_settings(before, after), *_differing_choices(*choices)),
        measures=RUN_MEASURES,
    )


def compare_lenses(study: Path, run: StoredRun, before: LensWish, after: LensWish) -> Comparison:
    """Compare lenses of one run that were trained in two ways; ConfigError where a side has none."""
    with connect(study) as cursor:
        lenses = [lens_rows(cursor, run.run_id, wish) for wish in (before, after)]
        choices = choose_lenses(lenses, [before, after], first=run.settings["lenses"], is_one_model=True)
        for name, wish, choice in zip(("before", "after"), (before, after), choices, strict=True):
            if choice is None:
                raise ConfigError(
                    f"Run {run.run_id} has no such lenses for the side {name}: {_shown(wish)}.",
                    hint="Train them first: lensgap train.",
                )
        sides = [read_side(cursor, run, None, choice, rows) for choice, rows in zip(choices, lenses, strict=True)]
    settings = _differing_choices(*choices)
    if not settings:
        raise ConfigError("Both sides are the same lenses.", hint="Name what shall differ, such as --mode output_only.")
    return compare_sides("setting", *sides, settings=settings, measures=LENS_MEASURES)


def differing_settings(before: StoredRun, after: StoredRun) -> tuple[Setting, ...]:
    """The settings that are not the same on both sides, and contents that differ under one name."""
    # A derived pack is run on the same concepts, or their senses, by name.
    untold = _APART | _NO_MATTER | (set() if _kind(before, after) == "setting" else {"picker", "concepts"})
    told = [
        Setting(name, value, after.settings.get(name))
        for name, value in before.settings.items()
        if value != after.settings.get(name) and name not in untold
    ]
    named = {setting.name for setting in told}
    changed = (
        Setting(f"content of {name}", before.contents[key], after.contents[key])
        for key, name in CONTENTS.items()
        if name not in named and before.contents[key] != after.contents[key]
    )
    return (*told, *changed)


def _differing_choices(before: LensChoice | None, after: LensChoice | None) -> tuple[Setting, ...]:
    names = ("family", "layer", "phase", "mode", "pool") if before and after else ()
    values = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return tuple(Setting(name, one, other) for name, one, other in values if one != other)


def _kind(before: StoredRun, after: StoredRun) -> ComparisonKind:
    made: dict[str | None, ComparisonKind] = {"split": "splitting", "bucket": "bucketing"}
    return made.get(after.made_by, "setting") if after.made_from == before.pack else "setting"


def _shown(wish: LensWish) -> str:
    asked = {"family": wish.family, "layer": wish.layer, "phase": wish.phase, "mode": wish.mode, "pool": wish.pool}
    return ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)


def summarise_comparison(comparison: Comparison) -> tuple[Summary, ...]:
    """Each measure over the concepts that the pack after changed, then over those that it left alone, or over all."""
    groups = _groups(comparison)
    measures = list(comparison.pairs[0].measures)
    found = []
    for among, pairs in groups:
        paired = {m: _paired(pairs, m) for m in measures}
        adjusted = adjusted_p([each.wilcoxon_p for each in paired.values()])
        found += [Summary(m, among, each, p) for (m, each), p in zip(paired.items(), adjusted, strict=True)]
    return tuple(found)


def _groups(comparison: Comparison) -> list[tuple[str, list[Pair]]]:
    pairs = list(comparison.pairs)
    if comparison.kind not in ("splitting", "bucketing"):
        return [("all", pairs)]
    changed = [pair for pair in pairs if is_changed(comparison, pair.match)]
    others = [pair for pair in pairs if not is_changed(comparison, pair.match)]
    return [(name, some) for name, some in (("changed", changed), ("unchanged", others)) if some]


def is_changed(comparison: Comparison, match: Match) -> bool:
    """Whether the pack after treats the concept otherwise; of settings, it is asked of all alike."""
    if comparison.kind == "splitting":
        return match.is_split
    return comparison.kind != "bucketing" or match.has_new_siblings


def _paired(pairs: Sequence[Pair], measure: Measure) -> PairedComparison:
    """Before and after, with no interval beyond what the measure can be."""
    sides = [pair.measures[measure] for pair in pairs]
    found = compare_paired([before.value for before, _ in sides], [after.value for _, after in sides], seed=SEED)
    low, high = (-LARGEST_GAP, LARGEST_GAP) if measure == "gap" else (0.0, 1.0)
    return replace(
        found,
        before=_within(found.before, low, high),
        after=_within(found.after, low, high),
        difference=_within(found.difference, low - high, high - low),
    )


def _within(estimate: Estimate, low: float, high: float) -> Estimate:
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(estimate.low, low), high=min(estimate.high, high))
