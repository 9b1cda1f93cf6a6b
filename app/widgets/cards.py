"""Cards and figures of the overview, as HTML of our own numbers and escaped names."""

import streamlit as st

from app.viewmodels.overview import QuadrantCard
from app.widgets import markup
from engine import words
from engine.figures.palette import Palette, hue
from engine.stats.estimate import Estimate
from engine.stats.lens_results import LensSummary
from engine.words import count, integer, interval, number, percent


def headline(card: QuadrantCard, *, ceiling: str) -> None:
    """The study's five numbers in one strip."""
    f1 = card.lenses.f1
    over = f"over {count(card.n_concepts, 'concept')}"
    tiles = (
        _tile("Relevance gap", number(card.gap.value), _under(card.gap, over, weak=card.weak), words.GAP),
        _tile("Good positives", percent(card.good), f"of {count(card.n_formed, 'positive')}", words.GOOD),
        _tile("F1 ceiling", number(card.ceiling.value), f"{_interval(card.ceiling)} {ceiling}, {over}", words.CEILING),
        _tile("Measured lens F1", number(f1.value), _beside(_measured(f1), card.lenses), words.LENS),
        _tile("Recommended F1", number(card.target), _tier(card), _target_hint(card)),
    )
    st.html(f'<div class="lg-headline">{"".join(tiles)}</div>')


def quadrant(card: QuadrantCard, *, largest_gap: float, colours: Palette) -> str:
    """One quadrant's card as HTML."""
    bar = markup.interval_bar(card.gap, low=-0.25 * largest_gap, high=largest_gap, colour=hue(card.letter, colours))
    facts = (
        _fact("Good positives", percent(card.good), f"of {integer(card.n_formed)}", words.GOOD),
        _fact("F1 ceiling", number(card.ceiling.value), _interval(card.ceiling), words.CEILING),
        _fact("Lens F1", number(card.lenses.f1.value), _interval(card.lenses.f1), _lens_hint(card.lenses)),
        _fact("Recommended", number(card.target), _tier(card), _target_hint(card)),
    )
    counted = f"{count(card.n_concepts, 'concept')} · {count(card.n_pairs, 'pair')}"
    return (
        f'<div class="lg-card lg-card-{card.letter.lower()}">'
        f"<header>{markup.letter(card.letter)}<span>{words.PROFILES[card.letter]}</span></header>"
        f'<p class="lg-muted" title="{markup.text(words.PAIR)}">{counted}</p>'
        f'<div class="lg-gap" title="{markup.text(words.GAP)}"><b>{number(card.gap.value)}</b>'
        f"<span>gap {markup.text(_under(card.gap, '', weak=card.weak))}</span></div>{bar}<dl>{''.join(facts)}</dl></div>"
    )


def _tile(name: str, value: str, under: str, hint: str) -> str:
    title = markup.text(hint)
    return f'<div title="{title}"><span>{name}<i>?</i></span><b>{value}</b><small>{markup.text(under)}</small></div>'


def _fact(name: str, value: str, detail: str, hint: str) -> str:
    title = markup.text(hint)
    return f'<div title="{title}"><dt>{name}</dt><dd><b>{value}</b> <span>{detail}</span></dd></div>'


def _interval(estimate: Estimate) -> str:
    """The interval of a number, or that it has none; empty where there is no number."""
    return "" if estimate.value is None else interval(estimate) or "no interval"


def _under(gap: Estimate, over: str, *, weak: bool) -> str:
    if gap.value is None:
        return f"unknown: {gap.reason}"
    said = f"{_interval(gap)} {over}".rstrip()
    return said + (": rough" if over and weak else " few concepts" if weak else "")


def _measured(f1: Estimate) -> str:
    """The interval of a mean F1 and over how many lenses it is; empty while none is measured."""
    return f"{_interval(f1)} over {count(f1.n, 'lens', 'lenses')}" if f1.value is not None else ""


def _lens_hint(lenses: LensSummary) -> str:
    """What a lens is, and what its F1 in a card is to be read beside."""
    beside = _beside(_measured(lenses.f1), lenses)
    return f"{words.LENS} Here: {beside}." if beside else words.LENS


def _beside(before: str, lenses: LensSummary) -> str:
    """The F1 of always answering yes and of the words alone after what stands before them; no name breaks at its hyphen."""
    floor, text = lenses.always_positive.value, lenses.text_only.value
    parts = (
        before,
        f"always\u2011yes {number(floor)}" if floor is not None else "",
        f"words\u2011only {number(text)}" if text is not None else "",
    )
    return " · ".join(part for part in parts if part)


def _tier(card: QuadrantCard) -> str:
    return "needs ratings" if card.ceiling.value is None else words.TIERS[card.tier]


def _target_hint(card: QuadrantCard) -> str:
    return f"{words.TARGET} Here: {card.target_reason}."
