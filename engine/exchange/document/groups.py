"""Who a table has a row for: all concepts, each quadrant, and each pack layer where there are several."""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.exchange.document.model import Cell
from engine.stats.estimate import Estimate
from engine.words import PROFILES

Json = Mapping[str, Any]


def groups(report: Json) -> Iterator[tuple[str, Json]]:
    """Each group's name with what the report says of it."""
    yield "overall", report["overall"]
    for letter, one in report["quadrants"].items():
        yield f"quadrant {letter}", one
    layers = report.get("pack_layers") or {}
    if len(layers) > 1:
        for name, one in layers.items():
            yield ("no pack layer" if name == "none" else f"pack layer {name}"), one


def group_cell(name: str) -> Cell:
    """A group's name, a quadrant's by its letter."""
    letter = name.removeprefix("quadrant ")
    return Cell(name, order=name, quadrant=letter if letter in PROFILES else None)


def as_estimate(found: Json) -> Estimate:
    """An estimate from JSON."""
    return Estimate(found["value"], found["low"], found["high"], found["n"], found["reason"], found["method"])
