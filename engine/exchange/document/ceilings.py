"""Sections on what F1 the data permit, by every model, and on the F1 that lenses reach, beside what it must be read against."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

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
    words,
)
from engine.figures.dots import Series, interval_dots
from engine.figures.palette import DARK, LIGHT, Palette
from engine.stats.estimate import Estimate
from engine.words import CEILING, CEILINGS, LENS, TARGET, TIERS, number

Json = Mapping[str, Any]
_BASELINES: Final = {
    "always_positive_f1": "always yes",
    "shuffled_f1": "shuffled labels",
    "text_only_f1": "words alone",
    "length_only_f1": "length alone",
}


def ceiling_section(report: Json) -> Section:
    """Every model's ceiling, where its formula comes from, and the target that follows."""
    groups = list(_groups(report))
    blocks: list[Block] = [Paragraph(CEILING)]
    if any(one["value"] is not None for one in report["overall"]["ceilings"].values()):
        blocks.append(_ceiling_chart(report, groups))
    blocks += [_ceiling_table(report, groups), Paragraph(TARGET), _target_table(report, groups), _models(report)]
    return Section("ceilings", "What F1 the data permit", tuple(blocks))


def _groups(report: Json) -> Iterator[tuple[str, Json]]:
    yield "overall", report["overall"]
    for letter, one in report["quadrants"].items():
        yield f"quadrant {letter}", one
    layers = report.get("pack_layers") or {}
    if len(layers) > 1:
        for name, one in layers.items():
            yield ("no pack layer" if name == "none" else f"pack layer {name}"), one


def _title(model: str) -> str:
    return CEILINGS.get(model, model.replace("_", " ").capitalize())


def _estimate(found: Json) -> Estimate:
    return Estimate(found["value"], found["low"], found["high"], found["n"], found["reason"], found["method"])


def _span(series: Iterable[Series]) -> tuple[float, float]:
    """From a tenth below the lowest end that is drawn up to 1."""
    ends = [end for one in series for e in one.values for end in (e.value, e.low) if end is not None]
    return max(-0.02, int(10 * min([*ends, 0.7]) - 0.3) / 10), 1.02


def _ceiling_chart(report: Json, groups: Sequence[tuple[str, Json]]) -> Chart:
    chosen, asked = report["settings"]["target_from"], report["settings"]["user_target"]
    shown = groups[:16]
    series = [
        Series(
            f"{_title(name).lower()}{' (decides)' if name == chosen else ''}",
            tuple(_estimate(one["ceilings"][name]) for _, one in shown),
            main=name == chosen,
        )
        for name in report["overall"]["ceilings"]
        if any(one["ceilings"][name]["value"] is not None for _, one in shown)
    ]
    names = [name for name, _ in shown]

    def draw(colours: Palette) -> Any:
        title = "F1 ceiling, 95 % interval"
        return interval_dots(
            names, series, title=title, colours=colours, line=(asked, f"asked: {number(asked)}"), span=_span(series)
        )

    values = joined(f"{name} {number(one['ceilings'][chosen]['value'])}" for name, one in shown)
    return Chart(
        "ceilings",
        "F1 ceilings by model",
        f"Dots with intervals: the {_title(chosen).lower()} ceiling is {values}; the other models stand beside it in each row. "
        "The table below has all numbers.",
        "The models disagree. The filled dots are of the model that targets are taken from.",
        draw(LIGHT),
        draw(DARK),
    )


def _ceiling_table(report: Json, groups: Sequence[tuple[str, Json]]) -> Table:
    models = list(report["overall"]["ceilings"])
    columns = (
        Column("group", align="words"),
        *(Column(_title(name).lower()) for name in models),
        Column("floor", "F1 of always saying yes"),
    )
    rows = []
    for name, one in groups:
        cells = [estimated(one["ceilings"][model], of=f"{_title(model).lower()}: ") for model in models]
        floor = next(iter(one["ceilings"].values()))["floor"]
        rows.append(
            Row((_named(name), *cells, plain_number(floor, why="an arm has no rating")), strong=name == "overall")
        )
    rule = (
        "Of a group, the mean over its concepts; n counts what the interval takes as units: concepts, of one "
        "concept its texts."
    )
    return Table("Ceilings by group", columns, tuple(rows), rule=rule)


