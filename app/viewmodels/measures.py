"""The measures of one lens in words for someone who meets them for the first time, in the order in which they are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from engine.stats.estimate import Estimate
from engine.words import integer, interval, number, percent


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One measure as written; `remark` is what belongs beside it, its reason where it is unknown."""

    name: str
    hint: str
    value: str
    interval: str
    n: str
    remark: str


@dataclass(frozen=True, slots=True)
class MeasureGroup:
    """Measures that answer one question."""

    title: str
    hint: str
    rows: tuple[MeasureRow, ...]


_Named = tuple[str, str, str]
_REACHES: Final[tuple[_Named, ...]] = (
    ("f1", "F1", "Combines both kinds of mistake, false alarms and missed positives, in one number from 0 to 1."),
    ("precision", "Right when it fires", "Precision: the share of positives among the pairs that the lens fires on."),
    ("recall", "Positives it finds", "Recall: the share of positives that the lens fires on."),
    (
        "auc",
        "Ranking (AUC)",
        "How often a positive gets a higher probability than a negative. 0.50 is chance.",
    ),
    (
        "average_precision",
        "Average precision",
        "Precision averaged over all thresholds at which another positive is found.",
    ),
    (
        "brier",
        "Brier score (lower is better)",
        "Mean squared error of the probability. Always answering ½ gives 0.25.",
    ),
)
_BESIDE: Final[tuple[_Named, ...]] = (
    ("always_positive_f1", "Always firing", "The F1 of firing on every pair. A lens below it has learnt nothing."),
    ("shuffled_f1", "Shuffled labels", "The F1 of the same lens trained on shuffled labels: what chance reaches."),
    ("text_only_f1", "Words alone", "The F1 of a classifier that sees only the words of the text, no activations."),
    ("length_only_f1", "Length alone", "The F1 of a classifier that sees only the length of the text."),
    (
        "train_f1",
        "On its training pairs",
        "The lens's F1 on the pairs it was trained on. A value far above the held-out F1 means overfitting.",
    ),
)
_HARDER: Final[tuple[_Named, ...]] = (
    (
        "f1_sibling_negatives",
        "Siblings as negatives",
        "F1 with sibling concepts as the only negatives: the hardest cases.",
    ),
    ("f1_good_outputs", "Good outputs alone", "F1 without empty, short and repetitive outputs, in both arms."),
)
_FIRES: Final[tuple[_Named, ...]] = (
    ("fires_on_good_positive", "Good positives", "Texts on the concept. The lens should fire."),
    (
        "fires_on_degenerate_positive",
        "Degenerate positives",
        "Empty, short or repetitive texts that were meant to be on the concept.",
    ),
    ("fires_on_good_negative", "Good negatives", "Texts on something else. The lens should not fire."),
    (
        "fires_on_degenerate_negative",
        "Degenerate negatives",
        "Empty, short or repetitive texts on something else. A lens that fires here more often than on good "
        "negatives has learnt to detect degenerate text.",
    ),
)
_GROUPS: Final = (
    ("Performance", "Measured on held-out pairs.", _REACHES, number),
    ("Baselines for F1", "An F1 is only meaningful next to these.", _BESIDE, number),
    ("F1 on harder pairs", "The share of positives differs here, and F1 depends on it.", _HARDER, number),
    ("How often it fires on", "Share of the pairs of each kind that the lens fires on.", _FIRES, percent),
)


def measure_groups(measures: Mapping[str, Estimate]) -> tuple[MeasureGroup, ...]:
    """The measures that the lens has, by question; a group without any is left out."""
    groups = (
        MeasureGroup(
            title, hint, tuple(_row(label, why, measures[key], written) for key, label, why in named if key in measures)
        )
        for title, hint, named, written in _GROUPS
    )
    return tuple(group for group in groups if group.rows)


def _row(name: str, hint: str, estimate: Estimate, written: Callable[[float | None], str]) -> MeasureRow:
    # What a method says after a semicolon is about this value: why it has no interval, or what else to know.
    remark = estimate.reason or estimate.method.partition("; ")[2]
    return MeasureRow(
        name=name,
        hint=hint,
        value=written(estimate.value),
        interval=_interval(estimate, written),
        n=integer(estimate.n),
        remark=remark,
    )


def _interval(estimate: Estimate, written: Callable[[float | None], str]) -> str:
    if estimate.low is None or written is number:
        return interval(estimate)
    # The unit once, behind the bracket.
    low, high = (written(end).removesuffix("\u202f%") for end in (estimate.low, estimate.high))
    return f"[{low}, {high}]\u202f%"
