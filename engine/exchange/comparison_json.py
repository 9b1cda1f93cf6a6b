"""A comparison as JSON: all of it with each n and reason, which is also what a plot of it is drawn from."""

from dataclasses import asdict
from typing import Any

from engine.exchange.comparison import Comparison, Pair, Side, Value, explain_missing
from engine.exchange.told_comparisons import Summary, Told, is_changed

Json = dict[str, Any]


def comparison_json(identity: str | None, told: Told) -> Json:
    """The comparison with its id where it is kept under one, and the differences over concepts; unknown is null with a reason."""
    comparison = told.comparison
    return {
        "comparison": identity,
        "kind": comparison.kind,
        "before": _side(comparison.before),
        "after": _side(comparison.after),
        "differ": [asdict(setting) for setting in comparison.settings],
        "n_matched": len(comparison.pairs),
        "unmatched": dict(comparison.unmatched),
        "measures": [_summary(summary) for summary in told.summaries],
        "concepts": [_concept(comparison, *each) for each in zip(comparison.pairs, _tests(told), strict=True)],
    }


def _tests(told: Told) -> list[Json]:
    """Of each concept, interval and p of its own change of every measure, by measure; null where it cannot be tested."""
    found: list[Json] = [{} for _ in told.comparison.pairs]
    for measure, of_concepts in told.tests.items():
        for tests, test in zip(found, of_concepts, strict=True):
            change, ends = test.change, {"low": test.change.estimate.low, "high": test.change.estimate.high}
            tests[measure] = {**ends, "p": change.p, "adjusted_p": test.p, "method": change.estimate.method}
    return found


def _side(side: Side) -> Json:
    return {
        "run": side.run_id,
        "study": side.study,
        "pack": side.pack,
        "judge": asdict(side.judge) if side.judge else None,
        "lens": asdict(side.lens) if side.lens else None,
        "n_concepts": len(side.concepts),
    }


def _summary(summary: Summary) -> Json:
    paired = summary.paired
    return {
        "measure": summary.measure,
        "among": summary.among,
        "before": asdict(paired.before),
        "after": asdict(paired.after),
        "difference": asdict(paired.difference),
        "difference_by_bootstrap": asdict(paired.bootstrap),
        "n": paired.n,
        "n_missing": paired.n_missing,
        "n_rose": paired.n_rose,
        "n_fell": paired.n_fell,
        "sign_p": paired.sign_p,
        "wilcoxon_p": paired.wilcoxon_p,
        "adjusted_p": summary.p,
    }


def _concept(comparison: Comparison, pair: Pair, tests: Json) -> Json:
    match = pair.match
    return {
        "concept": match.concept,
        "after": list(match.after),
        "is_changed": is_changed(comparison, match),
        "quadrant_before": match.quadrant_before,
        "quadrant_after": match.quadrant_after,
        "measures": {name: _values(before, after) for name, (before, after) in pair.measures.items()},
        "tests": tests,
        "gap_test": tests.get("gap"),
    }


def _values(before: Value, after: Value) -> Json:
    both = before.value is not None and after.value is not None
    return {
        "before": before.value,
        "after": after.value,
        "difference": after.value - before.value if both else None,  # type: ignore[operator]
        "n_before": before.n,
        "n_after": after.n,
        "reason": explain_missing(before, after),
    }
