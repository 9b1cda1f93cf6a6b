"""The filter bar of the samples screen; every choice is a query parameter.

What is asked for most stands in the bar, the rest behind "More filters", which says how many are on. Each choice that narrows the
list shows as a chip that takes it away again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import streamlit as st

from app import data, state
from app.context import current
from app.data.samples import Sort
from app.widgets import markup
from app.widgets.sidebar import NEW_SAMPLES
from engine.words import ARM, FORM, KINDS, LENS, QUADRANT, integer

QUADRANTS: Final = ("A", "B", "C", "D", "none")
FORMS: Final = ("empty", "short", "repetitive", "good", "none")
RATINGS: Final = ("1", "2", "3", "4", "5", "0")
ARMS: Final = {"positive": "Positive", "negative": "Negative"}
SOURCES: Final = {"judge": "Judge", "override": "Override", "audit": "Audit"}
DIFFERS: Final = {"person": "Judge and person differ by 2 or more", "votes": "The judge's own votes differ"}
TOPICS: Final = {
    "exact": "The concept asked for",
    "alias": "An alias of it",
    "sibling": "A sibling",
    "ancestor": "Something broader",
    "other": "Something else",
    "none": "Not known",
}
FIRES: Final = {"on": "Fires", "off": "Stays off", "none": "Not scored"}
FINISHES: Final = {"stop": "The model", "length": "The length limit"}
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
IN_BAR: Final = ("quadrant", "form", "rating", "arm", "concept", "q")
MORE: Final = ("kind", "by", "judged", "person", "differ", "topic", "fires", "finish", "template", "layer", "origin")
NAMES: Final = (*IN_BAR, *MORE, "sort")
"""Parameters that say what is listed, and in which order."""
_PLACE: Final = ("quadrant", "concept")
"""Where a preset looks: it keeps them, so that one click shows what went wrong in a quadrant."""
_LABELS: Final = {
    "quadrant": "Quadrant",
    "form": "Form",
    "rating": "Rating",
    "arm": "Arm",
    "concept": "Concept",
    "q": "Text",
    "kind": "Negative",
    "by": "Rated by",
    "judged": "Judge said",
    "person": "Person said",
    "differ": "Differs",
    "topic": "About",
    "fires": "Lens",
    "finish": "Stopped by",
    "template": "Template",
    "layer": "Pack layer",
    "origin": "Senses of",
}
_UNKNOWN: Final = {"none": "–", "0": "–"}
_WRITTEN: Final[dict[str, Mapping[str, str]]] = {
    "arm": ARMS,
    "by": SOURCES,
    "differ": DIFFERS,
    "topic": TOPICS,
    "fires": FIRES,
    "finish": FINISHES,
}


def read(
    concepts: Sequence[str], *, layers: Sequence[str] = (), origins: Sequence[str] = (), templates: Sequence[str] = ()
) -> tuple[data.Filters, Sort, int]:
    """Filters, order and page number as the address has them; what is no valid choice counts as not given."""
    filters = data.Filters(
        quadrants=tuple(state.some_of("quadrant", QUADRANTS)) or None,
        concept=state.one_of("concept", concepts),
        arm=state.one_of("arm", tuple(ARMS)),
        kinds=tuple(state.some_of("kind", tuple(KINDS))) or None,
        forms=tuple(state.some_of("form", FORMS)) or None,
        ratings=_numbers("rating", RATINGS),
        source=state.one_of("by", tuple(SOURCES)),
        text=state.given("q"),
        people=_numbers("person", RATINGS),
        judged=_numbers("judged", RATINGS),
        differs=state.one_of("differ", tuple(DIFFERS)),
        topics=tuple(state.some_of("topic", tuple(TOPICS))) or None,
        fires=state.one_of("fires", tuple(FIRES)),
        finish=state.one_of("finish", tuple(FINISHES)),
        templates=tuple(state.some_of("template", templates)) or None,
        layers=_numbers("layer", layers),
        origin=state.one_of("origin", origins),
    )
    sort = cast(Sort, state.one_of("sort", tuple(SORTS), default="run"))
    return filters, sort, int(state.given_number("page", default=1, low=1, high=1e9))


def _numbers(name: str, options: Sequence[str]) -> tuple[int, ...] | None:
    return tuple(int(value) for value in state.some_of(name, options)) or None


def presets() -> None:
    """Buttons for what is looked for most."""
    st.html('<span class="lg-note">Show</span>', width="content")
    for name, preset in PRESETS.items():
        st.button(name, key=f"preset-{name}", on_click=_preset, args=(preset,), type=_type(preset | _place()))
    st.button("Everything", key="preset-all", on_click=apply, args=({},), type=_type({}))


def _place() -> dict[str, list[str]]:
    return {name: list(values) for name in _PLACE if (values := state.given_all(name))}


def _preset(preset: Mapping[str, Any]) -> None:
    """List what a preset says, of the quadrants and concept that are on screen."""
    apply({**preset, **_place()})


def bar(concepts: Sequence[str], filters: data.Filters, facets: data.Facets, more: Mapping[str, Sequence[str]]) -> None:
    """Draw the bar; `more` holds the run's own choices of template, layer and origin."""
    shown = facets if state.given("counts") else {}
    _pills("quadrant", filters.quadrants, _known("quadrant", QUADRANTS, facets), facets, help=QUADRANT)
    _pills("form", filters.forms, _known("form", FORMS, facets), shown, help=FORM)
    ratings = tuple(str(rating) for rating in filters.ratings) if filters.ratings else None
    help_text = "The rating in force: the override, else the audit rating, else the judge's. – means unrated."
    _pills("rating", ratings, RATINGS, shown, help=help_text)
    # However wide the counts are, what follows stays where it is.
    st.html('<span class="lg-break"></span>', width="content")
    _pick("arm", filters.arm, tuple(ARMS), shown, placeholder="Both", width=115, help=ARM)
    _text(filters)
    names = current().name
    _pick("concept", filters.concept, concepts, shown, placeholder="All", width=200, named=names)
    on = sum(bool(state.given_all(name)) for name in MORE)
    label = f"More filters{f' · {on} on' if on else ''}"
    with st.popover(label, icon=":material/filter_list:", key="more-filters"), state.folded():
        _more(filters, shown, more)


