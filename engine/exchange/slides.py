"""Pages to present: one finding each, taken from the report's document as it is at that moment.

A page is plain data that holds its own numbers, charts and texts, so that what is kept of it cannot change later. All texts are
plain: whoever draws a page escapes them.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from engine.exchange.document.model import Chart, Document, Examples, Paragraph, Section, Table, Tiles, told
from engine.words import CEILINGS, count, number, percent

Json = Mapping[str, Any]
Kind = Literal["text", "list", "tiles", "chart", "table", "examples"]
_ROWS: Final = 7
_TEXT_CHARS: Final = 340
_LOW_PX: Final = 460
_HIGH_PX: Final = 620
_FONT_PX: Final = 15


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page; what `content` holds depends on its kind."""

    kind: Kind
    content: Any


@dataclass(frozen=True, slots=True)
class Slide:
    """A page: its name in links, the question it answers, the finding in a sentence, and what shows it."""

    name: str
    title: str
    says: str
    blocks: tuple[Block, ...]


def build_slides(document: Document, report: Json, *, name: str) -> tuple[Slide, ...]:
    """The pages of a report and its document, the title first; a section that the document lacks has no page."""
    sections = {section.name: section for section in document.sections}
    return tuple(_slides(document, report, sections, name))


def slides_json(slides: tuple[Slide, ...]) -> str:
    """The pages as they are kept."""
    return json.dumps([asdict(slide) for slide in slides])


def _slides(document: Document, report: Json, sections: Mapping[str, Section], name: str) -> Iterator[Slide]:
    facts = Block("list", [f"{term}: {said}" for term, said in document.facts if term != "Written"])
    yield Slide("title", name, document.title, (facts, *(Block("text", warning) for warning in document.warnings)))
    makers: dict[str, Callable[[Section], Slide]] = {
        "answer": lambda part: Slide("answer", document.title, f"{document.answer}.", (*_tiles(part), *_lead(part))),
        "map": lambda part: Slide("map", part.title, _first(part), _charts(part)),
        "gaps": lambda part: Slide("gaps", part.title, _gap(report), _charts(part)[:1]),
        "form": lambda part: Slide("form", part.title, _form(report), _table(part, _positives)),
        "ceilings": lambda part: Slide("ceilings", part.title, _ceiling(report), _charts(part)[:1]),
        "lenses": lambda part: Slide("lenses", part.title, _lens(report), _charts(part)[:1] or _table(part)),
        "claims": lambda part: Slide("claims", part.title, _claims(report), _table(part, _decided_first, columns=3)),
        "examples": lambda part: Slide("examples", part.title, _drawn(part), _examples(part)),
    }
    for part, make in makers.items():
        if part in sections:
            yield make(sections[part])
    yield Slide("next", "What next?", "What would settle the open questions.", (Block("list", list(_next(report))),))


def _first(section: Section) -> str:
    return next((block.text for block in section.blocks if isinstance(block, Paragraph)), "")


def _lead(section: Section) -> tuple[Block, ...]:
    return tuple(Block("text", block.text) for block in section.blocks if isinstance(block, Paragraph))[:1]


def _tiles(section: Section) -> tuple[Block, ...]:
    found = [block for block in section.blocks if isinstance(block, Tiles)]
    return tuple(Block("tiles", [asdict(tile) for tile in block.tiles]) for block in found)


def _charts(section: Section) -> tuple[Block, ...]:
    charts = [block for block in section.blocks if isinstance(block, Chart)]
    return tuple(Block("chart", _chart(chart)) for chart in charts)


def _chart(chart: Chart) -> dict[str, Any]:
    figures = {name: json.loads(figure.to_json()) for name, figure in (("light", chart.light), ("dark", chart.dark))}
    for figure in figures.values():
        layout = figure["layout"]
        layout["height"] = min(max(layout.get("height") or 0, _LOW_PX), _HIGH_PX)
        layout.setdefault("font", {})["size"] = _FONT_PX
    return {"name": chart.name, "title": chart.title, "alt": chart.alt, "caption": chart.caption, **figures}


def _table(section: Section, choose: Any = None, *, columns: int | None = None) -> tuple[Block, ...]:
    """The section's first table, its rows as chosen and no more than a page takes; how many were left out is told."""
    table = next((block for block in section.blocks if isinstance(block, Table)), None)
    if table is None:
        return ()
    chosen = choose(table.rows) if choose else table.rows
    rows = [
        [{"value": cell.value, "note": cell.note or cell.why} for cell in row.cells[:columns]] for row in chosen[:_ROWS]
    ]
    left = len(chosen) - len(rows)
    rest = f"{count(left, 'more row')} in the report." if left else ""
    shown = table.columns[:columns]
    names, means = [column.name for column in shown], [column.means for column in shown]
    return (Block("table", {"columns": names, "means": means, "rows": rows, "rest": rest}),)


def _positives(rows: Any) -> list[Any]:
    return [row for row in rows if row.cells[1].value == "positive"]


