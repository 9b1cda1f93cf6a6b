"""Which groups of concepts a section shows, and the page of them that fits a screen."""

from collections.abc import Sequence
from typing import Final, cast

import streamlit as st

from app import state
from app.context import Context
from app.viewmodels.findings import GRAINS, Grain, Row, rows_of
from engine.stats.findings import Findings
from engine.words import count, integer

PAGE_ROWS: Final = 25
_HELP: Final = (
    "Quadrants sort concepts by senses and siblings, pack layers by depth in the hierarchy. A group's gap pools the ratings of "
    "its concepts, and its share of good positives their texts, so that concepts with more of them count for more. Its "
    "ceilings are the mean over its concepts; the empirical one is that of their mean learning curve."
)


def chosen() -> Grain:
    """The grain that the address asks for."""
    return cast(Grain, state.one_of("grain", tuple(GRAINS), default="quadrant"))


def pick() -> Grain:
    """Draw the choice of grain."""
    return state.bound(
        st.segmented_control,
        "Groups",
        name="grain",
        value=chosen(),
        default="quadrant",
        clears=("page",),
        required=True,
        options=list(GRAINS),
        format_func=GRAINS.__getitem__,
        help=_HELP,
        label_visibility="collapsed",
    )


def page_of(here: Context, findings: Findings, grain: Grain) -> tuple[Row, ...]:
    """The rows of this page, the whole study first."""
    whole, *parts = rows_of(findings, grain, here.names)
    return (whole, *parts[(_number(parts) - 1) * PAGE_ROWS : _number(parts) * PAGE_ROWS])


def turn(here: Context, findings: Findings, grain: Grain) -> None:
    """Draw the way to other pages, where there are several."""
    parts = rows_of(findings, grain, here.names)[1:]
    n_pages = _n_pages(parts)
    if n_pages < 2:
        return
    number = _number(parts)
    first = (number - 1) * PAGE_ROWS + 1
    shown = f"{integer(first)}–{integer(min(number * PAGE_ROWS, len(parts)))}"
    st.html(f'<p class="lg-count">Smallest gap first · <b>{count(len(parts), "concept")}</b> · {shown}</p>')
    key = f"widget-page-{number}-{n_pages}"
    st.pagination(n_pages, default=number, key=key, max_visible_pages=7, on_change=_turned, args=(key,))


def _turned(key: str) -> None:
    state.change(page=st.session_state[key])


def _number(parts: Sequence[Row]) -> int:
    return int(state.given_number("page", default=1, low=1, high=_n_pages(parts)))


def _n_pages(parts: Sequence[Row]) -> int:
    return max(1, -(-len(parts) // PAGE_ROWS))
