"""Tables on whether a judge's distance from people changed: over time, and from one version of its rubric to the next."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from engine.exchange.document.model import Block, Cell, Column, Row, Table, estimated, words
from engine.words import UNKNOWN, integer

Json = Mapping[str, Any]
_AXES: Final = {"judged": "by when it judged", "rated": "by when people rated"}
_QUANTITIES: Final = {"bias": "judge minus person", "distance": "how far apart"}
_RULE: Final = (
    "From the first audited pair to the last, within the arms. 95 % intervals come from leaving out concepts one by "
    "one. n counts pairs. p is adjusted for both quantities."
)


def drift_tables(audited: Json, names: Mapping[str, str]) -> Iterator[Block]:
    """A table a judge with audited pairs, and one a model that was asked with several rubrics."""
    for one in audited["drift"]:
        trends = [(title, trend) for axis, title in _AXES.items() for trend in one[axis]["trends"]]
        yield _table(f"Drift of {names[one['judge']]}", "in order", trends)
    for one in audited["rubrics"]:
        shared = f"{integer(one['n_pairs'])} pairs rated with all"
        trends = [(shared, trend) for trend in one["trends"]]
        yield _table(f"From rubric to rubric: {one['backend']}: {one['model']}", "on", trends)


def _table(title: str, of: str, trends: Iterable[tuple[str, Json]]) -> Table:
    columns = (
        Column("difference", align="words"),
        Column(of, align="words"),
        Column("change"),
        Column("p, adjusted"),
        Column("in words", align="words"),
    )
    rows = tuple(
        Row(
            (
                words(_QUANTITIES[one["quantity"]]),
                words(where),
                estimated(one["change"]),
                _p(one),
                words(one["sentence"]),
            )
        )
        for where, one in trends
    )
    return Table(title, columns, rows, rule=_RULE)


def _p(trend: Json) -> Cell:
    if trend["p_adjusted"] is None:
        return Cell(UNKNOWN, why=trend["change"]["reason"] or "p: no test")
    return Cell("< 0.001" if trend["p_adjusted"] < 0.0005 else f"{trend['p_adjusted']:.3f}", order=trend["p_adjusted"])
