"""The frame of every screen: name, way to the screens, run, judge, and the assumptions behind every number."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import streamlit as st

from app import data, state
from app.context import CEILING_MODELS, DEFAULTS, Context
from app.viewmodels import overview
from app.viewmodels.judges import judge_labels
from app.viewmodels.runs import run_names, stage_words
from app.widgets import markup, notices
from db.errors import ExpectedError
from engine.words import CEILING, CEILINGS, FORM, LENS, TARGET, count, integer

PAGES: Final = (
    ("screens/overview.py", "Overview", ":material/grid_view:"),
    ("screens/pack.py", "Pack", ":material/account_tree:"),
    ("screens/samples.py", "Samples", ":material/article:"),
    ("screens/review.py", "Review", ":material/rate_review:"),
    ("screens/concept.py", "Concept", ":material/lens_blur:"),
    ("screens/lenses.py", "Lenses", ":material/scatter_plot:"),
    ("screens/findings.py", "Findings", ":material/query_stats:"),
    ("screens/judges.py", "Judges", ":material/balance:"),
    ("screens/corrections.py", "Corrections", ":material/edit_note:"),
    ("screens/rubric_lab.py", "Rubric lab", ":material/science:"),
    ("screens/compare.py", "Compare", ":material/compare_arrows:"),
    ("screens/runs.py", "Runs", ":material/play_circle:"),
    ("screens/present.py", "Present", ":material/slideshow:"),
    ("screens/team.py", "Team", ":material/group:"),
)
_LAST: Final = "train"
_LIVE_S: Final = 60.0
_REFRESH_S: Final = 3.0
NEW_SAMPLES: Final = ("open", "page")


def brand() -> None:
    """Our name."""
    st.html('<div class="lg-brand"><span class="lg-mark"><i></i><i></i><i></i><i></i></span><b>Lensgap</b></div>')


def study(folder: Path | None) -> None:
    """The study's name, which not every visitor may see."""
    name = folder.resolve().name if folder else "no study"
    path = str(folder.resolve()) if folder else ""
    st.html(f'<div class="lg-study" title="{markup.text(path)}">{markup.text(name)}</div>')


def links() -> None:
    """The links to the screens."""
    kept = state.link()
    for page, label, icon in PAGES:
        st.page_link(page, label=label, icon=icon, query_params=kept, width="stretch")


def pickers(context: Context) -> None:
    """Which run and judge, which lens, and under which assumptions."""
    _run_picker(context)
    _judge_picker(context)
    with st.popover("Assumptions", icon=":material/tune:", width="stretch"), state.folded():
        _assumptions(context)


def lens_setting(lenses: Sequence[data.Lens], run: data.Run) -> overview.LensSetting | None:
    """The lens setting that is shown: the one in the address, else the first of a fixed order."""
    settings = overview.lens_settings(lenses, run.lenses)
    wanted = state.given("lens")
    return next((s for s in settings if overview.setting_name(s) == wanted), settings[0] if settings else None)


def lens_ids(context: Context) -> tuple[str, ...]:
    """The lenses of that setting, concept by concept."""
    lenses = data.load_lenses(context.folder, context.run.run_id)
    return tuple(lens.lens_id for lens in overview.lenses_of(lenses, lens_setting(lenses, context.run)))


def lens_picker(lenses: Sequence[data.Lens], run: data.Run, setting: overview.LensSetting | None) -> None:
    """Choose the lens whose F1 is shown."""
    if setting is None:
        return
    names = [overview.setting_name(s) for s in overview.lens_settings(lenses, run.lenses)]
    state.bound(
        st.selectbox,
        "Lens",
        name="lens",
        value=overview.setting_name(setting),
        default=names[0],
        options=names,
        help=f"{LENS} The default is the run's first family at the deepest layer, whatever its F1.",
    )


def progress(folder: Path, run_id: str) -> None:
    """A strip for the stage that is unfinished, if any; it moves by itself while the stage does."""
    stage = _unfinished(folder, run_id)
    if stage is not None and _age(stage) < _LIVE_S:
        st.fragment(_live_strip, run_every=_REFRESH_S)(folder, run_id)
    elif stage is not None:
        _strip(stage, f"stopped {_ago(_age(stage))} ago")
        if data.load_runs(folder)[0].run_id == run_id:
            label, screen = notices.TO_RUNS
            st.page_link(f"screens/{screen}.py", label=label, icon=":material/play_arrow:", query_params=state.link())


def _live_strip(folder: Path, run_id: str) -> None:
    try:
        stage = _unfinished(folder, run_id)
    except ExpectedError:
        st.html('<p class="lg-note">The study is busy. Progress appears in a moment.</p>')
        return
    if stage is None:
        st.html(f'<p class="lg-note">{stages_done(data.load_stages(folder, run_id))}</p>')
    else:
        _strip(stage, "at work")


