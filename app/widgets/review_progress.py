"""How far a queue is, how fast, and what the ratings so far are worth."""

from typing import Any, Final

import streamlit as st

from app.context import Context
from app.data.judges import load_audit_estimate
from app.data.later import later
from app.data.review import Desk, Standing
from app.viewmodels.review import Pace
from app.widgets import markup, notices
from db.errors import ExpectedError
from engine.exchange.audit import WISHED_HALF_WIDTH
from engine.words import count, integer

_EVERY: Final = 5
"""Ratings after which the estimate is worked out anew, beside the screen: it counts the concepts that were rated once more."""
_RESTS_ON: Final = ("run_concepts", "pairs", "samples")
"""What else it is worked out anew for; of a judge's votes, which come every second, all together move it little."""


def bar(desk: Desk, standing: Standing, pace: Pace | None) -> None:
    """A bar with what is done and left, and the reviewer's pace."""
    if desk.queue in ("adjudicate", "flagged"):
        st.html(f'<div class="lg-queue"><b>{count(standing.n_left, "pair")}</b> waiting</div>')
        return
    share = standing.n_done / standing.n_all if standing.n_all else 0.0
    told = f"<p><b>{integer(standing.n_done)}</b> of {integer(standing.n_all)} rated</p>"
    speed = f"{markup.text(pace.words)} · {markup.text(pace.left(standing.n_left))}" if pace and standing.n_left else ""
    st.html(
        f'<div class="lg-queue"><div>{told}<span>{integer(standing.n_left)} for you</span></div>'
        f'<div class="lg-bar" role="progressbar" aria-valuenow="{100 * share:.0f}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-label="Pairs rated"><i style="width:{100 * share:.1f}%"></i></div><small>{speed}</small></div>'
    )


def precision(context: Context, standing: Standing) -> None:
    """How wide the audited gap's interval is, and how many ratings narrow it; not where it lies, which would not be blind."""
    folder, key = context.folder, ("audit-precision", context.run.run_id, context.judge_id)

    def estimate() -> dict[str, Any]:
        return load_audit_estimate(folder, context.run.run_id, context.judge_id)

    try:
        found = later(folder, key, estimate, of=_RESTS_ON, also=(standing.n_done // _EVERY, standing.n_all)).value
    except ExpectedError:
        return
    if found is None:
        notices.note("Working out how precisely the audited gap is known.")
        return
    gap, more = found["overall"]["gap"]["samples"], found["more_ratings"]["samples"]
    if gap["low"] is None:
        notices.note("The audit needs a few ratings of each kind before it has an interval.")
        return
    half = (gap["high"] - gap["low"]) / 2
    wanted = (
        f"about {integer(more['n'])} more to ± {WISHED_HALF_WIDTH:g}"
        if more["n"]
        else f"± {WISHED_HALF_WIDTH:g} is reached"
        if more["n"] == 0
        else ""
    )
    notices.note(f"The audited gap is known to ± {half:.2f} for these samples{'; ' + wanted if wanted else ''}.")