def _decided_first(rows: Any) -> list[Any]:
    order = {"does not hold": 0, "holds": 1}
    return sorted(rows, key=lambda row: order.get(row.cells[1].value, 2))


def _examples(section: Section) -> tuple[Block, ...]:
    """The first text of each quadrant that went wrong in form, else the first: four at most."""
    found = [example for block in section.blocks if isinstance(block, Examples) for example in block.examples]
    shown: dict[str | None, Any] = {}
    for example in sorted(found, key=lambda one: one.form == "good"):
        shown.setdefault(example.quadrant, example)
    chosen = [shown[key] for key in sorted(shown, key=str)][:4]
    return (Block("examples", [_example(example) for example in chosen]),)


def _example(example: Any) -> dict[str, Any]:
    told_of = {name: getattr(example, name) for name in ("concept", "quadrant", "arm", "form", "prompt", "rating")}
    return told_of | {"text": example.text[:_TEXT_CHARS] + ("…" if len(example.text) > _TEXT_CHARS else "")}


def _drawn(section: Section) -> str:
    return (
        "One text per quadrant as the model wrote it, one of them in bad form if there is any. A hash of "
        "their ids picks them."
    )


def _gap(report: Json) -> str:
    overall = report["overall"]
    if overall["gap"] is None:
        return f"The relevance gap is unknown: {overall['gap_reason']}."
    gap = {"value": overall["gap"], "low": overall["gap_low"], "high": overall["gap_high"], "n": overall["gap_n"]}
    return f"On average, positives are rated {_over_concepts(gap, 'points above negatives')}, on the scale from 1 to 5."


def _over_concepts(found: Json, what: str = "") -> str:
    """A known estimate in a sentence, with its interval and over how many concepts."""
    return f"{told({**found, 'n': None})} {f'{what} ' if what else ''}over {count(found['n'], 'concept')}"


def _form(report: Json) -> str:
    good = report["overall"]["form"]["positive"]["good"]
    if good is None:
        return "No text of the positives has been measured yet."
    n = count(report["overall"]["n_formed"]["positive"], "text")
    return f"{percent(good)} of the positives ({n}) are in good form: not empty, short or looping."


def _ceiling(report: Json) -> str:
    model = report["settings"]["target_from"]
    ceiling = report["overall"]["ceilings"][model]
    if ceiling["value"] is None:
        return f"The {CEILINGS[model].lower()} ceiling is unknown: {ceiling['reason']}."
    asked = number(report["settings"]["user_target"])
    return f"{CEILINGS[model]} permits an F1 of {_over_concepts(ceiling)}; {asked} is asked for."


def _lens(report: Json) -> str:
    lens = report["overall"]["lens"]
    if lens["mean_f1"] is None:
        return f"No F1 is measured: {lens['reason']}."
    f1 = {"value": lens["mean_f1"], "low": lens["low"], "high": lens["high"], "n": lens["n"]}
    beside = f"always saying yes {number(lens['always_positive_f1'])}, the words alone {number(lens['text_only_f1'])}"
    return f"Lenses reach a mean F1 of {_over_concepts(f1)}, on texts they were not trained on; {beside}."


def _claims(report: Json) -> str:
    verdicts = [claim["verdict"] for claim in report["claims"]["claims"]]
    holds, fails, open_ones = (verdicts.count(each) for each in ("holds", "does not hold", "cannot tell"))
    said = f"holds {holds}, does not hold {fails}, cannot tell {open_ones}"
    return f"Of {count(len(verdicts), 'claim')} on training data, on this study: {said}."


def _next(report: Json) -> Iterator[str]:
    """What is open, most pressing first, each with what closes it."""
    overall, judge = report["overall"], report["judge"]
    n_unrated = sum(overall[f"n_{arm}"] - overall[f"n_{arm}_rated"] for arm in ("positive", "negative"))
    if judge is None:
        yield "Have the texts judged: nothing is rated yet."
    elif judge["is_baseline"]:
        yield "Have a language model judge the texts: the baseline only compares words and cannot support a decision."
    if judge is not None and n_unrated:
        yield f"Rate what is unrated: {count(n_unrated, 'pair')}."
    if report["audit_agreement"]["reason"]:
        yield "Rate a random sample blind to learn how far the judge can be trusted."
    target = overall["target"]
    if overall["ceilings"][report["settings"]["target_from"]]["value"] is not None:
        asked = number(target["value"]) if target["value"] is not None else "no F1"
        yield f"Ask for {asked} of the lenses: {target['reason']}."
    if overall["lens"]["mean_f1"] is None:
        yield "Train lenses to compare a measured F1 with the ceiling."
    yield from _settled(report)


def _settled(report: Json) -> Iterator[str]:
    """What the first claims that cannot be told wait for, where more data would tell."""
    open_claims = [claim for claim in report["claims"]["claims"] if claim["verdict"] == "cannot tell"]
    waiting = [claim for claim in open_claims if claim["settle"] and not claim["settle"].startswith("it lies")]
    for claim in waiting[:3]:
        yield f"To tell whether “{claim['words']}”: {claim['settle'].rstrip('.')}."
