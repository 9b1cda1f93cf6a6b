"""Measured lenses beside their baselines, and what to think of many whose mean F1 is above a ceiling."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.stats.ceiling_models import ASSUMES, CeilingName
from engine.stats.estimate import Estimate, unknown
from engine.stats.summary import mean_estimate


@dataclass(frozen=True)
class LensResult:
    """The measured lens of one concept with the baselines that any F1 must be read beside; None is unknown."""

    concept: str
    f1: float | None
    f1_low: float | None
    f1_high: float | None
    always_positive_f1: float | None
    shuffled_f1: float | None
    text_only_f1: float | None
    length_only_f1: float | None
    n: int
    reason: str | None


@dataclass(frozen=True)
class LensSummary:
    """Means over concepts that have the value, each with its interval and n; `over_text` is the mean of F1 − text-only F1."""

    f1: Estimate
    always_positive: Estimate
    shuffled: Estimate
    text_only: Estimate
    length_only: Estimate
    over_text: Estimate


def summarise_lenses(lenses: Iterable[LensResult]) -> LensSummary:
    """Mean F1 and mean baselines over the concepts that have an F1."""
    measured = [lens for lens in lenses if lens.f1 is not None]

    def mean(values: Iterable[float | None], bounds: tuple[float, float] = (0, 1)) -> Estimate:
        known = [value for value in values if value is not None]
        return mean_estimate(known, bounds=bounds) if known else unknown("no lens has been measured", method="mean")

    return LensSummary(
        f1=mean(lens.f1 for lens in measured),
        always_positive=mean(lens.always_positive_f1 for lens in measured),
        shuffled=mean(lens.shuffled_f1 for lens in measured),
        text_only=mean(lens.text_only_f1 for lens in measured),
        length_only=mean(lens.length_only_f1 for lens in measured),
        over_text=mean(_advantages(measured), bounds=(-1, 1)),
    )


def explain_excess(lenses: LensSummary, ceiling: Estimate, *, model: CeilingName = "label_noise") -> str | None:
    """What to think of lenses whose mean F1 is clearly above a model's ceiling, bound against bound; None where it is not."""
    f1, words = lenses.f1, lenses.text_only.value
    if f1.value is None or f1.low is None or ceiling.value is None:
        return None
    if f1.low <= (ceiling.value if ceiling.high is None else ceiling.high):
        return None
    told = f"Lenses measure {f1.value:.2f}, above this ceiling of {ceiling.value:.2f}, which {ASSUMES[model]}. "
    if words is not None and words > ceiling.value:
        return (
            f"{told}It does not bind here: words alone reach {words:.2f}. "
            "The arms differ in more than relevance, so part of this F1 is not knowledge of the concept."
        )
    return f"{told}It does not bind here, and words alone do not explain it: the activations may reveal the prompt."


def _advantages(lenses: Iterable[LensResult]) -> list[float]:
    """By how much each lens beats the classifier that sees only the words, on the same folds."""
    return [x.f1 - x.text_only_f1 for x in lenses if x.f1 is not None and x.text_only_f1 is not None]
