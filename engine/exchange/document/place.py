"""The section on where concepts lie: the quadrant map, and who is in each quadrant."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.exchange.document.facts import StudyFacts
from engine.exchange.document.groups import as_estimate
from engine.exchange.document.model import (
    Block,
    Chart,
    Column,
    Paragraph,
    Row,
    Section,
    Table,
    counted,
    joined,
    quadrant_cell,
    words,
)
from engine.figures.palette import DARK, LIGHT, Palette
from engine.figures.points import MapPoint, is_weak
from engine.figures.quadrant_map import quadrant_map
from engine.words import PROFILES, QUADRANT, count

Json = Mapping[str, Any]
_MAP_PX: Final = 520


def map_section(report: Json, facts: StudyFacts) -> Section:
    """The quadrant map with who is in each quadrant."""
    points = [map_point(one, facts) for one in report["concepts"]]
    blocks: list[Block] = [Paragraph(QUADRANT)]
    placed = [point for point in points if point.counts]
    if placed:
        blocks.append(_map(placed, report, facts))
    unplaced = [point.name for point in points if point.counts is None]
    if unplaced:
        shown = (
            joined(unplaced[:12])
            if len(unplaced) <= 12
            else f"{', '.join(unplaced[:12])} and {len(unplaced) - 12} more"
        )
        blocks.append(
            Paragraph(f"Not on the map because the number of senses or siblings is unknown: {shown}.", "note")
        )
    blocks.append(_members(report))
    return Section("map", "Where the concepts lie", tuple(blocks))


def map_point(one: Json, facts: StudyFacts) -> MapPoint:
    """A concept of the report as a point of the map and of the forest."""
    gap = as_estimate(one["gap_within_ratings"])
    return MapPoint(
        concept=one["concept"],
        name=facts.name(one["concept"]),
        n_senses=one["n_senses"],
        n_siblings=one["n_siblings"],
        quadrant=one["quadrant"],
        reason=one["quadrant_reason"],
        gap=gap,
        weak=is_weak(gap),
        n_pairs=one["n_positive"] + one["n_negative"],
        f1=one["lens"]["f1"],
    )


def _map(points: Sequence[MapPoint], report: Json, facts: StudyFacts) -> Chart:
    largest = max([1.0, *(abs(point.gap.value) for point in points if point.gap.value is not None)])
    count_of_siblings = next((one["sibling_count"] for one in report["concepts"]), "distinct")

    def draw(colours: Palette) -> Any:
        return quadrant_map(
            points,
            bands=facts.run.bands,
            largest_gap=largest,
            sibling_count=count_of_siblings,
            colours=colours,
            height=_MAP_PX,
        )

    inside = [f"{sum(p.quadrant == letter for p in points)} in {letter}" for letter in PROFILES]
    return Chart(
        "quadrant-map",
        "Quadrant map",
        f"Scatter plot of {count(len(points), 'concept')} by number of senses and of siblings, coloured by relevance gap: "
        f"{joined(inside)}, {sum(p.quadrant is None for p in points)} in no quadrant. The table below has the counts.",
        "Each dot is a concept at its number of senses and siblings; colour is its relevance gap, size its number of pairs. "
        "A ring marks a gap whose interval is missing or reaches zero.",
        draw(LIGHT),
        draw(DARK),
    )


def _members(report: Json) -> Table:
    rows = []
    for letter, profile in PROFILES.items():
        found = report["quadrants"].get(letter)
        none = "no concept of the run lies in it"
        n_pairs = found["n_positive"] + found["n_negative"] if found else None
        cells = (
            quadrant_cell(letter),
            words(profile),
            counted(found["n_concepts"] if found else 0),
            counted(n_pairs, why=none),
        )
        rows.append(Row(cells))
    outside = [one for one in report["concepts"] if one["quadrant"] is None]
    n_pairs = sum(one["n_positive"] + one["n_negative"] for one in outside)
    rows.append(Row((quadrant_cell(None), words("in between, or unknown"), counted(len(outside)), counted(n_pairs))))
    columns = (Column("quadrant", align="words"), Column("profile", align="words"), Column("concepts"), Column("pairs"))
    return Table("Concepts by quadrant", columns, tuple(rows))
