"""How far ratings can be trusted: agreement on audited pairs, where judges err, drift, and what their answers cost."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import streamlit as st

from app import context, state, theme
from app.charts.bias import bias_dots
from app.charts.confusion import confusion, confusion_table
from app.charts.drift import drift, drift_table
from app.charts.shared import intervals_table
from app.context import Context
from app.data.judges import (
    CELL_ROWS,
    load_all_agreement,
    load_audit_agreement,
    load_cell,
    load_people_cell,
    load_votes,
)
from app.viewmodels.agreement import POOLED, Compared, answer, batches, bias_rows, compared, foremost, moved
from app.viewmodels.judges import judge_labels
from app.widgets import agreement, audited_gap, later, markup, notices, plots
from app.widgets.override import effect_table
from engine.figures.dots import Series
from engine.stats.findings import ARMS
from engine.words import ARM, RATINGS, count, integer

Json = dict[str, Any]
_AGREEMENT: Final = (
    "Audited pairs were drawn at random and rated by people who did not see the judge's rating, so they represent "
    "all pairs of the run. Read each arm separately. Brackets hold 95 % intervals over concepts."
)
_ALL_PAIRS: Final = (
    "Agreement on all pairs that both raters rated. People chose which pairs to override, so these are not a fair "
    "sample: agreement with overrides describes only such pairs."
)
# A screen that is drawn again, or comes back, must not jump.
_SCROLL: Final = """if (window.lensgapListed === listed) return;
  window.lensgapListed = listed;
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  if (listed) document.querySelector(".st-key-square").scrollIntoView({ block: "nearest", behavior });"""
_AXES: Final = {"judged": "When the judge rated", "rated": "When people rated"}


def show(here: Context) -> None:
    """Draw the judges of the run, or what is missing for them."""
    if not here.judges:
        notices.empty(
            "No judge has rated this run",
            "A judge names topics and rates relevance. People then audit it on randomly drawn pairs.",
            command=f"lensgap judge {here.folder}",
            to=notices.TO_RUNS,
        )
        return
    labels = judge_labels(here.judges)
    st.html('<h1 class="lg-title">How far can the judge be trusted?</h1>')
    folder, run_id = here.folder, here.run.run_id
    audited = later.answer(
        folder,
        ("audit agreement", run_id),
        lambda: load_audit_agreement(folder, run_id),
        what="Agreement on audited pairs",
    )
    found = compared(audited, labels) if audited else ()
    if audited:
        short, because = answer(found, here.judge_id)
        st.html(f'<p class="lg-answer"><b>{short}:</b> {markup.text(because)}</p>')
    with st.container(horizontal=True, key="ways", gap="small"):
        st.page_link(
            "screens/review.py", label="Rate audited pairs", icon=":material/rate_review:", query_params=state.link()
        )
        st.page_link(
            "screens/rubric_lab.py", label="Try another rubric", icon=":material/science:", query_params=state.link()
        )
    if audited and found:
        _since(here, found)
        audited_gap.block(here)
        _audited(here, audited, found, labels)
    elif audited:
        _unaudited(here, labels)
    _work(here, labels)


def _audited(here: Context, audited: Json, found: tuple[Compared, ...], labels: dict[str, str]) -> None:
    notices.heading("Agreement on audited pairs", help_text=f"{_AGREEMENT} {ARM}")
    first, rest = foremost(found, here.judge_id)
    st.html(agreement.table(first))
    if rest:
        with st.expander(f"Other judges, and people one by one ({len(rest)})"):
            st.html(agreement.table(rest))
    if audited["is_weighted"]:
        notices.note(
            "Pairs were drawn with different probabilities, so each is weighted by how many pairs it represents."
        )
    with st.container(key="charts"):
        left, right = st.columns([1, 1], gap="large")
        with left:
            _confusion(here, found)
        with right:
            _bias(found)
            _drift(audited, labels)


def _unaudited(here: Context, labels: dict[str, str]) -> None:
    notices.empty(
        "No pair is audited yet",
        (
            "Draw pairs at random and have people rate them blind under Review. This screen then shows how far "
            "the judge agrees with them."
        ),
        command=f"lensgap audit plan {here.folder} --ratings 100",
        to=("Plan one here", "review"),
    )
    folder, run_id = here.folder, here.run.run_id
    document = later.answer(
        folder, ("agreement", run_id), lambda: load_all_agreement(folder, run_id), what="Agreement on other pairs"
    )
    every = compared(document, labels) if document else ()
    if every:
        notices.heading("Agreement on other pairs", help_text=_ALL_PAIRS)
        st.html(agreement.table(every))
        notices.note("None of these pairs was drawn for an audit, so this is not a fair sample of what people say.")


def _since(here: Context, found: tuple[Compared, ...]) -> None:
    key = f"opened-judges-{here.folder}-{here.run.run_id}"
    before, at = st.session_state.setdefault(key, (found, datetime.now(UTC)))
    changed = moved(before, found)
    if changed:
        with st.container(border=True, key="panel-since"):
            notices.heading(f"Since you opened this page at {at:%H:%M} UTC")
            st.html(effect_table(changed, moved=True))
            st.button("Compare from now", key="since-now", type="tertiary", on_click=_forget, args=(key,))


def _forget(key: str) -> None:
    st.session_state.pop(key, None)


def _confusion(here: Context, found: tuple[Compared, ...]) -> None:
    notices.heading(
        "Who gave which rating",
        help_text="Audited pairs by both ratings; mean votes are rounded. Both raters agree on the framed diagonal. "
        "Click a square, or choose one below, to list its pairs.",
    )
    by_key = {one.key: one for one in found}
    own = next((one.key for one in found if one.first_id == here.judge_id), found[0].key)
    key = state.one_of("raters", tuple(by_key), default=own) or own
    arms = (POOLED, *ARMS)
    arm = state.one_of("arm", arms, default=POOLED) or POOLED
    state.bound(
        st.selectbox,
        "Raters",
        name="raters",
        value=key,
        default=own,
        clears=("cell",),
        options=list(by_key),
        format_func=lambda one: by_key[one].name,
        label_visibility="collapsed",
    )
    state.bound(
        st.segmented_control,
        "Arm",
        name="arm",
        value=arm,
        default=POOLED,
        clears=("cell",),
        required=True,
        options=list(arms),
        format_func=lambda one: one.capitalize() if one == POOLED else f"{one.capitalize()}s",
        label_visibility="collapsed",
    )
    _squares(here, by_key[key], arm)


def _squares(here: Context, one: Compared, arm: str) -> None:
    """The table of both ratings, and the pairs of the square that is chosen by click or by name."""
    counts = one.arms[arm].counts
    squares = {f"{row}-{column}": (row, column) for row in RATINGS for column in RATINGS if counts[row - 1][column - 1]}
    cell = state.one_of("cell", tuple(squares))
    made = confusion(
        counts, first=one.first, second=one.second, colours=theme.palette(), chosen=squares[cell] if cell else None
    )
    chart = _chart(f"confusion-{one.key}-{arm}", cell)
    plots.draw(
        made,
        key=chart,
        name=f"judges who gave which rating {arm}",
        table=lambda: confusion_table(counts, first=one.first, second=one.second),
        width="content",
        on_select=partial(_choose, chart),
    )
    notices.note(f"{count(one.arms[arm].n, 'pair')} of {count(one.arms[arm].n_concepts, 'concept')}.")
    with st.container(key="square", gap="small"):
        state.bound(
            st.selectbox,
            "Square",
            name="cell",
            value=cell,
            options=list(squares),
            format_func=lambda named: _square(one, counts, *squares[named]),
            placeholder="List the pairs of a square",
            label_visibility="collapsed",
        )
        if cell:
            _pairs(here, one, arm, squares[cell])
        _bring_into_view(f"{one.key}-{arm}-{cell}" if cell else "")


def _chart(key: str, cell: str | None) -> str:
    """The chart's key: a new one once another square than the clicked one is chosen, else a click on that were no change."""
    chart = plots.fresh(key)
    picked = st.session_state.get(chart)
    if _clicked(picked) != cell:
        plots.follow(key, picked)
    return plots.fresh(key)


