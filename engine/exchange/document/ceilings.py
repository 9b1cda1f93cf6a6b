"""The section on what F1 the data permit, by every model, and the target that follows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.exchange.document.groups import as_estimate, group_cell, groups
from engine.exchange.document.model import (
    Block,
    Chart,
    Column,
    Paragraph,
    Row,
    Section,
    Table,
    estimated,
    joined,
    plain_number,
    words,
)
from engine.exchange.document.sensitivity import sensitivity_tables
from engine.figures.dots import Series, interval_dots
from engine.figures.palette import DARK, LIGHT, Palette
from engine.words import CEILING, CEILINGS, TARGET, TIERS, number

Json = Mapping[str, Any]


def ceiling_section(report: Json) -> Section:
    """Every model's ceiling, where its formula comes from, and the target that follows."""
    found = list(groups(report))
    blocks: list[Block] = [Paragraph(CEILING)]
    if any(one["value"] is not None for one in report["overall"]["ceilings"].values()):
        blocks.append(_ceiling_chart(report, found))
    blocks += [_ceiling_table(report, found), Paragraph(TARGET), _target_table(report, found)]
    blocks += [*sensitivity_tables(report), _models(report)]
    return Section("ceilings", "What F1 the data permit", tuple(blocks))


def _title(model: str) -> str:
    return CEILINGS.get(model, model.replace("_", " ").capitalize())


def f1_span(series: Iterable[Series]) -> tuple[float, float]:
    """From a tenth below the lowest end that is drawn up to 1."""
    ends = [end for one in series for e in one.values for end in (e.value, e.low) if end is not None]
    return max(-0.02, int(10 * min([*ends, 0.7]) - 0.3) / 10), 1.02


def _ceiling_chart(report: Json, among: Sequence[tuple[str, Json]]) -> Chart:
    chosen, asked = report["settings"]["target_from"], report["settings"]["user_target"]
    shown = among[:16]
    series = [
        Series(
            f"{_title(name).lower()}{' (decides)' if name == chosen else ''}",
            tuple(as_estimate(one["ceilings"][name]) for _, one in shown),
            main=name == chosen,
        )
        for name in report["overall"]["ceilings"]
        if any(one["ceilings"][name]["value"] is not None for _, one in shown)
    ]
    names = [name for name, _ in shown]

    def draw(colours: Palette) -> Any:
        title = "F1 ceiling, 95 % interval"
        return interval_dots(
            names, series, title=title, colours=colours, line=(asked, f"asked: {number(asked)}"), span=f1_span(series)
        )

    values = joined(f"{name} {number(one['ceilings'][chosen]['value'])}" for name, one in shown)
    return Chart(
        "ceilings",
        "F1 ceilings by model",
        f"Dots with intervals: the {_title(chosen).lower()} ceiling is {values}; each row also shows the other "
        "models. The table below has all numbers.",
        "The models disagree. The filled dots show the model that sets the targets.",
        draw(LIGHT),
        draw(DARK),
    )


def _ceiling_table(report: Json, among: Sequence[tuple[str, Json]]) -> Table:
    models = list(report["overall"]["ceilings"])
    columns = (
        Column("group", align="words"),
        *(Column(_title(name).lower()) for name in models),
        Column("floor", "F1 of always answering yes"),
    )
    rows = []
    for name, one in among:
        cells = [estimated(one["ceilings"][model], of=f"{_title(model).lower()}: ") for model in models]
        floor = next(iter(one["ceilings"].values()))["floor"]
        rows.append(
            Row((group_cell(name), *cells, plain_number(floor, why="an arm has no rating")), strong=name == "overall")
        )
    rule = (
        "For a group, the mean over its concepts. n counts the units of the interval: concepts or, for one concept, "
        "its texts."
    )
    return Table("Ceilings by group", columns, tuple(rows), rule=rule)


def _target_table(report: Json, among: Sequence[tuple[str, Json]]) -> Table:
    rows = tuple(
        Row(
            (
                group_cell(name),
                plain_number(one["target"]["value"], why=one["target"]["reason"]),
                words(TIERS.get(one["target"]["tier"], one["target"]["tier"])),
                words(one["target"]["reason"]),
            ),
            strong=name == "overall",
        )
        for name, one in among
    )
    columns = (
        Column("group", align="words"),
        Column("target"),
        Column("tier", align="words"),
        Column("because", align="words"),
    )
    return Table("Recommended targets", columns, rows)


def _models(report: Json) -> Table:
    rows = []
    for name, ceiling in report["overall"]["ceilings"].items():
        inputs = joined(f"{key.replace('_', ' ')} {number(value)}" for key, value in ceiling["inputs"].items())
        cells = (
            words(_title(name)),
            words(ceiling["formula"]),
            words(inputs or "none"),
            words(ceiling["reference_labels"]),
        )
        rows.append(Row(cells))
    columns = (
        Column("model", align="words"),
        Column("formula", align="words"),
        Column("inputs, overall", align="words"),
        Column("against which labels", align="words"),
    )
    rule = (
        "π: share of positives; good: share of positives in good form; s: stability; r₊, r₋: shares of wrong labels "
        "in the arms."
    )
    return Table("The models", columns, tuple(rows), rule=rule)
