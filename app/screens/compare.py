"""Two or more runs, or judges of a run, beside each other: settings that differ, paired differences, concept by concept."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app import context, state, theme
from app.charts.dumbbell import dumbbell, dumbbell_table
from app.context import Context
from app.data.comparison import AT_ONCE, Sides, compare, compare_at_once, fetch_sources, load_n_by_people
from app.viewmodels.judges import judge_labels
from app.viewmodels.run_comparison import (
    MEASURES,
    answer,
    by_people,
    comparison_csv,
    concepts_html,
    dumbbells,
    measures_html,
    settings_html,
)
from app.viewmodels.runs import made_at
from app.widgets import later, markup, notices, plots
from engine.errors import ConfigError
from engine.words import count

Json = dict[str, Any]
_ROWS: Final = 40
_UNITS: Final = {"gap": "rating points"}


def show(here: Context) -> None:
    """Draw the choice of sides, then what the comparison of these says."""
    st.html('<h1 class="lg-title">Compare</h1>')
    kinds = ["runs", "judges"]
    kind = state.bound(
        st.segmented_control,
        "What",
        name="what",
        value=state.one_of("what", kinds, default="runs"),
        default="runs",
        clears=("side",),
        required=True,
        options=kinds,
        format_func=lambda one: "Runs of this study" if one == "runs" else "Judges of this run",
    )
    names = _runs(here) if kind == "runs" else judge_labels(here.judges)
    if len(names) < 2:
        what, to = (
            ("runs with samples", ("Start another run", "runs"))
            if kind == "runs"
            else ("judges of this run", ("Try another rubric", "rubric_lab"))
        )
        notices.empty(f"Fewer than two {what}", f"A comparison needs two {what}.", icon="⇄", to=to)
        return
    if lost := [one for one in state.given_all("side") if one not in names]:
        notices.warning(
            f"{count(len(lost), 'side')} of the address cannot be compared: no longer here, or without texts."
        )
    chosen = state.some_of("side", list(names)) or list(names)[:2]
    sides = state.bound(
        st.multiselect,
        "Sides: each is compared with the first",
        name="side",
        value=chosen,
        options=list(names),
        format_func=lambda one: names[one],
    )
    if len(sides) < 2:
        notices.note("Choose at least two.")
        return
    found = _compared(here, Sides("runs" if kind == "runs" else "judges", here.run.run_id, tuple(sides)))
    if found is not None:
        _draw(here, found, names)


def _runs(here: Context) -> dict[str, str]:
    made = made_at(here.runs)
    return {run.run_id: f"{run.name} · {made[run.run_id]}" for run in reversed(here.runs) if run.n_samples}


def _compared(here: Context, sides: Sides) -> list[Json] | None:
    """These sides as the study is now; None before the first answer, and where they cannot be compared."""
    try:
        # What a comparison rests on takes seconds to gather on a large study, and the numbers that follow a rating do not.
        n = later.answer(
            here.folder, ("sides", sides), lambda: fetch_sources(here.folder, sides), what="The comparison", of=()
        )
        if n is None:
            return None
        if n < AT_ONCE:
            return compare_at_once(here.folder, sides)
        return later.answer(
            here.folder, ("comparison", sides), lambda: compare(here.folder, sides), what="The comparison"
        )
    except ConfigError as error:
        notices.warning(str(error))
        return None


def _draw(here: Context, found: Sequence[Json], names: Mapping[str, str]) -> None:
    measures = list(found[0]["concepts"][0]["measures"])
    measure = state.bound(
        st.segmented_control,
        "Measure shown",
        name="measure",
        value=state.one_of("measure", measures, default=measures[0]),
        default=measures[0],
        required=True,
        options=measures,
        format_func=lambda one: MEASURES.get(one, one),
    )
    for number, one in enumerate(found):
        _one(here, one, str(measure), names, key=number)
    st.download_button(
        "Everything as CSV",
        data=lambda: comparison_csv(found).encode(),
        file_name=f"{plots.file_name('comparison')}.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )


def _one(here: Context, one: Json, measure: str, names: Mapping[str, str], *, key: int) -> None:
    before, after = (_name(one[side], names) for side in ("before", "after"))
    with st.container(border=True, key=f"panel-compare-{key}"):
        notices.heading(f"{before} → {after}")
        short, because = answer(one)
        st.html(f'<p class="lg-answer"><b>{short}:</b> {markup.text(because)}</p>')
        notices.note(
            f"{count(one['n_matched'], 'concept')} on both sides. Differences are paired: after minus before for the "
            "same concept, with 95 % intervals. p is adjusted for false discoveries over everything on this screen."
            f"{_rated_by(one)} {_people(here, one)}"
        )
        if one["differ"]:
            st.html(settings_html(one))
        else:
            notices.note("All settings are equal.")
        st.html(measures_html(one))
        rows, title = dumbbells(one, measure), f"{MEASURES.get(measure, measure)} ({_UNITS.get(measure, '0–1')})"
        with st.container(key=f"wide-compare-{key}"):
            left, right = st.columns([1, 1], gap="medium")
        if rows:
            made = dumbbell(rows[:_ROWS], title=title, colours=theme.palette())
            with left:
                plots.draw(
                    made,
                    key=f"compare-{key}-{measure}",
                    name=f"compare {title} {key + 1}",
                    table=lambda: dumbbell_table(rows, title=title, before=before, after=after),
                )
        else:
            left.html('<p class="lg-note">No concept has this measure on both sides.</p>')
        right.html(concepts_html(one, measure, at_most=_ROWS))
        if len(one["concepts"]) > _ROWS:
            notices.note(f"The {_ROWS} largest changes of {count(len(one['concepts']), 'concept')}; the CSV has all.")


def _rated_by(one: Json) -> str:
    """Whose ratings are compared: runs are, as far as may be, as one judge rated both, whoever is on the other screens."""
    before, after = (side["judge"]["name"] if side["judge"] else "nobody" for side in (one["before"], one["after"]))
    if one["before"]["judge"] is None and one["after"]["judge"] is None:
        return " No judge has rated both sides, so gaps and ceilings cannot be compared yet."
    if before == after:
        return f" Both sides are as rated by {before}."
    return f" The first side is as rated by {before}, the other by {after}."


def _people(here: Context, one: Json) -> str:
    before, after = (str(one[side]["run"]) for side in ("before", "after"))
    n_before, n_after = (load_n_by_people(here.folder, run_id) for run_id in (before, after))
    return by_people(n_before, n_after, is_one_run=before == after)


def _name(side: Json, names: Mapping[str, str]) -> str:
    judge = (side["judge"] or {}).get("judge_id", "")
    return names.get(side["run"]) or names.get(judge) or str(side["run"])


show(context.current())
