"""The numbers of comparisons that are read together: each measure over concepts, each concept by itself, p adjusted over all.

Whoever reads several sides of one base beside each other looks for any that stands out. So all means over concepts that are told
together are one family of tests, and the concepts of a measure, of all sides, are another. Tables, JSON, plots and screens tell
these same p.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.exchange.comparison import Comparison, Match, Measure, Pair, Value, explain_missing
from engine.stats.estimate import unknown
from engine.stats.gap_change import GapError, gap_change
from engine.stats.paired import Change, PairedComparison, adjusted_p
from engine.stats.several import SideChange, changes_of_pairs, compare_measure
from engine.stats.value_change import Spread, value_change

FALSE_FINDS: Final = 0.05
"""Expected share of false finds among the concepts of which a measure is said to have changed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One measure over some of the matched concepts; `p` is Wilcoxon's, adjusted over all that is told together."""

    measure: Measure
    among: str
    paired: PairedComparison
    p: float | None


@dataclass(frozen=True, slots=True)
class ConceptTest:
    """A concept's own change of a measure; `p` is adjusted over the concepts of all sides that are told together."""

    change: Change
    p: float | None

    @property
    def is_found(self) -> bool:
        """Whether the concept is said to have changed."""
        return self.p is not None and self.p < FALSE_FINDS


@dataclass(frozen=True, slots=True)
class Told:
    """A comparison with its numbers; tests are in the order of its pairs."""

    comparison: Comparison
    summaries: tuple[Summary, ...]
    tests: Mapping[Measure, tuple[ConceptTest, ...]]


def tell_together(comparisons: Sequence[Comparison]) -> tuple[Told, ...]:
    """Work out the numbers of comparisons with one base, which have the same measures."""
    measures = list(comparisons[0].pairs[0].measures)
    tests = {measure: _tests(comparisons, measure) for measure in measures}
    return tuple(
        Told(comparison, summaries, {measure: tests[measure][side] for measure in measures})
        for side, (comparison, summaries) in enumerate(zip(comparisons, _summaries(comparisons), strict=True))
    )


def _summaries(comparisons: Sequence[Comparison]) -> list[tuple[Summary, ...]]:
    found = [_unadjusted(comparison) for comparison in comparisons]
    adjusted = iter(adjusted_p([summary.p for side in found for summary in side]))
    return [tuple(replace(summary, p=next(adjusted)) for summary in side) for side in found]


def _unadjusted(comparison: Comparison) -> list[Summary]:
    """Each measure over the concepts that the pack after changed, then over those that it left alone, or over all."""
    return [
        Summary(measure, among, paired, paired.wilcoxon_p)
        for among, pairs in _groups(comparison)
        for measure in comparison.pairs[0].measures
        for paired in [compare_measure(measure, measure_pairs(pairs, measure))]
    ]


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


def _tests(comparisons: Sequence[Comparison], measure: Measure) -> list[tuple[ConceptTest, ...]]:
    """Of each comparison, the tests of its concepts; unknown where a side is."""
    found = [[_change(measure, *pair.measures[measure]) for pair in one.pairs] for one in comparisons]
    adjusted = iter(adjusted_p([change.p for side in found for change in side]))
    return [tuple(ConceptTest(change, next(adjusted)) for change in side) for side in found]


def _change(measure: Measure, before: Value, after: Value) -> Change:
    if before.value is None or after.value is None:
        reason = explain_missing(before, after) or "a side is unknown"
        return Change(unknown(reason, method="difference of two values"), None)
    if measure == "gap":
        first, second = (side.error if isinstance(side.error, GapError) else None for side in (before, after))
        return gap_change(before.value, after.value, (first, second))
    one, other = (side.error if isinstance(side.error, Spread) else None for side in (before, after))
    return value_change(before.value, after.value, (one, other))


def overview(comparisons: Sequence[Comparison]) -> tuple[SideChange, ...]:
    """Each other side against the first, over the concepts that these two share; p adjusted over all sides and measures."""
    return changes_of_pairs(
        {
            side_names(one)[1]: {measure: measure_pairs(one.pairs, measure) for measure in one.pairs[0].measures}
            for one in comparisons
        }
    )


def side_names(comparison: Comparison) -> tuple[str, str]:
    """The two runs, or their judges where the run is the same."""
    before, after = comparison.before, comparison.after
    if before.name == after.name and before.judge and after.judge:
        return before.judge.judge_id, after.judge.judge_id
    return before.name, after.name


def measure_pairs(pairs: Sequence[Pair], measure: Measure) -> list[tuple[float | None, float | None]]:
    """A measure of each concept before and after, None where a side is unknown."""
    sides = (pair.measures[measure] for pair in pairs)
    return [(before.value, after.value) for before, after in sides]
