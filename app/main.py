"""The script of every screen, which the server runs (`app/server.py`): draws the frame, then the screen that was asked for."""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from app import auth, data, outbox, share, state, theme
from app.context import load_context, study_folder
from app.data.browsing import prepare
from app.data.memory import is_free
from app.widgets import live, notices, run_work, sidebar


def main() -> None:
    """Draw the frame around the chosen screen; without a study or run, say what to do instead."""
    if live.drew_anew():
        state.catch_up()
    st.set_page_config(
        page_title="Lensgap",
        page_icon=theme.icon(),
        layout="wide",
        initial_sidebar_state=250,
        menu_items={"About": "Lensgap: can the data that your model writes support the F1 you ask for?"},
    )
    outbox.install()
    share.settle()
    # No icons here: Streamlit would fetch them from the internet as the browser tab's icon.
    pages = [st.Page(path, title=title, default=i == 0) for i, (path, title, _) in enumerate(sidebar.PAGES)]
    page = st.navigation(pages, position="hidden")
    theme.apply()
    state.leave_cookie()
    folder = study_folder()
    with st.sidebar:
        with st.container(key="brand", gap=None):
            sidebar.brand()
            study = st.container()
        links = st.container(key="nav", gap=None)
    with notices.expected_errors(lambda: folder is not None and is_free(folder)):
        auth.enter()
        with study:
            sidebar.study(folder)
        if folder is None:
            notices.empty(
                "No study chosen", "Start the dashboard on the folder of a study.", command="lensgap serve STUDY"
            )
            return
        context = load_context(folder)
        if context is None:
            _without_run(folder, page)
            return
        state.keep_run(context.run.run_id)
        lenses = data.load_lenses(folder, context.run.run_id)
        with links:
            sidebar.links()
        with st.sidebar:
            sidebar.progress(folder, context.run.run_id)
            sidebar.pickers(context)
            sidebar.lens_picker(lenses, context.run, sidebar.lens_setting(lenses, context.run))
            auth.leave()
        st.session_state["context"] = context
        for sentence in context.not_found:
            notices.warning(sentence)
        with live.watch(folder, page.url_path):
            page.run()
        # Whoever is here will look at samples or at a concept, sooner or later.
        prepare(folder, context.run.run_id, context.judge_id)


def _without_run(folder: Path, page: StreamlitPage) -> None:
    """Say that there is no run yet, or that the first is at work, and lead to where it is begun and watched."""
    is_at_work, is_here = run_work.is_at_work(folder), page.url_path == "runs"
    if not is_at_work:
        notices.empty(
            "This study has no run yet",
            "A run writes samples, captures activations, judges texts and trains lenses. Start one to see it here.",
            command=f"lensgap run {folder}",
        )
    elif not is_here:
        notices.empty(
            "The first run is getting ready",
            "It is loading its model and pack. This screen updates by itself once the run has written its first texts.",
            icon="◔",
        )
    if is_here:
        page.run()
        return
    st.page_link("screens/runs.py", label="Watch it" if is_at_work else "Start one here", icon=":material/play_arrow:")
    run_work.await_first(folder)


main()
