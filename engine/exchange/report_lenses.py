"""The lenses that a report is about, from rows of `findings.lenses`, and what it says of them as JSON. Unknown is null."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from engine.errors import ConfigError
from engine.exchange.lens_measures import NO_LENS, PARTS, RATES, parts_json
from engine.stats.estimate import Estimate
from engine.stats.layers import layers_name
from engine.stats.lens_results import LensResult, summarise_lenses

Json = dict[str, Any]
LENS_ID, _UNLIKE = 20, 21
"""Places of these columns in rows of `findings.lenses`."""


def require_trained(run: str, family: str | None, lenses: Iterable[tuple[Any, ...]]) -> None:
    """Raise ConfigError for a family that is asked for by name and that the run has no lens of."""
    trained = sorted({row[1] for row in lenses})
    if family is not None and family not in trained:
        hint = f"It has {', '.join(trained)}; train others: lensgap train." if trained else "Train them: lensgap train."
        raise ConfigError(f"Run {run} has no {family} lenses.", hint=hint)


def own_lenses(rows: Iterable[tuple[Any, ...]], *, family: str) -> list[tuple[Any, ...]]:
    """The lenses of a family that read one layer and are nearest to the run's settings, from rows of `findings.lenses`.

    Lenses that read several layers joined, or another phase, mode or pool, stand beside them in the report.
    """
    of_family = [row for row in rows if row[1] == family and len(row[2]) == 1]
    nearest = min((row[_UNLIKE] for row in of_family), default=0)
    return [row for row in of_family if row[_UNLIKE] == nearest]


def deepest_rows(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """The row of each concept at the deepest trained layer."""
    deepest: dict[str, tuple[Any, ...]] = {}
    for row in rows:
        if row[0] not in deepest or row[2] > deepest[row[0]][2]:
            deepest[row[0]] = row
    return deepest


def deepest_lenses(rows: Iterable[tuple[Any, ...]]) -> dict[str, LensResult]:
    """The lens of each concept at the deepest trained layer."""
    return {
        concept: LensResult(
            concept=concept,
            f1=row[5],
            f1_low=row[6],
            f1_high=row[7],
            always_positive_f1=row[12],
            shuffled_f1=row[13],
            text_only_f1=row[14],
            length_only_f1=row[15],
            n=row[16] + row[17],
            reason=row[19],
        )
        for concept, row in deepest_rows(rows).items()
    }


def deepest_layer(rows: Iterable[tuple[Any, ...]]) -> int | None:
    """The deepest layer that one of these lenses reads; None without lenses."""
    return max((row[2][0] for row in rows), default=None)


def lenses_by_concept(
    rows: Iterable[tuple[Any, ...]], measures: Mapping[str, Mapping[str, Estimate]]
) -> dict[str, list[Json]]:
    """Every lens of each concept, with what it reads."""
    found: dict[str, list[Json]] = {}
    for row in rows:
        concept, family, layers, phase, mode, f1, low, high, _, _, auc, *_, reason, lens_id, _ = row
        lens = {"family": family, "reads": layers_name(layers), "layers": layers, "phase": phase, "mode": mode}
        lens |= {"f1": f1, "low": low, "high": high, "auc": auc, "reason": reason}
        lens |= parts_json(measures.get(lens_id, {}), reason=reason)
        found.setdefault(concept, []).append(lens)
    return found


def lens_summary_json(lenses: Iterable[LensResult]) -> Json:
    """Mean F1 and mean baselines of the concepts that have them, each with its interval."""
    summary = summarise_lenses(lenses)
    return {
        "mean_f1": summary.f1.value,
        "low": summary.f1.low,
        "high": summary.f1.high,
        "n": summary.f1.n,
        "reason": summary.f1.reason,
        "always_positive_f1": summary.always_positive.value,
        "shuffled_f1": summary.shuffled.value,
        "text_only_f1": summary.text_only.value,
        "over_text_only": asdict(summary.over_text),
        "length_only_f1": summary.length_only.value,
        "baselines": {
            "always_positive_f1": asdict(summary.always_positive),
            "shuffled_f1": asdict(summary.shuffled),
            "text_only_f1": asdict(summary.text_only),
            "length_only_f1": asdict(summary.length_only),
        },
    }


def lens_json(lens: LensResult | None, measures: Mapping[str, Estimate]) -> Json:
    """One concept's lens with its baselines and what else was measured of it."""
    if lens is None:
        return {"f1": None, "reason": NO_LENS, **parts_json({}, reason=NO_LENS, names=(*PARTS, *RATES))}
    return {
        "f1": lens.f1,
        "low": lens.f1_low,
        "high": lens.f1_high,
        "n": lens.n,
        "reason": lens.reason,
        "always_positive_f1": lens.always_positive_f1,
        "shuffled_f1": lens.shuffled_f1,
        "text_only_f1": lens.text_only_f1,
        "length_only_f1": lens.length_only_f1,
        **parts_json(measures, reason=lens.reason, names=(*PARTS, *RATES)),
    }
