"""Sections on where concepts lie, how far their arms are apart, and the form of the texts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.exchange.document.facts import NAME_CHARS, StudyFacts
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
from engine.exchange.document.shares import share_over_concepts
from engine.figures.dots import Series, interval_dots
from engine.figures.forest import forest
from engine.figures.palette import DARK, LIGHT, Palette
from engine.figures.points import MapPoint, is_weak, smallest_gaps
from engine.figures.quadrant_map import quadrant_map
from engine.stats.estimate import Estimate, unknown
from engine.stats.gap import WEAK_BELOW_CONCEPTS
from engine.words import FORM, GAP, PROFILES, QUADRANT, count, integer, number

Json = Mapping[str, Any]
MOST_CONCEPTS: Final = 300
"""Rows of the table of concepts; all of them are in the JSON."""
_MAP_PX: Final = 520
_FOREST_ROWS: Final = 40
_FORMS: Final = ("empty", "short", "repetitive", "good")

_GAP: Final = Column("gap", "Mean rating of positives less that of negatives; in brackets the 95 % interval")
_TOPICALITY: Final = Column(
    "among good texts", "The gap among texts in good form: what is left when degenerate ones are set apart"
)
_DEGENERACY: Final = Column("from form", "The rest of the gap: what degenerate texts take from it or add to it")


def map_section(report: Json, facts: StudyFacts) -> Section:
    """The quadrant map with who is in each quadrant."""
    points = [_point(one, facts) for one in report["concepts"] if one["n_siblings"] is not None]
    blocks: list[Block] = [Paragraph(QUADRANT)]
    if points:
        blocks.append(_map(points, report, facts))
    unplaced = [facts.name(one["concept"]) for one in report["concepts"] if one["n_siblings"] is None]
    if unplaced:
        shown = (
            joined(unplaced[:12])
            if len(unplaced) <= 12
            else f"{', '.join(unplaced[:12])} and {len(unplaced) - 12} more"
        )
        blocks.append(Paragraph(f"Not on the map, for the number of their siblings is unknown: {shown}.", "note"))
    blocks.append(_members(report))
    return Section("map", "Where the concepts lie", tuple(blocks))


def _point(one: Json, facts: StudyFacts) -> MapPoint:
    gap = _estimate(one["gap_within_ratings"])
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


def _estimate(found: Json) -> Estimate:
    return Estimate(found["value"], found["low"], found["high"], found["n"], found["reason"], found["method"])


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
    rows.append(Row((quadrant_cell(None), words("between the bands"), counted(len(outside)), counted(n_pairs))))
    columns = (Column("quadrant", align="words"), Column("profile", align="words"), Column("concepts"), Column("pairs"))
    return Table("Concepts by quadrant", columns, tuple(rows))


def gap_section(report: Json, facts: StudyFacts) -> Section:
    """Gaps of groups and of concepts, with both intervals and their parts."""
    blocks: list[Block] = [Paragraph(GAP), *_weakness(report)]
    groups = list(_groups(report))
    if report["overall"]["gap"] is not None:
        blocks.append(_gap_chart(groups))
    blocks.append(_group_table(groups))
    points = [_point({**one, "n_siblings": one["n_siblings"] or 0}, facts) for one in report["concepts"]]
    if any(point.gap.value is not None for point in points):
        blocks.append(_forest(points))
    blocks.append(_concept_table(report, facts))
    return Section("gaps", "How far the arms are apart", tuple(blocks))


def _weakness(report: Json) -> Iterator[Paragraph]:
    weak = [name for name, one in _groups(report) if one["gap_weak"]]
    if weak:
        yield Paragraph(
            f"Few concepts: {joined(weak)} {'rests' if len(weak) == 1 else 'rest'} on under {WEAK_BELOW_CONCEPTS}, so that how "
            "unlike concepts are is itself hardly known; read the interval as the least that is unknown.",
            "note",
        )


def _groups(report: Json) -> Iterator[tuple[str, Json]]:
    yield "overall", report["overall"]
    for letter, one in report["quadrants"].items():
        yield f"quadrant {letter}", one
    layers = report.get("pack_layers") or {}
    if len(layers) > 1:
        for name, one in layers.items():
            yield ("no pack layer" if name == "none" else f"pack layer {name}"), one


def _gap(one: Json) -> dict[str, Any]:
    return {
        "value": one["gap"],
        "low": one["gap_low"],
        "high": one["gap_high"],
        "n": one["gap_n"],
        "reason": one["gap_reason"],
        "method": one["gap_method"],
    }


def _gap_chart(groups: Sequence[tuple[str, Json]]) -> Chart:
    shown = [(name, one) for name, one in groups if one["gap"] is not None][:16]
    series = (
        Series("gap", tuple(_estimate(_gap(one)) for _, one in shown), main=True),
        Series("among good texts", tuple(_estimate(one["topicality"]) for _, one in shown)),
        Series("from form", tuple(_estimate(one["degeneracy"]) for _, one in shown)),
    )
    names = [name for name, _ in shown]

    def draw(colours: Palette) -> Any:
        return interval_dots(names, series, title="Rating points, 95 % interval", colours=colours, line=(0.0, "no gap"))

    values = joined(f"{name} {number(one['gap'])}" for name, one in shown)
    return Chart(
        "gaps",
        "The gap and its two parts",
        f"Dots with intervals: the relevance gap of {values}. The table below has all numbers.",
        "The gap is the sum of its two parts: what good texts show, and what degenerate ones take away or add.",
        draw(LIGHT),
        draw(DARK),
    )


def _group_table(groups: Sequence[tuple[str, Json]]) -> Table:
    columns = (
        Column("group", align="words"),
        Column("concepts"),
        Column("positives", "Mean rating, and how many are rated"),
        Column("negatives", "Mean rating, and how many are rated"),
        Column("gap", "95 % interval with concepts as the units; n counts concepts"),
        Column(
            "gap, ratings as units", "95 % interval with ratings as the units: what is known of these ratings alone"
        ),
        _TOPICALITY,
        _DEGENERACY,
    )
    rows = tuple(
        Row(
            (
                _group_name(name),
                counted(one["n_concepts"]),
                *_means(one),
                estimated(_gap(one)),
                estimated(one["gap_within_ratings"]),
                estimated(one["topicality"]),
                estimated(one["degeneracy"]),
            ),
            strong=name == "overall",
        )
        for name, one in groups
    )
    rule = "Means describe the ratings; how sure they are is in the intervals of their difference."
    return Table("Gap by group", columns, rows, rule=rule)


def _group_name(name: str) -> Cell:
    letter = name.removeprefix("quadrant ")
    return Cell(name, order=name, quadrant=letter if letter in PROFILES else None)


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
    rule = "Smallest gap first; unknown ones last. n counts ratings, of good form texts, of F1 pairs."
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
        counted(one["n_senses"]),
        counted(one["n_siblings"], why="siblings: the pack has no parent for the concept"),
        estimated(one["gap_within_ratings"], of="gap: "),
        estimated(one["topicality"], of="among good texts: "),
        estimated(one["degeneracy"], of="from form: "),
        estimated_from(share_over_concepts([_formed(one, "positive", "good")])),
        estimated(one["ceilings"]["label_noise"], of="ceiling: "),
        plain_number(target["value"], why=f"target: {target['reason']}"),
        estimated(f1, of="F1: "),
    )


def _term(concept: str, facts: StudyFacts) -> str:
    """The term beside a readable name that is another; else nothing."""
    name = facts.names.get(concept, concept)
    return concept[:NAME_CHARS] if name.casefold() != concept.casefold() else ""


def _formed(one: Json, arm: str, form: str) -> tuple[float, int]:
    """How many texts of an arm have a form, of how many whose form is known."""
    share, n = one["form"][arm][form], one["n_formed"][arm]
    return (0.0, 0) if share is None else (share * n, n)


def form_section(report: Json) -> Section:
    """The form of the texts by quadrant and arm."""
    columns = (
        Column("group", align="words"),
        Column("arm", align="words"),
        Column("texts"),
        *(Column(form) for form in _FORMS),
    )
    groups = [("overall", None), *((f"quadrant {letter}", letter) for letter in report["quadrants"])]
    rows = []
    for name, letter in groups:
        among = [one for one in report["concepts"] if letter is None or one["quadrant"] == letter]
        for arm in ("positive", "negative"):
            shares = (_share(among, arm, form) for form in _FORMS)
            n = sum(_formed(one, arm, "good")[1] for one in among)
            rows.append(
                Row((_group_name(name), words(arm), counted(n), *map(estimated_from, shares)), strong=letter is None)
            )
    rule = "Shares of 1 with their 95 % interval, concepts as the units; n counts concepts."
    return Section(
        "form", "How the texts are made", (Paragraph(FORM), Table("Form of the texts", columns, tuple(rows), rule))
    )


def _share(concepts: Sequence[Json], arm: str, form: str) -> Estimate:
    if not concepts:
        return unknown("no concept", method="share")
    return share_over_concepts([_formed(one, arm, form) for one in concepts])
