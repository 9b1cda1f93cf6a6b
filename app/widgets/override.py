"""Rate the sample on screen: 1–5 by key or click, U to undo, the reason, the history, and what the rating moved.

Streamlit may run a callback late, twice, or for a screen that has gone. So each sample is shown with the id that its next
rating will have; a callback must bring that id back, and a spent one is refused. The buttons' own keys name the pair, so a
press means the pair that was on screen, and never another. The row is stored before anything is drawn.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import streamlit as st

from app import auth, data, state
from app.context import Context
from app.viewmodels.effect import Change, Effect, Override, effects, without
from app.widgets import markup, notices, rating_keys
from db.errors import ExpectedError
from engine.words import MINUS, RATINGS

_SHOWN: Final = "shown-pair"
_LEFT: Final = "left-pair"
_PENDING: Final = "pending-address"
STEPS: Final = ("step-Previous", "step-Next")
"""Keys of the buttons that lead to the neighbours."""
_NOTICE: Final = "rating-notice"
_MOVED_ON: Final = (
    "Someone has changed this rating in the meantime, so nothing was undone. The current rating is shown."
)
_NAME_CHARS: Final = 24
_LATE: Final = "That key or click came before this sample was on screen, so nothing was stored. Press it again."
_BEFORE: Final = "Your {rating} was stored for the previous sample, which was on screen when you pressed the key."


class Shown(NamedTuple):
    """The pair on screen and the id of its next rating."""

    concept: str
    sample_id: str
    rating_id: str


def move(**to: Any) -> None:
    """Leave the pair on screen for another address.

    It leaves the session too, at once: a key that is still under way was pressed before the next pair was on screen. The
    browser may send that key with the address it had, so the new one is kept until it is seen to have arrived.
    """
    if state.is_look():
        return
    st.session_state[_LEFT] = st.session_state.get(_SHOWN)
    st.session_state[_SHOWN] = None
    st.session_state[_PENDING] = to
    if not any(str(key).startswith("rate-") and pressed is True for key, pressed in st.session_state.items()):
        st.session_state[_NOTICE] = None
    state.change(**to)


def panel(context: Context, found: data.Pair) -> None:
    """Draw the whole panel."""
    pair, history = found.detail, found.history
    shown = _show(pair)
    with st.container(key="rating-panel"):
        with st.container(horizontal=True, key="rating-head", vertical_alignment="center"):
            notices.heading(
                "Your rating",
                help_text="Replaces the judge's rating of this sample for this concept only. Keys 1–5.",
            )
            name = ask_reviewer()
        _notice()
        _buttons(context, pair, shown, history, name)
        _effect(context, pair)
        _history(history)


def _show(pair: data.PairDetail) -> Shown:
    pending = st.session_state.get(_PENDING)
    if pending and pending.get("open") != state.given("open"):
        st.session_state[_PENDING] = None
    shown = st.session_state.get(_SHOWN)
    if shown is None or (shown.concept, shown.sample_id) != (pair.concept, pair.sample_id):
        shown = st.session_state[_SHOWN] = Shown(pair.concept, pair.sample_id, data.new_rating_id())
    return shown


def ask_reviewer() -> str:
    """The name that ratings are stored under, which is asked for where there is none yet."""
    name = state.reviewer()
    with st.container(horizontal=True, vertical_alignment="center", key="reviewer"):
        if name:
            st.html(f'<span class="lg-note">Rating as <b>{markup.text(name)}</b></span>', width="content")
            if state.PERSON not in st.session_state:
                with st.popover("Change", type="tertiary"):
                    _ask_name()
        else:
            _ask_name()
    return name


def _ask_name() -> None:
    st.text_input(
        "Your name",
        key="reviewer-name",
        max_chars=60,
        placeholder="Your name, then Enter",
        label_visibility="collapsed",
        on_change=_keep_name,
    )


def _keep_name() -> None:
    # The field may be gone again when a browser that lags behind speaks of it.
    name = str(st.session_state.get("reviewer-name") or "").strip()
    if name:
        state.remember_reviewer(name)


def _buttons(context: Context, pair: data.PairDetail, shown: Shown, history: Sequence[data.Saying], name: str) -> None:
    at = f"{shown.concept}-{shown.sample_id}"
    with st.container(horizontal=True, key="ratings", gap="small"):
        for rating, word in RATINGS.items():
            st.button(
                f"**{rating}** {word}",
                key=f"rate-{rating}-{at}",
                shortcut=str(rating),
                disabled=not name,
                type="primary" if pair.verdict_source == "override" and pair.bin == rating else "secondary",
                on_click=_rate,
                args=(context, shown, rating, name),
            )
        standing = _standing(history)
        st.button(
            _undo_label(standing, name),
            key=f"undo-{at}",
            shortcut="U",
            icon=":material/undo:",
            type="tertiary",
            disabled=not name or standing is None,
            help=_undo_hint(standing, name),
            on_click=_undo,
            args=(context, shown, standing.rating_id if standing else "", name),
        )
    own = [saying.rating_id for saying in history if saying.reviewer == name]
    rating_keys.reason(f"reason-{at}", about=(context.run.run_id, shown.concept, shown.sample_id, name, *own[-1:]))
    rating_keys.tend()


def _standing(history: Sequence[data.Saying]) -> data.Saying | None:
    """The override in force."""
    return data.in_force(history).get("override")


def _undo_label(standing: data.Saying | None, name: str) -> str:
    """What Undo takes back; another's rating is named."""
    if standing is None or standing.reviewer == name:
        return "Undo"
    return f"Undo {_whose(standing)}"


