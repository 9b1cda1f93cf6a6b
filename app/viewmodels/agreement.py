"""Agreement of judges and people as the screen shows it: a comparison a pair of raters, an arm a row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.viewmodels.effect import Change, Effect, change
from engine.stats.estimate import Estimate
from engine.stats.findings import ARMS
from engine.words import interval, number, signed

Json = dict[str, Any]
POOLED: Final = "both arms"
MEASURES: Final = {
    "kappa": ("Kappa", "Cohen's kappa with quadratic weights: 1 is perfect, 0 is chance."),
    "alpha": ("Alpha", "Krippendorff's ordinal alpha: 1 is perfect, 0 is chance."),
    "spearman": ("Spearman", "Rank correlation of the unrounded ratings."),
    "exact": ("Equal", "Share of pairs with equal ratings."),
    "within_one": ("Within 1", "Share of pairs at most one rating apart."),
    "bias": ("Bias", "Mean rating of the first rater minus the second: 0 means that they agree on average."),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Agreement of two raters in one arm, or in both together; rows of `counts` are the first rater's ratings."""

    n: int
    n_concepts: int
    weak: bool
    counts: tuple[tuple[int, ...], ...]
    measures: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Compared:
    """Two raters. Ids are of judges, None for people; `among_people` has no judge on either side.

    `people` are the names of both where two persons are compared.
    """

    key: str
    first: str
    second: str
    first_id: str | None
    second_id: str | None
    arms: Mapping[str, Measured]
    people: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """Both raters."""
        if self.among_people and self.people is None:
            return self.first
        return f"{self.first} – {self.second}"

    @property
    def short(self) -> str:
        """Both raters where there is little room: judges by their models alone."""
        return " – ".join(name.partition(" · ")[2] or name for name in (self.first, self.second))

    @property
    def among_people(self) -> bool:
        """Whether no judge is among them."""
        return self.first_id is None


def compared(found: Json, labels: Mapping[str, str]) -> tuple[Compared, ...]:
    """Comparisons of a document of agreement, judges by their labels."""
    return tuple(_compared(one, labels) for one in found["comparisons"])


def _compared(one: Json, labels: Mapping[str, str]) -> Compared:
    first, second = one["first"], one["second"]
    pooled = one.get("inflated_by_pooling_arms") or one["overall"]
    arms = {arm: _measured(one["arms"][arm]) for arm in ARMS} | {POOLED: _measured(pooled)}
    name, other = _name(first, labels), _name(second, labels)
    id_, other_id = _judge_id(first), _judge_id(second)
    people = (name, other) if first["kind"] == second["kind"] == "person" else None
    return Compared(f"{id_ or name}~{other_id or other}", name, other, id_, other_id, arms, people)


def _judge_id(rater: Json) -> str | None:
    return str(rater["id"]) if rater["kind"] == "judge" else None


def _name(rater: Json, labels: Mapping[str, str]) -> str:
    if rater["kind"] == "judge":
        return labels.get(rater["id"], rater["model"])
    if rater["kind"] == "person":
        return str(rater["name"])
    if rater.get("source") == "override":
        return "People who overrode"
    return "Any two people" if rater["kind"] == "any two people" else "People"


def _measured(found: Json) -> Measured:
    measures = {name: Estimate(**found[name]) for name in MEASURES}
    return Measured(found["n"], found["n_concepts"], found["weak"], tuple(map(tuple, found["counts"])), measures)


def answer(found: Sequence[Compared], judge_id: str) -> tuple[str, str]:
    """How far the judge on screen agrees with people, in a word or two and a sentence."""
    own = next((one for one in found if one.first_id == judge_id and one.second_id is None), None)
    if own is None:
        return "Not known yet", "no person has rated, blind, a drawn pair that this judge rated."
    parts = []
    for arm in ARMS:
        measured = own.arms[arm]
        kappa, bias = measured.measures["kappa"], measured.measures["bias"]
        said = f"kappa {number(kappa.value)} {interval(kappa)}".rstrip() if kappa.value is not None else "no kappa"
        parts.append(f"it rates {arm}s {beside_people(bias)} ({said}, n {measured.n})")
    return "On audited pairs", f"{'; '.join(parts)}."


def beside_people(bias: Estimate) -> str:
    """A judge's bias in plain words."""
    if bias.value is None:
        return "at an unknown distance from people"
    shown = f"{signed(bias.value)} {interval(bias)}".rstrip()
    if bias.low is None or bias.high is None or bias.low <= 0 <= bias.high:
        return f"not clearly above or below people: {shown} points"
    return f"{'above' if bias.value > 0 else 'below'} people: {shown} points"


def foremost(found: Sequence[Compared], judge_id: str) -> tuple[tuple[Compared, ...], tuple[Compared, ...]]:
    """The comparisons that answer for the judge on screen, and the rest: it beside people, and people beside people."""
    first = tuple(one for one in found if _is_foremost(one, judge_id)) or tuple(found)
    return first, tuple(one for one in found if one not in first)


def _is_foremost(one: Compared, judge_id: str) -> bool:
    return one.second_id is None and (one.first_id == judge_id or (one.among_people and one.people is None))


def bias_rows(found: Iterable[Compared]) -> tuple[tuple[str, Estimate, Estimate], ...]:
    """Name, bias on positives and bias on negatives of every comparison with a judge."""
    return tuple(
        (one.short, one.arms["positive"].measures["bias"], one.arms["negative"].measures["bias"])
        for one in found
        if not one.among_people
    )


def batches(trend: Json) -> tuple[tuple[str, dict[str, Estimate]], ...]:
    """Bias by arm of each batch in time, or version of a rubric."""
    key = "batches" if "batches" in trend else "versions"
    return tuple(
        (
            one.get("label") or f"{one['rubric']} {one['rubric_hash'][:6]}",
            {arm: Estimate(**one["arms"][arm]["bias"]) for arm in ARMS},
        )
        for one in trend[key]
    )


def moved(before: Sequence[Compared], after: Sequence[Compared]) -> tuple[Effect, ...]:
    """What has changed from one time to another in each arm of each comparison that was there before."""
    old = {one.key: one for one in before}
    effects = [
        Effect(f"{one.name}, {arm}s", _changes(old[one.key].arms[arm], one.arms[arm]))
        for one in after
        if one.key in old
        for arm in ARMS
    ]
    return tuple(effect for effect in effects if any(each.delta for each in effect.changes))


def _changes(old: Measured, new: Measured) -> tuple[Change, ...]:
    added = new.n - old.n
    n_added = signed(float(added), digits=0) if added else ""
    pairs = Change("Pairs", str(old.n), str(new.n), n_added, hint="Audited pairs that both raters rated.")
    values = (
        change(MEASURES[name][0], old.measures[name].value, new.measures[name].value, hint=MEASURES[name][1])
        for name in ("kappa", "within_one", "bias")
    )
    return (pairs, *values)
