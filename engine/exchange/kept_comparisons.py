"""Comparisons as a study keeps them.

A comparison is kept by the hash of what it found, so that the same comparison of unchanged data adds nothing, and one whose
ratings or lenses have changed since stands beside the earlier one.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from db.rows import ComparisonResultRow, ComparisonRow, Row
from engine.exchange.comparison import Comparison, explain_missing
from engine.stages.progress import now
from engine.stages.stage import write_rows


def keep_comparison(study: Path, comparison: Comparison) -> str:
    """Store a comparison with its results; returns its id. Storing the same again changes nothing.

    One with a run of another study is not stored, for that run's rows are not here.
    """
    identity = comparison_id(comparison)
    if comparison.after.study or comparison.before.study:
        return identity
    write_rows(study, [_row(identity, comparison), *_result_rows(identity, comparison)])
    return identity


def comparison_id(comparison: Comparison) -> str:
    """Hash of what is compared and of what was found."""
    found = [asdict(row) for row in _result_rows("", comparison)]
    content = [comparison.kind, comparison.before.run_id, comparison.after.run_id, _settings(comparison), found]
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()


def _row(identity: str, comparison: Comparison) -> ComparisonRow:
    before, after = comparison.before, comparison.after
    return ComparisonRow(
        comparison_id=identity,
        run_id=before.run_id,
        other_run_id=None if after.run_id == before.run_id else after.run_id,
        kind=comparison.kind,
        variant=comparison.variant,
        family=after.lens.family if after.lens else "none",
        layers=(after.lens.layer,) if after.lens else (),
        settings=json.dumps(_settings(comparison), sort_keys=True),
        compared_at=now(),
    )


def _settings(comparison: Comparison) -> dict[str, object]:
    before, after = comparison.before, comparison.after
    return {
        "judge_before": before.judge.judge_id if before.judge else None,
        "judge_after": after.judge.judge_id if after.judge else None,
        "lens_before": asdict(before.lens) if before.lens else None,
        "lens_after": asdict(after.lens) if after.lens else None,
        "differ": [asdict(setting) for setting in comparison.settings],
    }


def _result_rows(identity: str, comparison: Comparison) -> Iterator[Row]:
    for pair in comparison.pairs:
        for measure, (before, after) in pair.measures.items():
            yield ComparisonResultRow(
                comparison_id=identity,
                concept=pair.match.concept,
                measure=measure,
                before=before.value,
                after=after.value,
                n=min(before.n, after.n),
                kept=None,
                reason=explain_missing(before, after),
            )