def _undo_hint(standing: data.Saying | None, name: str) -> str:
    if standing is None:
        return "Takes back the override in force. There is none now."
    who = "you" if standing.reviewer == name else _short(standing.reviewer)
    return markup.markdown(f"Takes back the {standing.rating} that {who} gave. The history keeps both.")


def _whose(standing: data.Saying) -> str:
    return markup.markdown(f"{_short(standing.reviewer)}'s {standing.rating}")


def _short(name: str) -> str:
    return name if len(name) <= _NAME_CHARS else name[: _NAME_CHARS - 1] + "…"


def _is_late(shown: Shown) -> bool:
    """Whether this press came for a pair that has gone; if so, say it, and keep to the address that was asked for.

    A press that arrives together with a step was made on the pair that the step leaves.
    """
    stepped = any(st.session_state.get(key) for key in STEPS)
    if shown in (st.session_state.get(_SHOWN), st.session_state.get(_LEFT) if stepped else None):
        return False
    st.session_state[_NOTICE] = _LATE
    if pending := st.session_state.get(_PENDING):
        state.change(**pending)
    return True


def _settle(shown: Shown, notice: str | None) -> None:
    """After something is stored: a fresh id, unless a step has left the pair already."""
    st.session_state[_NOTICE] = notice
    if state.given("open") in (None, "first", "last") and st.session_state.get(_SHOWN) == shown:
        # It was open as the first of its list, which the rating may take it out of: it stays, to show what that moved.
        state.change(open=f"{shown.concept}:{shown.sample_id}")
    fresh = shown._replace(rating_id=data.new_rating_id())
    st.session_state[_SHOWN if st.session_state.get(_SHOWN) == shown else _LEFT] = fresh


@auth.members_only
def _rate(context: Context, shown: Shown, rating: int, name: str) -> None:
    if _is_late(shown):
        return
    reason_key = f"reason-{shown.concept}-{shown.sample_id}"
    try:
        data.add_override(
            context.folder,
            context.run.run_id,
            concept=shown.concept,
            sample_id=shown.sample_id,
            rating=rating,
            reviewer=name,
            reason=str(st.session_state.get(reason_key) or "").strip() or None,
            rating_id=shown.rating_id,
        )
    except ExpectedError as error:
        # The id stays, so that pressing again stores this same rating once.
        st.session_state[_NOTICE] = f"The rating was not stored. {error}"
        return
    st.session_state[reason_key] = ""
    _settle(shown, _BEFORE.format(rating=rating) if any(st.session_state.get(key) for key in STEPS) else None)


