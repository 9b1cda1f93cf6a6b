"""The dashboard's entry: `streamlit run app/main.py -- STUDY`. Draws the frame, then the screen that was asked for."""

import streamlit as st

from app import auth, data, state, theme
from app.context import load_context, study_folder
from app.widgets import live, notices, sidebar


def main() -> None:
    """Draw the frame around the chosen screen; without a study or run, say what to do instead."""
    st.set_page_config(
        page_title="Lensgap",
        page_icon=theme.icon(),
        layout="wide",
        initial_sidebar_state=250,
        menu_items={"About": "Lensgap: can the data that your model writes support the F1 you ask for?"},
    )
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
    with notices.expected_errors():
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
            notices.empty(
                "This study has no run yet",
                "A run writes samples, captures activations, judges and trains. Start one, and it appears here.",
                command=f"lensgap run {folder}",
            )
            if page.url_path == "runs":
                page.run()
            else:
                st.page_link("screens/runs.py", label="Start one here", icon=":material/play_arrow:")
            return
        state.keep_run(context.run.run_id)
        lenses = data.load_lenses(folder, context.run.run_id)
        with links:
            sidebar.links()
        with st.sidebar:
            sidebar.pickers(context)
            sidebar.lens_picker(lenses, context.run, sidebar.lens_setting(lenses, context.run))
            sidebar.progress(folder, context.run.run_id)
            auth.leave()
        st.session_state["context"] = context
        for sentence in context.not_found:
            notices.warning(sentence)
        with live.watch(folder):
            page.run()


main()
