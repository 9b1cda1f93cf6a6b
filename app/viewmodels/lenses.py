"""The lenses of one setting beside what their data permit: each concept's F1 and ceiling, and what became of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, Literal, cast

from app.data import Lens, Profile
from app.data.lenses import Graduation
from app.viewmodels.overview import LensSetting, lens_settings, lenses_of, setting_name
from engine.stats.ceiling import Ceiling
from engine.stats.estimate import Estimate, unknown
from engine.stats.findings import Findings
from engine.stats.lens_results import LensResult, LensSummary, explain_excess, summarise_lenses
from engine.stats.paired import compare_paired
from engine.stats.shortcut import DEGENERATE_NEGATIVE, DEGENERATE_POSITIVE, shortcut_alarm
from engine.stats.summary import mean_estimate
from engine.words import count, number

Order = Literal["headroom", "lowest", "highest", "words", "brier", "pairs", "name"]
ORDERS: Final[dict[Order, str]] = {
    "headroom": "Least headroom first",
    "lowest": "Lowest F1 first",
    "highest": "Highest F1 first",
    "words": "Smallest lead over words first",
    "brier": "Worst Brier score first",
    "pairs": "Fewest pairs first",
    "name": "Name",
}
Only = Literal["above", "alarm", "stopped"]
ONLY: Final[dict[Only, str]] = {"above": "Above the ceiling", "alarm": "Shortcut alarm", "stopped": "Not graduated"}
_SEED: Final = 0
_NO_LENS: Final = "no lens with this setting has been trained for it"


@dataclass(frozen=True, slots=True)
class LensPoint:
    """A concept's lens beside its ceiling; `excess` says what to think of it where it is clearly above, `alarm` of a shortcut.

    One that `is_constant` says the same of all texts.
    """

    concept: str
    name: str
    quadrant: str | None
    f1: Estimate
    ceiling: Estimate
    text_only: float | None
    always_positive: float | None
    brier: Estimate
    graduation: Graduation | None
    alarm: str | None
    excess: str | None
    has_rates: bool
    is_constant: bool = False

    @property
    def headroom(self) -> float | None:
        """Ceiling less F1; None where either is unknown."""
        return None if self.f1.value is None or self.ceiling.value is None else self.ceiling.value - self.f1.value

    @property
    def is_above(self) -> bool:
        """Whether the F1 lies above the ceiling, if only within its interval."""
        return self.headroom is not None and self.headroom < 0

    @property
    def over_words(self) -> float | None:
        """By how much the lens beats the words alone."""
        return None if self.f1.value is None or self.text_only is None else self.f1.value - self.text_only


@dataclass(frozen=True, slots=True)
class LensesView:
    """All lenses of one setting, in the run's order, and what they are together."""

    points: tuple[LensPoint, ...]
    summary: LensSummary
    headroom: Estimate
    graduated_at: tuple[tuple[float, int], ...]

    @property
    def measured(self) -> tuple[LensPoint, ...]:
        """Those that have an F1."""
        return tuple(point for point in self.points if point.f1.value is not None)

    @property
    def suspects(self) -> tuple[LensPoint, ...]:
        """Those above their ceiling: clearly above ones first, then by how far."""
        above = [point for point in self.points if point.is_above]
        return tuple(sorted(above, key=lambda point: (point.excess is None, point.headroom or 0.0)))

    @property
    def unmeasured(self) -> tuple[tuple[str, int], ...]:
        """Why concepts have no F1, with their numbers."""
        return tuple(Counter(point.f1.reason or "" for point in self.points if point.f1.value is None).most_common())


@dataclass(frozen=True, slots=True)
class LayerMean:
    """One layer of the sweep: its mean F1 and words-only F1, and by how much it differs from the layer on screen."""

    layer: str
    f1: Estimate
    against: Estimate
    is_shown: bool


def lens_points(
    profiles: Sequence[Profile],
    lenses: Mapping[str, Lens],
    findings: Findings,
    *,
    estimates: Mapping[str, Mapping[str, Estimate]],
    graduation: Mapping[str, Graduation],
    names: Mapping[str, str],
    constant: Set[str] = frozenset(),
) -> tuple[LensPoint, ...]:
    """A point a concept, in order of the run; `lenses` are by concept, `constant` ids of those that say the same of all texts."""
    model = findings.settings.model
    return tuple(
        _point(
            profile,
            lenses.get(profile.concept),
            findings.concepts[profile.concept].ceilings[model],
            estimates=estimates,
            graduation=graduation.get(profile.concept),
            name=names.get(profile.concept, profile.concept),
            constant=constant,
        )
        for profile in profiles
    )


def lenses_view(points: Sequence[LensPoint], lenses: Iterable[Lens]) -> LensesView:
    """What these lenses are together."""
    room = [point.headroom for point in points if point.headroom is not None]
    reached = Counter(p.graduation.reached for p in points if p.graduation and p.graduation.reached is not None)
    headroom = mean_estimate(room, bounds=(-1, 1)) if room else unknown("no concept has both", method="mean")
    return LensesView(
        points=tuple(points),
        summary=summarise_lenses(lens.result for lens in lenses),
        headroom=headroom,
        graduated_at=tuple(sorted(((float(f1 or 0), n) for f1, n in reached.items()), reverse=True)),
    )


def one_each(lenses: Sequence[Lens], setting: LensSetting, mode: str) -> dict[str, Lens]:
    """One lens of the setting by concept: where several modes were trained, that of the run's settings."""
    found = sorted(lenses_of(lenses, setting), key=lambda lens: lens.mode == mode)
    return {lens.concept: lens for lens in found}