def _choose(chart: str) -> None:
    """Name the square that was clicked in the address."""
    state.change(cell=_clicked(st.session_state[chart]))


def _clicked(picked: Any) -> str | None:
    points = picked["selection"]["points"] if picked else []
    return "{}-{}".format(*points[0]["customdata"]) if points else None


def _square(one: Compared, counts: Sequence[Sequence[int]], first: int, second: int) -> str:
    n = counts[first - 1][second - 1]
    return f"{one.first}: {first}, {one.second}: {second} · {count(n, 'pair')}"


def _bring_into_view(listed: str) -> None:
    """Scroll, once, to what was listed: it is below the chart, and often below the screen."""
    st.html(
        f"<script>(() => {{ const listed = decodeURIComponent('{quote(listed, safe='')}'); {_SCROLL} }})()</script>",
        unsafe_allow_javascript=True,
    )


def _pairs(here: Context, one: Compared, arm: str, bins: tuple[int, int]) -> None:
    only = None if arm == POOLED else arm
    if one.first_id is None:
        rows = load_people_cell(here.folder, here.run.run_id, people=one.people, bins=bins, arm=only)
    else:
        rows = load_cell(here.folder, here.run.run_id, first=one.first_id, second=one.second_id, bins=bins, arm=only)
    for row in rows:
        st.page_link(
            "screens/samples.py",
            label=f"**{markup.markdown(here.name(row.concept))}**, {row.arm} · {markup.markdown(row.excerpt[:110])}",
            query_params=state.link(open=f"{row.concept}:{row.sample_id}", concept=row.concept, arm=row.arm),
        )
    if rows and rows[0].n_total > len(rows):
        notices.note(f"The first {CELL_ROWS} of {integer(rows[0].n_total)} pairs.")


