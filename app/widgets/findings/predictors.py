"""What goes with the measured F1 over concepts: one predictor drawn, all of them with intervals and a plain sentence each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app import data, state, theme
from app.charts.predictor_scatter import Dot, predictor_scatter, predictor_table
from app.context import Context
from app.data.findings import load_correlations, load_predictors
from app.viewmodels import overview
from app.viewmodels.lenses import one_each
from app.widgets import later, markup, notices, plots
from engine.stats.findings import Findings
from engine.words import UNKNOWN, count, number

Json = dict[str, Any]
_HELP: Final = (
    "Each dot is a concept. ρ is Spearman's rank correlation: 1 if F1 always rises with the predictor, −1 if it "
    "always falls, 0 without a relation. With few concepts little can be concluded, as the interval shows."
)
_CONCEPTS: Final = "Concepts with both the predictor and a measured F1."
_P: Final = (
    "How likely chance alone is to give such a correlation, adjusted over all predictors. Small values "
    "mean a clear relation."
)
_COLUMNS: Final = (
    ("Spearman's ρ", "spearman", "Of ranks, with Fisher's interval."),
    ("Bootstrap", "spearman_bootstrap", "The same from resampling concepts, as a check."),
    ("Pearson's r", "pearson", "Of the values: how well a straight line fits."),
    ("Others held", "given_others", "Spearman's ρ with the other predictors held constant."),
    ("Pairs held", "given_n_pairs", "Spearman's ρ with the numbers of pairs held constant."),
)
_HEIGHT: Final = 380


def section(
    here: Context, findings: Findings, lenses: Sequence[data.Lens], setting: overview.LensSetting | None
) -> None:
    """Draw the section."""
    if setting is None:
        notices.empty(
            "No lens is trained yet",
            "Once lenses are measured, this shows what correlates with their F1.",
            command=f"lensgap train {here.folder}",
        )
        return
    profiles = data.load_profiles(here.folder, here.run.run_id)
    chosen = one_each(lenses, setting, here.run.mode)
    judge = here.judge.judge_id if here.judge else None
    found = later.answer(
        here.folder,
        ("correlations", here.run.run_id, judge, here.form_rule, tuple(lens.lens_id for lens in chosen.values())),
        lambda: load_correlations(
            here.folder, here.run.run_id, judge, profiles=profiles, findings=findings.concepts, lenses=chosen
        ),
        what="What goes with F1",
    )
    if found is None:
        return
    values = load_predictors(here.folder, here.run.run_id, judge, profiles=profiles, findings=findings.concepts)
    names = [one["predictor"] for one in found]
    picked = state.one_of("predictor", names, default=names[0]) or names[0]
    notices.heading("What goes with the measured F1?", help_text=_HELP)
    state.bound(
        st.segmented_control,
        "Predictor",
        name="predictor",
        value=picked,
        default=names[0],
        required=True,
        options=names,
        format_func=str.capitalize,
        label_visibility="collapsed",
    )
    _scatter(here, profiles, values[picked], chosen, picked)
    says = next(one["says"] for one in found if one["predictor"] == picked)
    st.html(f'<p class="lg-sentence">{markup.text(says)}</p>')
    st.html(table(found))
    notices.note(f"Lenses: {overview.setting_name(setting)}. p is adjusted over all predictors.")


def _scatter(
    here: Context,
    profiles: Sequence[data.Profile],
    values: Sequence[float | None],
    lenses: Mapping[str, data.Lens],
    predictor: str,
) -> None:
    dots = [
        Dot(profile.concept, here.name(profile.concept), profile.quadrant, float(value), lens.f1)
        for profile, value in zip(profiles, values, strict=True)
        if value is not None and (lens := lenses.get(profile.concept)) is not None and lens.f1 is not None
    ]
    if not dots:
        notices.note(f"No concept has both a measured F1 and its {predictor}.")
        return
    made = predictor_scatter(dots, predictor=predictor, colours=theme.palette(), height=_HEIGHT)
    key = f"scatter-{predictor}"
    with st.container(key="charts"):
        picked = plots.draw(
            made,
            key=plots.fresh(key),
            name=f"findings F1 and {predictor}",
            table=lambda: predictor_table(dots, predictor=predictor),
            on_select="rerun",
        )
    plots.open_concept(key, picked)
    missing = len(profiles) - len(dots)
    notices.note(
        f"{count(len(dots), 'concept')}"
        + (f"; {count(missing, 'concept')} lack one of the two" if missing else "")
        + ". Click a dot to open its concept."
    )


def table(found: Sequence[Json]) -> str:
    """A row a predictor: correlations with their intervals, adjusted p, and what that supports."""
    first = (
        ("Predictor", ("A property of each concept that is known before any lens is trained.")),
        ("Concepts", _CONCEPTS),
    )
    head = markup.heads((*first, *((name, hint) for name, _, hint in _COLUMNS), ("Adjusted p", _P)))
    body = ""
    for one in found:
        cells = "".join(f"<td>{_cell(one[key])}</td>" for _, key, _ in _COLUMNS)
        body += (
            f"<tr><th>{markup.text(one['predictor'].capitalize())}</th><td>{one['spearman']['n']}</td>{cells}"
            f"<td>{_p(one['p_adjusted'])}</td><td class=lg-words>{markup.text(one['says'])}</td></tr>"
        )
    return (
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-numbers"><thead><tr>{head}'
        '<th class="lg-words" title="The strongest statement that these numbers support.">What that supports</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(estimate: Json) -> str:
    if estimate["value"] is None:
        return f'<span class="lg-muted" title="{markup.text(estimate["reason"])}">{UNKNOWN}</span>'
    bounds = "no interval"
    if estimate["low"] is not None:
        bounds = f"[{number(estimate['low'])}, {number(estimate['high'])}]"
    return f"{number(estimate['value'])}<small>{bounds}</small>"


def _p(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return "under 0.001" if value < 0.001 else number(value, digits=3)
