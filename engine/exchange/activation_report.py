"""Activation quality of a run as one JSON document: what was measured, and outputs against activations.

Only rows of the study are read, so that neither torch nor an activation is needed. The table of outputs against activations
follows verdicts, and so moves with every rating.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from db import connect, query
from engine.exchange.ask import Ask, asking
from engine.stats.activation_cells import CellCount, CellTable, Worth, cell_table
from engine.stats.form import FormRule

Json = dict[str, Any]
WORTHS: tuple[Worth, ...] = ("form", "topic")
N_EXAMPLES = 3
_LENS_ID = 20
"""Place of that column in rows of `findings.lenses`."""


def load_activations(
    study: Path, run_id: str, *, judge_id: str | None, k: int, form_rule: FormRule, ask: Ask | None = None
) -> Json | None:
    """What was measured last in a run, by the form rule if anything was, with outputs against activations; else None."""
    quality = load_quality(study, run_id, form_rule=form_rule)
    return quality and quality | {
        "outputs_against_activations": load_cells(study, quality, judge_id=judge_id, k=k, ask=ask)
    }


def load_quality(
    study: Path, run_id: str, *, quality_id: str | None = None, form_rule: FormRule | None = None
) -> Json | None:
    """What was measured last in a run, by a form rule if anything was, or under an id; None where nothing was."""
    with connect(study) as cursor:
        values = {"run_id": run_id, "quality_id": quality_id, "form_rule": form_rule}
        row = cursor.execute(query("activation_quality.latest"), values).fetchone()
        if row is None:
            return None
        results = cursor.execute(query("activation_quality.results"), {"quality_id": row[0]}).fetchall()
    identity, run, family, layer, mode, pool, form_rule, settings, measured_at = row
    grains = _by_grain(results)
    return {
        "activation_quality": identity,
        "run": run,
        "family": family,
        "layer": layer,
        "mode": mode,
        "pool": pool,
        "form_rule": form_rule,
        "settings": json.loads(settings),
        "measured_at": measured_at.isoformat(),
        "overall": grains["overall"]["all"],
        "quadrants": grains["quadrant"],
        "concepts": grains["concept"],
    }


def _by_grain(results: Iterable[tuple[Any, ...]]) -> dict[str, dict[str, Json]]:
    """Each measure by grain, name and outputs."""
    found: dict[str, dict[str, Json]] = {"overall": {}, "quadrant": {}, "concept": {}}
    for grain, name, outputs, measure, value, low, high, p, n, reason, method in results:
        estimate = {"value": value, "low": low, "high": high, "p": p, "n": n, "reason": reason, "method": method}
        found[grain].setdefault(name, {}).setdefault(outputs, {})[measure] = estimate
    return found


def load_cells(
    study: Path, quality: Mapping[str, Any], *, judge_id: str | None, k: int, ask: Ask | None = None
) -> Json:
    """Outputs against activations for the lenses that a measuring is of, trained on outputs; `reason` where there are none."""
    family, layer, run = quality["family"], quality["layer"], quality["run"]
    with connect(study) as cursor:
        ask = ask or asking(cursor)
        lenses = ask("findings.lenses", {"run_id": run, "concept": None})
        own = [
            row[_LENS_ID]
            for row in lenses
            if row[1] == family and list(row[2]) == [layer] and (row[3], row[4]) == ("output", quality["mode"])
        ]
        values = {"run_id": run, "judge_id": judge_id, "lens_ids": own, "form_rule": quality["form_rule"], "k": k}
        rows = ask("activation_quality.cells", values | {"n_examples": N_EXAMPLES, "concept": None})
    counts = [
        CellCount(concept, quadrant, arm == "positive", is_good, is_on_topic, fires, n, tuple(examples))
        for concept, quadrant, arm, is_good, is_on_topic, fires, n, examples in rows
    ]
    missing = f"no {family} lens of outputs at layer {layer} has been trained and measured; train it: lensgap train"
    quadrants = sorted({one.quadrant for one in counts if one.quadrant})
    return {
        "judge": judge_id,
        "k": k,
        "reason": None if counts else missing,
        "overall": _tables(counts),
        "quadrants": {name: _tables([one for one in counts if one.quadrant == name]) for name in quadrants},
    }


def _tables(counts: list[CellCount]) -> Json:
    return {worth: _table(cell_table(counts, worth, n_examples=N_EXAMPLES)) for worth in WORTHS}


def _table(table: CellTable) -> Json:
    return {
        "n": table.n,
        "n_unrated": table.n_unrated,
        "cells": [asdict(cell) for cell in table.cells],
        "fires": [{"arm": arm, "is_good": is_good, **asdict(rate)} for (arm, is_good), rate in table.fires.items()],
    }
