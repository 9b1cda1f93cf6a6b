"""What models cost: one dated table in US dollars, which a file of the user overrides model by model.

A model that no table names has no price, and what it costs is unknown (None), never nothing. A price holds for a name as the
table writes it, or for one of its aliases: a date at the end of a name is another model until a table says otherwise.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.judges.judge import Usage

BUNDLED = Path(__file__).parent / "prices.toml"
PER = 1_000_000
"""Tokens that a price is told for."""

MODEL_FIELDS = {"as_of", "source", "aliases", "batch_factor", "cache_minimum", "steps"}
STEP_FIELDS = {"up_to", "input", "output", "cache_write", "cache_read"}


@dataclass(frozen=True, slots=True)
class Step:
    """Dollars per million tokens of calls whose prompt holds at most `up_to` tokens; None is any number."""

    input: float
    output: float
    cache_write: float
    cache_read: float
    up_to: int | None = None

    def cost(self, usage: Usage) -> float:
        """Dollars for these tokens, at this step whatever the length of the prompt."""
        return (
            usage.n_input_tokens * self.input
            + usage.n_output_tokens * self.output
            + usage.n_cache_write_tokens * self.cache_write
            + usage.n_cache_read_tokens * self.cache_read
        ) / PER


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of one model; `cache_minimum` is the shortest prefix in tokens that is cached, None where nobody told."""

    model: str
    steps: tuple[Step, ...]
    batch_factor: float = 1.0
    cache_minimum: int | None = None
    as_of: date | None = None
    source: str | None = None

    def step(self, n_prompt_tokens: float) -> Step:
        """The step that holds for a call with a prompt of that length."""
        return next(step for step in self.steps if step.up_to is None or n_prompt_tokens <= step.up_to)

    def cost(self, usage: Usage, *, batch: bool = False) -> float:
        """Dollars for one call; the cached part of a prompt counts to its length."""
        n_prompt_tokens = usage.n_input_tokens + usage.n_cache_write_tokens + usage.n_cache_read_tokens
        return self.step(n_prompt_tokens).cost(usage) * (self.batch_factor if batch else 1.0)


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by the name of the model, aliases among the names."""

    by_name: Mapping[str, Price] = field(default_factory=dict)

    def find(self, model: str) -> Price | None:
        """The price of a model, None where no table names it."""
        return self.by_name.get(model)

    def cost(self, model: str, usage: Usage, *, batch: bool = False) -> float | None:
        """Dollars for one call, None where no table names the model."""
        price = self.find(model)
        return None if price is None else price.cost(usage, batch=batch)


def load_prices(file: Path | None = None) -> Prices:
    """The bundled table, overridden by the user's; ConfigError names file and field."""
    bundled, own = _read(BUNDLED), _read(file) if file else {}
    # Whoever prices a model anew means its aliases as well.
    return Prices({name: own.get(price.model, price) for name, price in bundled.items()} | own)


def _read(file: Path) -> dict[str, Price]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"There is no price table at {file} ({error.strerror}).") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file} is not a TOML file: {error}.") from error
    models = _table(content, f"{file}: the price table", {"models"}).get("models")
    if not isinstance(models, dict) or not models:
        raise ConfigError(f'{file}: table "models" is missing or empty.')
    prices: dict[str, Price] = {}
    for model, entry in models.items():
        price, names = _price(model, entry, f'{file}: model "{model}"')
        for name in names:
            if name in prices:
                raise ConfigError(f'{file}: "{name}" has two prices.')
            prices[name] = price
    return prices


def _price(model: str, entry: object, place: str) -> tuple[Price, list[str]]:
    """The price that an entry of a table states, and the names that it holds for."""
    given = _table(entry, place, MODEL_FIELDS)
    aliases, steps = given.get("aliases", []), given.get("steps")
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise ConfigError(f'{place}: field "aliases" must be a list of names.')
    if not isinstance(steps, list) or not steps:
        raise ConfigError(f'{place}: field "steps" must be a list with at least one step.')
    if type(given.get("as_of", date.min)) is not date:
        raise ConfigError(f'{place}: field "as_of" must be a date such as 2026-10-07.')
    if not isinstance(given.get("source", ""), str):
        raise ConfigError(f'{place}: field "source" must be a text.')
    price = Price(
        model=model,
        steps=_steps(steps, place),
        batch_factor=_number(given, "batch_factor", place, default=1.0),
        cache_minimum=_whole(given, "cache_minimum", place),
        as_of=given.get("as_of"),
        source=given.get("source"),
    )
    return price, [model, *aliases]


def _steps(entries: list[object], place: str) -> tuple[Step, ...]:
    """Steps in ascending order, of which the last alone is open."""
    steps = tuple(_step(entry, f"{place}, step {number}") for number, entry in enumerate(entries, start=1))
    bounds = [math.inf if step.up_to is None else step.up_to for step in steps]
    if bounds != sorted(set(bounds)) or bounds[-1] != math.inf:
        raise ConfigError(f'{place}: "up_to" must grow from step to step, and the last step must have none.')
    return steps


def _step(entry: object, place: str) -> Step:
    given = _table(entry, place, STEP_FIELDS)
    price = _number(given, "input", place)
    return Step(
        input=price,
        output=_number(given, "output", place),
        cache_write=_number(given, "cache_write", place, default=price),
        cache_read=_number(given, "cache_read", place, default=price),
        up_to=_whole(given, "up_to", place),
    )


def _table(entry: object, place: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise ConfigError(f"{place} must be a table.")
    if unknown := entry.keys() - known:
        raise ConfigError(f'{place}: field "{min(unknown)}" is unknown.', hint=f"Known: {', '.join(sorted(known))}.")
    return entry


def _number(given: Mapping[str, Any], name: str, place: str, *, default: float | None = None) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ConfigError(f'{place}: field "{name}" must be a number of at least 0.')
    return float(value)


def _whole(given: Mapping[str, Any], name: str, place: str) -> int | None:
    value = given.get(name)
    if value is not None and (type(value) is not int or value < 1):
        raise ConfigError(f'{place}: field "{name}" must be a whole number of at least 1.')
    return value
