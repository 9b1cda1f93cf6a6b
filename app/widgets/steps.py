"""From the open pair to its neighbours in the list, by click or key.

A rating may take the open pair out of the list, or elsewhere in it. Then it has neighbours where it was when it was opened, so
that whoever works through a list goes on from there.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import streamlit as st

from app import data
from app.context import current
from app.widgets import filters, override, pages, rows
from engine.words import integer

_PLACE: Final = "place-of-open-pair"


class Place(NamedTuple):
    """Where the open pair was in its page of the list when it was opened; `view` is that page, and the pair."""

    view: tuple[object, ...]
    at: int


def steps(page: data.PairPage, opened: str) -> None:
    """Draw where the open pair stands, and the ways to the pairs before and after it."""
    keys = [rows.address(row) for row in page.rows]
    at = _place(page, opened, keys)
    is_there = at is not None and at < len(keys) and keys[at] == opened
    before = _step_to(keys, None if at is None else at - 1, page, by=-1)
    after = _step_to(keys, None if at is None else at + is_there, page, by=1)
    with st.container(horizontal=True, vertical_alignment="center", key="steps"):
        st.html(f'<span class="lg-note">{_where(page, opened, keys, was_there=at is not None)}</span>', width="stretch")
        _step("Previous", "P", before)
        _step("Next", "N", after)


def _place(page: data.PairPage, opened: str, keys: Sequence[str]) -> int | None:
    """The open pair's number in its page when it was opened; None where it was not in the list."""
    view = (opened, page.number, pages.size(), current().run.run_id, str(filters.chosen_values()))
    place: Place | None = st.session_state.get(_PLACE)
    if place is None or place.view != view:
        if opened not in keys:
            return None
        place = st.session_state[_PLACE] = Place(view, keys.index(opened))
    return place.at


def _where(page: data.PairPage, opened: str, keys: Sequence[str], *, was_there: bool) -> str:
    if opened in keys:
        number = (page.number - 1) * pages.size() + keys.index(opened) + 1
        return f"Pair {integer(number)} of {integer(page.n_total)}"
    return "Pair no longer on this page of the list" if was_there else "Pair not in this list"


def _step_to(keys: Sequence[str], to: int | None, page: data.PairPage, *, by: int) -> dict[str, object] | None:
    """Where a step leads: a row of this page, or the near end of the next one; None at the list's ends."""
    if to is None:
        return None
    if 0 <= to < len(keys):
        return {"open": keys[to]}
    turned = page.number + by
    return {"page": turned, "open": "first" if by > 0 else "last"} if 1 <= turned <= page.n_pages else None


def _step(label: str, key: str, to: dict[str, object] | None) -> None:
    st.button(
        label,
        key=f"step-{label}",
        shortcut=key,
        type="tertiary",
        disabled=to is None,
        on_click=override.move,
        kwargs=to or {},
    )
