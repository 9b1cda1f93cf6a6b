"""Write a document as Markdown, for a repository or a chat: the same sections in brief, tables of concepts cut shorter.

Names and texts are untrusted: nothing in them is read as Markdown or HTML. Charts are links where images were written.
"""

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final

from engine.exchange.document.model import (
    Block,
    Cell,
    Chart,
    Command,
    Document,
    Example,
    Examples,
    Facts,
    Paragraph,
    Section,
    Table,
    Tiles,
)
from engine.terminal import visible

MOST_ROWS: Final = 40
_LEFT_OUT: Final = ("glossary",)
_EXAMPLE_CHARS: Final = 240
# Marks of Markdown, and what turns a bare address, a mail address or a name into a link.
_MARKS: Final = re.compile(r"[\\`*_{}\[\]()#+!|~$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
# At the start of a line these begin a list, a title or a rule.
_BEGINNINGS: Final = re.compile(r"^(?:(\d+)(?=\.(?:\s|$))|(?=[-=:]))")


def render_markdown(document: Document, *, plots: str | None = None) -> str:
    """The document as Markdown; `plots` is the folder of its images as the file refers to it, None without images."""
    lines = [f"# {escaped(document.answer)}", "", f"*{escaped(document.title)}*", ""]
    lines += [f"- {escaped(name)}: {escaped(said)}" for name, said in document.facts] + [""]
    lines += [line for warning in document.warnings for line in (f"> {escaped(warning)}", "")]
    for section in document.sections:
        if section.name not in _LEFT_OUT:
            lines += _section(section, plots)
    return "\n".join([*lines, "---", "", escaped(document.snapshot), ""])


def escaped(text: str) -> str:
    """Text on one line that Markdown shows as it is, but for spaces around it."""
    plain = html.escape(visible(text), quote=False).strip()
    return _BEGINNINGS.sub(r"\1\\", _MARKS.sub(r"\\\g<0>", plain))


def _section(section: Section, plots: str | None) -> Iterator[str]:
    yield f"## {escaped(section.title)}"
    yield ""
    for block in section.blocks:
        yield from _block(block, plots)


def _block(block: Block, plots: str | None) -> Iterator[str]:
    match block:
        case Paragraph():
            yield from (escaped(block.text), "")
        case Command():
            yield from ("```sh", visible(block.text).replace("`", "'"), "```", "")
        case Facts():
            yield from _facts(block)
        case Tiles():
            yield from (f"- **{escaped(tile.name)}**: {tile.value} ({escaped(tile.note)})" for tile in block.tiles)
            yield ""
        case Chart():
            yield from _chart(block, plots)
        case Table():
            yield from _table(block)
        case Examples():
            yield from _examples(block)


def _facts(facts: Facts) -> Iterator[str]:
    if facts.title:
        yield from (f"### {escaped(facts.title)}", "")
    yield from (f"- {escaped(name)}: {escaped(said)}" for name, said in facts.pairs)
    yield ""


def _chart(chart: Chart, plots: str | None) -> Iterator[str]:
    if plots is not None:
        yield from (f"![{escaped(chart.alt)}](<{plots}/{chart.name}.svg>)", "", escaped(chart.caption), "")


def _table(table: Table) -> Iterator[str]:
    yield from (f"### {escaped(table.title)}", "")
    yield _line([escaped(column.name) for column in table.columns])
    yield "|" + "|".join("---:" if column.align == "numbers" else "---" for column in table.columns) + "|"
    yield from (_line([_cell(table, cell) for cell in row.cells]) for row in table.rows[:MOST_ROWS])
    yield ""
    if len(table.rows) > MOST_ROWS:
        yield from (f"The first {MOST_ROWS} of {len(table.rows)} rows; the page has more.", "")
    if table.rule:
        yield from (escaped(table.rule), "")
    if table.reasons:
        yield from (f"- {table.mark(Cell('', why=reason))}: {escaped(reason)}" for reason in table.reasons)
        yield ""


def _cell(table: Table, cell: Cell) -> str:
    lines = [escaped(line) for line in cell.value.split("\n")]
    mark = f" ({table.mark(cell)})" if cell.why else ""
    note = f" {escaped(cell.note)}" if cell.note else ""
    return f"{'<br>'.join(lines)}{mark}{note}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _examples(block: Examples) -> Iterator[str]:
    yield from (f"### {escaped(block.title)}", "")
    for example in block.examples:
        yield from _example(example)


def _example(example: Example) -> Iterator[str]:
    by = f" by {example.rated_by}" if example.rated_by else ""
    yield f"**{escaped(example.concept)}**, {example.form}, {escaped(example.rating)}{by}. Prompt: {escaped(example.prompt)}"
    yield ""
    n_cut = example.n_cut + max(0, len(example.text) - _EXAMPLE_CHARS)
    cut = f" … {n_cut} more characters" if n_cut else ""
    yield f"> {escaped(example.text[:_EXAMPLE_CHARS]) or '(nothing)'}{cut}"
    yield ""
