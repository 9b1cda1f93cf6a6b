"""What was tried on the lenses, before and after: each comparison of the run as paired differences of one measure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.data.lenses import ComparedConcept, Comparison
from engine.stats.paired import PairedComparison, compare_paired
from engine.stats.summary import mean_estimate
from engine.words import count, integer

Found = tuple[Comparison, tuple[ComparedConcept, ...]]
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of comparison: its name, what it compares, and the command that makes one of STUDY's RUN, if one does so far."""

    title: str
    hint: str
    command: str | None


KINDS: Final[dict[str, Kind]] = {
    "refinement": Kind(
        "Sibling refinement",
        "Lenses trained a second time against their siblings' lenses.",
        "lensgap refine STUDY --run RUN",
    ),
    "filter": Kind(
        "Quality filters",
        "Lenses trained without bad samples, measured on the same held-out pairs, bad ones included.",
        "lensgap filter STUDY --run RUN",
    ),
    "layers": Kind("Layers", "Lenses at another layer, or at several layers joined.", None),
    "setting": Kind(
        "Settings",
        "Lenses of this run trained differently, or a run with other settings.",
        "lensgap compare settings STUDY --run RUN --mode output_only",
    ),
    "splitting": Kind(
        "Sense splitting",
        "The pack with each sense split into its own concept. Each concept is compared with the mean over its senses.",
        "lensgap compare split STUDY",
    ),
    "bucketing": Kind(
        "Sibling buckets",
        "The pack with large sibling groups divided into buckets, so that negatives come from closer siblings.",
        "lensgap compare bucket STUDY",
    ),
}
MEASURES: Final = {
    "f1": ("F1", "F1 on pairs held out of training."),
    "auc": ("AUC", "How often a positive gets a higher probability than a negative. 0.50 is chance."),
    "text_only_f1": ("Words alone", "F1 of a classifier that sees only the words, no activations."),
    "gap": ("Gap", "Mean rating of the positives minus mean rating of the negatives."),
    "good": ("Good positives", "Share of positives that are not empty, short or repetitive."),
    "ceiling": ("Ceiling", "F1 that the ratings permit, according to the label-noise model."),
    "top1": ("Top-1", "Share of texts on which the concept's own lens fires more strongly than its siblings' lenses."),
    "margin": ("Margin", "Lead of the concept's own lens over its best sibling lens, in log-odds."),
}
UNITS: Final = dict.fromkeys(MEASURES, "0–1") | {"gap": "rating points", "margin": "log-odds"}


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison by one measure; `unit` is what its n counts, in the singular, `remarks` are what else to know, in words."""

    comparison_id: str
    kind: str
    name: str
    lens: str
    paired: PairedComparison
    unit: str
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One concept before and after."""

    concept: str
    name: str
    before: float
    after: float
    n: int
    kept: bool | None


def measures_in(found: Iterable[Found]) -> tuple[str, ...]:
    """The measures that any comparison has, in our order."""
    there = {result.measure for _, results in found for result in results}
    return tuple(measure for measure in MEASURES if measure in there)


def comparison_rows(found: Sequence[Found], measure: str) -> tuple[Row, ...]:
    """A row a comparison that has the measure, kind by kind."""
    ordered = sorted(found, key=lambda one: list(KINDS).index(one[0].kind))
    rows = [_row(one, [r for r in results if r.measure == measure]) for one, results in ordered]
    return tuple(row for row in rows if row is not None)


def missing_kinds(found: Iterable[Found], folder: Path, run_id: str) -> tuple[tuple[Kind, str], ...]:
    """Kinds that this run has no comparison of, each with its command for this study and, where it takes one, this run."""
    there = {one.kind for one, _ in found}
    return tuple(
        (kind, kind.command.replace("RUN", run_id).replace("STUDY", str(folder)))
        for key, kind in KINDS.items()
        if kind.command and key not in there
    )


def changes(results: Iterable[ComparedConcept], measure: str, names: Mapping[str, str]) -> tuple[Change, ...]:
    """Each concept that has both sides, the one that fell furthest first."""
    both = [
        Change(r.concept, names.get(r.concept, r.concept), r.before, r.after, r.n, r.kept)
        for r in results
        if r.measure == measure and r.before is not None and r.after is not None
    ]
    return tuple(sorted(both, key=lambda change: (change.after - change.before, change.name)))


def _row(one: Comparison, results: Sequence[ComparedConcept]) -> Row | None:
    if not results:
        return None
    before, after = _sides(results, one.groups)
    return Row(
        comparison_id=one.comparison_id,
        kind=one.kind,
        name=one.variant,
        lens=f"{one.family}, layer {one.layer}" if one.layer else one.family,
        paired=compare_paired(before, after, seed=_SEED),
        unit="concept" if one.groups is None else "sibling group",
        remarks=tuple(_remarks(one, results)),
    )


def _sides(
    results: Sequence[ComparedConcept], groups: Sequence[Sequence[str]] | None
) -> tuple[list[float | None], list[float | None]]:
    """Before and after of each concept, or of each group the mean over its concepts that have both."""
    if groups is None:
        return [r.before for r in results], [r.after for r in results]
    both = {r.concept: (r.before, r.after) for r in results if r.before is not None and r.after is not None}
    known = [[both[concept] for concept in group if concept in both] for group in groups]
    return (
        [mean_estimate([before for before, _ in group]).value if group else None for group in known],
        [mean_estimate([after for _, after in group]).value if group else None for group in known],
    )


def _remarks(one: Comparison, results: Sequence[ComparedConcept]) -> Iterable[str]:
    if one.is_of_runs:
        yield f"against the run {one.other_run}" if one.is_before else f"from the run {one.other_run}, this one after"
    asked = [result.kept for result in results if result.kept is not None]
    if asked:
        yield f"kept for {integer(sum(asked))} of {count(len(asked), 'concept')}"
    for reason, n in Counter(result.reason for result in results if result.reason).most_common(3):
        yield f"not for {count(n, 'concept')}: {reason}"
