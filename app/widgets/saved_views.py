"""Lists that people keep under a name, and links to what is on screen."""

from urllib.parse import urlencode

import streamlit as st

from app import auth, state
from app.context import Context
from app.data.saved_views import SavedView, load_saved_views, remove_view, save_view
from app.widgets import filters, markup, notices
from db.errors import ExpectedError

_NAME_CHARS = 60
_NOTICE = "saved-view-notice"
_OF_VIEW = (*filters.NAMES, "layout", "rows")


def menu(context: Context) -> None:
    """A popover with the lists that are kept, and a field to keep this one."""
    views = load_saved_views(context.folder, context.run.run_id)
    shown = f"Views · {len(views)}" if views else "Views"
    with st.popover(shown, icon=":material/bookmark:", key="views"):
        if sentence := st.session_state.get(_NOTICE):
            notices.warning(sentence)
        if not views:
            notices.note("A saved view is a named set of filters. Everyone who opens this study sees it.")
        for view in views:
            _view(context, view)
        _keep(context)


def _view(context: Context, view: SavedView) -> None:
    choices = view.parameters(_OF_VIEW)
    with st.container(horizontal=True, vertical_alignment="center", key=f"view-{view.view_id}"):
        said = [filters.said(name, value) for name in filters.chosen_names() for value in choices.get(name, ())]
        st.button(
            markup.markdown(view.name),
            key=f"open-view-{view.view_id}",
            width="stretch",
            help=markup.markdown(f"{' · '.join(said) or 'Everything'}. Saved by {view.reviewer}."),
            on_click=filters.apply,
            args=(choices,),
        )
        st.button(
            "Remove",
            key=f"remove-view-{view.view_id}",
            type="tertiary",
            disabled=not state.reviewer(),
            on_click=_remove,
            args=(context, view),
        )


def _keep(context: Context) -> None:
    if not state.reviewer():
        notices.note("To save this view, first open a sample and enter your name.")
        return
    st.text_input(
        "Save this view as",
        key="view-name",
        max_chars=_NAME_CHARS,
        placeholder="Name, then Enter",
        on_change=_save,
        args=(context,),
    )


@auth.members_only
def _save(context: Context) -> None:
    name = " ".join(str(st.session_state["view-name"] or "").split())
    if not name:
        return
    choices = {name: list(values) for name in _OF_VIEW if (values := state.given_all(name))}
    try:
        save_view(context.folder, context.run.run_id, name=name, choices=choices, reviewer=state.reviewer())
    except ExpectedError as error:
        st.session_state[_NOTICE] = f"The view was not saved. {error}"
        return
    st.session_state[_NOTICE] = None
    st.session_state["view-name"] = ""


@auth.members_only
def _remove(context: Context, view: SavedView) -> None:
    try:
        remove_view(context.folder, view.view_id, reviewer=state.reviewer())
    except ExpectedError as error:
        st.session_state[_NOTICE] = f"The view was not removed. {error}"


def links(opened: str | None) -> None:
    """A popover with the links to this list and to the open sample, each with a button that copies it."""
    given = state.link(**{name: state.given_all(name) for name in _OF_VIEW})
    with st.popover("Link", icon=":material/link:", width="content", help="Links to this list and this sample"):
        _link("This list", given)
        if opened:
            _link("This sample", state.link(open=opened))


def _link(label: str, parameters: dict[str, object]) -> None:
    notices.note(label)
    address = st.context.url or ""
    st.code(f"{address.split('?')[0]}?{urlencode(parameters, doseq=True)}", language=None, wrap_lines=True)
