"""A sample as a row of a list; the whole row is one button."""

from collections.abc import Callable

import streamlit as st

from app import data
from app.context import current
from app.widgets import markup

BY_PEOPLE = ("override", "audit")


def address(row: data.PageRow) -> str:
    """How a pair is named in an address: concept and sample."""
    return f"{row.concept}:{row.sample_id}"


def row(
    key: str,
    shown: data.PageRow,
    *,
    is_open: bool = False,
    search: str | None = None,
    named: bool = True,
    on_click: Callable[[], None] | None = None,
) -> bool:
    """Draw a row and tell whether it was pressed; `named` rows say their concept and arm."""
    excerpt = shown.excerpt.strip()
    body = markup.marked(excerpt, loop=None, search=search) if excerpt else '<em class="lg-muted">nothing written</em>'
    with st.container(key=f"row-{key}-{'open' if is_open else 'shut'}"):
        st.html(f'<div class="lg-row"><header>{_head(shown, named=named)}</header><p>{body}</p></div>')
        label = markup.markdown(f"Open {shown.arm} {shown.sample_id} of {current().name(shown.concept)}")
        return st.button(label, key=f"pick-{key}", width="stretch", on_click=on_click)


def _head(shown: data.PageRow, *, named: bool) -> str:
    kind = f" · {shown.negative_kind}" if shown.negative_kind else ""
    called = markup.named(current().name(shown.concept), shown.concept)
    name = f"{markup.letter(shown.quadrant)}{called}" if named else ""
    arm = markup.badge(shown.arm + kind, kind=shown.arm) if named else ""
    kind_only = markup.badge(shown.negative_kind) if not named and shown.negative_kind else ""
    about = f'<span class="lg-muted">{markup.text(shown.prompt)}</span>' if not named else ""
    form = ""
    if shown.form != "good":
        form = markup.badge(shown.form or "form not measured", kind=f"form-{shown.form or 'none'}")
    rating = markup.rating_dots(shown.verdict, edited=shown.verdict_source in BY_PEOPLE)
    return f"{name}{about}{arm}{kind_only}{form}<span></span>{rating}"
