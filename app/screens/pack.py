"""The run's whole pack: where its concepts lie, layer by layer and quadrant by quadrant, and each of them to read."""

from functools import partial
from typing import Any, Final, cast, get_args

import streamlit as st

from app import charts, context, data, state, theme
from app.charts.pack_map import pack_map_table
from app.context import Context
from app.viewmodels.pack import NO_QUADRANT, PackView, chosen_labels, pack_view, places_in
from app.widgets import markup, notices, plots
from app.widgets import pack as parts
from engine.stats.quadrants import QUADRANTS
from engine.words import QUADRANT, UNKNOWN, count, integer

_LETTERS: Final = (*QUADRANTS, NO_QUADRANT)
_SORTS: Final[dict[data.PackSort, str]] = {
    "name": "Name",
    "layer": "Pack layer",
    "senses": "Most senses first",
    "siblings": "Most siblings first",
}
_HEIGHT: Final = 520


def show(here: Context) -> None:
    """Draw the pack's numbers, its map beside its layers, and its concepts."""
    facts = data.load_pack(here.folder, here.run.run_id)
    positions = data.load_positions(here.folder, here.run)
    view = pack_view(positions, here.run.bands)
    at = state.one_of("at", [position.place for position in positions])
    inside = view.whole.n_concepts - view.whole.n_outside
    st.html(
        f'<h1 class="lg-title">What the pack offers</h1><p class="lg-answer"><b>{markup.text(facts.name)}:</b> '
        f"{integer(inside)} of {count(view.whole.n_concepts, 'concept')} lie in a quadrant; "
        f"this run studies {integer(view.whole.n_chosen)}.</p>"
    )
    parts.headline(view)
    with st.container(key="charts"):
        wide, narrow = st.columns([1.75, 1], gap="medium")
        with wide:
            _map(here, view)
        with narrow:
            parts.layer_table(view)
            _only_layer(here)
            parts.obstacle_table(view)
            parts.provenance(facts)
    _browse(here, view, positions, at)


def _only_layer(here: Context) -> None:
    if here.run.pack_layer is not None:
        notices.note(f"This run chose only from pack layer {here.run.pack_layer}.")


def _map(here: Context, view: PackView) -> None:
    notices.heading(
        "Quadrant map of the pack",
        help_text=f"{QUADRANT} Each dot stands for all concepts with the same counts; its area shows how many. Ring: "
        "chosen in this run. Click a dot to list its concepts.",
    )
    profiles = data.load_profiles(here.folder, here.run.run_id)
    made = charts.pack_map(
        view.dots,
        chosen_labels(profiles, here.names),
        bands=here.run.bands,
        sibling_count=here.run.sibling_count,
        colours=theme.palette(),
        height=_HEIGHT,
    )
    key = plots.fresh("pack-map")
    plots.draw(
        made,
        key=key,
        name="pack quadrant map",
        table=lambda: pack_map_table(view.dots),
        on_select=partial(_list_place, key),
    )
    if view.n_unplaced:
        notices.note(f"Not on the map because their siblings are unknown: {count(view.n_unplaced, 'concept')}.")


def _list_place(key: str) -> None:
    """Narrow the list to the dot that was clicked."""
    named = plots.follow("pack-map", st.session_state[key])
    if named is not None:
        place = named[0] if isinstance(named, list | tuple) else named
        state.change(at=place, page=None)


def _browse(here: Context, view: PackView, positions: tuple[data.Position, ...], at: str | None) -> None:
    notices.heading("Concepts of the pack")
    layers = [str(spread.pack_layer) for spread in view.layers]
    _bar(layers, at)
    page = data.load_pack_page(
        here.folder,
        here.run,
        _filters(here, layers, positions, at),
        number=int(state.given_number("page", default=1, low=1, high=1e9)),
        sort=_sort(),
    )
    _list(here, page)


def _sort() -> data.PackSort:
    return cast(data.PackSort, state.one_of("order", get_args(data.PackSort), default="name"))


def _filters(
    here: Context, layers: list[str], positions: tuple[data.Position, ...], at: str | None
) -> data.PackFilters:
    quadrants = state.some_of("quadrant", _LETTERS)
    places = places_in(positions, quadrants, here.run.bands) if quadrants else None
    if at is not None:
        places = (at,) if places is None or at in places else ()
    return data.PackFilters(
        layers=tuple(int(layer) for layer in state.some_of("pack_layer", layers)) or None,
        places=places,
        text=state.given("q"),
        only_chosen=state.given("chosen") == "yes",
    )


def _bar(layers: list[str], at: str | None) -> None:
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="small"):
        _bound(
            st.text_input,
            "Search",
            "q",
            state.given("q") or "",
            placeholder="Names and definitions",
            icon=":material/search:",
            width=250,
        )
        _pills("Quadrant", "quadrant", list(_LETTERS), help=QUADRANT)
        _pills("Pack layer", "pack_layer", layers, help="Layer 0 is the top of the pack's hierarchy.")
        _bound(
            st.pills,
            "Run",
            "chosen",
            state.one_of("chosen", ("yes",)),
            options=["yes"],
            format_func={"yes": "Chosen in this run"}.__getitem__,
        )
        _bound(
            st.selectbox,
            "Order",
            "order",
            _sort(),
            default="name",
            options=list(_SORTS),
            format_func=_SORTS.__getitem__,
            width=180,
        )
        if at is not None:
            st.button(f"At {_written(at)}  ✕", key="clear-at", on_click=state.change, kwargs={"at": None, "page": None})


def _bound(widget: Any, label: str, name: str, value: Any, **kw: Any) -> None:
    state.bound(widget, label, name=name, value=value, clears=("page",), **kw)


def _pills(label: str, name: str, options: list[str], **kw: Any) -> None:
    _bound(
        st.pills,
        label,
        name,
        state.some_of(name, options),
        options=options,
        selection_mode="multi",
        format_func=lambda option: UNKNOWN if option == NO_QUADRANT else option,
        **kw,
    )


def _written(place: str) -> str:
    n_senses, _, n_siblings = place.partition("x")
    siblings = count(int(n_siblings), "sibling") if n_siblings else "siblings unknown"
    return f"{count(int(n_senses), 'sense')}, {siblings}"


def _list(here: Context, page: data.PackPage) -> None:
    first = (page.number - 1) * data.PACK_ROWS + 1
    shown = f" · {integer(first)}–{integer(first + len(page.rows) - 1)}" if page.rows else ""
    st.html(f'<p class="lg-count"><b>{count(page.n_total, "concept")}</b>{shown}</p>')
    if not page.rows:
        notices.empty("No concept passes these filters", "Remove a filter or shorten the search.")
        return
    with st.container(key="list", gap=None):
        for i, concept in enumerate(page.rows):
            if parts.row(str(i), concept, here.run.bands):
                st.switch_page("screens/concept.py", query_params=state.link(concept=concept.concept))
    if page.n_pages > 1:
        # Its number is its default and part of its key, for Streamlit complains of a default beside a value in its state.
        key = f"widget-page-{page.number}-{page.n_pages}"
        st.pagination(page.n_pages, default=page.number, key=key, max_visible_pages=7, on_change=_turn, args=(key,))


def _turn(key: str) -> None:
    state.change(page=st.session_state[key])


show(context.current())
