"""Cards and figures of the overview, as HTML of our own numbers and escaped names."""

from collections.abc import Sequence

import streamlit as st

from app.theme import Palette, hue
from app.viewmodels import words
from app.viewmodels.overview import QuadrantCard
from app.viewmodels.words import count, interval, number, percent
from app.widgets import markup
from engine.stats.estimate import Estimate


def headline(card: QuadrantCard, *, ceiling: str) -> None:
    """The study's five numbers in one strip."""
    f1, floor = card.lenses.f1, card.lenses.always_positive
    tiles = (
        _tile("Relevance gap", number(card.gap.value), _under(card.gap, weak=card.weak), words.GAP),
        _tile("Good positives", percent(card.good), count(card.n_samples, "sample"), words.GOOD),
        _tile("F1 ceiling", number(card.ceiling.value), f"{interval(card.ceiling)} {ceiling}", words.CEILING),
        _tile("Measured lens F1", number(f1.value), f"{interval(f1)} always-yes {number(floor.value)}", words.LENS),
        _tile(
            "Recommended F1", number(card.target), words.TIERS[card.tier], f"{words.TARGET} Here: {card.target_reason}."
        ),
    )
    st.html(f'<div class="lg-headline">{"".join(tiles)}</div>')


def quadrant(card: QuadrantCard, *, largest_gap: float, colours: Palette) -> str:
    """One quadrant's card as HTML."""
    bar = markup.interval_bar(card.gap, low=-0.25 * largest_gap, high=largest_gap, colour=hue(card.letter, colours))
    rows = (
        ("Good positives", percent(card.good), "", words.GOOD),
        ("F1 ceiling", number(card.ceiling.value), interval(card.ceiling), words.CEILING),
        (
            "Lens F1",
            number(card.lenses.f1.value),
            f"always-yes {number(card.lenses.always_positive.value)}",
            words.LENS,
        ),
        ("Recommended", number(card.target), words.TIERS[card.tier], f"{words.TARGET} Here: {card.target_reason}."),
    )
    facts = "".join(
        f'<div title="{markup.text(hint)}"><dt>{name}</dt><dd><b>{value}</b> <span>{detail}</span></dd></div>'
        for name, value, detail, hint in rows
    )
    return (
        f'<div class="lg-card lg-card-{card.letter.lower()}">'
        f"<header>{markup.letter(card.letter)}<span>{words.PROFILES[card.letter]}</span></header>"
        f'<p class="lg-muted">{count(card.n_concepts, "concept")} · {count(card.n_samples, "sample")}</p>'
        f'<div class="lg-gap" title="{markup.text(words.GAP)}"><b>{number(card.gap.value)}</b>'
        f"<span>gap {_under(card.gap, weak=card.weak)}</span></div>{bar}<dl>{facts}</dl></div>"
    )


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values, the values escaped."""
    return "".join(f"<dt>{name}</dt><dd>{markup.text(value)}</dd>" for name, value in rows)


def _tile(name: str, value: str, under: str, hint: str) -> str:
    return f'<div title="{markup.text(hint)}"><span>{name}<i>?</i></span><b>{value}</b><small>{markup.text(under)}</small></div>'


def _under(gap: Estimate, *, weak: bool) -> str:
    if gap.value is None:
        return gap.reason or ""
    return (interval(gap) or "no interval") + (" few concepts" if weak else "")
