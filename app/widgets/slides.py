"""The parts of a frozen page as HTML: its texts come from a study, so each is escaped here."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.widgets.markup import heads, letter, text

Json = Mapping[str, Any]


def block_html(block: Json) -> str:
    """A part of a page as HTML; empty for a chart, which is drawn otherwise, and for a kind that is not known."""
    make = _MAKERS.get(block["kind"])
    return make(block["content"]) if make else ""


def heading_html(slide: Json, *, frozen: str, is_first: bool) -> str:
    """The page's head: the question it answers above the finding; the first page has the story's name."""
    if is_first:
        return (
            f'<h1>{text(slide["title"])}</h1><p class="lg-says">{text(slide["says"])}</p>'
            f'<p class="lg-muted">{text(frozen)}</p>'
        )
    return f'<p class="lg-question">{text(slide["title"])}</p><h1 class="lg-finding">{text(slide["says"])}</h1>'


def place(names: list[str], wanted: str | None) -> int:
    """The number of the page that the address names, the first where it names none that is there."""
    return names.index(wanted) if wanted in names else 0


def _text(content: str) -> str:
    return f"<p>{text(content)}</p>"


def _list(content: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{text(item)}</li>' for item in content)}</ul>"


def _tiles(content: list[Json]) -> str:
    tiles = (
        f"<div><span>{text(tile['name'])}</span><b>{text(tile['value'])}</b><small>{text(tile['note'])}</small></div>"
        for tile in content
    )
    return f'<div class="lg-headline">{"".join(tiles)}</div>'


def _table(content: Json) -> str:
    # Pages that were frozen before explanations were kept have none.
    means = content.get("means") or [""] * len(content["columns"])
    head = heads((text(column), meaning) for column, meaning in zip(content["columns"], means, strict=True))
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in content["rows"])
    rest = f'<p class="lg-muted">{text(content["rest"])}</p>' if content["rest"] else ""
    return f'<table class="lg-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{rest}'


def _cell(cell: Json) -> str:
    note = f"<small>{text(cell['note'])}</small>" if cell["note"] else ""
    return f"<td>{text(cell['value'])}{note}</td>"


def _examples(content: list[Json]) -> str:
    return f'<div class="lg-examples">{"".join(map(_example, content))}</div>'


def _example(one: Json) -> str:
    about = f"{one['arm']}, {one['form']}, {one['rating']}"
    return (
        f"<article><header>{letter(one['quadrant'])}<b>{text(one['concept'])}</b> {text(about)}</header>"
        f'<p class="lg-muted">{text(one["prompt"])}</p><p class="lg-wrote">{text(one["text"])}</p></article>'
    )


_MAKERS: Final[dict[str, Callable[[Any], str]]] = {
    "text": _text,
    "list": _list,
    "tiles": _tiles,
    "table": _table,
    "examples": _examples,
}
