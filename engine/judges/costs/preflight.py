"""What judging will take, told before a cent is spent: calls, tokens, money, and what these numbers assume.

Everything is worked out from counts of pending votes and from a handful of questions as they would be sent. A judge whose
price nobody told has an unknown cost, never none.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.judges.costs.prices import Price
from engine.judges.judge import Kind, Usage
from engine.terminal import dollars, visible

CHARS_A_TOKEN = 4
FEWEST_CHARS_A_TOKEN = 1
"""What is assumed for the high figure where nothing was counted: that of texts in dense scripts."""
REPLY_TOKENS: dict[Kind, int] = {"topic": 15, "relevance": 45}
"""Length of a reply that is assumed of a judge which has not replied yet: a small JSON object, without thinking."""

TITLES: dict[Kind, str] = {"topic": "topics", "relevance": "relevance"}


@dataclass(frozen=True, slots=True)
class Example:
    """A question as it would be sent, in characters; `n_tokens` of the whole where the endpoint has counted them."""

    n_system_chars: int
    n_user_chars: int
    n_text_chars: int
    n_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToAsk:
    """What is pending of a kind: votes, those that a rule answers because their text is empty, characters of all texts.

    `mean_reply_tokens` is that of the judge's earlier replies, None where there are none.
    """

    kind: Kind
    n_votes: int
    n_empty: int
    n_chars: int
    examples: tuple[Example, ...] = ()
    mean_reply_tokens: float | None = None

    @property
    def n_calls(self) -> int:
        """Votes that the judge is called for."""
        return self.n_votes - self.n_empty

    @property
    def n_prefix_chars(self) -> float:
        """Characters of the rubric, which are the same in every call."""
        return sum(example.n_system_chars for example in self.examples) / max(1, len(self.examples))

    @property
    def n_input_chars(self) -> float:
        """Characters of all calls: rubric, what stands around the text, and the texts."""
        around = [example.n_user_chars - example.n_text_chars for example in self.examples]
        return self.n_calls * (self.n_prefix_chars + sum(around) / max(1, len(around))) + self.n_chars

    @property
    def n_most_chars(self) -> int:
        """Characters of all calls if what stands around each text were as long as around the example with the longest."""
        around = (one.n_system_chars + one.n_user_chars - one.n_text_chars for one in self.examples)
        return self.n_calls * max(around, default=0) + self.n_chars


@dataclass(frozen=True, slots=True)
class KindForecast:
    """What one kind of question will take; cached tokens are among the input tokens.

    `n_most_tokens` are the input tokens if all were like the example that takes most.
    """

    kind: Kind
    n_calls: int
    n_by_rule: int
    n_input_tokens: int
    n_cached_tokens: int
    n_output_tokens: int
    n_most_tokens: int


@dataclass(frozen=True, slots=True)
class Preflight:
    """What judging will take; `likely_usd` and `high_usd` are None unless `known`.

    The high figure is that of questions like the example that takes most tokens, all written to the cache and none read from it,
    and of replies that all take the `max_tokens` they are allowed. It is no bound: only a budget is one.
    """

    judge: str
    kinds: tuple[KindForecast, ...]
    known: bool
    likely_usd: float | None
    high_usd: float | None
    is_batch: bool
    prices_as_of: date | None
    prices_source: str | None
    assumptions: tuple[str, ...]

    @property
    def n_calls(self) -> int:
        """Calls of all kinds."""
        return sum(kind.n_calls for kind in self.kinds)


def forecast_judging(
    to_ask: Sequence[ToAsk],
    *,
    judge: str,
    price: Price | None,
    max_tokens: int,
    is_free: bool = False,
    caching: bool = False,
    batch: bool = False,
) -> Preflight:
    """Work out what the pending votes will take; `caching` tells that the endpoint caches prefixes.

    Raises ValueError for calls without an example of them.
    """
    if any(part.n_calls and not part.examples for part in to_ask):
        raise ValueError("calls are forecast from an example of them")
    examples = [example for part in to_ask for example in part.examples]
    (rate, how_counted), most = tokens_a_char(examples), most_tokens_a_char(examples)
    kinds = tuple(_forecast(part, rate, most, _caches(part, rate, price, caching and not batch)) for part in to_ask)
    likely, high = _money(kinds, price, max_tokens, batch=batch) if price else (None, None)
    if is_free:
        likely = high = 0.0
    paid = price is not None and not is_free
    return Preflight(
        judge=judge,
        kinds=kinds,
        known=likely is not None,
        likely_usd=likely,
        high_usd=high,
        is_batch=batch,
        prices_as_of=price.as_of if price and paid else None,
        prices_source=price.source if price and paid else None,
        assumptions=(
            () if is_free else (how_counted, *_of_replies(to_ask), *_of_cache(to_ask, rate, price, caching, batch))
        ),
    )


def tokens_a_char(examples: Sequence[Example]) -> tuple[float, str]:
    """Tokens for a character, and where that is known from."""
    counted = [(e.n_system_chars + e.n_user_chars, e.n_tokens) for e in examples if e.n_tokens is not None]
    if n_chars := sum(chars for chars, _ in counted):
        rate = sum(tokens for _, tokens in counted) / n_chars
        return rate, f"tokens as the endpoint counted them for {len(counted):,} of the questions"
    return 1 / CHARS_A_TOKEN, f"{CHARS_A_TOKEN} characters a token, since the endpoint has counted none"


def most_tokens_a_char(examples: Sequence[Example]) -> float:
    """Tokens for a character in the example that takes most of them."""
    counted = [
        e.n_tokens / n_chars
        for e in examples
        if e.n_tokens is not None and (n_chars := e.n_system_chars + e.n_user_chars)
    ]
    return max(counted, default=1 / FEWEST_CHARS_A_TOKEN)


def _caches(part: ToAsk, rate: float, price: Price | None, caching: bool) -> bool:
    """Whether the rubric will be read from the cache."""
    minimum = price.cache_minimum if price else None
    return caching and minimum is not None and part.n_prefix_chars * rate >= minimum


def _forecast(part: ToAsk, rate: float, most: float, caches: bool) -> KindForecast:
    reply = REPLY_TOKENS[part.kind] if part.mean_reply_tokens is None else part.mean_reply_tokens
    return KindForecast(
        kind=part.kind,
        n_calls=part.n_calls,
        n_by_rule=part.n_empty,
        n_input_tokens=round(part.n_input_chars * rate),
        # The first call writes what all others read.
        n_cached_tokens=round(part.n_prefix_chars * rate * max(0, part.n_calls - 1)) if caches else 0,
        n_output_tokens=round(part.n_calls * reply),
        n_most_tokens=max(round(part.n_most_chars * most), round(part.n_input_chars * rate)),
    )


def _money(kinds: Sequence[KindForecast], price: Price, max_tokens: int, *, batch: bool) -> tuple[float, float]:
    """The likely and the high figure in dollars."""
    likely = high = 0.0
    factor = price.batch_factor if batch else 1.0
    for kind in kinds:
        step = price.step(kind.n_input_tokens / max(1, kind.n_calls))
        fresh, cached = kind.n_input_tokens - kind.n_cached_tokens, kind.n_cached_tokens
        written = round(cached / (kind.n_calls - 1)) if cached else 0
        likely += factor * step.cost(Usage(fresh - written, kind.n_output_tokens, cached, written))
        high += factor * _most(kind, price, max_tokens)
    return likely, high


def _most(kind: KindForecast, price: Price, max_tokens: int) -> float:
    """Dollars where everything goes the dear way: the most tokens, each written to the cache if that costs more."""
    n_output = max(kind.n_output_tokens, kind.n_calls * max_tokens)
    usages = Usage(kind.n_most_tokens, n_output), Usage(0, n_output, n_cache_write_tokens=kind.n_most_tokens)
    step = price.step(kind.n_most_tokens / max(1, kind.n_calls))
    return max(step.cost(usage) for usage in usages)


def _of_replies(to_ask: Sequence[ToAsk]) -> list[str]:
    assumed = [part.kind for part in to_ask if part.n_calls and part.mean_reply_tokens is None]
    if not assumed:
        return ["replies as long as this judge's earlier ones"]
    lengths = " and ".join(f"{REPLY_TOKENS[kind]} tokens on {TITLES[kind]}" for kind in assumed)
    return [f"replies of {lengths}, which does not count what a model thinks before it replies"]


def _of_cache(to_ask: Sequence[ToAsk], rate: float, price: Price | None, caching: bool, batch: bool) -> list[str]:
    """What is assumed of the cache, where one is to be had."""
    if price is None or not caching:
        return []
    if batch:
        return ["no cache hits, on which a batch cannot count"]
    if price.cache_minimum is None:
        return ["no cache hits, since nobody told from how many tokens the model caches"]
    lengths = [part.n_prefix_chars * rate for part in to_ask if part.n_calls]
    if lengths and min(lengths) < price.cache_minimum:
        return [
            f"no cache hits where the rubric is shorter than the {price.cache_minimum:,} tokens from which the model caches "
            f"(it takes about {' and '.join(f'{length:,.0f}' for length in lengths)})"
        ]
    return ["the rubric read from the cache by every call but the first"]


def preflight_json(preflight: Preflight) -> dict[str, Any]:
    """The preflight as a JSON document; an unknown cost is null."""
    return {
        "judge": preflight.judge,
        "n_calls": preflight.n_calls,
        "kinds": [asdict(kind) for kind in preflight.kinds],
        "cost": {
            "known": preflight.known,
            "likely_usd": preflight.likely_usd,
            "high_usd": preflight.high_usd,
            "reason": None if preflight.known else "no table names a price of this model",
            "is_batch": preflight.is_batch,
            "prices_as_of": preflight.prices_as_of.isoformat() if preflight.prices_as_of else None,
            "prices_source": preflight.prices_source,
        },
        "assumptions": list(preflight.assumptions),
    }


def preflight_table(preflight: Preflight) -> Group:
    """The preflight for a terminal: a line a kind, then the money and what it assumes."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column("")
    for name in ("calls", "by rule", "input tokens", "of them cached", "output tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind in preflight.kinds:
        table.add_row(TITLES[kind.kind], *(f"{n:,}" for n in _counts(kind)))
    if len(preflight.kinds) > 1:
        table.add_section()
        table.add_row("all", *(f"{sum(n):,}" for n in zip(*map(_counts, preflight.kinds), strict=True)))
    title = Text(f"Before judging by {visible(preflight.judge)}\n", style="italic")
    return Group(title, table, Text(f"\n{describe_cost(preflight)}", style="bold"), _assumed(preflight))


def _counts(kind: KindForecast) -> tuple[int, ...]:
    return kind.n_calls, kind.n_by_rule, kind.n_input_tokens, kind.n_cached_tokens, kind.n_output_tokens


def describe_cost(preflight: Preflight) -> str:
    """The cost in one sentence."""
    if preflight.likely_usd is None or preflight.high_usd is None:
        return "Cost: price unknown. No table names this model; name one that does with --prices."
    if preflight.high_usd == 0:
        return "Cost: none."
    batch = " as a batch" if preflight.is_batch else ""
    return (
        f"Cost: about {dollars(preflight.likely_usd)}{batch}; {dollars(preflight.high_usd)} if all were like the question "
        "that takes most, nothing were read from a cache and every reply were as long as it may be."
    )


def _assumed(preflight: Preflight) -> Text:
    dated = f" of {preflight.prices_as_of}" if preflight.prices_as_of else ""
    source = f" ({visible(preflight.prices_source)})" if preflight.prices_source else ""
    prices = [f"prices{dated}{source}"] if dated or source else []
    assumed = "; ".join((*prices, *preflight.assumptions))
    return Text(f"Assumed: {assumed}." if assumed else "", style="dim")