def _named(name: str) -> Cell:
    letter = name.removeprefix("quadrant ")
    return Cell(name, order=name, quadrant=letter if len(letter) == 1 else None)


def _target_table(report: Json, groups: Sequence[tuple[str, Json]]) -> Table:
    rows = tuple(
        Row(
            (
                _named(name),
                plain_number(one["target"]["value"], why=one["target"]["reason"]),
                words(TIERS.get(one["target"]["tier"], one["target"]["tier"])),
                words(one["target"]["reason"]),
            ),
            strong=name == "overall",
        )
        for name, one in groups
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


def lens_section(report: Json, *, study: str, imported: bool) -> Section:
    """Measured F1 by group beside its baselines."""
    blocks: list[Block] = [Paragraph(LENS)]
    if report["overall"]["lens"]["mean_f1"] is None:
        blocks += _no_lenses(report, study, imported=imported)
        return Section("lenses", "What lenses reach", tuple(blocks))
    if report["caution"]:
        blocks.append(Paragraph(report["caution"], "warning"))
    groups = [(name, one) for name, one in _groups(report) if one["lens"]["mean_f1"] is not None]
    blocks += [_lens_chart(groups), _lens_table(report, groups)]
    return Section("lenses", "What lenses reach", tuple(blocks))


def _no_lenses(report: Json, study: str, *, imported: bool) -> Iterator[Block]:
    if imported:
        yield Paragraph("The texts were imported, so there are no activations to train lenses on.")
        return
    yield Paragraph(f"No F1 is measured: {report['overall']['lens']['reason']}.")
    yield Command(f"lensgap train {study}")


def _f1(one: Json) -> dict[str, Any]:
    lens = one["lens"]
    return {
        "value": lens["mean_f1"],
        "low": lens["low"],
        "high": lens["high"],
        "n": lens["n"],
        "reason": lens["reason"],
    }


def _lens_chart(groups: Sequence[tuple[str, Json]]) -> Chart:
    shown = groups[:16]
    series = (
        Series("lens F1", tuple(_estimate({**_f1(one), "method": "Student t"}) for _, one in shown), main=True),
        *(
            Series(title, tuple(_estimate(one["lens"]["baselines"][name]) for _, one in shown))
            for name, title in _BASELINES.items()
        ),
    )
    names = [name for name, _ in shown]

    def draw(colours: Palette) -> Any:
        return interval_dots(
            names, series, title="Mean F1 over concepts, out of fold", colours=colours, span=_span(series)
        )

    values = joined(f"{name} {number(one['lens']['mean_f1'])}" for name, one in shown)
    return Chart(
        "lenses",
        "Measured F1 beside its baselines",
        f"Dots: mean F1 of lenses is {values}; the baselines stand beside it in each row. The table below has all numbers.",
        "An F1 is knowledge of the concept only as far as it lies above what the words alone reach.",
        draw(LIGHT),
        draw(DARK),
    )


def _lens_table(report: Json, groups: Sequence[tuple[str, Json]]) -> Table:
    columns = (
        Column("group", align="words"),
        Column("lens F1", "95 % interval with concepts as the units"),
        *(Column(title) for title in _BASELINES.values()),
        Column("over words alone", "Mean of F1 less the F1 of words alone, on the same folds"),
    )
    rows = tuple(
        Row(
            (
                _named(name),
                estimated(_f1(one)),
                *(_baseline(one["lens"], key) for key in _BASELINES),
                estimated(one["lens"]["over_text_only"], of="over words alone: "),
            ),
            strong=name == "overall",
        )
        for name, one in groups
    )
    lens = report["lens"]
    rule = (
        f"Family {lens['family']}, layer {lens['layer']}; means over the concepts that have an F1, which n counts. "
        "No prompt template and no equal text is on both sides of a fold."
    )
    return Table("F1 by group", columns, rows, rule=rule)


def _baseline(lens: Json, key: str) -> Cell:
    return estimated(lens["baselines"][key], of=f"{_BASELINES[key]}: ")
