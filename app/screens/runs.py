"""Runs of the study: what is at work, starting another one once its plan and price are seen, and how they differ."""

import json
from pathlib import Path
from typing import Final

import streamlit as st

from app import context, data, state
from app.viewmodels.runs import differing_settings, setting_hint
from app.widgets import markup, notices, run_form, run_work
from engine.words import PAIR, count, integer

_COLUMNS: Final = (
    ("Run", "Model, pack and seed, with the run id used in commands below."),
    ("Model", "The model whose texts and activations are studied."),
    ("Begun", "When the run was first started."),
    ("Pairs", PAIR),
    ("Texts", "Texts written, out of those planned. One text may serve several concepts."),
    ("Seed", "Seed of the random numbers. The same settings and seed give the same texts."),
)


def show(folder: Path) -> None:
    """Draw the run at work, the form, and the table of runs."""
    runs = data.load_runs(folder)
    st.html('<h1 class="lg-title">Runs</h1>')
    notices.note(
        "A run combines a model, a pack and settings. It writes texts, captures activations, judges the "
        "texts and trains lenses."
    )
    is_free = run_work.panel(folder)
    if is_free:
        run_form.form(folder, runs)
    if runs:
        _table(runs)


def _table(runs: tuple[data.Run, ...]) -> None:
    notices.heading(f"{count(len(runs), 'run')} of this study, latest first")
    head = markup.heads(_COLUMNS)
    st.html(
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(map(_row, runs))}</tbody></table></div>"
    )
    if len(runs) < 2:
        return
    differ = differing_settings(runs)
    notices.heading("Settings that differ", help_text="Settings with the same value in all runs are left out.")
    if not differ:
        notices.note("None. The runs differ in the content of their model, pack or templates.")
        return
    head = markup.heads((markup.text(run.run_id), run.name) for run in runs)
    rows = "".join(
        f'<tr><th title="{markup.text(setting_hint(name))}">{markup.text(name)}</th>'
        f"{''.join(f'<td>{markup.text(value)}</td>' for value in values)}</tr>"
        for name, values in differ
    )
    st.html(
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(run: data.Run) -> str:
    cells = (
        markup.text(Path(run.model).name),
        f"{run.created_at:%d %b %Y, %H:%M} UTC",
        integer(run.n_pairs),
        f"{integer(run.n_samples)} of {integer(run.n_prompts)}",
        integer(int(json.loads(run.config).get("seed", 0))),
    )
    shown = '<span class="lg-badge lg-plain">on screen</span>' if run.run_id == st.session_state.get(state.RUN) else ""
    name = f'<th>{markup.text(run.name)} {shown}<br><span class="lg-muted">{markup.text(run.run_id)}</span></th>'
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


chosen = context.study_folder()
if chosen is not None:
    show(chosen)
