"""Who reviews: what each person did and at which pace, what lies before them, how far they agree, and when they worked.

Nobody sees here what others said of a pair that they may still be given to rate blind.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from app import context, state, theme
from app.charts.activity import activity, activity_table
from app.charts.confusion import confusion, confusion_table
from app.context import Context
from app.data import team
from app.viewmodels.home import ago
from app.viewmodels.review import pace
from app.viewmodels.team import Square, listed, minutes_left, ratings_csv, ratings_parquet, squares
from app.widgets import markup, notices, plots
from app.widgets.agreement import INFLATED
from db.errors import ExpectedError
from engine.stats.agreement import Agreement
from engine.stats.estimate import Estimate
from engine.stats.gap import WEAK_BELOW_CONCEPTS
from engine.words import UNKNOWN, count, integer, interval, number

_PEOPLE: Final = (
    ("Reviewer", "The name that ratings are stored under."),
    ("Audit", "Ratings in force on randomly drawn pairs."),
    ("Overrides", "Ratings in force that replace the judge's on a pair that someone chose to rate."),
    ("Blind", "Ratings given before seeing the judge's."),
    ("Undone", "Ratings and undos that were taken back."),
    ("Flags", "Pairs that this person flagged for another look."),
    ("Pace", f"Ratings per hour: median of the latest {team.LATEST}, without pauses over five minutes."),
    ("On their desk", "Pairs reserved for this person now. Nobody else gets them until the time runs out."),
    ("Last seen", "Last rating, mark or visit to the overview, in UTC."),
)
_BETWEEN: Final = (
    ("Who", "Two people, or all pairs of people combined."),
    ("Pairs", "Drawn pairs that both rated blind."),
    ("Kappa, both arms", f"Cohen's kappa with quadratic weights: 1 is perfect, 0 is chance. {INFLATED}"),
    ("Alpha, both arms", f"Krippendorff's ordinal alpha: 1 is perfect, 0 is chance. {INFLATED}"),
    ("Share equal", "Share of these pairs with equal ratings."),
)
_AGREEMENT: Final = (
    "Drawn pairs that two people rated blind. Kappa and alpha: 1 is perfect, 0 is chance. Brackets hold 95 % "
    "intervals over concepts. Pairs are weighted by how they were drawn."
)

_LOOK_S: Final = 15.0
"""Who reserves pairs, flags or skips makes no news that has screens drawn again, so this part looks by itself."""
_AXIS_CHARS: Final = 18
_SQUARES: Final = (
    "Drawn pairs by both ratings. The two people agree on the framed diagonal. Click a square to list its pairs, "
    "then a pair to read it."
)


def show(here: Context) -> None:
    """Draw the people, or how they come here."""
    st.html('<h1 class="lg-title">Team</h1>')
    people = team.load_reviewers(here.folder, here.run.run_id)
    if not people:
        notices.empty(
            "Nobody has reviewed yet",
            "Everyone who rates or flags a pair of this run, or opens the overview under a name, is listed here.",
            to=("Start reviewing", "review"),
        )
        st.fragment(_await_first, run_every=_LOOK_S)(here)
        return
    notices.heading("People", help_text="Everyone who worked on this run, most ratings first.")
    st.fragment(_people, run_every=_LOOK_S)(here, people, team.load_times(here.folder, here.run.run_id))
    _take_along(here)
    found = team.load_between(here.folder, here.run.run_id)
    left, right = st.columns([1.25, 1], gap="medium")
    with left, st.container(border=True, key="panel-between", height="stretch"):
        _between(found)
    with right, st.container(border=True, key="panel-activity", height="stretch"):
        notices.heading("Activity", help_text="Ratings by day, including those replaced since.")
        days = team.load_activity(here.folder, here.run.run_id)
        if days:
            made = activity(days, colours=theme.palette())
            plots.draw(made, key="activity", name="team ratings a day", table=lambda: activity_table(days))
        else:
            notices.note("Nobody has rated a pair yet.")
    if found:
        with st.container(border=True, key="panel-both"):
            _both(here, [one for one in found if one.first is not None])


def _await_first(here: Context) -> None:
    """Draw the screen again once somebody has come; a busy study is looked at the next time."""
    with suppress(ExpectedError):
        if state.is_look() and team.load_reviewers(here.folder, here.run.run_id):
            st.rerun()


def _people(here: Context, people: Sequence[team.Reviewer], times: Mapping[str, Sequence[datetime]]) -> None:
    """Everyone, as when the screen was drawn; by the clock as they are now, unless the study is busy."""
    if state.is_look():
        with suppress(ExpectedError):
            times = team.load_times(here.folder, here.run.run_id)
            people = team.load_reviewers(here.folder, here.run.run_id)
    head = markup.heads(_PEOPLE)
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = "".join(_person(one, times.get(one.reviewer, ()), now) for one in people)
    st.html(
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-team"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _person(one: team.Reviewer, times: Sequence[datetime], now: datetime) -> str:
    speed = pace(times)
    desk = UNKNOWN
    if one.leased_until:
        until = f"until {one.leased_until:%H:%M} UTC"
        desk = f'<span title="{until}">{count(one.n_leased, "pair")}, {minutes_left(one.leased_until, now)}</span>'
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
        notices.note(
            "No drawn pair has been rated by two people yet. On the Review screen, set “People per pair” to 2."
        )
        st.page_link(
            "screens/review.py", label="Audit with two people", query_params=state.link(queue="audit", raters="2")
        )
        return
    head = markup.heads(_BETWEEN)
    rows = "".join(_two(one) for one in found)
    st.html(
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-team"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    notices.note(
        "Kappa and alpha are inflated, for the difference between the arms looks like agreement. Judges has each arm."
    )
    if any(one.weak for one in found):
        notices.note(
            f"Weak: fewer than {team.FEW_PAIRS} pairs or {WEAK_BELOW_CONCEPTS} concepts, so a few more ratings may "
            "change the number."
        )


def _two(one: team.Between) -> str:
    who = "Any two people" if one.first is None else f"{markup.text(one.first)} – {markup.text(one.second or '')}"
    found: Agreement = one.found
    size = f"{count(found.n, 'pair')} of {count(found.n_concepts, 'concept')}"
    weak = markup.badge("weak", title=size) if one.weak else ""
    return (
        f'<tr><th>{who} {weak}</th><td title="{size}">{integer(found.n)}</td>'
        f"{_estimate(found.kappa)}{_estimate(found.alpha)}{_estimate(found.exact)}</tr>"
    )


def _both(here: Context, found: Sequence[team.Between]) -> None:
    notices.heading("Where two people disagree", help_text=_SQUARES)
    by_name = {f"{one.first} – {one.second}": one for one in found}
    name = state.one_of("two", tuple(by_name), default=next(iter(by_name))) or ""
    if len(by_name) > 1:
        state.bound(
            st.selectbox,
            "Two people",
            name="two",
            value=name,
            default=next(iter(by_name)),
            options=list(by_name),
            label_visibility="collapsed",
            width=420,
        )
    first, second = by_name[name].first or "", by_name[name].second or ""
    both = team.load_both(here.folder, here.run.run_id, first, second)
    chart, pairs = st.columns([1, 1.1], gap="large")
    with chart:
        picked = plots.draw(
            confusion(squares(both), first=_short(first), second=_short(second), colours=theme.palette()),
            key=f"both-{list(by_name).index(name)}",
            name="team who gave which rating",
            table=lambda: confusion_table(squares(both), first=first, second=second),
            width="content",
            on_select="rerun",
        )
    with pairs:
        points = picked.selection.points if picked else []
        _pairs(
            here, both, (first, second), (points[0]["customdata"][0], points[0]["customdata"][1]) if points else None
        )


def _pairs(here: Context, both: Sequence[team.Both], who: tuple[str, str], square: Square | None) -> None:
    first, second = who
    found = listed(both, square, hidden=_hidden(here, who))
    notices.heading(
        f"{first}: {square[0]}, {second}: {square[1]}" if square else "Where they differ, widest apart first"
    )
    if found.pairs:
        notices.note(f"Each pair with the rating of {first}, then that of {second}.")
    for one in found.pairs:
        said = f"**{one.first_rating} · {one.second_rating}**"
        st.page_link(
            "screens/samples.py",
            label=f"{said} {markup.markdown(here.name(one.concept))}, {one.arm} · {markup.markdown(one.excerpt)}",
            query_params=state.link(open=f"{one.concept}:{one.sample_id}", concept=one.concept, arm=one.arm),
        )
    if found.n_all > len(found.pairs):
        notices.note(f"The first {integer(len(found.pairs))} of {integer(found.n_all)} pairs.")
    if found.n_hidden:
        notices.note(
            f"{count(found.n_hidden, 'pair')} hidden because you may be asked to rate them blind. They appear here "
            "once you have rated them."
        )
        st.page_link("screens/review.py", label="Settle disagreements", query_params=state.link(queue="adjudicate"))
    elif not found.n_all:
        notices.note("No pair." if square else "They agree on every pair.")


def _short(name: str) -> str:
    return name if len(name) <= _AXIS_CHARS else f"{name[: _AXIS_CHARS - 1]}…"


def _hidden(here: Context, who: tuple[str, str]) -> frozenset[team.Key]:
    """Pairs whose ratings who looks must not see yet; those who gave them know one and may see the other."""
    name = state.reviewer()
    if not name or name in who:
        return frozenset()
    folder, run_id = here.folder, here.run.run_id
    return team.load_to_rate_blind(folder, run_id, name) | team.load_unsettled(folder, run_id, here.judge_id, name)


def _take_along(here: Context) -> None:
    """Every rating as a file, made when it is asked for."""
    folder, run_id = here.folder, here.run.run_id
    ways: dict[str, Callable[[], bytes]] = {
        "csv": lambda: ratings_csv(team.load_ratings(folder, run_id)),
        "parquet": lambda: ratings_parquet(team.load_ratings(folder, run_id)),
    }
    with st.container(horizontal=True, key="take-ratings", vertical_alignment="center"):
        for form, make in ways.items():
            st.download_button(
                f"All ratings as {'CSV' if form == 'csv' else 'Parquet'}",
                data=make,
                file_name=f"{plots.file_name('ratings')}.{form}",
                key=f"ratings-{form}",
                on_click="ignore",
                icon=":material/download:",
                type="tertiary",
                help="Every rating by everyone; undone ratings are marked. Rate your own pairs before you open it.",
            )


def _estimate(found: Estimate) -> str:
    if found.value is None:
        return f'<td title="{markup.text(found.reason or "")}">{UNKNOWN}</td>'
    return f"<td><b>{number(found.value)}</b> <small>{interval(found)}</small></td>"


show(context.current())
