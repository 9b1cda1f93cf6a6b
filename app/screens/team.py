"""Who reviews: what each person did and at which pace, what lies before them, how far they agree, and when they worked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from app import context, state, theme
from app.charts.activity import activity, activity_table
from app.context import Context
from app.data import team
from app.viewmodels.home import ago
from app.viewmodels.review import pace
from app.widgets import markup, notices, plots
from engine.stats.agreement import Agreement
from engine.stats.estimate import Estimate
from engine.words import UNKNOWN, count, integer, interval, number

_PEOPLE: Final = (
    ("Reviewer", "The name that ratings are stored under."),
    ("Audit", "Ratings in force of pairs drawn by chance."),
    ("Overrides", "Ratings in force that replace the judge's on a pair that was come across."),
    ("Blind", "Ratings given before the judge's was seen."),
    ("Undone", "Ratings taken back, and undoings taken back."),
    ("Flags", "Pairs that they asked another look at."),
    ("Pace", f"Ratings an hour, by the median of the latest {team.LATEST} without pauses over five minutes."),
    ("On their desk", "Pairs before them now; nobody else is given these until the time that is shown."),
    ("Last seen", "Their last rating, mark or look at the overview, UTC."),
)
_AGREEMENT: Final = (
    "Drawn pairs that two people rated blind. Kappa and alpha: 1 is perfect, 0 what chance gives. In brackets 95 % intervals "
    "over concepts; pairs are weighted by how they were drawn."
)


def show(here: Context) -> None:
    """Draw the people, or how they come here."""
    st.html('<h1 class="lg-title">Team</h1>')
    people = team.load_reviewers(here.folder, here.run.run_id)
    if not people:
        notices.empty(
            "Nobody has reviewed yet",
            "Whoever rates a pair of this run, flags one or looks at the overview under a name is listed here.",
        )
        st.page_link("screens/review.py", label="Begin to review", query_params=state.link())
        return
    _people(people, team.load_times(here.folder, here.run.run_id))
    left, right = st.columns([1.25, 1], gap="medium")
    with left, st.container(border=True, key="panel-between", height="stretch"):
        _between(team.load_between(here.folder, here.run.run_id))
    with right, st.container(border=True, key="panel-activity", height="stretch"):
        notices.heading("Activity", help_text="Ratings by the day on which they were given, also those replaced since.")
        days = team.load_activity(here.folder, here.run.run_id)
        if days:
            made = activity(days, colours=theme.palette())
            plots.draw(made, key="activity", name="team ratings a day", table=lambda: activity_table(days))
        else:
            notices.note("Nobody has rated a pair yet.")


def _people(people: Sequence[team.Reviewer], times: Mapping[str, Sequence[datetime]]) -> None:
    notices.heading("People", help_text="Everybody who did something in this run, who rated most first.")
    head = "".join(f'<th title="{markup.text(hint)}">{name}</th>' for name, hint in _PEOPLE)
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = "".join(_person(one, times.get(one.reviewer, ()), now) for one in people)
    st.html(
        f'<div class="lg-scroll"><table class="lg-table lg-team"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _person(one: team.Reviewer, times: Sequence[datetime], now: datetime) -> str:
    speed = pace(times)
    desk = f"{count(one.n_leased, 'pair')} until {one.leased_until:%H:%M}" if one.leased_until else UNKNOWN
    mine = markup.badge("you", kind="override") if one.reviewer == state.reviewer() else ""
    counts = (one.n_audit, one.n_override, one.n_blind, one.n_undone, one.n_flags)
    return (
        f"<tr><th>{markup.text(one.reviewer)} {mine}</th>{''.join(f'<td>{integer(n)}</td>' for n in counts)}"
        f"<td>{speed.words if speed else UNKNOWN}</td><td>{desk}</td>"
        f'<td title="{one.last_seen:%d %b %Y, %H:%M} UTC">{ago(one.last_seen, now)}</td></tr>'
    )


def _between(found: Sequence[team.Between]) -> None:
    notices.heading("Agreement between people", help_text=_AGREEMENT)
    if not found:
        notices.note("No drawn pair was rated by two people yet. On the Review screen, set “People a pair” to 2.")
        st.page_link(
            "screens/review.py", label="Audit with two people", query_params=state.link(queue="audit", raters="2")
        )
        return
    head = "".join(f"<th>{name}</th>" for name in ("Who", "Pairs", "Kappa", "Alpha", "Share equal"))
    rows = "".join(_two(one) for one in found)
    st.html(
        f'<div class="lg-scroll"><table class="lg-table lg-team"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    if any(one.found.weak for one in found):
        notices.note("Intervals rest on few concepts, so they may be too narrow.")


def _two(one: team.Between) -> str:
    who = "Any two people" if one.first is None else f"{markup.text(one.first)} – {markup.text(one.second or '')}"
    found: Agreement = one.found
    return (
        f'<tr><th>{who}</th><td title="of {count(found.n_concepts, "concept")}">{integer(found.n)}</td>'
        f"{_estimate(found.kappa)}{_estimate(found.alpha)}{_estimate(found.exact)}</tr>"
    )


def _estimate(found: Estimate) -> str:
    if found.value is None:
        return f'<td title="{markup.text(found.reason or "")}">{UNKNOWN}</td>'
    return f"<td><b>{number(found.value)}</b> <small>{interval(found)}</small></td>"


show(context.current())