@auth.members_only
def _undo(context: Context, shown: Shown, rating_id: str, name: str) -> None:
    if _is_late(shown):
        return
    try:
        undone = data.undo_override(
            context.folder,
            context.run.run_id,
            concept=shown.concept,
            sample_id=shown.sample_id,
            reviewer=name,
            rating_id=rating_id,
        )
    except ExpectedError as error:
        st.session_state[_NOTICE] = f"The rating was not undone. {error}"
        return
    _settle(shown, None if undone else _MOVED_ON)


def _notice() -> None:
    if sentence := st.session_state.get(_NOTICE):
        notices.warning(sentence)


def _effect(context: Context, pair: data.PairDetail) -> None:
    counts = context.counts()
    after = context.find(counts)
    overridden = pair.verdict_source == "override" and pair.bin is not None
    if overridden and pair.bin is not None:
        undone = Override(pair.concept, pair.arm, pair.form, pair.bin, pair.otherwise)
        before = context.find(without(counts, [undone.moved]))
        judge = f"rated {pair.judge_bin}" if pair.judge_bin else "unrated"
        notices.note(f"What the change from {judge} to {pair.bin} did:")
    else:
        before = after
        notices.note("Current values; a rating updates them at once:")
    st.html(effect_table(effects(before, after, concept=pair.concept, quadrant=pair.quadrant), moved=overridden))


def effect_table(shown: Sequence[Effect], *, moved: bool) -> str:
    """Effects as a small table: a row a grain, a column a number, before → after with the difference as a chip."""
    head = markup.heads((markup.text(change.label), change.hint) for change in shown[0].changes)
    rows = ""
    for effect in shown:
        cells = ""
        for change in effect.changes:
            kind = "down" if change.delta.startswith(MINUS) else "up"
            chip = f'<span class="lg-delta lg-{kind}">{markup.text(change.delta)}</span>' if change.delta else ""
            before = f'<span class="lg-before">{change.before} →</span> ' if moved and change.delta else ""
            shown_as = f"{before}<b>{change.after}</b> {chip}{_spans(change, moved=moved)}"
            cells += f'<td title="{markup.text(change.rest)}">{shown_as}</td>'
        rows += f"<tr><th>{markup.text(effect.name)}</th>{cells}</tr>"
    return f'<table class="lg-effects"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _spans(change: Change, *, moved: bool) -> str:
    """The interval below a number, with what it was where it has moved."""
    was = f"{change.span_before} → " if moved and change.span_before not in ("", change.span) else ""
    return f'<small class="lg-before">{was}{change.span}</small>' if change.span else ""


def _history(history: Sequence[data.Saying]) -> None:
    if not history:
        return
    items = ""
    said = {saying.rating_id: saying for saying in history}
    for saying in reversed(history):
        when = f"{saying.rated_at:%d %b %Y, %H:%M} UTC"
        what = f"rated {saying.rating}" if saying.rating else _taken_back(saying, said.get(saying.undoes or ""))
        kind = " class=lg-undone" if saying.is_undone else ""
        why = f"<q>{markup.text(saying.reason)}</q>" if saying.reason else ""
        items += f"<li{kind}><b>{markup.text(saying.reviewer)}</b> {what} <time>{when}</time>{why}</li>"
    st.html(f'<h5 class="lg-heading">History</h5><ol class="lg-history">{items}</ol>')


def _taken_back(undoing: data.Saying, undone: data.Saying | None) -> str:
    if undone is None:
        return "took a rating back"
    if undone.reviewer == undoing.reviewer:
        return f"took their own {undone.rating} back"
    return f"took back {markup.text(undone.reviewer)}'s {undone.rating}"
