"""The rubric lab's numbers: which pairs a rubric is tried on, what asking costs, and how agreement with people changes."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.data.rubric_lab import Candidate, PairKey, TriedPair
from engine.stats.agreement import FEWEST_PAIRS, Agreement, Cell, agree
from engine.stats.estimate import Estimate
from engine.words import MINUS, count, dollars, integer, interval, number, percent, signed

N_PAIRS: Final = 20
MOST_PAIRS: Final = 100
POOL_ROWS: Final = 400


def choose(pool: Sequence[Candidate], n: int = N_PAIRS) -> tuple[PairKey, ...]:
    """Pairs spread evenly over arms, quadrants and old ratings; tried ones first, then those that people rated."""
    left = list(pool)
    chosen: list[PairKey] = []
    seen: Counter[tuple[str, object]] = Counter()
    while left and len(chosen) < n:
        best = min(left, key=lambda pair: (not pair.is_tried, pair.people_rating is None, _crowd(pair, seen)))
        left.remove(best)
        chosen.append(best.key)
        seen.update(_places(best))
    return tuple(chosen)


def _crowd(pair: Candidate, seen: Counter[tuple[str, object]]) -> int:
    """How much of what a pair stands for is there already; rarer kinds of places count alike."""
    return sum(seen[place] for place in _places(pair))


def _places(pair: Candidate) -> list[tuple[str, object]]:
    rating = None if pair.old_rating is None else round(pair.old_rating)
    places: list[tuple[str, object]] = [
        ("arm", pair.arm),
        ("quadrant", pair.quadrant),
        ("rating", rating),
        ("concept", pair.concept),
    ]
    return [*places, ("kind", pair.negative_kind)]


def describe_choice(pairs: Sequence[TriedPair]) -> str:
    """What the chosen pairs are, in a line."""
    arms, quadrants = Counter(pair.arm for pair in pairs), Counter(pair.quadrant or "none" for pair in pairs)
    n_people = sum(pair.people_rating is not None for pair in pairs)
    spread = " · ".join(f"{letter} {n}" for letter, n in sorted(quadrants.items()))
    said = (f"{arms['positive']} positive", f"{arms['negative']} negative", f"by quadrant {spread}")
    return ", ".join((*said, f"{n_people} rated by people"))


def fingerprint(*parts: object) -> str:
    """What a price was told for: anything that changes it changes this."""
    return hashlib.blake2b(json.dumps(parts, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Price:
    """What asking takes; amounts in US dollars, None where nobody told the model's price."""

    judge: str
    n_calls: int
    n_by_rule: int
    n_input_tokens: int
    n_cached_tokens: int
    n_output_tokens: int
    likely_usd: float | None
    high_usd: float | None
    assumed: tuple[str, ...]

    @property
    def is_free(self) -> bool:
        """Whether nothing can be spent."""
        return not self.n_calls or self.high_usd == 0


def read_price(output: str) -> Price:
    """The price in the document that the command printed; ValueError for any other text."""
    found = _document(output)
    try:
        kinds, cost = found["kinds"], found["cost"]
        totals = {name: sum(int(kind[name]) for kind in kinds) for name in _TOTALS}
        likely, high = (None if cost[name] is None else float(cost[name]) for name in ("likely_usd", "high_usd"))
        dated = f"prices of {cost['prices_as_of']} ({cost['prices_source']})" if cost["prices_as_of"] else ""
        assumed = tuple(filter(None, (dated, *map(str, found["assumptions"]))))
        return Price(str(found["judge"]), likely_usd=likely, high_usd=high, assumed=assumed, **totals)
    except (KeyError, TypeError) as error:
        raise ValueError("the command printed no price") from error


_TOTALS: Final = ("n_calls", "n_by_rule", "n_input_tokens", "n_cached_tokens", "n_output_tokens")


def read_judge_id(output: str) -> str:
    """The judge that was asked, as the command printed it; ValueError for any other text."""
    found = _document(output).get("judge")
    if not isinstance(found, str) or not found:
        raise ValueError("the command named no judge")
    return found


def _document(output: str) -> dict[str, Any]:
    found = json.loads(output)
    if not isinstance(found, dict):
        raise ValueError("the command printed no document")
    return found


def budget(price: Price, *, spent_usd: float) -> float | None:
    """The most that the judge may have cost afterwards, in whole cents upwards; None where the price is unknown or nothing."""
    if price.high_usd is None or price.is_free:
        return None
    return math.ceil(round(100 * (spent_usd + price.high_usd), 6)) / 100


def describe_price(price: Price) -> str:
    """Calls, tokens and money in a sentence."""
    if not price.n_calls:
        return "Everything has already been answered: nothing will be asked or spent."
    cached = f" ({integer(price.n_cached_tokens)} of them cached)" if price.n_cached_tokens else ""
    tokens = f"about {integer(price.n_input_tokens)} tokens in{cached} and {integer(price.n_output_tokens)} out"
    return f"{count(price.n_calls, 'call')}, {tokens}: {describe_money(price)}."


def describe_money(price: Price) -> str:
    """What it costs."""
    if price.likely_usd is None or price.high_usd is None:
        return "at an unknown price"
    return "for nothing" if price.is_free else f"about {dollars(price.likely_usd)}, at most {dollars(price.high_usd)}"


