"""The table of each lens's F1 on the pairs that are harder, with the shortcut alarm: what a good F1 must stand as well."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.exchange.document.facts import StudyFacts
from engine.exchange.document.model import Cell, Column, Row, Table, estimated, words
from engine.words import UNKNOWN, integer

Json = Mapping[str, Any]
MOST_LENSES: Final = 40
_COLUMNS: Final = (
    Column("concept", align="words"),
    Column("F1", "Measured out of fold on all pairs"),
    Column("siblings only", "F1 where all negatives are of siblings"),
    Column("good form only", "F1 on outputs in good form"),
    Column("fires on degenerate positives", "Share of degenerate outputs in the positive arm on which the lens fires"),
    Column("fires on degenerate negatives", "Share of degenerate outputs in the negative arm on which the lens fires"),
    Column("alarm", "Whether firing rates show that the lens goes by degenerate form", align="words"),
)
_PARTS: Final = {
    "f1_sibling_negatives": "siblings only: ",
    "f1_good_outputs": "good form only: ",
    "fires_on_degenerate_positive": "degenerate positives: ",
    "fires_on_degenerate_negative": "degenerate negatives: ",
}


def harder_table(report: Json, facts: StudyFacts) -> Table | None:
    """Lenses with an alarm first, then those that siblings cost most; None where no concept has a measured lens."""
    ordered = sorted((one for one in report["concepts"] if one["lens"]["f1"] is not None), key=_order)
    if not ordered:
        return None
    return Table(
        "F1 on harder pairs, and shortcuts",
        _COLUMNS,
        tuple(Row(_cells(one, facts)) for one in ordered[:MOST_LENSES]),
        rule=_rule(ordered),
        sortable=True,
    )


def _order(one: Json) -> tuple[bool, bool, float]:
    harder = one["lens"]["f1_sibling_negatives"]["value"]
    return one["lens"]["alarm"] is None, harder is None, 0.0 if harder is None else harder - one["lens"]["f1"]


def _rule(ordered: Sequence[Json]) -> str:
    n, n_alarms = len(ordered), sum(one["lens"]["alarm"] is not None for one in ordered)
    n_unknown = sum(one["lens"]["alarm_reason"] is not None for one in ordered)
    return (
        f"{f'The first {MOST_LENSES} of {integer(n)} lenses. ' if n > MOST_LENSES else ''}"
        f"{integer(n_alarms)} of {integer(n)} lenses raise the alarm, and of {integer(n_unknown)} nobody can know. Those with "
        "an alarm come first, then those that lose most beside siblings. n counts pairs, of firing rates outputs. Always "
        "firing reaches a higher F1 where there are fewer negatives, so read each column by itself."
    )


def _cells(one: Json, facts: StudyFacts) -> tuple[Cell, ...]:
    lens = one["lens"]
    f1 = {"value": lens["f1"], "low": lens["low"], "high": lens["high"], "n": lens["n"], "reason": lens["reason"]}
    parts = (estimated(lens[name], of=of) for name, of in _PARTS.items())
    return (words(facts.name(one["concept"])), estimated(f1), *parts, _alarm(lens))


def _alarm(lens: Json) -> Cell:
    """Yes with what was seen, no, or unknown with the reason."""
    if lens["alarm"] is not None:
        return Cell("yes", why=lens["alarm"], order="0")
    if lens["alarm_reason"] is not None:
        return Cell(UNKNOWN, why=f"alarm: {lens['alarm_reason']}", order="2")
    return Cell("no", order="1")
