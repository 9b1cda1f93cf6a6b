"""Measured lenses beside their baselines, and what to think of those above their ceilings."""

from collections.abc import Iterable, Mapping
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


def mean_excess(lenses: Iterable[LensResult], ceilings: Mapping[str, float]) -> Estimate:
    """By how much lenses lie above the ceilings of their own concepts: the mean over concepts that have both, Student's t."""
    over = [lens.f1 - ceilings[lens.concept] for lens in lenses if lens.f1 is not None and lens.concept in ceilings]
    return mean_estimate(over, bounds=(-1, 1)) if over else unknown("no concept has both", method="mean")


def explain_mean_excess(
    lenses: Iterable[LensResult], ceilings: Mapping[str, float], *, model: CeilingName = "label_noise"
) -> str | None:
    """What to think of lenses that together are clearly above the ceilings of their own concepts; None where they are not."""
    both = [lens for lens in lenses if lens.f1 is not None and lens.concept in ceilings]
    excess = mean_excess(both, ceilings)
    if excess.value is None or excess.low is None or excess.low <= 0.0:
        return None
    summary, n = summarise_lenses(both), len(both)
    ceiling = sum(ceilings[lens.concept] for lens in both) / n
    told = (
        f"Lenses measure {summary.f1.value:.2f} on average, {excess.value:.2f} [{excess.low:.2f}, {excess.high:.2f}] above "
        f"this ceiling of {ceiling:.2f} for the same {n} concepts, which {ASSUMES[model]}. "
    )
    return told + _because(summary.text_only.value, ceiling)


def explain_excess(f1: Estimate, words: float | None, ceiling: Estimate, *, model: CeilingName) -> str | None:
    """What to think of one lens that is clearly above its ceiling, bound against bound; None where it is not.

    `words` is the F1 of a classifier that sees only the words.
    """
    if f1.value is None or f1.low is None or ceiling.value is None:
        return None
    if f1.low <= (ceiling.value if ceiling.high is None else ceiling.high):
        return None
    told = f"The lens measures {f1.value:.2f}, above this ceiling of {ceiling.value:.2f}, which {ASSUMES[model]}. "
    return told + _because(words, ceiling.value)


def _because(words: float | None, ceiling: float) -> str:
    if words is not None and words > ceiling:
        return (
            f"It does not bind here: words alone reach {words:.2f}. "
            "The arms differ in more than relevance, so part of this F1 is not knowledge of the concept."
        )
    return "It does not bind here, and words alone do not explain it: the activations may reveal the prompt."


def _advantages(lenses: Iterable[LensResult]) -> list[float]:
    """By how much each lens beats the classifier that sees only the words, on the same folds."""
    return [x.f1 - x.text_only_f1 for x in lenses if x.f1 is not None and x.text_only_f1 is not None]
