"""Change what a judge is told, try it on a few pairs for a price that is shown first, and keep what agrees better with people."""

import json

import streamlit as st

from app import context
from app.context import Context
from app.data.rubric_lab import LabJudge, load_lab_judges
from app.data.rubrics import load_sources, make_rubric
from app.viewmodels.rubric_lab import build_trial
from app.widgets import lab_editor, lab_pairs, lab_past, lab_trial, notices
from app.widgets.lab_session import Setup, address_of, kept, settle, tried_judge

_OFFLINE = (
    "The offline judge does not read rubrics. Choose a judge that does, such as "
    "anthropic:claude-haiku-5-5 or local:<folder>."
)


def show(here: Context) -> None:
    """Draw the lab: rubric and judge, pairs and price, what came of it, and saving."""
    st.html(
        '<h1 class="lg-title">Try a rubric before it judges the study</h1>'
        '<p class="lg-answer">Change the instructions, ask the judge about a few pairs, and see whether it agrees better '
        "with people.</p>"
    )
    if here.run.n_samples == 0:
        notices.empty(
            "No samples yet",
            "A rubric is tried on texts, but the model has not written any in this run.",
            command=f"lensgap run {here.folder}",
            to=notices.TO_RUNS,
        )
        return
    settle(here)
    on_screen, readers = load_lab_judges(here.folder, here.judge_id)
    sources, faulty = load_sources(here.folder, judge_hash=on_screen.rubric_hash if on_screen else None)
    for sentence in faulty:
        notices.warning(sentence)
    starts, asked, where = st.columns([1.2, 1, 1], gap="small", vertical_alignment="bottom")
    with starts:
        source = lab_editor.pick_source(here, sources, judge_hash=on_screen.rubric_hash if on_screen else None)
    judge, base_url = _judge(here, _reader(on_screen, readers), asked, where)
    tried = tried_judge(here)
    left, right = st.columns([1.25, 1], gap="medium")
    with left:
        texts, is_right = lab_editor.edit(here, source)
    pairs = lab_pairs.chosen_pairs(here, tried=tried)
    setup = Setup(dict(texts), lab_editor.family(source), 1, judge, base_url, tuple(pair.key for pair in pairs))
    with right:
        with st.container(border=True, key="panel-try"):
            lab_trial.ask(here, setup, obstacle=_obstacle(judge, is_right=is_right, n_pairs=len(pairs)))
        lab_pairs.show(pairs, here.names)
    lab_pairs.change(here, pairs)
    new = load_lab_judges(here.folder, tried)[0] if tried else None
    trial = build_trial(pairs)
    if new and trial.pairs:
        lab_trial.result(here, trial, on_screen, new, is_current=is_right and _is_of(new, setup))
    elif tried:
        notices.note("The judge in the address has not rated any of these pairs.")
    lab_past.show(here, tried=tried)
    with st.container(border=True, key="panel-save"):
        lab_editor.save(here, source, sources, setup, is_right=is_right)


def _reader(on_screen: LabJudge | None, readers: tuple[LabJudge, ...]) -> LabJudge | None:
    """The judge to ask: the one on screen if it reads a rubric, else the study's latest that does."""
    if on_screen and not on_screen.is_baseline:
        return on_screen
    return readers[0] if readers else None


def _judge(here: Context, reader: LabJudge | None, asked: object, where: object) -> tuple[str, str | None]:
    """Which judge is asked, and where."""
    with asked:  # type: ignore[attr-defined]
        judge = kept(
            st.text_input,
            "Judge",
            here=here,
            name="judge",
            default=_setting(here, reader),
            placeholder="anthropic:claude-haiku-5-5",
            help="anthropic:<model>, or local:<folder or hub id>.",
        )
    with where:  # type: ignore[attr-defined]
        address = kept(
            st.text_input,
            "Address",
            here=here,
            name="base_url",
            default=(reader.base_url if reader else "") or "",
            placeholder="Anthropic's",
            help="A server that speaks the Messages API, if not Anthropic's. Keys stay in the environment and are never shown.",
        )
    named = (judge or "").strip()
    # Judges that run here have none, whatever an earlier one had.
    return named, ((address or "").strip() or None) if named.startswith("anthropic:") else None


def _setting(here: Context, reader: LabJudge | None) -> str:
    """The judge as it is named on the command line; of a local one the study keeps the folder's name alone."""
    if reader is None:
        return ""
    stored = str(json.loads(here.run.config).get("judge", ""))
    is_same = reader.backend == "local" and stored.startswith("local:") and stored.rstrip("/").endswith(reader.model)
    return stored if is_same else reader.setting


def _obstacle(judge: str, *, is_right: bool, n_pairs: int) -> str | None:
    """Why nothing can be asked yet, None if it can."""
    if not judge or judge.partition(":")[0] == "offline":
        return _OFFLINE
    if not is_right:
        return "A text of the rubric is not valid yet. The reason is shown below it."
    return None if n_pairs else "No pair is chosen. Choose some below."


def _is_of(judge: LabJudge, setup: Setup) -> bool:
    """Whether a judge is the one that the setup would ask."""
    rubric = make_rubric(setup.texts, name=setup.name, version=setup.version)
    address = address_of(setup.base_url)
    return judge.rubric_hash == rubric.hash and judge.base_url == address


show(context.current())