def ask_label(price: Price, n_pairs: int) -> str:
    """What the button says that spends the money."""
    if not price.n_calls:
        return "Show the answers"
    if price.likely_usd is None:
        return f"Ask {n_pairs}, price unknown"
    return f"Ask {n_pairs} for nothing" if price.is_free else f"Ask {n_pairs} for about {dollars(price.likely_usd)}"


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of agreement with people before and after, as written, each with what stands below it.

    `is_worse` says that the new judge is further from people; a bias is worse the further it is from 0.
    """

    name: str
    hint: str
    before: str
    before_under: str
    after: str
    after_under: str
    change: str
    is_worse: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """The pairs that a rubric was tried on, changed ones first, and what changed.

    `measures` compare on the `n_people` pairs that both judges and people rated; `moved` is the mean of new minus old.
    """

    pairs: tuple[TriedPair, ...]
    n_scored: int
    n_unscored: int
    n_changed: int
    moved: Estimate
    measures: tuple[Measure, ...]
    n_people: int
    n_concepts: int
    weak: bool
    n_overrides: int

    @property
    def n_needed(self) -> int:
        """How many more pairs people have to rate until kappa can be told."""
        return max(0, FEWEST_PAIRS - self.n_people)

    @property
    def to_rate(self) -> PairKey | None:
        """The first pair that people have not rated."""
        return next((pair.key for pair in self.pairs if pair.people_rating is None), None)


def build_trial(pairs: Iterable[TriedPair]) -> Trial:
    """Compare the pairs that the new judge voted on."""
    tried = sorted((pair for pair in pairs if pair.is_tried), key=_interest)
    both = [pair for pair in tried if pair.old_rating is not None and pair.new_rating is not None]
    rated = [pair for pair in both if pair.people_rating is not None]
    before, after = (_agree(rated, which) for which in ("old_rating", "new_rating"))
    return Trial(
        pairs=tuple(tried),
        n_scored=sum(pair.new_rating is not None for pair in tried),
        n_unscored=sum(pair.new_rating is None for pair in tried),
        n_changed=sum(change(pair) not in (None, 0) for pair in tried),
        moved=_moved(both),
        measures=_measures(before, after),
        n_people=len(rated),
        n_concepts=after.n_concepts,
        weak=after.weak,
        n_overrides=sum(pair.is_override for pair in rated),
    )


def change(pair: TriedPair) -> float | None:
    """New minus old rating, None where one is missing."""
    return None if pair.old_rating is None or pair.new_rating is None else pair.new_rating - pair.old_rating


def _interest(pair: TriedPair) -> tuple[bool, float]:
    """Unscored pairs first, then the larger the change."""
    moved = change(pair)
    return pair.new_rating is not None, -abs(moved) if moved is not None else 0.0


def _agree(pairs: Sequence[TriedPair], which: str) -> Agreement:
    cells = [(p.concept, _bin(getattr(p, which)), int(p.people_rating or 0), 1) for p in pairs]
    return agree(cells)


def _moved(pairs: Sequence[TriedPair]) -> Estimate:
    cells: list[Cell] = [(p.concept, _bin(p.new_rating), _bin(p.old_rating), 1) for p in pairs]
    return agree(cells).bias


def _bin(rating: float | None) -> int:
    """One of the five ratings, half a step to the even one, as everywhere."""
    return round(rating or 0.0)


MEASURES: Final = (
    (
        "kappa",
        "Kappa",
        "Agreement beyond chance, with quadratic weights, so large differences count more. 1 is perfect.",
    ),
    ("within_one", "Within 1", "Share of pairs where judge and people are at most one rating apart."),
    ("bias", "Bias", "Mean of the judge's rating minus people's. Above 0, the judge is more generous."),
)


def _measures(before: Agreement, after: Agreement) -> tuple[Measure, ...]:
    return tuple(_measure(name, title, hint, before, after) for name, title, hint in MEASURES)


def in_words(agreement: Agreement) -> tuple[tuple[str, str], ...]:
    """Each of the lab's measures as written, with its interval or why there is none."""
    found: list[Estimate] = [getattr(agreement, name) for name, _, _ in MEASURES]
    return tuple(
        (_written(name, one.value), _under(name, one)) for (name, _, _), one in zip(MEASURES, found, strict=True)
    )


def _measure(name: str, title: str, hint: str, before: Agreement, after: Agreement) -> Measure:
    old: Estimate = getattr(before, name)
    new: Estimate = getattr(after, name)
    return Measure(
        name=title,
        hint=hint,
        before=_written(name, old.value),
        before_under=_under(name, old),
        after=_written(name, new.value),
        after_under=_under(name, new),
        change=_difference(name, old.value, new.value),
        is_worse=_is_worse(name, old.value, new.value),
    )


def _written(name: str, value: float | None) -> str:
    if name == "within_one":
        return percent(value)
    return signed(value) if name == "bias" else number(value)


def _under(name: str, estimate: Estimate) -> str:
    """The interval, or why there is none."""
    if estimate.value is None:
        return f"unknown: {estimate.reason}"
    if name == "within_one" and estimate.low is not None:
        return f"[{percent(estimate.low)}, {percent(estimate.high)}]"
    return interval(estimate) or "no interval"


def _is_worse(name: str, before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return False
    return abs(after) > abs(before) if name == "bias" else after < before


def _difference(name: str, before: float | None, after: float | None) -> str:
    """The difference of what is written, so that it adds up; empty where there is none to tell."""
    if before is None or after is None:
        return ""
    moved = round(float(f"{after:.2f}") - float(f"{before:.2f}"), 2)
    if not moved:
        return ""
    if name != "within_one":
        return signed(moved)
    return f"{'+' if moved > 0 else MINUS}{abs(round(100 * moved))} points"
