"""What a run will ask of its model, told before a token is generated; nothing is written.

Time is told only from a rate that was measured in the same study with the same model, tokens from texts that it wrote there;
else there is an upper bound, or nothing and the reason why.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from db import connect, query
from engine.config import StudyConfig
from engine.errors import StudyMissing
from engine.exchange.judging_forecast import forecast_planned_judging
from engine.judges.costs.preflight import preflight_json
from engine.prompts.plan import Planner
from engine.stages.select import PreparedRun, choose, prepare_run
from engine.terminal import dollars


@dataclass(frozen=True, slots=True)
class Forecast:
    """Counts of the plan; `n_tokens` are expected output tokens, a bound where `is_bound`, `seconds` None with a reason."""

    run_id: str
    n_concepts: int
    n_positive: int
    n_negative: dict[str, int]
    n_samples: int
    n_generated: int
    n_to_generate: int
    n_reused: int
    n_duplicate_prompts: int
    n_tokens: int
    is_bound: bool
    tokens_per_second: float | None
    seconds: float | None
    reason: str | None
    judging: Mapping[str, Any]
    """Calls and cost of judging all of it, as `lensgap judge run --dry-run --json` tells them."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the study knows already."""

    n_generated: int = 0
    mean_tokens: float | None = None
    tokens_per_second: float | None = None


def build_forecast(study: Path, config: StudyConfig) -> Forecast:
    """Plan a run with these settings and count; the study need not exist."""
    prepared = prepare_run(config)
    concepts = [profile.concept.term for profile in choose(prepared)]
    pairs = Planner(prepared.pack, prepared.templates, config, run_id=prepared.run_id).plan(concepts)
    samples = {pair.sample.sample_id: pair.sample.prompt for pair in pairs}
    known = _measure(study, prepared)
    n_to_generate = len(samples) - known.n_generated
    mean = known.mean_tokens if known.mean_tokens is not None else config.max_new_tokens
    n_tokens = round(n_to_generate * mean)
    rate = known.tokens_per_second
    judging = forecast_planned_judging(
        config, prepared.pack, n_samples=len(samples), n_pairs=len(pairs), tokens_a_text=mean
    )
    return Forecast(
        run_id=prepared.run_id,
        n_concepts=len(concepts),
        n_positive=sum(pair.arm == "positive" for pair in pairs),
        n_negative=dict(Counter(pair.negative_kind for pair in pairs if pair.negative_kind)),
        n_samples=len(samples),
        n_generated=known.n_generated,
        n_to_generate=n_to_generate,
        n_reused=len(pairs) - len(samples),
        n_duplicate_prompts=len(samples) - len(set(samples.values())),
        n_tokens=n_tokens,
        is_bound=known.mean_tokens is None,
        tokens_per_second=rate,
        seconds=n_tokens / rate if rate else None,
        reason=None if rate else "no rate is known: this model has generated nothing in this study yet",
        judging=preflight_json(judging),
    )


def _measure(study: Path, prepared: PreparedRun) -> _Measured:
    try:
        with connect(study) as cursor:
            generated = cursor.execute(query("stages.generated"), {"run_id": prepared.run_id}).fetchone()
            model = {"model_fingerprint": prepared.model_fingerprint}
            timed = cursor.execute(query("stages.generation_rate"), model).fetchone()
    except StudyMissing:
        return _Measured()
    if generated is None or timed is None:
        return _Measured()
    return _Measured(generated[0], generated[1], timed[0])


def forecast_table(forecast: Forecast) -> Table:
    """The forecast for a terminal, one line a count."""
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(forecast.n_negative.items())) or "none"
    table = Table(box=box.SIMPLE_HEAD, show_header=False, show_edge=False, title=f"Plan of run {forecast.run_id}")
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_row("concepts", f"{forecast.n_concepts:,}")
    table.add_row("pairs", f"{forecast.n_positive:,} positive; negative: {kinds}")
    table.add_row("samples to generate", f"{forecast.n_to_generate:,} ({forecast.n_generated:,} are there already)")
    table.add_row("reused", f"{forecast.n_reused:,} pairs are served by a sample of another pair")
    table.add_row("prompts asked again", f"{forecast.n_duplicate_prompts:,}")
    table.add_row("tokens", f"{'at most' if forecast.is_bound else 'about'} {forecast.n_tokens:,} output tokens")
    table.add_row("time", _time(forecast))
    table.add_row("judging", _judging(forecast))
    return table


def _judging(forecast: Forecast) -> str:
    calls, cost = f"{forecast.judging['n_calls']:,} questions", forecast.judging["cost"]
    if not cost["known"]:
        return f"{calls}; cost unknown: {cost['reason']}"
    return f"{calls}; {'about ' + dollars(cost['likely_usd']) if cost['high_usd'] else 'no cost'}"


def _time(forecast: Forecast) -> str:
    if forecast.seconds is None:
        return f"unknown: {forecast.reason}"
    bound = "at most" if forecast.is_bound else "about"
    return f"{bound} {forecast.seconds / 60:,.1f} min at {forecast.tokens_per_second:,.0f} tokens/s, measured here"
