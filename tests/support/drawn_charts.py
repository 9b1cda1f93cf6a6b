"""What screens draw, and whether the numbers that can be taken along are those that are drawn."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import pytest

from app.charts.table import Table
from app.widgets import plots

Drawn = dict[str, tuple[go.Figure, Table]]


def agrees(made: go.Figure, found: Table) -> bool:
    """Whether what every trace shows is in the table: its values on one axis, or the concepts or places of its dots."""
    there = {round(cell, 9) if isinstance(cell, float | int) else cell for row in found.rows for cell in row}
    there |= {f"{row[0]}x{row[1]}" for row in found.rows}

    def holds(values: Any) -> bool:
        told = [value for value in values if value is not None]
        return all((round(value, 9) if isinstance(value, float | int) else value) in there for value in told)

    return all(
        holds(trace.x) or holds(trace.y) or holds([value for at in trace.customdata or [[""]] for value in at[:1]])
        for trace in made.data
        if trace.hoverinfo != "skip"
    )


def faults(drawn: Drawn) -> list[str]:
    """Names of charts whose table is empty or has not what is drawn."""
    return [name for name, (made, found) in drawn.items() if not found.rows or not agrees(made, found)]


def note_charts(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """Have every chart that is drawn from now on noted with its table, by name."""
    drawn: Drawn = {}
    draw = plots.draw

    def note(made: go.Figure, *, table: Callable[[], Table], name: str, **others: Any) -> Any:
        drawn[name] = (made, table())
        return draw(made, table=table, name=name, **others)

    monkeypatch.setattr(plots, "draw", note)
    return drawn