def _known(name: str, options: Sequence[str], facets: data.Facets) -> tuple[str, ...]:
    """The options, without that for what is not known where nothing is so and nobody chose it."""
    is_there = facets.get(name, {}).get("none") or "none" in state.given_all(name)
    return tuple(option for option in options if option != "none" or is_there)


def _more(filters: data.Filters, facets: data.Facets, more: Mapping[str, Sequence[str]]) -> None:
    state.bound(
        st.toggle,
        "Count pairs for each choice",
        name="counts",
        value=bool(state.given("counts")),
        default=False,
        help="Shows beside every choice how many pairs it would list, with all other filters unchanged.",
    )
    with st.container(key="filters-more"):
        people = tuple(str(rating) for rating in filters.people) if filters.people else None
        judged = tuple(str(rating) for rating in filters.judged) if filters.judged else None
        _pills("kind", filters.kinds, tuple(KINDS), facets, help="How a negative was chosen.")
        _pills(
            "judged",
            judged,
            RATINGS,
            facets,
            help="The judge's mean vote, rounded, also where a person rated. – means none.",
        )
        _pills(
            "person",
            people,
            RATINGS,
            facets,
            help="A person's rating: the override, else the audit rating. – means none.",
        )
        topics = "The topic the judge found in the text, compared with what its prompt asked for."
        _pills("topic", filters.topics, tuple(TOPICS), facets, help=topics)
        if more["layer"]:
            layers = tuple(str(layer) for layer in filters.layers) if filters.layers else None
            _pills("layer", layers, more["layer"], facets, help="Depth of the concept in the pack.")
        _pills("template", filters.templates, more["template"], facets, help="The template that made the prompt.")
        left, right = st.columns(2)
        with left:
            _pick("by", filters.source, tuple(SOURCES), facets, placeholder="Anyone")
            spread = "The votes' spread is 1 or more. This needs several votes, or a judge that reports probabilities."
            _pick("differ", filters.differs, tuple(DIFFERS), facets, placeholder="Anything", help=spread)
        with right:
            lens = f"{LENS} This is the lens chosen in the sidebar."
            _pick("fires", filters.fires, tuple(FIRES), facets, placeholder="Anything", help=lens)
            _pick("finish", filters.finish, tuple(FINISHES), facets, placeholder="Anything")
        if more["origin"]:
            origin = "Concepts that were split from one term by sense. To see one sense, choose it under Concept."
            _pick("origin", filters.origin, more["origin"], facets, placeholder="All", help=origin)