def stages_done(stages: Sequence[data.Stage]) -> str:
    """What is said where every stage that has begun is done: between two stages of a run, more is to come."""
    if any(stage.stage == _LAST for stage in stages):
        return "All stages are done. The screen updates by itself in a few seconds."
    return "The stages that started are done. The next one appears here once it starts."


def _unfinished(folder: Path, run_id: str) -> data.Stage | None:
    return next((stage for stage in data.load_stages(folder, run_id) if stage.n_done < stage.n_total), None)


def _age(stage: data.Stage) -> float:
    return (datetime.now(UTC).replace(tzinfo=None) - stage.updated_at).total_seconds()


def _strip(stage: data.Stage, word: str) -> None:
    share = stage.n_done / stage.n_total
    st.html(
        f'<div class="lg-progress"><span>{markup.text(stage_words(stage.stage))}</span>'
        f"<span>{integer(stage.n_done)} / {integer(stage.n_total)}</span>"
        f'<div><i style="width:{100 * share:.1f}%"></i></div><em>{word}</em></div>'
    )


def _run_picker(context: Context) -> None:
    names = run_names(context.runs)
    if len(names) == 1:
        run = context.run
        st.html(
            f'<dl class="lg-facts"><dt>Run</dt><dd title="{markup.text(run.run_id)}">{markup.text(run.name)}</dd>'
            f"<dt>Model</dt><dd>{markup.text(Path(run.model).name)}</dd>"
            f"<dt>Texts</dt><dd>{integer(run.n_samples)} of {integer(run.n_prompts)}</dd></dl>"
        )
        return
    state.bound(
        st.selectbox,
        "Run",
        name="run",
        value=context.run.run_id,
        clears=("judge", "concept", *NEW_SAMPLES),
        options=list(names),
        format_func=names.__getitem__,
    )


def _judge_picker(context: Context) -> None:
    if context.judge is None:
        st.html('<p class="lg-note">No judge has rated this run yet.</p>')
        return
    names = judge_labels(context.judges)
    if len(names) > 1:
        state.bound(
            st.selectbox,
            "Judge",
            name="judge",
            value=context.judge.judge_id,
            default=context.judges[0].judge_id,
            options=list(names),
            format_func=names.__getitem__,
        )
    else:
        st.html(f'<dl class="lg-facts"><dt>Judge</dt><dd>{markup.text(names[context.judge.judge_id])}</dd></dl>')
    if context.judge.is_baseline:
        st.html(
            '<div class="lg-baseline"><b>Offline baseline judge</b>Ratings come from word statistics, not from a reader. '
            "Good for a rehearsal, not for a decision.</div>"
        )


def _assumptions(context: Context) -> None:
    settings = context.settings
    state.bound(
        st.slider,
        "Highest off-topic rating (k)",
        name="k",
        value=settings.k,
        default=DEFAULTS.k,
        min_value=1,
        max_value=4,
        help=(
            "Positives rated k or less, and negatives rated above k, count as wrong labels. Affects the "
            "label-noise ceiling."
        ),
    )
    state.bound(
        st.slider,
        "Activations survive bad output (s)",
        name="s",
        value=settings.stability,
        default=DEFAULTS.stability,
        min_value=0.0,
        max_value=1.0,
        step=0.05,
        help="How often activations are about the concept although the text is not. Affects only the propagation "
        "ceiling; the report assumed 0.75.",
    )
    state.bound(
        st.slider,
        "F1 that you want",
        name="target",
        value=settings.user_target,
        default=DEFAULTS.user_target,
        min_value=0.5,
        max_value=1.0,
        step=0.01,
        help=TARGET,
    )
    state.bound(
        st.selectbox,
        "Ceiling that sets targets",
        name="ceiling",
        value=settings.model,
        default=DEFAULTS.model,
        options=list(CEILING_MODELS),
        format_func=CEILINGS.__getitem__,
        help=CEILING,
    )
    state.bound(
        st.segmented_control,
        "Rule for repetitive",
        name="form_rule",
        value=context.form_rule,
        default="loop",
        required=True,
        options=["loop", "study"],
        help=f"{FORM} The loop rule looks for a looping end or repeated phrases. The study rule counts how often the "
        "first 30 characters recur.",
    )


def _ago(seconds: float) -> str:
    if seconds < 3600:
        return count(int(seconds // 60), "minute")
    return count(int(seconds // 3600), "hour") if seconds < 86_400 else count(int(seconds // 86_400), "day")
