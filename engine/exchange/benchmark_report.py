"""A benchmark for people and programs: a Markdown page, a table for a terminal, and JSON. What is not known is a dash."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.exchange.benchmark_targets import BASELINE, Cell, Line
from engine.exchange.targets import Level, Targets
from engine.stats.estimate import Estimate
from engine.terminal import counted, visible

SOURCES: dict[Level, str] = {
    "concept": "its own",
    "cell": "its quadrant's in its pack layer",
    "quadrant": "its quadrant's",
    "pack_layer": "its pack layer's",
    "default": "that of all drawn concepts",
    "settings": "that of the settings of training: the data cannot say",
}
COLUMNS = ("concepts", "gap", "95 % of gap", "ceiling", "95 % of ceiling", "target")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A finished benchmark; `sources` counts the pack's concepts by where their target comes from."""

    run_id: str
    model: str
    pack: str
    cells: tuple[Cell, ...]
    lines: tuple[Line, ...]
    targets: Targets
    sources: Mapping[Level, int]


def benchmark_json(found: Benchmark, *, files: Mapping[str, str]) -> dict[str, Any]:
    """All that was found, with the files that were written."""
    return {
        "run": found.run_id,
        "model": found.model,
        "pack": found.pack,
        "files": dict(files),
        "cells": [asdict(cell) for cell in found.cells],
        "lines": [asdict(line) for line in found.lines],
        "concepts_by_source": dict(found.sources),
        "targets": asdict(found.targets),
    }


def benchmark_page(found: Benchmark) -> str:
    """The report as Markdown."""
    return "\n".join(
        [
            f"# Targets for the lenses of {_escaped(found.pack)}",
            "",
            *(f"- {line}" for line in _facts(found)),
            "",
            *_section("By quadrant and pack layer", _rows(found, "cell")),
            *_section("By quadrant", _rows(found, "quadrant")),
            *_section("By pack layer", _rows(found, "pack_layer")),
            *_section("All drawn concepts", _rows(found, "default")),
            *_section("Concept by concept", _rows(found, "concept")),
            "## Where the targets of the pack come from",
            "",
            "| target | concepts |",
            "|---|---:|",
            *(f"| {SOURCES[level]} | {found.sources[level]:,} |" for level in SOURCES if found.sources.get(level)),
            "",
        ]
    )


def _facts(found: Benchmark) -> Iterator[str]:
    targets = found.targets
    n_drawn = sum(len(cell.drawn) for cell in found.cells)
    yield f"Run {found.run_id}, subject model {_escaped(found.model)}"
    yield f"Judge: {_escaped(_judge(targets))}"
    yield f"Asked for: F1 {_number(targets.asked)}"
    yield f"Drawn: {counted(n_drawn, 'concept')}, at random from each quadrant in each pack layer"
    if empty := empty_cells(found.cells):
        yield f"Without any concept, so unknown: {empty}"
    yield (
        "A target is the lower bound of the ceiling, rounded down to the tiers. The ceiling of a group is the mean over its "
        "concepts, with concepts as the units; a group is a mean over what was drawn, whatever its cells hold."
    )


def empty_cells(cells: Sequence[Cell]) -> str:
    """The cells that hold no concept, by name."""
    return ", ".join(f"{cell.quadrant} in pack layer {cell.pack_layer}" for cell in cells if not cell.n_concepts)


def _judge(targets: Targets) -> str:
    if targets.judge is None:
        return "none has rated yet"
    return f"{targets.judge.model}{f', {BASELINE_SHORT}' if targets.judge.is_baseline else ''}"


BASELINE_SHORT = BASELINE.removeprefix("rated by ")


def _rows(found: Benchmark, level: Level) -> list[tuple[str, ...]]:
    place = {term: f" ({cell.quadrant} in pack layer {cell.pack_layer})" for cell in found.cells for term in cell.drawn}
    lines = [line for line in found.lines if line.level == level]
    return [
        (f"{_name(line)}{place.get(line.key, '') if level == 'concept' else ''}", *_cells(line), line.entry.why)
        for line in lines
    ]


def _section(title: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield f"| | {' | '.join(COLUMNS)} | why |"
    yield f"|---|{'---:|' * len(COLUMNS)}---|"
    for row in rows:
        yield f"| {' | '.join(map(_escaped, row))} |"
    yield ""


def benchmark_table(found: Benchmark) -> Group:
    """The groups for a terminal; the page has each concept."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("")
    for name in ("n", *COLUMNS[1:]):
        table.add_column(name, justify="right", no_wrap=True)
    for level in ("cell", "quadrant", "pack_layer", "default"):
        for line in found.lines:
            if line.level == level:
                table.add_row(Text(visible(_name(line)), no_wrap=True, overflow="ellipsis"), *_cells(line))
        table.add_section()
    empty = empty_cells(found.cells)
    sources = "; ".join(f"{found.sources[level]:,} {SOURCES[level]}" for level in SOURCES if found.sources.get(level))
    legend = [f"n: concepts. Judge: {_judge(found.targets)}.", f"Targets of the pack's concepts: {sources}."]
    legend += [f"Without any concept: {empty}."] if empty else []
    return Group(
        Text(f"Targets for the lenses of {visible(found.pack)}\n", style="italic"),
        table,
        Text("\n".join(["", *map(visible, legend)]), style="dim"),
    )


def _name(line: Line) -> str:
    if line.level == "cell":
        quadrant, _, layer = line.key.partition("/")
        return f"{quadrant} in pack layer {layer}"
    names = {
        "quadrant": f"quadrant {line.key}",
        "pack_layer": f"pack layer {line.key}",
        "default": "all drawn concepts",
    }
    return names.get(line.level, line.key)


def _cells(line: Line) -> tuple[str, ...]:
    return (
        str(line.n_concepts),
        _number(line.gap.value),
        _interval(line.gap),
        _number(line.ceiling.value),
        _interval(line.ceiling),
        _number(line.entry.target),
    )


def _interval(estimate: Estimate) -> str:
    return "–" if estimate.low is None else f"[{_number(estimate.low)}, {_number(estimate.high)}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def _escaped(text: str) -> str:
    """Text of a pack as it is, where Markdown or HTML would read marks into it."""
    plain = html.escape(visible(text), quote=False)
    return "".join(f"\\{one}" if one in "\\`*_[]|#~" else one for one in plain)
