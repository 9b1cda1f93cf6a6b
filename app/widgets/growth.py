"""The concept screen's panels of how a lens grew: learning curve, escalation, and the concepts that lie nearest."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from app import state
from app.charts.learning import learning_curve, learning_table
from app.context import Context
from app.data.growth import Neighbours, Step
from app.viewmodels import growth as view
from app.widgets import markup, notices, plots
from engine.figures.palette import Palette
from engine.stats.learning_curve import LearningCurve
from engine.words import LENS, UNKNOWN, integer, number

_CURVE: Final = (
    "F1 of lenses fitted on part of the pairs, always measured on the same held-out pairs. Dots: measured, with one "
    "standard error. Rings: predicted by a power law, with 95 % intervals."
)
_STEPS: Final = "Each step adds pairs and trains again, until the concept reaches its target or a reason to stop."
_COLUMNS: Final = (
    ("Step", "Which step of the plan this was."),
    ("Pairs", "Pairs of this concept at that step, in both arms."),
    ("F1", f"{LENS} Brackets hold the 95 % interval."),
    ("Target", "The F1 that was asked of the lens."),
    ("Ceiling", "The ceiling at that time; – where nothing was rated."),
    ("Decision", "What was decided, and why."),
)
_NEAR: Final = (
    "Cosine between the directions of linear lenses, at the lens setting in the sidebar: 1 means the same "
    "direction, 0 unrelated directions. A lens is most likely to confuse this concept with its nearest ones."
)


def curve(here: Context, concept: str, found: LearningCurve | None, colours: Palette) -> None:
    """The learning curve, or what measures it."""
    notices.heading("Learning curve", help_text=_CURVE)
    shown = view.growth(found)
    if shown is None:
        notices.note("No learning curve has been measured yet.", command=f"lensgap curve {here.folder}")
        return
    if shown.points:
        made = learning_curve(shown, colours=colours)
        plots.draw(
            made, key="learning-curve", name=f"concept learning curve of {concept}", table=lambda: learning_table(shown)
        )
    notices.note(view.promise(shown))


def steps(here: Context, found: Sequence[Step]) -> None:
    """The log of the concept's escalation, or what starts one."""
    notices.heading("Escalation log", help_text=_STEPS)
    if not found:
        notices.note("This concept has not been escalated.", command=f"lensgap escalate {here.folder}")
        return
    head = markup.heads(_COLUMNS)
    rows = "".join(_step(one) for one in found)
    st.html(
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-steps"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _step(one: Step) -> str:
    word, meaning = view.decided(one.decision)
    low, high = one.f1_low, one.f1_high
    span = f" <small>[{number(low)}, {number(high)}]</small>" if low is not None and high is not None else ""
    return (
        f"<tr><td>{one.step + 1}</td><td>{integer(one.n_pairs)}</td><td>{number(one.f1)}{span}</td>"
        f"<td>{number(one.target)}</td><td>{number(one.ceiling)}</td>"
        f'<td title="{markup.text(f"{meaning} {one.decided_at:%d %b %Y, %H:%M} UTC".strip())}"><b>{markup.text(word)}</b>'
        f"<small>{markup.text(one.why)}</small></td></tr>"
    )


def neighbours(found: Neighbours, *, letters: Mapping[str, str], names: Mapping[str, str], setting: str) -> None:
    """The nearest concepts as links, each with its cosine."""
    notices.heading("Nearest concepts", help_text=_NEAR)
    if found.reason:
        notices.note(f"None to show: {found.reason}.")
        return
    for i, one in enumerate(found.nearest):
        with st.container(horizontal=True, key=f"near-{i}", vertical_alignment="center", gap="small"):
            st.page_link(
                "screens/concept.py",
                label=markup.markdown(f"{letters.get(one.concept, UNKNOWN)}  {names.get(one.concept, one.concept)}"),
                query_params=state.link(concept=one.concept),
            )
            st.html(f'<span class="lg-note">{number(one.cosine)}</span>', width="content")
    notices.note(f"Of {integer(found.n_compared)} other concepts; {setting}.")
