"""Rate what a queue brings, blind, one text at a time, by keyboard; every rating is stored at once."""

from typing import Final

import streamlit as st

from app import context, data, state
from app.context import Context
from app.data import review
from app.data.review import Desk, Queue
from app.viewmodels.review import pace
from app.widgets import filters, markup, notices, override, review_desk, review_item, review_progress
from engine.errors import AuditError
from engine.words import RATINGS, RUBRIC, integer

QUEUES: Final[dict[Queue, str]] = {
    "audit": "Audit",
    "adjudicate": "Disagreements",
    "flagged": "Flagged",
    "filter": "My filter",
}
AFTER: Final = {"look": "Compare", "on": "Straight on"}
_HELP: Final = (
    "Audit: randomly drawn pairs, the only ones that describe texts nobody reads. Disagreements: two people, or a "
    "blind rating and the judge, differ by two or more. Flagged: someone asked for another look. My filter: the "
    "pairs last sent here from the Samples screen."
)
_EMPTY: Final[dict[Queue, tuple[str, str]]] = {
    "audit": (
        "The audit is done",
        (
            "Every drawn pair is rated or reserved for another reviewer. See how far the judge can be trusted, "
            "or draw more pairs."
        ),
    ),
    "adjudicate": (
        "No disagreements",
        "No two ratings differ by two or more, or all such pairs are settled.",
    ),
    "flagged": ("No flags", "Press F on a pair in any queue, and it waits here until someone settles it."),
    "filter": ("Nothing left in this filter", "Every pair in it is rated. Choose other pairs on the Samples screen."),
}

_NEXT: Final[dict[Queue, tuple[str, str]]] = {
    "audit": ("See what it says about the judge", "judges"),
    "filter": ("Choose other pairs", "samples"),
}


def show(here: Context) -> None:
    """Draw the queue's strip, then the pair on the desk."""
    if here.run.n_samples == 0:
        notices.empty(
            "No samples yet",
            "There is nothing to rate until the model has written texts.",
            command=f"lensgap run {here.folder}",
            to=notices.TO_RUNS,
        )
        return
    with st.container(horizontal=True, key="review-head", vertical_alignment="center"):
        st.html('<h1 class="lg-title">Review</h1>', width="stretch")
        name = override.ask_reviewer()
    if not name:
        notices.empty("Who rates?", "Ratings are stored under your name. Enter it above and press Enter.", icon="↑")
        return
    desk = _desk(here, name)
    _strip(desk)
    if desk.queue == "audit" and not review.has_plan(here.folder, here.run.run_id):
        _plan(here)
        return
    sitting = review_desk.sit_down(desk)
    main, side = st.columns([2.15, 1], gap="large")
    with side:
        _side(here, desk)
    with main:
        _pair(here, sitting)


def _desk(here: Context, name: str) -> Desk:
    queue: Queue = state.one_of("queue", review.QUEUES, default="audit")  # type: ignore[assignment]
    concepts = [profile.concept for profile in data.load_profiles(here.folder, here.run.run_id)]
    chosen, sort, _ = filters.read(concepts) if queue == "filter" else (data.Filters(), "run", 1)
    n_raters = int(state.given_number("raters", default=1, low=1, high=2))
    return Desk(here.folder, here.run.run_id, here.judge_id, name, queue, n_raters, chosen, sort, here.form_rule)


def _strip(desk: Desk) -> None:
    with st.container(horizontal=True, key="review-strip", vertical_alignment="bottom", gap="medium"):
        state.bound(
            st.segmented_control,
            "Queue",
            name="queue",
            value=desk.queue,
            default="audit",
            required=True,
            options=list(QUEUES),
            format_func=QUEUES.__getitem__,
            help=_HELP,
        )
        if desk.queue in ("audit", "filter"):
            state.bound(
                st.segmented_control,
                "People per pair",
                name="raters",
                value=str(desk.n_raters),
                default="1",
                required=True,
                options=["1", "2"],
                help="With 2, two people rate each pair, which shows how far people agree.",
            )
        # No switch: the browser would leave the cursor on it, where no key rates.
        state.bound(
            st.segmented_control,
            "After a rating",
            name="after",
            value=_after(),
            default="look",
            required=True,
            options=list(AFTER),
            format_func=AFTER.__getitem__,
            help=(
                "Compare: first see what the judge, lenses and other people said. Straight on: go to the next text "
                "at once."
            ),
        )


