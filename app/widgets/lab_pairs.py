"""The pairs that a rubric is tried on: what they are, and choosing others by hand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app.context import Context
from app.data.rubric_lab import Candidate, PairKey, TriedPair, load_pool, load_tried
from app.data.study import load_profiles
from app.viewmodels.rubric_lab import MOST_PAIRS, N_PAIRS, POOL_ROWS, choose, describe_choice
from app.widgets import markup, notices
from app.widgets.lab_session import kept, session_of
from engine.words import UNKNOWN, count, number

_SHOWN_ROWS: Final = 200
QUADRANTS: Final = ("A", "B", "C", "D", "none")
_COLUMNS: Final = (
    ("", ""),
    ("Concept", "The concept that the text is rated for."),
    ("Old", "Rating by the judge on screen."),
    ("People", "Rating by a person, where there is one."),
    ("Text", "How the text begins."),
)


def chosen_pairs(here: Context, *, tried: str) -> tuple[TriedPair, ...]:
    """The chosen pairs; at first those of the last trial, or a spread of the run's."""
    session = session_of(here)
    if session.chosen is None:
        with st.spinner("Choosing pairs"):
            pool = load_pool(here.folder, here.run.run_id, here.judge_id, tried=tried, n_rows=POOL_ROWS)
            session.chosen = choose(pool)
    return load_tried(here.folder, here.run.run_id, here.judge_id, tried=tried, chosen=session.chosen)


def show(pairs: Sequence[TriedPair], names: Mapping[str, str]) -> None:
    """The chosen pairs as a small table."""
    with st.container(key="lab-pairs"):
        _show(pairs, names)


def _show(pairs: Sequence[TriedPair], names: Mapping[str, str]) -> None:
    notices.heading(
        f"The {count(len(pairs), 'pair')} to try it on",
        help_text=(
            "Pairs that people rated come first, spread evenly over arms, quadrants and old ratings. Blank texts "
            "are left out."
        ),
    )
    notices.note(describe_choice(pairs))
    rows = "".join(_row(pair, names) for pair in pairs)
    head = f"<tr>{markup.heads(_COLUMNS)}</tr>"
    # It scrolls, so the keyboard has to reach it.
    st.html(
        '<div class="lg-pairs" tabindex="0" role="region" aria-label="Pairs of the trial">'
        f'<table class="lg-table"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    )


def _row(pair: TriedPair, names: Mapping[str, str]) -> str:
    name = markup.named(names.get(pair.concept, pair.concept), pair.concept, tag="span")
    sign = f'<span class="lg-sign" title="{pair.arm}">{"+" if pair.arm == "positive" else "−"}</span>'
    excerpt = markup.text(" ".join(pair.excerpt.split()))
    return (
        f"<tr><td>{markup.letter(pair.quadrant)}</td><td>{name} {sign}</td><td>{rating(pair.old_rating)}</td>"
        f"<td>{rating(pair.people_rating)}</td><td><p>{excerpt}</p></td></tr>"
    )


def rating(value: float | None) -> str:
    """A rating with as many digits as it needs."""
    if value is None:
        return UNKNOWN
    return number(value, digits=0 if value == round(value) else 1)


def change(here: Context, pairs: Sequence[TriedPair]) -> None:
    """Take pairs out, put others in, or choose afresh."""
    # Looking for others takes seconds in a study of a million pairs, so that it is done for those who want them.
    expander = st.expander("Choose other pairs", key="lab-others", on_change="rerun")
    if not expander.open:
        return
    with expander:
        left, right = st.columns(2, gap="medium")
        with left:
            _others(here, pairs)
        with right:
            _chosen(here, pairs)


def _chosen(here: Context, pairs: Sequence[TriedPair]) -> None:
    notices.heading(f"Chosen: {len(pairs)}")
    picked = _table(here, "chosen", pairs)
    with st.container(horizontal=True, gap="small"):
        if st.button(f"Remove {len(picked)}", key="lab-take", disabled=not picked):
            _put(here, [pair.key for pair in pairs if pair.key not in picked])
        if st.button(f"Choose {N_PAIRS} afresh", key="lab-afresh", type="tertiary"):
            _put(here, None)


def _others(here: Context, pairs: Sequence[TriedPair]) -> None:
    notices.heading("Others of this run")
    filters = _filters(here)
    pool = load_pool(here.folder, here.run.run_id, here.judge_id, n_rows=_SHOWN_ROWS, **filters)
    taken = {pair.key for pair in pairs}
    others = [pair for pair in pool if pair.key not in taken]
    picked = _table(here, f"others-{sorted(filters.items(), key=str)}", others)
    room = MOST_PAIRS - len(pairs)
    if st.button(f"Add {len(picked)}", key="lab-add", disabled=not picked or len(picked) > room):
        _put(here, [*(pair.key for pair in pairs), *picked])
    if len(picked) > room:
        notices.note(f"A trial takes at most {MOST_PAIRS} pairs.")


def _filters(here: Context) -> dict[str, Any]:
    concepts = [profile.concept for profile in load_profiles(here.folder, here.run.run_id)]
    with st.container(key="filters-lab", horizontal=True, vertical_alignment="bottom", gap="small"):
        concept = kept(
            st.selectbox,
            "Concept",
            here=here,
            name="concept",
            default=None,
            options=concepts,
            format_func=here.name,
            index=None,
            placeholder="All",
            width=150,
        )
        quadrant = kept(
            st.segmented_control,
            "Quadrant",
            here=here,
            name="quadrant",
            default=None,
            options=QUADRANTS,
            format_func=lambda letter: UNKNOWN if letter == "none" else letter,
        )
        arm = kept(
            st.segmented_control,
            "Arm",
            here=here,
            name="arm",
            default=None,
            options=["positive", "negative"],
        )
    return {"concept": concept, "quadrants": (quadrant,) if quadrant else None, "arm": arm}


def _table(here: Context, name: str, pairs: Sequence[TriedPair] | Sequence[Candidate]) -> list[PairKey]:
    """Pairs as a table whose rows can be picked; returns those that are."""
    columns: dict[str, list[object]] = {
        "Concept": [here.name(pair.concept) for pair in pairs],
        "Q": [pair.quadrant or UNKNOWN for pair in pairs],
        "Arm": [pair.arm for pair in pairs],
        "Old": [rating(pair.old_rating) for pair in pairs],
        "People": [rating(pair.people_rating) for pair in pairs],
        "Text": [" ".join(pair.excerpt.split()) for pair in pairs],
    }
    # Its key changes with each move, for the rows that were picked are others afterwards.
    key = f"lab-table-{name}-{session_of(here).n_moves}"
    picked = st.dataframe(
        columns, key=key, on_select="rerun", selection_mode="multi-row", height=300, row_height=28, hide_index=True
    )
    return [pairs[row].key for row in picked["selection"]["rows"] if row < len(pairs)]


def _put(here: Context, pairs: Iterable[PairKey] | None) -> None:
    session = session_of(here)
    session.chosen = None if pairs is None else tuple(pairs)
    session.n_moves += 1
    st.rerun()