def _bias(found: tuple[Compared, ...]) -> None:
    rows = bias_rows(found)
    if not rows:
        return
    notices.heading(
        "Bias by arm",
        help_text="Mean rating of the first rater minus the second. A judge that is too generous to positives "
        "widens the gap; one that is too generous to negatives narrows it.",
    )
    series = (
        Series("positives", tuple(positive for _, positive, _ in rows), main=True),
        Series("negatives", tuple(negative for _, _, negative in rows)),
    )
    names = [name for name, _, _ in rows]
    plots.draw(
        bias_dots(names, series, colours=theme.palette()),
        key="bias",
        name="judges bias by arm",
        table=lambda: intervals_table(names, series, measure="bias", unit="rating points"),
    )


def _drift(audited: Json, labels: dict[str, str]) -> None:
    notices.heading(
        "Drift",
        help_text="Shows whether a judge drifts away from people over time or between rubric versions. Trends are "
        "within arms; p is adjusted for both quantities by Holm's method.",
    )
    options = {f"{one['judge']}~{axis}": (one, axis) for one in audited["drift"] for axis in _AXES}
    rubrics = {f"rubric~{one['backend']}~{one['model']}": one for one in audited["rubrics"]}
    names = {
        **{key: f"{labels.get(one['judge'], one['judge'])} · {_AXES[axis]}" for key, (one, axis) in options.items()},
        **{key: f"{one['model']} · by rubric version" for key, one in rubrics.items()},
    }
    if not names:
        notices.note("Drift appears here once pairs of a judge have been audited.")
        return
    first = next(iter(names))
    key = state.one_of("drift", tuple(names), default=first) or first
    state.bound(
        st.selectbox,
        "Drift of",
        name="drift",
        value=key,
        default=first,
        options=list(names),
        format_func=names.__getitem__,
        label_visibility="collapsed",
    )
    trend = rubrics[key] if key in rubrics else options[key][0][options[key][1]]
    found = batches(trend)
    made = drift(found, colours=theme.palette(), height=250)
    plots.draw(made, key=f"drift-{key}", name=f"judges drift {names[key]}", table=lambda: drift_table(found))
    for one in trend["trends"]:
        notices.note(one["sentence"])


def _work(here: Context, labels: dict[str, str]) -> None:
    notices.heading("Judge votes and costs", help_text="Votes on this run's pairs, both questions.")
    folder, run_id = here.folder, here.run.run_id
    votes = later.answer(folder, ("votes", run_id), lambda: load_votes(folder, run_id), what="Judge votes")
    if votes is None:
        return
    st.html(agreement.work(votes.work, labels))
    with st.container(key="wide-votes"):
        left, right = st.columns(2, gap="large")
    with left:
        notices.heading("Spread of votes", help_text="Highest minus lowest rating by one judge on one pair.")
        if votes.spreads:
            st.html(agreement.spreads(votes.spreads, labels))
        else:
            notices.note("No judge voted twice on a pair, so the spread is unknown.", command="lensgap judge --votes 3")
    with right:
        notices.heading("Unscored votes", help_text="Answers without a rating: refusals and unreadable replies.")
        if votes.unscored:
            st.html(agreement.unscored(votes.unscored, labels))
        else:
            notices.note("Every vote has a rating.")


show(context.current())
