"""Learning curves of a run, and one as JSON: what is measured, what twice the pairs would give, where it leads."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import duckdb

from db import query
from engine.stats.estimate import Estimate
from engine.stats.learning_curve import LearningCurve, read_curves
from engine.stats.power_law import asymptote, expected_f1

Json = dict[str, Any]


def load_curves(
    cursor: duckdb.DuckDBPyConnection, run_id: str, *, family: str | None = None
) -> Mapping[str, LearningCurve]:
    """The curves of a run by concept: those of the family where it has any, else those that were measured last."""
    rows = cursor.execute(query("learning_curves.of_run"), {"run_id": run_id, "family": family}).fetchall()
    return read_curves(rows)


def curve_json(curve: LearningCurve | None) -> Json | None:
    """A curve with what it expects of as many pairs as there are, of twice as many, and of ever more."""
    if curve is None:
        return None
    expected = {n: expected_f1(curve, n) for n in (curve.n_pairs, 2 * curve.n_pairs)} if curve.n_pairs else {}
    return {
        "lens": curve.lens,
        "n_pairs": curve.n_pairs,
        "points": [
            {"n_train": n, "f1": f1, "error": curve.covariance[i][i] ** 0.5}
            for i, (n, f1) in enumerate(zip(curve.n_train, curve.f1, strict=True))
        ],
        "expected": [{"n_pairs": n, **asdict(estimate)} for n, estimate in expected.items()],
        "gain_of_twice": _gain(expected.values()),
        "asymptote": asdict(asymptote(curve)),
    }


def _gain(expected: Iterable[Estimate]) -> float | None:
    values = [estimate.value for estimate in expected if estimate.value is not None]
    return max(0.0, values[1] - values[0]) if len(values) == 2 else None
