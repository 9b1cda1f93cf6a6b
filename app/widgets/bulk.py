"""Rate many pairs at once: what it would do, then a press, then the way back. Nothing is stored before the preview was seen.

The press brings back the pairs that the preview named and the id that was made with it, which is spent once they are stored, so
that a second press stores nothing twice; who rated meanwhile is not overwritten either, unless that was asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from app import auth, data, state
from app.context import Context
from app.data.bulk import BULK_AT_MOST, Bulk, load_bulks, load_overriders, rate_all, undo_all
from app.data.samples import Listed
from app.viewmodels.bulk import Plan, plan, rated
from app.viewmodels.effect import effects
from app.widgets import markup, notices
from app.widgets.override import ask_reviewer, effect_table
from db.errors import ExpectedError
from engine.words import RATINGS, count, integer

_NOTICE: Final = "bulk-notice"
_ID: Final = "bulk-id"
_CONCEPTS_SHOWN: Final = 6
_BULKS_SHOWN: Final = 5


def panel(
    context: Context,
    listed: Sequence[Listed],
    n_total: int,
    chosen_by: Mapping[str, Sequence[str]],
    *,
    is_chosen: bool = False,
) -> None:
    """Draw the panel for these pairs, which are all of `n_total` or as many as may be rated at once.

    They are the whole list, or where `is_chosen` rows of the table.
    """
    with st.container(key="bulk", border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            notices.heading(
                "Rate many at once",
                help_text=f"Stores one override for each pair in the list, at most {integer(BULK_AT_MOST)} at a "
                "time. You can undo them all together; the history keeps both.",
            )
            st.button("Close", key="bulk-close", type="tertiary", on_click=state.change, kwargs={"pane": None})
        if sentence := st.session_state.get(_NOTICE):
            notices.warning(sentence)
        name = ask_reviewer()
        if not name:
            notices.note("Enter your name first. Ratings are stored under it.")
        else:
            which = "chosen in the table" if is_chosen else "the whole list, all pages"
            _choose(context, listed, n_total, chosen_by, name, which=which)
        _past(context, name)


def _choose(
    context: Context,
    listed: Sequence[Listed],
    n_total: int,
    chosen_by: Mapping[str, Sequence[str]],
    name: str,
    *,
    which: str,
) -> None:
    rating = st.segmented_control(
        "Rating for all pairs",
        list(RATINGS),
        key="bulk-rating",
        format_func=lambda value: f"{value} {RATINGS[value]}",
        help="The rating that every pair in the list will get.",
    )
    overriders = load_overriders(context.folder, context.run.run_id)
    replaced = st.session_state.get("bulk-replace", False)
    planned = plan(listed, n_total, overriders, reviewer=name, replace_others=bool(replaced), at_most=BULK_AT_MOST)
    _who(planned, which=which)
    if planned.n_others:
        these = "this one" if planned.n_others == 1 else f"these {integer(planned.n_others)}"
        st.checkbox(f"Replace {these} too", key="bulk-replace")
    st.text_input("Reason", key="bulk-reason", placeholder="Reason, stored with every rating", max_chars=500)
    if rating is None:
        notices.note("Choose a rating to preview what it would change.")
        return
    if not planned.pairs:
        notices.note("No pair is left to rate.")
        return
    _preview(context, planned, rating)
    bulk_id = st.session_state.setdefault(_ID, f"bulk-{data.new_rating_id()}")
    st.button(
        f"Give {count(len(planned.pairs), 'pair')} a {rating}",
        key="bulk-store",
        type="primary",
        on_click=_store,
        args=(context, bulk_id, planned.pairs, rating, name, chosen_by, bool(replaced)),
    )


def _who(planned: Plan, *, which: str) -> None:
    fact = f"<b>{count(len(planned.pairs), 'pair')}</b> of {count(len(planned.concepts), 'concept')}: {which}"
    shown = [f"{markup.text(name)} {integer(n)}" for name, n in planned.concepts[:_CONCEPTS_SHOWN]]
    rest = len(planned.concepts) - len(shown)
    st.html(
        f'<p class="lg-count">{fact}</p><p class="lg-note">{" · ".join(shown)}{f" · {rest} more" if rest > 0 else ""}</p>'
    )
    if planned.n_left_out:
        sentence = f"{count(planned.n_left_out, 'pair')} of the list exceed the limit of {integer(BULK_AT_MOST)}."
        notices.warning(f"{sentence} Narrow the list, or rate the first ones now and the rest afterwards.")
    if planned.n_others:
        stand = "It stands" if planned.n_others == 1 else "They stand"
        names = ", ".join(planned.others[:3]) + (" and others" if len(planned.others) > 3 else "")
        notices.warning(f"{names} overrode {count(planned.n_others, 'pair')} of the list. {stand} as rated.")


def _preview(context: Context, planned: Plan, rating: int) -> None:
    counts = context.counts()
    before, after = context.find(counts), context.find(rated(counts, planned.pairs, rating))
    concept = planned.concepts[0][0] if len(planned.concepts) == 1 else None
    shown = list(effects(before, after, concept=concept, quadrant=None))
    for quadrant in sorted(set(after.quadrants)):
        (first, *_) = effects(before, after, concept=None, quadrant=quadrant)
        if any(change.delta for change in first.changes):
            shown.insert(-1, first)
    notices.note("What it would change:")
    st.html(effect_table(shown, moved=True))


@auth.members_only
def _store(
    context: Context,
    bulk_id: str,
    pairs: Sequence[Listed],
    rating: int,
    name: str,
    chosen_by: Mapping[str, Sequence[str]],
    replace_others: bool,
) -> None:
    if st.session_state.get(_ID) != bulk_id:
        # A second press on what is stored already came with the rating still chosen, which would draw the preview again.
        st.session_state["bulk-rating"] = None
        return
    try:
        n_stored = rate_all(
            context.folder,
            context.run.run_id,
            bulk_id=bulk_id,
            pairs=[(pair.concept, pair.sample_id) for pair in pairs],
            rating=rating,
            reviewer=name,
            reason=str(st.session_state.get("bulk-reason") or "").strip() or None,
            chosen_by=chosen_by,
            replace_others=replace_others,
        )
    except ExpectedError as error:
        st.session_state[_NOTICE] = f"Nothing was stored. {error}"
        return
    st.session_state.pop(_ID, None)
    st.session_state["bulk-rating"], st.session_state["bulk-reason"] = None, ""
    left = len(pairs) - n_stored
    why = f" {count(left, 'pair')} were skipped because someone else rated them in the meantime." if left else ""
    st.session_state[_NOTICE] = f"Stored {count(n_stored, 'rating')} of {rating}.{why}"


def _past(context: Context, name: str) -> None:
    bulks = load_bulks(context.folder, context.run.run_id)
    if not bulks:
        return
    notices.heading("Rated at once before")
    for bulk in bulks[:_BULKS_SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center", key=f"past-{bulk.bulk_id}"):
            st.html(_told(bulk), width="stretch")
            st.button(
                "Undo all",
                key=f"undo-{bulk.bulk_id}",
                icon=":material/undo:",
                type="tertiary",
                disabled=not name or bulk.n_undone >= bulk.n_rated,
                help="Takes back the ratings that are still in force. Later ratings stay.",
                on_click=_undo,
                args=(context, bulk, name),
            )


def _told(bulk: Bulk) -> str:
    undone = f", {integer(bulk.n_undone)} taken back" if bulk.n_undone else ""
    reason = f" <q>{markup.text(bulk.reason)}</q>" if bulk.reason else ""
    return (
        f'<p class="lg-note"><b>{markup.text(bulk.reviewer)}</b> gave {count(bulk.n_rated, "pair")} a {bulk.rating}{undone} '
        f"<time>{bulk.rated_at:%d %b %Y, %H:%M} UTC</time>{reason}</p>"
    )


@auth.members_only
def _undo(context: Context, bulk: Bulk, name: str) -> None:
    try:
        n_undone = undo_all(context.folder, bulk.bulk_id, reviewer=name)
    except ExpectedError as error:
        st.session_state[_NOTICE] = f"Nothing was undone. {error}"
        return
    # A second press finds nothing left, and what the first one did stays told.
    if n_undone:
        st.session_state[_NOTICE] = f"Took back {count(n_undone, 'rating')}."
