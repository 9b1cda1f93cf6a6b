"""The filter bar of the samples screen; every choice is a query parameter."""

from collections.abc import Sequence
from typing import Any, Final, cast

import streamlit as st

from app import data, state
from app.context import current
from app.data.samples import Sort
from app.widgets.sidebar import NEW_SAMPLES
from engine.words import ARM, FORM, KINDS, QUADRANT

QUADRANTS: Final = ("A", "B", "C", "D", "none")
FORMS: Final = ("empty", "short", "repetitive", "good", "none")
RATINGS: Final = ("1", "2", "3", "4", "5", "0")
SOURCES: Final = {"judge": "Judge", "override": "Override", "audit": "Audit"}
SORTS: Final[dict[Sort, str]] = {
    "run": "Run order",
    "lowest": "Lowest rating first",
    "highest": "Highest rating first",
    "unsure": "Judge least certain first",
    "loop": "Most looping first",
    "longest": "Longest first",
    "shortest": "Shortest first",
}
PRESETS: Final[dict[str, dict[str, Any]]] = {
    "Degenerate": {"form": ["empty", "short", "repetitive"]},
    "Off-topic positives": {"arm": "positive", "rating": ["1", "2"], "sort": "lowest"},
    "On-topic negatives": {"arm": "negative", "rating": ["4", "5"], "sort": "highest"},
    "Overridden": {"by": "override"},
    "Unrated": {"rating": ["0"]},
}
_NAMES: Final = ("quadrant", "concept", "arm", "kind", "form", "rating", "by", "q", "sort")
_UNKNOWN: Final = {"none": "–", "0": "–"}


def read(concepts: Sequence[str]) -> tuple[data.Filters, Sort, int]:
    """Filters, order and page number as the address has them; what is no valid choice counts as not given."""
    filters = data.Filters(
        quadrants=tuple(state.some_of("quadrant", QUADRANTS)) or None,
        concept=state.one_of("concept", concepts),
        arm=state.one_of("arm", ("positive", "negative")),
        kinds=tuple(state.some_of("kind", tuple(KINDS))) or None,
        forms=tuple(state.some_of("form", FORMS)) or None,
        ratings=tuple(int(rating) for rating in state.some_of("rating", RATINGS)) or None,
        source=state.one_of("by", tuple(SOURCES)),
        text=state.given("q"),
    )
    sort = cast(Sort, state.one_of("sort", tuple(SORTS), default="run"))
    return filters, sort, int(state.given_number("page", default=1, low=1, high=1e9))


def bar(concepts: Sequence[str], filters: data.Filters, sort: Sort) -> None:
    """Draw the bar."""
    with st.container(key="presets", horizontal=True, vertical_alignment="center", gap="small"):
        st.html('<span class="lg-note">Show</span>', width="content")
        for name, preset in PRESETS.items():
            st.button(name, key=f"preset-{name}", on_click=_apply, args=(preset,), type=_type(preset))
        st.button("Everything", key="preset-all", on_click=_apply, args=({},), type=_type({}))
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="small"):
        _text(filters)
        _pick(
            st.selectbox,
            "Concept",
            "concept",
            filters.concept,
            options=list(concepts),
            format_func=current().name,
            placeholder="All",
            width=190,
        )
        _pills("Quadrant", "quadrant", filters.quadrants, QUADRANTS, help=QUADRANT)
        _pick(
            st.segmented_control,
            "Arm",
            "arm",
            filters.arm,
            options=["positive", "negative"],
            format_func={"positive": "Positive", "negative": "Negative"}.__getitem__,
            help=ARM,
        )
        _pills("Negative", "kind", filters.kinds, tuple(KINDS), help="How a negative was chosen.")
        _pills("Form", "form", filters.forms, FORMS, help=FORM)
        ratings = tuple(str(rating) for rating in filters.ratings) if filters.ratings else None
        _pills(
            "Rating",
            "rating",
            ratings,
            RATINGS,
            help="The verdict: an override, else an audit, else the judge. – is unrated.",
        )
        _pick(
            st.selectbox,
            "Rated by",
            "by",
            filters.source,
            options=list(SOURCES),
            format_func=SOURCES.__getitem__,
            placeholder="Anyone",
            width=120,
        )
        _pick(
            st.selectbox,
            "Order",
            "sort",
            sort,
            default="run",
            options=list(SORTS),
            format_func=SORTS.__getitem__,
            width=180,
        )


def _text(filters: data.Filters) -> None:
    state.bound(
        st.text_input,
        "Search",
        name="q",
        value=filters.text or "",
        clears=NEW_SAMPLES,
        placeholder="Text in output or prompt",
        icon=":material/search:",
        width=230,
    )


def _pick(widget: Any, label: str, name: str, value: Any, *, default: Any = None, **kw: Any) -> None:
    if widget is st.selectbox and default is None:
        kw["index"] = None
    state.bound(widget, label, name=name, value=value, default=default, clears=NEW_SAMPLES, **kw)


def _pills(label: str, name: str, value: Sequence[str] | None, options: Sequence[str], **kw: Any) -> None:
    state.bound(
        st.pills,
        label,
        name=name,
        value=list(value or ()),
        clears=NEW_SAMPLES,
        options=list(options),
        selection_mode="multi",
        format_func=lambda option: _UNKNOWN.get(option, option),
        **kw,
    )


def _apply(preset: dict[str, Any]) -> None:
    state.change(**(dict.fromkeys((*_NAMES, *NEW_SAMPLES)) | preset))


def _type(preset: dict[str, Any]) -> Any:
    chosen = {name: list(values) for name in _NAMES if (values := state.given_all(name))}
    wanted = {name: value if isinstance(value, list) else [value] for name, value in preset.items()}
    return "primary" if chosen == wanted else "secondary"
