"""The rubric lab's editor: where a rubric comes from, its texts, what has changed, and saving it as a version."""

import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from app.context import Context
from app.data.rubrics import FIELDS, Source, faults, make_rubric, name_fault, next_version, save_version
from app.widgets import markup, notices
from app.widgets.lab_session import Setup, kept, session_of, set_kept
from engine.errors import ConfigError
from engine.words import MINUS

_LABELS: Final = {
    "relevance_system": "Instructions before every text",
    "relevance_question": "How each text is presented",
    "topic_system": "Instructions before every text",
    "topic_question": "How each text is presented",
}
_HEIGHTS: Final = {"relevance_system": 430, "relevance_question": 140, "topic_system": 260, "topic_question": 110}
_PLACEHOLDERS: Final = (
    "{concept} becomes the concept's name, {definition} its definition, {text} the fenced text, required "
    "once. Double a brace to use it literally."
)
_VERSION_AT_END: Final = re.compile(r"-\d+$")


def pick_source(here: Context, sources: Sequence[Source], *, judge_hash: str | None) -> Source:
    """Choose what to start from; at first the rubric of the judge on screen, where its texts are known."""
    labels = {source.key: source.label for source in sources}
    of_judge = next((source.key for source in sources if source.rubric.hash == judge_hash), None)
    key = kept(
        st.selectbox,
        "Start from",
        here=here,
        name="source",
        default=of_judge or sources[0].key,
        options=list(labels),
        format_func=lambda key: labels[key] + (" · of the judge on screen" if key == of_judge else ""),
        help="Each rubric keeps its own draft, so switching between them loses nothing.",
    )
    return next(source for source in sources if source.key == key)


def edit(here: Context, source: Source) -> tuple[dict[str, str], bool]:
    """The texts as they are being edited, and whether all are right."""
    draft = session_of(here).drafts.setdefault(source.key, source.texts)
    with st.container(key="lab-editor"):
        _fields(here, source, draft, FIELDS[:2])
        notices.note(_PLACEHOLDERS)
        with st.expander("Topic questions (not asked in a trial)"):
            _fields(here, source, draft, FIELDS[2:])
            notices.note("{text} becomes the fenced text. The concept is not told.")
        wrong = faults(draft, source.rubric)
        _changes(here, source, draft)
    return draft, not wrong


def _fields(here: Context, source: Source, draft: dict[str, str], fields: Sequence[str]) -> None:
    for field in fields:
        draft[field] = kept(
            st.text_area,
            _LABELS[field],
            here=here,
            name=_widget(source, field),
            default=draft[field],
            height=_HEIGHTS[field],
        )
        if fault := faults({field: draft[field]}, source.rubric).get(field):
            notices.warning(fault)


def _widget(source: Source, field: str) -> str:
    return f"text-{source.key}-{field}"


def _changes(here: Context, source: Source, draft: Mapping[str, str]) -> None:
    """What has changed from the source, and the way back."""
    lines = changed_lines(source.texts, draft)
    if not lines:
        notices.note(f"As in {source.label}.")
        return
    n_new, n_old = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.popover(f"Changed: +{n_new} {MINUS}{n_old} lines", type="tertiary"):
            st.html(f'<pre class="lg-diff">{"".join(map(_line, lines))}</pre>')
        if st.button("Start over", type="tertiary", icon=":material/undo:", key="lab-over"):
            session_of(here).drafts.pop(source.key, None)
            for field in FIELDS:
                set_kept(here, _widget(source, field), source.texts[field])
            st.rerun()


def changed_lines(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Lines that are gone or new in any of the texts, each with its sign."""
    return [
        line
        for field in FIELDS
        for line in difflib.ndiff(old[field].strip().splitlines(), new[field].strip().splitlines())
        if line[0] in "+-"
    ]


def _line(line: str) -> str:
    tag = "ins" if line.startswith("+") else "del"
    return f"<{tag}>{markup.text(line)}</{tag}>"


def family(source: Source) -> str:
    """The name that versions of a rubric share."""
    stem = source.key.partition(":")[2] if source.key.startswith("saved:") else source.rubric.name
    return _VERSION_AT_END.sub("", stem)


def save(here: Context, source: Source, sources: Sequence[Source], setup: Setup, *, is_right: bool) -> None:
    """Save the texts as a version of their own; where they are one already, the command that judges the study with it."""
    notices.heading("Keep it", help_text="Each version is a file in the study. No version is ever overwritten.")
    if not is_right:
        notices.note("Once its texts are valid, the rubric can be saved here.")
        return
    rubric = make_rubric(setup.texts, name=family(source), version=1)
    same = next((other for other in sources if other.rubric.hash == rubric.hash), None)
    if same and not same.key.startswith("tried:"):
        notices.note(f"These are the texts of {same.label}. To judge the whole study with them:")
        st.code(judging_command(here, setup, same), language=None, wrap_lines=True)
        return
    name_column, note_column, button_column = st.columns([1, 2, 1], gap="small", vertical_alignment="bottom")
    with name_column:
        name = kept(st.text_input, "Name", here=here, name="name", default=family(source), max_chars=40).strip()
    with note_column:
        note = kept(
            st.text_input, "Note", here=here, name="note", default="", max_chars=300, placeholder="What it changes"
        )
    fault = name_fault(name)
    version = 1 if fault else next_version(here.folder, name)
    with button_column:
        pressed = st.button(f"Save as version {version}", key="lab-save", disabled=bool(fault), width="stretch")
    if fault:
        notices.warning(fault)
    if pressed and not fault:
        _save(here, setup, name, version, note)


def _save(here: Context, setup: Setup, name: str, version: int, note: str) -> None:
    rubric = make_rubric(setup.texts, name=name, version=version)
    try:
        file = save_version(here.folder, rubric, note=note, today=datetime.now(UTC).date())
    except ConfigError as error:
        notices.warning(str(error))
        return
    set_kept(here, "source", f"saved:{file.stem}")
    set_kept(here, "note", "")
    st.rerun()


def judging_command(here: Context, setup: Setup, source: Source) -> str:
    """What judges the whole study with a rubric, to be pasted into a shell."""
    judge = ["--judge", setup.judge] if setup.judge else []
    address = ["--base-url", setup.base_url] if setup.base_url else []
    return shlex.join(["lensgap", "judge", str(here.folder), *judge, *address, "--rubric", source.setting])
