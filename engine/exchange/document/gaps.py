"""The section on how far arms are apart: gaps of groups and of concepts, with both intervals and their parts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.exchange.document.facts import NAME_CHARS, StudyFacts
from engine.exchange.document.form import formed
from engine.exchange.document.groups import as_estimate, group_cell, groups
from engine.exchange.document.model import (
    Block,
    Cell,
    Chart,
    Column,
    Paragraph,
    Row,
    Section,
    Table,
    counted,
    estimated,
    estimated_from,
    joined,
    plain_number,
    quadrant_cell,
    words,
)
from engine.exchange.document.place import map_point
from engine.exchange.document.shares import share_over_concepts
from engine.figures.dots import Series, interval_dots
from engine.figures.forest import forest
from engine.figures.palette import DARK, LIGHT, Palette
from engine.figures.points import MapPoint, smallest_gaps
from engine.stats.gap_clusters import UNSEEN_BELOW
from engine.words import GAP, count, integer, number

Json = Mapping[str, Any]
MOST_CONCEPTS: Final = 300
"""Rows of the table of concepts; all of them are in the JSON."""
_FOREST_ROWS: Final = 40

_GAP: Final = Column("gap", "Mean rating of positives minus that of negatives; brackets hold the 95 % interval")
_TOPICALITY: Final = Column("among good texts", "The gap among texts in good form only")
_DEGENERACY: Final = Column("from form", "The rest of the gap: what degenerate texts add to or take from it")


def gap_section(report: Json, facts: StudyFacts) -> Section:
    """Gaps of groups and of concepts, with both intervals and their parts."""
    blocks: list[Block] = [Paragraph(GAP), *_weakness(report)]
    found = list(groups(report))
    if report["overall"]["gap"] is not None:
        blocks.append(_gap_chart(found))
    blocks.append(_group_table(found))
    points = [map_point(one, facts) for one in report["concepts"]]
    if any(point.gap.value is not None for point in points):
        blocks.append(_forest(points))
    blocks.append(_concept_table(report, facts))
    return Section("gaps", "How far the arms are apart", tuple(blocks))


def _weakness(report: Json) -> Iterator[Paragraph]:
    weak = [name for name, one in groups(report) if one["gap_weak"]]
    if weak:
        yield Paragraph(
            f"Few concepts: {joined(weak)} {'rests' if len(weak) == 1 else 'rest'} on under {UNSEEN_BELOW}, which "
            "may well include none of a kind that makes up one in ten and fails. The true uncertainty is at least "
            "as large as the intervals show, especially for the part from form.",
            "note",
        )


def _gap(one: Json) -> dict[str, Any]:
    return {
        "value": one["gap"],
        "low": one["gap_low"],
        "high": one["gap_high"],
        "n": one["gap_n"],
        "reason": one["gap_reason"],
        "method": one["gap_method"],
    }


def _gap_chart(among: Sequence[tuple[str, Json]]) -> Chart:
    shown = [(name, one) for name, one in among if one["gap"] is not None][:16]
    gap = Series("gap", tuple(as_estimate(_gap(one)) for _, one in shown), main=True)
    parts = (
        Series("among good texts", tuple(as_estimate(one["topicality"]) for _, one in shown)),
        Series("from form", tuple(as_estimate(one["degeneracy"]) for _, one in shown)),
    )
    series = (gap, *(part for part in parts if any(value.value is not None for value in part.values)))
    names = [name for name, _ in shown]

    def draw(colours: Palette) -> Any:
        return interval_dots(names, series, title="Rating points, 95 % interval", colours=colours, line=(0.0, "no gap"))

    values = joined(f"{name} {number(one['gap'])}" for name, one in shown)
    return Chart(
        "gaps",
        "The gap and its two parts" if len(series) > 1 else "The gap",
        f"Dots with intervals: the relevance gap of {values}. The table below has all numbers.",
        "The gap is the sum of two parts: the gap among good texts, and what degenerate texts add or take away."
        if len(series) > 1
        else "The two parts of the gap are unknown; the table below says why.",
        draw(LIGHT),
        draw(DARK),
    )


def _group_table(among: Sequence[tuple[str, Json]]) -> Table:
    columns = (
        Column("group", align="words"),
        Column("concepts"),
        Column("positives", "Mean rating, and how many are rated"),
        Column("negatives", "Mean rating, and how many are rated"),
        Column("gap", "95 % interval with concepts as the units; n counts concepts"),
        Column("gap, ratings as units", "95 % interval with ratings as the units: describes only these ratings"),
        _TOPICALITY,
        _DEGENERACY,
    )
    rows = tuple(
        Row(
            (
                group_cell(name),
                counted(one["n_concepts"]),
                *_means(one),
                estimated(_gap(one)),
                estimated(one["gap_within_ratings"]),
                estimated(one["topicality"]),
                estimated(one["degeneracy"]),
            ),
            strong=name == "overall",
        )
        for name, one in among
    )
    rule = "Means only describe the ratings. For their uncertainty, see the intervals of their difference."
    return Table("Gap by group", columns, rows, rule=rule)


def _means(one: Json) -> tuple[Cell, Cell]:
    return tuple(  # type: ignore[return-value]
        plain_number(one[f"{arm}_mean"], note=f"n {integer(one[f'n_{arm}_rated'])}", why=f"no {arm} is rated")
        for arm in ("positive", "negative")
    )


def _forest(points: Sequence[MapPoint]) -> Chart:
    shown = smallest_gaps(points, _FOREST_ROWS)
    few = "" if len(shown) == len(points) else f"The {len(shown)} smallest of {integer(len(points))}. "
    return Chart(
        "gap-by-concept",
        "Gap by concept",
        f"Dots with intervals: the relevance gap of {count(len(shown), 'concept')}, smallest first. The table below has "
        f"the numbers.",
        f"{few}The letter is the quadrant; a hollow dot has no interval.",
        forest(shown, colours=LIGHT),
        forest(shown, colours=DARK),
    )


def _concept_table(report: Json, facts: StudyFacts) -> Table:
    ordered = sorted(report["concepts"], key=lambda one: (one["gap"] is None, one["gap"] or 0.0))
    columns = (
        Column("concept", align="words"),
        Column("quadrant", align="words"),
        Column("senses"),
        Column("siblings"),
        _GAP,
        _TOPICALITY,
        _DEGENERACY,
        Column("good form", "Share of positives in good form"),
        Column("ceiling", "Label-noise ceiling of F1"),
        Column("target", "The F1 to ask of this concept's lens"),
        Column("F1", "Measured out of fold"),
    )
    rule = "Smallest gap first, unknown ones last. n counts ratings; for good form, texts; for F1, pairs."
    if len(ordered) > MOST_CONCEPTS:
        rule = (
            f"The {MOST_CONCEPTS} concepts with the smallest known gaps of {integer(len(ordered))}; "
            f"`lensgap report --json` has all of them. {rule}"
        )
    rows = tuple(Row(_concept_cells(one, facts)) for one in ordered[:MOST_CONCEPTS])
    return Table("Concepts", columns, rows, rule=rule, sortable=True)


def _concept_cells(one: Json, facts: StudyFacts) -> tuple[Cell, ...]:
    name, lens, target = facts.name(one["concept"]), one["lens"], one["target"]
    f1 = {
        "value": lens["f1"],
        "low": lens.get("low"),
        "high": lens.get("high"),
        "n": lens.get("n"),
        "reason": lens["reason"],
    }
    return (
        words(name, note=_term(one["concept"], facts)),
        quadrant_cell(one["quadrant"], why=f"no quadrant: {one['quadrant_reason']}"),
        counted(one["n_senses"], why="senses: the pack counts none"),
        counted(one["n_siblings"], why="siblings: the pack has no parent for the concept"),
        estimated(one["gap_within_ratings"], of="gap: "),
        estimated(one["topicality"], of="among good texts: "),
        estimated(one["degeneracy"], of="from form: "),
        estimated_from(share_over_concepts([formed(one, "positive", "good")])),
        estimated(one["ceilings"]["label_noise"], of="ceiling: "),
        plain_number(target["value"], why=f"target: {target['reason']}"),
        estimated(f1, of="F1: "),
    )


def _term(concept: str, facts: StudyFacts) -> str:
    """The term beside a readable name that is another; else nothing."""
    name = facts.names.get(concept, concept)
    return concept[:NAME_CHARS] if name.casefold() != concept.casefold() else ""
