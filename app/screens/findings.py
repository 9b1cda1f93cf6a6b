"""What the study shows: gaps, ceilings, claims, what goes with F1, and what activations hold; one section at a time."""

from typing import Final

import streamlit as st

from app import context, data, state
from app.context import Context
from app.viewmodels.findings import summary
from app.widgets import markup, notices, sidebar, since
from app.widgets.findings import activations, ceilings, claims, gaps, predictors
from engine.words import integer

SECTIONS: Final = {
    "gaps": "Gaps",
    "ceilings": "Ceilings",
    "claims": "Claims",
    "predictors": "What goes with F1",
    "activations": "Activations",
}


def show(here: Context) -> None:
    """Draw the chosen section, or what is missing for all of them."""
    if here.run.n_samples == 0:
        notices.empty(
            "No findings yet",
            f"{integer(here.run.n_prompts)} prompts are planned, and the model has not answered any of them.",
            command=f"lensgap run {here.folder}",
            to=notices.TO_RUNS,
        )
        return
    findings = here.find(here.counts())
    st.html(
        '<h1 class="lg-title">What does this study show?</h1>'
        f'<p class="lg-answer">{markup.text(summary(findings.overall))}</p>'
    )
    if here.judge is None:
        notices.note("Nothing is rated yet.", command=f"lensgap judge {here.folder}")
    elif here.judge.is_baseline:
        notices.note(
            "The ratings come from a baseline judge, not from a language model. Treat every number accordingly."
        )
    since.strip(here, findings, page="findings")
    section = state.one_of("section", tuple(SECTIONS), default="gaps")
    state.bound(
        st.segmented_control,
        "Section",
        name="section",
        value=section,
        default="gaps",
        clears=("page",),
        required=True,
        options=list(SECTIONS),
        format_func=SECTIONS.__getitem__,
        label_visibility="collapsed",
    )
    lenses = data.load_lenses(here.folder, here.run.run_id)
    setting = sidebar.lens_setting(lenses, here.run)
    match section:
        case "ceilings":
            ceilings.section(here, findings)
        case "claims":
            claims.section(here, setting[0] if setting else None)
        case "predictors":
            predictors.section(here, findings, lenses, setting)
        case "activations":
            activations.section(here)
        case _:
            gaps.section(here, findings)


show(context.current())
