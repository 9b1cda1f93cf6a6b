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
    ("f1", "F1", "One number for both kinds of mistake, from 0 to 1: firing wrongly, and missing a positive."),
    ("precision", "Right when it fires", "Precision: of the pairs that the lens fires on, the share that is positive."),
    ("recall", "Positives it finds", "Recall: of the positives, the share that the lens fires on."),
    (
        "auc",
        "Order of the arms",
        "AUC: how often a positive gets a higher probability than a negative. 0.50 is chance.",
    ),
    (
        "average_precision",
        "Average precision",
        "Precision, averaged over every threshold at which a positive is found.",
    ),
    (
        "brier",
        "Brier score, low is good",
        "Squared distance of the probability from the truth. Always saying ½ gives 0.25.",
    ),
)
_BESIDE: Final[tuple[_Named, ...]] = (
    ("always_positive_f1", "Always firing", "The F1 of firing on every pair. Below it a lens shows no learning."),
    ("shuffled_f1", "Shuffled labels", "The F1 of the same lens taught labels in random order: what chance reaches."),
    ("text_only_f1", "Words alone", "The F1 of a classifier that sees the words of the text and no activation."),
    ("length_only_f1", "Length alone", "The F1 of a classifier that sees nothing but how long the text is."),
    (
        "train_f1",
        "On its training pairs",
        "The lens's F1 on pairs it was taught. Far above the F1 above: it learnt by heart.",
    ),
)
_HARDER: Final[tuple[_Named, ...]] = (
    (
        "f1_sibling_negatives",
        "Siblings as negatives",
        "F1 with sibling concepts as the only negatives: the close calls.",
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
        "Empty, short or repetitive texts on something else. A lens that fires here more than on good negatives has "
        "learnt to see degenerate text.",
    ),
)
_GROUPS: Final = (
    ("What it reaches", "Measured on pairs that were held out of training.", _REACHES, number),
    ("F1 to read it beside", "An F1 means something only beside these.", _BESIDE, number),
    ("F1 where it is harder", "F1 depends on the share of positives, which is another here.", _HARDER, number),
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
