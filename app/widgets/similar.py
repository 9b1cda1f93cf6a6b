"""Samples like the open one, by words and by activations; each opens on a click."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app import data
from app.context import Context, current
from app.data.similar import LOOKED_AT, Similar, load_similar
from app.widgets import markup, notices, override
from engine.words import integer, number

_TEXT = "Cosine similarity of words and word pairs, weighted by how rare they are among the samples compared."
_ACTIVATION = "Cosine similarity of the outputs' mean activations, after subtracting what all compared samples share."


def panel(here: Context, pair: data.PairDetail) -> None:
    """Draw both lists side by side."""
    found = load_similar(
        here.folder, here.run.run_id, concept=pair.concept, sample_id=pair.sample_id, form_rule=here.form_rule
    )
    limit = f", at most {integer(LOOKED_AT)}" if found.n_looked_at >= LOOKED_AT - 1 else ""
    notices.note(f"Among {integer(found.n_looked_at)} samples about the same concept and its siblings{limit}.")
    left, right = st.columns(2, gap="medium")
    with left:
        notices.heading("By text", help_text=_TEXT)
        _list("text", found.by_text, "No other sample shares a word with this one.")
    with right:
        layer = f", layer {found.layer}" if found.layer is not None else ""
        notices.heading(f"By activation{layer}", help_text=_ACTIVATION)
        why = found.reason or "No other sample compared has a similar activation."
        _list("activation", found.by_activation, why[:1].upper() + why[1:].rstrip(".") + ".")


def _list(kind: str, shown: Sequence[Similar], why_none: str) -> None:
    if not shown:
        notices.note(why_none)
        return
    with st.container(key=f"list-{kind}", gap=None):
        for place, similar in enumerate(shown):
            with st.container(key=f"row-{kind}-{place}"):
                st.html(f'<div class="lg-row">{_row(similar)}</div>')
                opening = partial(override.move, open=f"{similar.concept}:{similar.sample_id}")
                label = markup.markdown(f"Open {similar.sample_id}, {number(similar.cosine)} alike")
                st.button(label, key=f"pick-{kind}-{place}", width="stretch", on_click=opening)


def _row(similar: Similar) -> str:
    form = ""
    if similar.form != "good":
        form = markup.badge(similar.form or "form not measured", kind=f"form-{similar.form or 'none'}")
    name = markup.named(current().name(similar.prompt_concept), similar.prompt_concept)
    body = markup.text(similar.excerpt.strip()) or '<em class="lg-muted">nothing written</em>'
    return f"<header>{name}{form}<span></span><b>{number(similar.cosine)}</b></header><p>{body}</p>"
