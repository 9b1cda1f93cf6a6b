"""What the report says of a lens beside its F1: the F1 where it is harder, and whether it takes a shortcut.

The names are those of the dashboard and of the study's measures. Unknown is null with a reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

import duckdb

from db import query
from engine.stats.estimate import Estimate, unknown
from engine.stats.shortcut import (
    DEGENERATE_NEGATIVE,
    DEGENERATE_POSITIVE,
    GOOD_NEGATIVE,
    GOOD_POSITIVE,
    shortcut_alarm,
)

Json = dict[str, Any]
PARTS: Final = ("f1_sibling_negatives", "f1_good_outputs")
RATES: Final = (DEGENERATE_POSITIVE, DEGENERATE_NEGATIVE, GOOD_POSITIVE, GOOD_NEGATIVE)
NO_LENS: Final = "no lens has been trained"


def load_lens_measures(cursor: duckdb.DuckDBPyConnection, run_id: str) -> dict[str, dict[str, Estimate]]:
    """The F1s on parts of the pairs and the firing rates of every lens of a run, by lens and measure."""
    found: dict[str, dict[str, Estimate]] = {}
    values = {"run_id": run_id, "measures": [*PARTS, *RATES]}
    for lens_id, measure, *estimate in cursor.execute(query("findings.lens_measures"), values).fetchall():
        found.setdefault(lens_id, {})[measure] = Estimate(*estimate)
    return found


def parts_json(measures: Mapping[str, Estimate], *, reason: str | None, names: Iterable[str] = PARTS) -> Json:
    """These measures and the shortcut alarm of a lens; `reason` tells why it was not measured, if so."""
    lacking = {name: unknown(reason or "it was not measured", method=name) for name in (*PARTS, *RATES)}
    whole = {**lacking, **measures}
    alarm = shortcut_alarm(measures)
    return {
        **{name: asdict(whole[name]) for name in names},
        "alarm": alarm,
        "alarm_reason": None if alarm else _why_no_alarm(whole),
    }


def _why_no_alarm(measures: Mapping[str, Estimate]) -> str | None:
    """Why nobody can know whether there is cause for alarm; None where there is none."""
    degenerate = [measures[DEGENERATE_POSITIVE], measures[DEGENERATE_NEGATIVE]]
    if any(one.has_interval for one in degenerate):
        return None
    reasons = dict.fromkeys(one.reason or one.method.partition("no interval: ")[2] for one in degenerate)
    return "; ".join(filter(None, reasons))
