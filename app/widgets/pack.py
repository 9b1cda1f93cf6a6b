"""Parts of the pack screen: its numbers, the table of its layers, and its concepts as rows."""

from pathlib import Path

import streamlit as st

from app import data
from app.viewmodels.pack import PackView, Spread, history
from app.widgets import markup, notices
from engine import words
from engine.stats.quadrants import QUADRANTS, Bands, assign_quadrant
from engine.words import count, integer, percent

_LAYERS = (
    ("Layer", "Depth in the pack's hierarchy; 0 is the top."),
    ("Concepts", "Concepts of the pack at this depth."),
)
_CHOSEN = "Concepts in this run."


def headline(view: PackView) -> None:
    """How many concepts there are, in each quadrant and in none."""
    whole = view.whole
    layers = f"in {count(len(view.layers), 'pack layer')}, {integer(whole.n_chosen)} chosen"
    tiles = [_tile("Concepts", whole.n_concepts, None, layers, _CHOSEN)]
    for quadrant, n in zip(QUADRANTS, whole.by_quadrant, strict=True):
        name, under = markup.letter(quadrant), words.PROFILES[quadrant].replace(" · ", ", ")
        tiles.append(_tile(name, n, n / whole.n_concepts, under, words.QUADRANT))
    reasons = "\n".join(f"{why}: {integer(n)}" for why, n in view.obstacles)
    outside = whole.n_outside
    tiles.append(_tile(markup.letter(None), outside, outside / whole.n_concepts, "without a quadrant", reasons))
    st.html(f'<div class="lg-headline lg-six">{"".join(tiles)}</div>')


def _tile(name: str, n: int, share: float | None, under: str, hint: str) -> str:
    """A number with its share and its name, which is HTML of our own."""
    beside = f" <i>{percent(share)}</i>" if share is not None else ""
    return (
        f'<div title="{markup.text(hint)}"><span>{name}</span><b>{integer(n)}{beside}</b>'
        f"<small>{markup.text(under)}</small></div>"
    )


def layer_table(view: PackView) -> None:
    """Concepts of each pack layer by quadrant, and of the whole pack."""
    notices.heading("Pack layers", help_text="Layer 0 is the top of the pack's hierarchy. – means no quadrant.")
    letters = ((markup.letter(quadrant), words.QUADRANT) for quadrant in (*QUADRANTS, None))
    head = f"<tr>{markup.heads((*_LAYERS, *letters, ('Chosen', _CHOSEN)))}</tr>"
    rows = "".join(_layer(spread, str(spread.pack_layer)) for spread in view.layers)
    st.html(
        f'<table class="lg-table lg-numbers lg-layers"><thead>{head}</thead><tbody>{rows}</tbody>'
        f"<tfoot>{_layer(view.whole, 'All')}</tfoot></table>"
    )


def _layer(spread: Spread, name: str) -> str:
    numbers = (spread.n_concepts, *spread.by_quadrant, spread.n_outside, spread.n_chosen)
    return f"<tr><th>{name}</th>{''.join(_cell(n) for n in numbers)}</tr>"


def _cell(n: int) -> str:
    return f"<td>{integer(n)}</td>" if n else '<td class="lg-zero">0</td>'


def obstacle_table(view: PackView) -> None:
    """Why concepts lie in no quadrant, with their numbers."""
    if not view.obstacles:
        return
    notices.heading("Without a quadrant", help_text=words.QUADRANT)
    rows = "".join(f"<tr><th>{markup.text(why)}</th><td>{integer(n)}</td></tr>" for why, n in view.obstacles)
    st.html(f'<table class="lg-table lg-numbers lg-words-first"><tbody>{rows}</tbody></table>')


def provenance(facts: data.PackFacts) -> None:
    """Where the pack comes from and what its sense count means."""
    notices.heading("This pack")
    said = (
        ("Name", f"{facts.name} {facts.version}".strip()),
        ("A sense is", facts.senses_mean),
        ("Origin", history(facts) or "no splitting or bucketing recorded"),
    )
    entries = "".join(f"<dt>{name}</dt><dd>{markup.text(value)}</dd>" for name, value in said)
    place = f'<dd title="{markup.text(facts.source)}">{markup.text(Path(facts.source).name or facts.source)}</dd>'
    st.html(f'<dl class="lg-facts">{entries}<dt>Read from</dt>{place}</dl>')


def row(key: str, concept: data.PackConcept, bands: Bands) -> bool:
    """Draw a concept and tell whether it was pressed; only those of the run can be."""
    quadrant, reason = assign_quadrant(concept.n_senses, concept.n_siblings, bands)
    body = (
        f'<div class="lg-row lg-entry{"" if concept.in_run else " lg-still"}">'
        f"<header>{markup.letter(quadrant)}{_name(concept)}<span></span>{_counts(concept)}</header>"
        f"{_definition(concept)}{_notes(concept, reason)}</div>"
    )
    if not concept.in_run:
        st.html(body)
        return False
    with st.container(key=f"row-{key}-shut"):
        st.html(body)
        return st.button(markup.markdown(f"Open {concept.name}"), key=f"pick-{key}", width="stretch")


def _name(concept: data.PackConcept) -> str:
    chosen = markup.badge("in this run", kind="positive", title=_CHOSEN) if concept.in_run else ""
    called = markup.named(concept.name, concept.concept)
    return f"{called}{markup.term_beside(concept.name, concept.concept)}{chosen}"


def _counts(concept: data.PackConcept) -> str:
    siblings = concept.n_siblings
    cells = (
        (integer(concept.n_senses), "sense" if concept.n_senses == 1 else "senses"),
        (integer(siblings), "sibling" if siblings == 1 else "siblings"),
    )
    counts = "".join(f'<span class="lg-number"><b>{value}</b> {name}</span>' for value, name in cells)
    return f'{counts}<span class="lg-number">layer <b>{concept.pack_layer}</b></span>'


def _definition(concept: data.PackConcept) -> str:
    if not concept.definition.strip():
        return "<p><em>The pack has no definition.</em></p>"
    return f'<p title="{markup.text(concept.definition)}">{markup.text(concept.definition)}</p>'


def _notes(concept: data.PackConcept, reason: str | None) -> str:
    notes = (
        f"No quadrant: {reason}" if reason else "",
        f"split from {concept.origin}" if concept.origin else "",
        f"bucket: {concept.bucket}" if concept.bucket else "",
    )
    shown = " · ".join(note for note in notes if note)
    return f'<p class="lg-why">{markup.text(shown)}</p>' if shown else ""
