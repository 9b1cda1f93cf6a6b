"""What has changed since a page was opened, drawn where anybody's rating moves it."""

from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from app.context import Context
from app.viewmodels.since import Opened, moved
from app.widgets import notices
from app.widgets.override import effect_table
from engine.stats.findings import Findings


def strip(here: Context, now: Findings, *, page: str, concept: str | None = None) -> None:
    """Before → after of each number that moved; nothing where none has. Settings are the reader's, so only ratings count."""
    key = f"opened-{page}-{here.folder}-{here.run.run_id}-{here.judge_id}-{here.form_rule}"
    counts = here.counts()
    opened: Opened = st.session_state.setdefault(key, Opened(counts, datetime.now(UTC)))
    # A run that writes on has more concepts than it had; they cannot be compared.
    if {one.concept for one in opened.counts} != {one.concept for one in counts}:
        opened = st.session_state[key] = Opened(counts, datetime.now(UTC))
    if opened.counts == counts:
        return
    found = moved(here.find(opened.counts), now, concept=concept)
    with st.container(border=True, key="panel-since"):
        notices.heading(
            f"Since you opened this page at {opened.at:%H:%M} UTC",
            help_text="Shows what anyone's ratings have moved, within a second: before → now, with the settings on "
            "screen. Brackets hold 95 % intervals. Hover over a ceiling to see all of them.",
        )
        if found:
            named = [replace(one, name=here.name(concept)) if one.name == concept else one for one in found]
            st.html(effect_table(named, moved=True))
        else:
            notices.note("New ratings came in, but no number here has changed.")
        st.button("Compare from now", key=f"since-now-{page}", type="tertiary", on_click=_forget, args=(key,))


def _forget(key: str) -> None:
    st.session_state.pop(key, None)
