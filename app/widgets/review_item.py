"""One pair before a reviewer: text and keys while it is blind; what judge, lenses and others say once it is rated."""

from collections.abc import Sequence

import streamlit as st

from app import data, state
from app.context import Context
from app.data import review
from app.viewmodels.review import agreement_kind, verdict_sentence
from app.widgets import markup, notices, rating_keys, review_desk, sample, votes
from app.widgets.review_desk import Shown, Sitting
from engine.words import RATINGS, integer

_REASON = "review-reason"


def text(context: Context, found: review.Text) -> None:
    """The concept and the text, large, and nothing else."""
    shown = found.output[: markup.SHOWN_CHARS]
    rest = len(found.output) - len(shown)
    more = f'<p class="lg-note">… and {integer(rest)} more characters</p>' if rest else ""
    empty = "" if found.output.strip() else '<em class="lg-muted">The model wrote nothing.</em>'
    st.html(
        '<div class="lg-asked"><span>How far is this text about</span>'
        f"{markup.named(context.name(found.concept), found.concept, tag='h2')}"
        f"<p>{markup.text(found.definition)}</p></div>"
        f'<div class="lg-output lg-reading" tabindex="0" lang="und">{markup.text(shown.strip())}{empty}{more}</div>'
    )


def keys(desk: review.Desk, shown: Shown, own: review.Own | None) -> None:
    """The five ratings and the reason; a pair that is rated keeps its rating until it is taken back."""
    at = f"{shown.item.concept}-{shown.item.sample_id}"
    reason_key = f"{_REASON}-{at}"
    with st.container(horizontal=True, key="review-ratings", gap="small"):
        for rating, word in RATINGS.items():
            st.button(
                f"**{rating}** {word}",
                key=f"review-{rating}-{at}",
                shortcut=str(rating),
                disabled=own is not None,
                type="primary" if own is not None and own.rating == rating else "secondary",
                on_click=review_desk.rate,
                args=(shown, rating),
                kwargs={"reason_key": reason_key},
                width="stretch",
            )
    if own is None:
        rating_keys.reason(reason_key, about=(desk.run_id, *shown.item.key, desk.reviewer, desk.queue))
    else:
        rating_keys.no_reason()
    rating_keys.tend()


def moves(sitting: Sitting, shown: Shown | None, own: review.Own | None, last: review.Own | None) -> None:
    """Back, on, undo, skip and help, each with its key."""
    behind = len(sitting.trail) if sitting.at is None else sitting.at
    with st.container(horizontal=True, key="review-moves", vertical_alignment="center", gap="small"):
        _move("Back", "Left", "review-back", review_desk.step, (-1,), disabled=behind == 0)
        _move("Next", "Right", "review-on", review_desk.step, (1,), disabled=sitting.at is None)
        st.html("<span></span>", width="stretch")
        _move(
            "Undo",
            "U",
            "review-undo",
            review_desk.undo,
            (shown, own or last),
            disabled=(own or last) is None,
            help="Takes back the rating of this pair, or your latest one here, and reopens that pair.",
        )
        if shown is not None:
            open_skip = own is None and sitting.at is None
            hint = "Puts this pair off. It comes back after all others, and others may rate it meanwhile."
            _move("Skip", "S", "review-skip", review_desk.skip, (shown,), disabled=not open_skip, help=hint)
        _move("Keys", "H", "review-help", _toggle_help, ())


def flagging(shown: Shown, flag: review.Flag | None) -> None:
    """Flag the pair for others to look at, and say why."""
    at = f"{shown.item.concept}-{shown.item.sample_id}"
    with st.container(horizontal=True, key="review-flag", vertical_alignment="center", gap="small"):
        st.button(
            "Remove the flag" if flag else "Flag for others",
            key=f"review-flag-{at}",
            shortcut="F",
            icon=":material/flag:",
            type="tertiary",
            on_click=review_desk.flag,
            args=(shown,),
            kwargs={"is_flagged": flag is not None},
            help="A flagged pair waits in the “Flagged” queue until someone settles it there.",
        )
        if flag:
            key = f"review-note-{at}"
            st.text_input(
                "Why",
                key=key,
                placeholder="Why? (optional, then Enter)" if not flag.note else "",
                value=flag.note or "",
                label_visibility="collapsed",
                max_chars=500,
                on_change=review_desk.note_flag,
                args=(shown, key),
            )


