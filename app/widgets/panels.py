"""The four panels of the concept screen: gap, ratings, lenses, ceilings."""

from collections.abc import Sequence

import streamlit as st

from app import charts, data
from app.charts.concept_layers import concept_layers_table
from app.charts.histograms import histograms_table
from app.charts.lens_dots import lens_dots_table
from app.context import Context
from app.viewmodels.concept import CeilingRow, ceiling_rows, layer_lines, lens_dots
from app.widgets import markup, notices, plots
from engine import words
from engine.figures.palette import Palette
from engine.stats.estimate import Estimate
from engine.stats.findings import FORMS, Finding
from engine.words import count, interval, number, percent

_TOPICALITY = "The gap among good outputs only."
_DEGENERACY = "What empty, short and repetitive outputs add to or take from the gap."
_CEILINGS = (
    ("Model", "The model behind the ceiling. The models disagree, so one of them is chosen to set targets."),
    ("Ceiling", words.CEILING),
    ("95 % interval", "Where the ceiling may lie, given how few ratings it rests on."),
    ("Formula and inputs", "The formula and the measured numbers that go into it."),
    ("Measured against", "The labels that an F1 must be measured against for this ceiling to apply."),
    ("Prevalence π", "Share of positives among the rated pairs."),
    ("Floor", "F1 of always answering yes. A lens below it has learnt nothing."),
)
_LAYERS = (
    "Out-of-fold F1 at each layer and on joined layers, with 95 % intervals over groups. The highest of several is "
    "partly luck: lensgap layers chooses a layer on half of the folds and measures it on the other half."
)


def gap(finding: Finding, colours: Palette) -> None:
    """The gap with its two parts on one scale, and the forms of both arms."""
    notices.heading("Relevance gap", help_text=words.GAP)
    parts = (
        ("Gap", finding.gap, colours.accent, words.GAP),
        ("Topicality part", finding.decomposition.topicality, colours.accent, _TOPICALITY),
        ("Degeneracy part", finding.decomposition.degeneracy, colours.warning, _DEGENERACY),
    )
    ends = [end for _, part, _, _ in parts for end in (part.low, part.high, part.value) if end is not None]
    reach = max([1.0, *(abs(end) for end in ends)])
    st.html(f'<div class="lg-parts">{"".join(_part(*part, reach=reach) for part in parts)}</div>{_forms(finding)}')


def _part(name: str, estimate: Estimate, colour: str, hint: str, *, reach: float) -> str:
    why = interval(estimate) or estimate.reason or "no interval: an arm has only one rating"
    return (
        f'<div class="lg-part" title="{markup.text(hint)}"><span>{name}</span><b>{number(estimate.value)}</b>'
        f"<small>{markup.text(why)}</small>{markup.interval_bar(estimate, low=-reach, high=reach, colour=colour)}</div>"
    )


def _forms(finding: Finding) -> str:
    positive, negative = finding.positive.form_shares(), finding.negative.form_shares()
    rows = "".join(
        f"<tr><th>{form}</th><td>{percent(positive[form])}</td><td>{percent(negative[form])}</td></tr>"
        for form in reversed(FORMS)
    )
    arms = ((f"Positives ({finding.positive.n})", words.ARM), (f"Negatives ({finding.negative.n})", words.ARM))
    return (
        f'<table class="lg-table"><thead><tr><th title="{markup.text(words.FORM)}">Form</th>'
        f"{markup.heads(arms)}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def ratings(finding: Finding, colours: Palette) -> None:
    """The histograms of both arms."""
    notices.heading("Ratings by arm", help_text=words.ARM)
    positive, negative = finding.positive, finding.negative
    n_rated = positive.histogram.n + negative.histogram.n
    if not n_rated:
        notices.note("Nothing has been rated for this concept yet.")
        return
    made = charts.rating_histograms(positive.histogram, negative.histogram, colours=colours)
    plots.draw(
        made,
        key="histograms",
        name=f"concept ratings of {finding.name}",
        table=lambda: histograms_table(positive.histogram, negative.histogram),
    )
    if unrated := positive.n + negative.n - n_rated:
        notices.note(f"{count(unrated, 'pair')} without a rating.")


def lenses(found: Sequence[data.Lens], finding: Finding, here: Context, colours: Palette) -> None:
    """Every lens beside its baselines, and why some have no F1."""
    notices.heading("Lenses and their baselines", help_text=words.LENS)
    dots = lens_dots(found)
    if not dots:
        notices.note("No lens has been trained for this concept yet.", command=f"lensgap train {here.folder}")
        return
    if any(row.f1 is not None for row in dots):
        ceiling = finding.ceilings[here.settings.model].estimate
        made = charts.lens_plot(dots, ceiling=ceiling, colours=colours)
        plots.draw(
            made,
            key="lenses",
            name=f"concept lenses of {finding.name}",
            table=lambda: lens_dots_table(dots, ceiling=ceiling),
        )
    for reason in dict.fromkeys(row.reason for row in dots if row.reason):
        names = "; ".join(row.name for row in dots if row.reason == reason)
        notices.note(f"No F1 for {names}: {reason}.")


def layers(found: Sequence[data.Lens], finding: Finding, colours: Palette) -> None:
    """F1 by layer, where several layers were trained."""
    lines = layer_lines(found)
    if not lines:
        return
    with st.container(border=True, key="panel-layers"):
        notices.heading("F1 by layer", help_text=_LAYERS)
        plots.draw(
            charts.concept_layers(lines, colours=colours),
            key="layers",
            name=f"concept F1 by layer of {finding.name}",
            table=lambda: concept_layers_table(lines),
        )


def ceilings(finding: Finding, here: Context) -> None:
    """Every ceiling model with its formula and inputs, and the target that follows."""
    notices.heading("F1 ceilings", help_text=words.CEILING)
    target, asked = finding.target, number(here.settings.user_target)
    tier = words.TIERS[target.tier]
    rows = "".join(_ceiling(row) for row in ceiling_rows(finding, deciding=here.settings.model))
    head = markup.heads(_CEILINGS)
    st.html(
        f'<p class="lg-target" title="{markup.text(words.TARGET)}">Recommended F1 <b>{number(target.value)}</b> '
        f"<span>{tier}: you ask for {asked}, {markup.text(target.reason)}</span></p>"
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-ceilings"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    notices.note("Floor: the F1 of a classifier that always answers yes. A lens below it has learnt nothing.")


def _ceiling(row: CeilingRow) -> str:
    name = f"{row.name}{markup.badge('sets target', kind='override')}" if row.deciding else row.name
    return (
        f"<tr><th>{name}</th><td><b>{row.value}</b></td><td>{markup.text(row.interval)}</td>"
        f'<td class="lg-formula">{markup.text(row.formula)}<small>{markup.text(row.inputs)}</small></td>'
        f'<td class="lg-words">{markup.text(row.labels)}</td><td>{row.prevalence}</td><td>{row.floor}</td></tr>'
    )
