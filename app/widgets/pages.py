"""How a list of samples is laid out: as cards or as a table, how many on a page, in which order, and which page."""

from collections.abc import Sequence
from typing import Any, Final, cast

import streamlit as st

from app import data, state
from app.context import current
from app.data.samples import PAGE_ROWS
from app.widgets import override, rows
from app.widgets.filters import SORTS
from app.widgets.sidebar import NEW_SAMPLES
from engine.words import QUADRANT, count

_TOOLS: Final = "list-tools"
SIZES: Final = (PAGE_ROWS, 25, 50, 100)
_BULK: Final = "Rate all pairs in this list, or those chosen in the table. You first see what it would change."
_LAYOUTS: Final = {"cards": ":material/view_agenda:", "table": ":material/table_rows:"}


def size() -> int:
    """Rows on a page, as the address has it."""
    return int(state.one_of("rows", [str(n) for n in SIZES], default=str(PAGE_ROWS)) or PAGE_ROWS)


def controls(sort: data.Sort) -> None:
    """Order and layout, beside the count; page size and rating of many in a popover."""
    state.bound(
        st.selectbox,
        "Order",
        name="sort",
        value=sort,
        default="run",
        clears=NEW_SAMPLES,
        options=list(SORTS),
        format_func=SORTS.__getitem__,
        label_visibility="collapsed",
        width=150,
    )
    hint = "Layout, page size, rating many at once"
    # Its state is kept, for what its button opens lies beneath it.
    tools = st.popover("", icon=":material/more_horiz:", width="content", help=hint, key=_TOOLS, on_change="rerun")
    with tools, state.folded():
        state.bound(
            st.segmented_control,
            "Layout",
            name="layout",
            value=state.one_of("layout", tuple(_LAYOUTS), default="cards"),
            default="cards",
            required=True,
            options=list(_LAYOUTS),
            format_func=lambda layout: f"{_LAYOUTS[layout]} {layout.title()}",
        )
        state.bound(
            st.segmented_control,
            "Rows per page",
            name="rows",
            value=str(size()),
            default=str(PAGE_ROWS),
            clears=NEW_SAMPLES,
            required=True,
            options=[str(n) for n in SIZES],
        )
        _open_bulk("Rate many at once …", key="bulk-open", help_text=_BULK)


def _open_bulk(label: str, *, key: str, help_text: str) -> None:
    st.button(
        label,
        key=key,
        icon=":material/checklist:",
        help=help_text,
        on_click=_show_bulk,
    )


def _show_bulk() -> None:
    st.session_state[_TOOLS] = False
    state.change(pane="bulk")


def table(shown: Sequence[data.PageRow], opened: str | None) -> list[str]:
    """The page as a table: a row whose box is clicked opens, and several are chosen. Returns the addresses of chosen rows."""
    keys = [rows.address(row) for row in shown]
    with st.container(key="list-table"):
        event = _grid(shown, key=f"table-{hash(tuple(keys))}")
    chosen = [keys[i] for i in cast(Sequence[int], event.selection.rows) if i < len(keys)]
    if len(chosen) == 1 and chosen[0] != opened:
        override.move(open=chosen[0])
        st.rerun()
    return chosen


def chosen_rows(n_chosen: int) -> None:
    """How many rows of the table are chosen, and what can be done with them; nothing where there are fewer than two."""
    if n_chosen < 2 or state.given("pane") == "bulk":
        return
    with st.container(key="list-chosen", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<p class="lg-count"><b>{count(n_chosen, "pair")}</b> chosen</p>', width="content")
        hint = "Give them all one rating. You first see what it would change."
        _open_bulk("Rate them at once …", key="bulk-open-chosen", help_text=hint)


def _grid(shown: Sequence[data.PageRow], *, key: str) -> Any:
    # Here, for cards do without it.
    import pandas as pd

    return st.dataframe(
        pd.DataFrame([_columns(row) for row in shown]),
        key=key,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        height="content",
        placeholder="–",
        # Beside an open sample in a narrow window only the first ones are seen.
        column_config={
            "": st.column_config.TextColumn(width=40, help=QUADRANT),
            "Concept": st.column_config.TextColumn(width=130),
            "Rating": st.column_config.NumberColumn(width=60, format="%.2g", help="The rating in force"),
            "Form": st.column_config.TextColumn(width=80),
        },
    )


def _columns(row: data.PageRow) -> dict[str, Any]:
    return {
        "": row.quadrant or "–",
        "Concept": current().name(row.concept),
        "Rating": row.verdict,
        "Form": row.form or "–",
        "Text": row.excerpt,
        "Arm": row.arm + (f" · {row.negative_kind}" if row.negative_kind else ""),
        "By": row.verdict_source or "–",
        "Characters": row.n_chars,
    }


def turn(page: data.PairPage) -> None:
    """The pages, where there are several."""
    if page.n_pages > 1:
        # Its number is its default and part of its key, for Streamlit complains of a default beside a value in its state.
        key = f"widget-page-{page.number}-{page.n_pages}"
        st.pagination(page.n_pages, default=page.number, key=key, max_visible_pages=5, on_change=_turn, args=(key,))


def _turn(key: str) -> None:
    override.move(page=st.session_state[key], open=None)