def opened(context: Context, sitting: Sitting, own: review.Own, flag: review.Flag | None) -> None:
    """What was hidden until now: judge, arm, lenses and other people, beside the rating."""
    key = (own.concept, own.sample_id)
    sitting.seen.add(key)
    pair = context.load_pair(*key)
    if pair is None:
        return
    others = _others(pair.history, own)
    kind = agreement_kind(own.rating, pair.detail.judge_rating)
    told = verdict_sentence(own.rating, pair.detail.judge_rating, others=[saying.rating or 0 for saying in others])
    not_blind = "" if own.blind else " You may have seen this before, so your rating is stored as not blind."
    st.html(f'<p class="lg-said-both lg-apart-{kind}" role="status"><b>{markup.text(told)}</b>{not_blind}</p>')
    sample.head(pair.detail)
    left, right = st.columns(2, gap="medium")
    with left:
        votes.judge(pair, name=context.judge.model if context.judge else "none")
    with right:
        st.html(f'<div class="lg-prompt"><span>Prompt</span>{markup.text(pair.detail.prompt)}</div>')
        sample.scores(pair.scores)
        _people(others, flag)
    st.page_link(
        "screens/samples.py",
        label="Open in Samples",
        icon=":material/arrow_forward:",
        query_params=state.link(open=f"{own.concept}:{own.sample_id}"),
    )


def help_panel() -> None:
    """The keys, shown on demand."""
    if not st.session_state.get("review-help-shown"):
        return
    lines = (
        ("1 – 5", "rate, stored at once"),
        ("→", "next pair (once this one is rated)"),
        ("←", "back to the pairs you rated"),
        ("U", "undo a rating and rate again"),
        ("S", "skip and come back later"),
        ("F", "flag for others, or remove the flag"),
        ("H", "show or hide these keys"),
    )
    rows = "".join(f"<dt><kbd>{key}</kbd></dt><dd>{told}</dd>" for key, told in lines)
    st.html(f'<div class="lg-keys"><h5 class="lg-heading">Keys</h5><dl>{rows}</dl></div>')


def _move(label: str, shortcut: str, key: str, act: object, args: tuple[object, ...], **kw: object) -> None:
    st.button(label, key=key, shortcut=shortcut, type="tertiary", on_click=act, args=args, **kw)  # type: ignore[arg-type]


def _toggle_help() -> None:
    st.session_state["review-help-shown"] = not st.session_state.get("review-help-shown")


def _others(history: Sequence[data.Saying], own: review.Own) -> list[data.Saying]:
    """What others last said of the pair, and did not take back."""
    latest: dict[str, data.Saying] = {}
    for saying in history:
        if saying.stands and saying.rating_id != own.rating_id:
            latest[saying.reviewer] = saying
    return list(latest.values())


def _people(others: Sequence[data.Saying], flag: review.Flag | None) -> None:
    if not others and flag is None:
        return
    notices.heading("People")
    said = "".join(
        f"<li><b>{markup.text(saying.reviewer)}</b> rated {saying.rating}"
        + (f"<q>{markup.text(saying.reason)}</q>" if saying.reason else "")
        + "</li>"
        for saying in others
    )
    flagged = ""
    if flag:
        note = f"<q>{markup.text(flag.note)}</q>" if flag.note else ""
        flagged = f"<li><b>{markup.text(flag.reviewer)}</b> flagged it{note}</li>"
    st.html(f'<ol class="lg-history">{said}{flagged}</ol>')