def chosen_names() -> tuple[str, ...]:
    """Parameters that narrow the list, in the order of the bar."""
    return (*IN_BAR, *MORE)


def chosen() -> list[tuple[str, str]]:
    """What narrows the list, as parameter and value, in the order of the bar."""
    return [(name, value) for name in chosen_names() for value in state.given_all(name)]


def chosen_values() -> dict[str, list[str]]:
    """Everything that says what is listed, by parameter."""
    return {name: list(values) for name in NAMES if (values := state.given_all(name))}


def said(name: str, value: str) -> str:
    """A choice in words."""
    written = current().name(value) if name == "concept" else _WRITTEN.get(name, _UNKNOWN).get(value, value)
    return f"{_LABELS[name]}: {written if len(written) <= 40 else written[:39] + '…'}"


def chips() -> None:
    """What narrows the list, each with a way to take it away."""
    active = chosen()
    if not active:
        return
    with st.container(key="chips", horizontal=True, gap="small"):
        for number, (name, value) in enumerate(active):
            label = f"{markup.markdown(said(name, value))} ✕"
            st.button(label, key=f"chip-{number}", on_click=_take_away, args=(name, value), help="Remove this filter")
        st.button("Clear all", key="chip-all", type="tertiary", on_click=apply, args=({},))


def _take_away(name: str, value: str) -> None:
    left = [other for other in state.given_all(name) if other != value]
    state.change(**{name: left}, **dict.fromkeys(NEW_SAMPLES))


def _text(filters: data.Filters) -> None:
    state.bound(
        st.text_input,
        "Search",
        name="q",
        value=filters.text or "",
        clears=NEW_SAMPLES,
        placeholder="Outputs and prompts",
        icon=":material/search:",
        width=300,
    )


def _pick(
    name: str,
    value: Any,
    options: Sequence[str],
    facets: data.Facets,
    *,
    named: Any = None,
    **kw: Any,
) -> None:
    written = named or (lambda option: _WRITTEN.get(name, {}).get(option, option))
    state.bound(
        st.selectbox,
        _LABELS[name],
        name=name,
        value=value,
        clears=NEW_SAMPLES,
        options=list(options),
        index=None,
        format_func=lambda option: _counted(written(option), name, option, facets),
        **kw,
    )


def _pills(name: str, value: Sequence[str] | None, options: Sequence[str], facets: data.Facets, **kw: Any) -> None:
    def written(option: str) -> str:
        word = _WRITTEN.get(name, _UNKNOWN).get(option, option)
        return _counted(markup.markdown(word), name, option, facets)

    state.bound(
        st.pills,
        _LABELS[name],
        name=name,
        value=list(value or ()),
        clears=NEW_SAMPLES,
        options=list(options),
        selection_mode="multi",
        format_func=written,
        **kw,
    )


def _counted(word: str, name: str, option: str, facets: data.Facets) -> str:
    """A choice with how many pairs it would leave, where that is asked for."""
    return f"{word} · {integer(facets.get(name, {}).get(option, 0))}" if facets else word


def apply(preset: Mapping[str, Any]) -> None:
    """List what a preset or a saved view says, and nothing else."""
    state.change(**(dict.fromkeys((*NAMES, *NEW_SAMPLES)) | dict(preset)))


def _type(preset: Mapping[str, Any]) -> Any:
    wanted = {name: value if isinstance(value, list) else [value] for name, value in preset.items()}
    return "primary" if chosen_values() == wanted else "secondary"