def _after() -> str | None:
    return state.one_of("after", tuple(AFTER), default="look")


def _pair(here: Context, sitting: review_desk.Sitting) -> None:
    own = {
        (rating.concept, rating.sample_id): rating
        for rating in review.load_own(sitting.desk)
        if rating.source == sitting.desk.source
    }
    last = next(iter(own.values()), None)
    item = sitting.item
    found = review.load_text(sitting.desk, item.key) if item else None
    if sitting.notice:
        notices.warning(sitting.notice)
    if item is None or found is None:
        _nothing_left(here, sitting.desk)
        review_item.moves(sitting, None, None, last)
        return
    before, shown = sitting.shown, review_desk.show(sitting, item)
    rated = own.get(item.key) if sitting.at is not None else None
    with st.container(key="review-desk", border=True):
        review_item.text(here, found)
        review_item.keys(sitting.desk, shown, rated)
        review_item.moves(sitting, shown, rated, last)
        if rated is None and sitting.is_known(item.key):
            notices.note("You may have seen the judge's rating of this text, so a new rating is stored as not blind.")
        flag = review.load_flag(sitting.desk, item.key)
        if rated is not None:
            review_item.opened(here, sitting, rated, flag)
        review_item.flagging(shown, flag)
    if rated is None and shown is not before and not review_desk.goes_on():
        here.prepare_pair(*item.key)


def _nothing_left(here: Context, desk: Desk) -> None:
    """Say that the queue is done, and what may come next."""
    title, sentence = _EMPTY[desk.queue]
    notices.empty(title, sentence, icon="✓", to=_NEXT.get(desk.queue))
    n_drawn = review.load_standing(desk).n_all
    if desk.queue == "audit" and n_drawn < here.run.n_pairs:
        _plan_form(here, n_drawn=n_drawn)


def _side(here: Context, desk: Desk) -> None:
    standing, own = review.load_standing(desk), review.load_own(desk)
    review_progress.bar(desk, standing, pace([rating.rated_at for rating in own[:20]]))
    if desk.queue == "audit":
        review_progress.precision(here, standing)
    # Above the scale: in a low window what is below it is out of sight.
    review_item.help_panel()
    notices.heading("What the numbers mean", help_text="The judge uses the same scale.")
    rows = "".join(
        f"<dt>{rating}</dt><dd><b>{word}</b> {markup.text(RUBRIC[rating])}</dd>"
        for rating, word in sorted(RATINGS.items(), reverse=True)
    )
    st.html(f'<dl class="lg-rubric">{rows}</dl>')


def _plan(here: Context) -> None:
    """Say what an audit is, and plan one."""
    notices.empty(
        "No audit is planned yet",
        "An audit draws pairs at random, and you rate them without seeing what the judge said. Only such ratings "
        "show how far the judge can be trusted on texts that nobody reads.",
    )
    _plan_form(here)
    if here.judge is None:
        notices.note(
            "An audit checks a judge, but none has rated this run yet.", command=f"lensgap judge {here.folder}"
        )


def _plan_form(here: Context, *, n_drawn: int = 0) -> None:
    """Ask for how many ratings pairs are to be drawn, those drawn before among them."""
    n_pairs = here.run.n_pairs or 4
    with st.container(key="review-plan", horizontal=True, vertical_alignment="bottom", horizontal_alignment="center"):
        wished = st.number_input(
            "Total ratings",
            min_value=min(max(4, n_drawn + 1), n_pairs),
            max_value=n_pairs,
            value=min(n_drawn + 60, n_pairs),
            step=10,
            width=190,
            help=(
                f"About a minute each. The run has {integer(here.run.n_pairs)} pairs, and at least 5 % of them are "
                "drawn."
            ),
        )
        label = "Draw more" if n_drawn else "Plan the audit"
        if st.button(label, type="primary", disabled=here.judge is None):
            try:
                review.plan_audit(here.folder, here.run.run_id, here.judge_id, n_ratings=int(wished))
            except AuditError as error:
                notices.warning(str(error))
            else:
                st.rerun()


show(context.current())