def _point(
    profile: Profile,
    lens: Lens | None,
    ceiling: Ceiling,
    *,
    estimates: Mapping[str, Mapping[str, Estimate]],
    graduation: Graduation | None,
    name: str,
    constant: Set[str],
) -> LensPoint:
    f1 = _f1(lens.result) if lens else unknown(_NO_LENS, method="F1")
    measured = estimates.get(lens.lens_id, {}) if lens else {}
    rates = [measured.get(rate) for rate in (DEGENERATE_POSITIVE, DEGENERATE_NEGATIVE)]
    return LensPoint(
        concept=profile.concept,
        name=name,
        quadrant=profile.quadrant,
        f1=f1,
        ceiling=ceiling.estimate,
        text_only=lens.text_only_f1 if lens else None,
        always_positive=lens.always_positive_f1 if lens else None,
        brier=measured.get("brier") or unknown(f1.reason or "it was not measured", method="Brier score"),
        graduation=graduation,
        alarm=shortcut_alarm(measured),
        excess=_excess(lens.result, f1, ceiling) if lens else None,
        has_rates=any(rate is not None and rate.has_interval for rate in rates),
        is_constant=lens is not None and lens.lens_id in constant,
    )


def _f1(lens: LensResult) -> Estimate:
    if lens.f1 is None:
        return unknown(lens.reason or "it was not measured", method="F1", n=lens.n)
    return Estimate(lens.f1, lens.f1_low, lens.f1_high, lens.n, None, "F1 over groups of pairs")


def _excess(lens: LensResult, f1: Estimate, ceiling: Ceiling) -> str | None:
    """What to think of one lens, by its own interval."""
    return explain_excess(f1, lens.text_only_f1, ceiling.estimate, model=ceiling.name)


def suspect_reason(point: LensPoint) -> str:
    """Why a lens may be above its ceiling, in a few words."""
    if point.excess is None:
        return "within its interval, so perhaps chance"
    if point.text_only is None:
        return "the words alone were not measured"
    if point.ceiling.value is not None and point.text_only > point.ceiling.value:
        return f"words alone reach {number(point.text_only)}, so the arms differ in more than relevance"
    return (
        f"words alone reach only {number(point.text_only)}, so they do not explain it; the activations may "
        "reveal the prompt"
    )


def pick(
    points: Iterable[LensPoint], *, quadrants: Sequence[str | None], only: Sequence[Only], order: Order
) -> tuple[LensPoint, ...]:
    """The points of these quadrants (all where none is named) that meet every condition, in this order, unknown ones last."""
    chosen = [p for p in points if (not quadrants or p.quadrant in quadrants) and all(_meets(p, one) for one in only)]
    return tuple(sorted(chosen, key=lambda point: _place(point, order)))


def _meets(point: LensPoint, condition: Only) -> bool:
    if condition == "above":
        return point.is_above
    if condition == "alarm":
        return point.alarm is not None
    return point.graduation is not None and point.graduation.reached is None


def _place(point: LensPoint, order: Order) -> tuple[bool, float, str]:
    values: dict[Order, float | None] = {
        "headroom": point.headroom,
        "lowest": point.f1.value,
        "highest": None if point.f1.value is None else -point.f1.value,
        "words": point.over_words,
        "brier": None if point.brier.value is None else -point.brier.value,
        "pairs": point.f1.n,
        "name": 0.0,
    }
    value = values[order]
    return value is None, value or 0.0, point.name.casefold()


def sweep(lenses: Sequence[Lens], shown: LensSetting, mode: str) -> tuple[LayerMean, ...]:
    """The mean F1 of every layer of the same family and phase, over the concepts that all of them have an F1 of."""
    settings = [one for one in lens_settings(lenses) if (one[0], one[2]) == (shown[0], shown[2])]
    found = {one: one_each(lenses, one, mode) for one in settings}
    known = [{c for c, lens in of_layer.items() if lens.f1 is not None} for of_layer in found.values()]
    shared = sorted(set.intersection(*known)) if known else []
    if len(settings) < 2 or not shared:
        return ()
    values = {one: [cast(float, of_layer[c].f1) for c in shared] for one, of_layer in found.items()}
    base = values[next(one for one in settings if one == shown)]
    means = [
        LayerMean(
            layer=setting_name(one).removeprefix(f"{one[0]} · ").removesuffix(f" · {one[2]}"),
            f1=mean_estimate(values[one], bounds=(0, 1)),
            against=compare_paired(base, values[one], seed=_SEED).difference,
            is_shown=one == shown,
        )
        for one in reversed(settings)
    ]
    # Single layers from the first on, joined ones after them.
    return tuple(sorted(means, key=lambda mean: "+" in mean.layer))


def answer(view: LensesView) -> tuple[str, str]:
    """The answer to the page's question in a word or two, and the reason."""
    both = [point for point in view.points if point.headroom is not None]
    if not both:
        return "Not known yet", "no concept has both a measured F1 and a ceiling."
    clear = sum(point.excess is not None for point in both)
    above = sum(point.is_above for point in both)
    if clear:
        verb = "measures" if clear == 1 else "measure"
        return (
            f"{count(clear, 'suspicious lens', 'suspicious lenses')}"
        ), f"{clear} of {len(both)} {verb} clearly above the ceiling."
    room = view.headroom
    if room.value is not None and room.low is not None and room.high is not None and room.high < 0.0:
        by = f"{number(-room.value)} [{number(-room.high)}, {number(-room.low)}]"
        return (
            "Suspicious together"
        ), f"{above} of {len(both)} lie above the ceiling, each within its interval, but on average all lie {by} above."
    if above:
        return "No suspicious lens", f"{above} of {len(both)} lie above the ceiling, but within their intervals."
    return "No suspicious lens", f"all {len(both)} lie at or below their ceilings."
