"""The section on the F1 that lenses reach, beside what it must be read against."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.exchange.document.ceilings import f1_span
from engine.exchange.document.facts import StudyFacts
from engine.exchange.document.groups import as_estimate, group_cell, groups
from engine.exchange.document.harder import harder_table
from engine.exchange.document.model import (
    Block,
    Cell,
    Chart,
    Column,
    Command,
    Paragraph,
    Row,
    Section,
    Table,
    estimated,
    joined,
    plain_number,
    quadrant_cell,
    words,
)
from engine.figures.dots import Series, interval_dots
from engine.figures.palette import DARK, LIGHT, Palette
from engine.words import LENS, integer, number

Json = Mapping[str, Any]
MOST_REPORTED: Final = 300
"""Rows of the table of what others reported."""
_BASELINES: Final = {
    "always_positive_f1": "always yes",
    "shuffled_f1": "shuffled labels",
    "text_only_f1": "words alone",
    "length_only_f1": "length alone",
}


def lens_section(report: Json, facts: StudyFacts, *, study: str) -> Section:
    """Measured F1 by group beside its baselines; of an imported run, what others reported."""
    blocks: list[Block] = [Paragraph(LENS)]
    if report["overall"]["lens"]["mean_f1"] is None:
        blocks += _no_lenses(report, facts, study)
        return Section("lenses", "What lenses reach", tuple(blocks))
    if report["caution"]:
        blocks.append(Paragraph(report["caution"], "warning"))
    found = [(name, one) for name, one in groups(report) if one["lens"]["mean_f1"] is not None]
    blocks += [_lens_chart(found), _lens_table(report, found)]
    if harder := harder_table(report, facts):
        blocks.append(harder)
    return Section("lenses", "What lenses reach", tuple(blocks))


def _no_lenses(report: Json, facts: StudyFacts, study: str) -> Iterator[Block]:
    if facts.run.imported_from is None:
        yield Paragraph(f"No F1 is measured: {report['overall']['lens']['reason']}.")
        yield Command(f"lensgap train {study}")
        return
    yield Paragraph("The texts were imported, so there are no activations to train lenses on.")
    reported = [one for one in report["concepts"] if one.get("reported")]
    if reported:
        yield _reported_table(reported, facts)


def _reported_table(concepts: Sequence[Json], facts: StudyFacts) -> Table:
    names = sorted({name for one in concepts for name in one["reported"]})
    rows = [
        Row(
            (
                words(facts.name(one["concept"])),
                quadrant_cell(one["quadrant"], why=f"no quadrant: {one['quadrant_reason']}"),
                *(plain_number(one["reported"].get(name), why=f"{name} was not reported") for name in names),
            )
        )
        for one in concepts[:MOST_REPORTED]
    ]
    columns = (Column("concept", align="words"), Column("quadrant", align="words"), *(Column(name) for name in names))
    rule = "How these were measured is unknown, so they have neither interval nor n."
    if len(concepts) > MOST_REPORTED:
        rule = f"The first {MOST_REPORTED} of {integer(len(concepts))} concepts. {rule}"
    return Table("Reported by others, not ours", columns, tuple(rows), rule=rule, sortable=True)


def _f1(one: Json) -> dict[str, Any]:
    lens = one["lens"]
    return {
        "value": lens["mean_f1"],
        "low": lens["low"],
        "high": lens["high"],
        "n": lens["n"],
        "reason": lens["reason"],
    }


def _lens_chart(among: Sequence[tuple[str, Json]]) -> Chart:
    shown = among[:16]
    series = (
        Series("lens F1", tuple(as_estimate({**_f1(one), "method": "Student t"}) for _, one in shown), main=True),
        *(
            Series(title, tuple(as_estimate(one["lens"]["baselines"][name]) for _, one in shown))
            for name, title in _BASELINES.items()
        ),
    )
    names = [name for name, _ in shown]

    def draw(colours: Palette) -> Any:
        return interval_dots(
            names, series, title="Mean F1 over concepts, out of fold", colours=colours, span=f1_span(series)
        )

    values = joined(f"{name} {number(one['lens']['mean_f1'])}" for name, one in shown)
    return Chart(
        "lenses",
        "Measured F1 beside its baselines",
        f"Dots: mean F1 of lenses is {values}; each row also shows the baselines. The table below has all numbers.",
        "An F1 shows knowledge of the concept only to the extent that it exceeds what the words alone reach.",
        draw(LIGHT),
        draw(DARK),
    )


def _lens_table(report: Json, among: Sequence[tuple[str, Json]]) -> Table:
    columns = (
        Column("group", align="words"),
        Column("lens F1", "95 % interval with concepts as the units"),
        *(Column(title) for title in _BASELINES.values()),
        Column("over words alone", "Mean of F1 minus the F1 of words alone, on the same folds"),
    )
    rows = tuple(
        Row(
            (
                group_cell(name),
                estimated(_f1(one)),
                *(_baseline(one["lens"], key) for key in _BASELINES),
                estimated(one["lens"]["over_text_only"], of="over words alone: "),
            ),
            strong=name == "overall",
        )
        for name, one in among
    )
    lens = report["lens"]
    rule = (
        f"Family {lens['family']}, layer {lens['layer']}; means over the n concepts that have an F1. No prompt "
        "template and no identical text is on both sides of a fold."
    )
    return Table("F1 by group", columns, rows, rule=rule)


def _baseline(lens: Json, key: str) -> Cell:
    return estimated(lens["baselines"][key], of=f"{_BASELINES[key]}: ")
