"""One sample: what was asked, what the model wrote, how it is formed, what the lenses say of it."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app import data
from app.context import current
from app.data.samples import LensScore
from app.widgets import markup, notices
from app.widgets.rows import BY_PEOPLE
from engine.stats.form import looping_span
from engine.stats.layers import layers_name
from engine.stats.repeats import repeated_spans
from engine.words import FORM, LENS, UNKNOWN, integer, number, percent

_STOPPED: Final = {"stop": "the model", "length": "the length limit"}


def head(pair: data.PairDetail) -> None:
    """Concept, quadrant, arm, form and rating in one line."""
    kind = f" · {pair.negative_kind}" if pair.negative_kind else ""
    st.html(
        f'<div class="lg-head">{markup.letter(pair.quadrant)}'
        f"{markup.named(current().name(pair.concept), pair.concept, tag='h3')}"
        f"{markup.badge(pair.arm + kind, kind=pair.arm)}"
        f"{markup.badge(pair.form or 'form not measured', kind='form-' + (pair.form or 'none'))}"
        f"{markup.rating_dots(pair.verdict, edited=pair.verdict_source in BY_PEOPLE)}"
        f'<span class="lg-muted">{markup.text(pair.verdict_source or "")}</span></div>'
    )


def output(pair: data.PairDetail, *, search: str | None) -> None:
    """The prompt and the text, its loop and the search's hits marked; very long texts are cut, and can be had whole."""
    shown = pair.output[: markup.SHOWN_CHARS]
    loop, repeats = _loop_within(pair.output, len(shown)), repeated_spans(shown)
    body = markup.marked(shown, loop=loop, search=search, repeats=repeats) if shown else ""
    rest = len(pair.output) - len(shown)
    more = f'<p class="lg-note">… and {integer(rest)} more characters</p>' if rest else ""
    empty = "" if pair.output.strip() else '<em class="lg-muted">The model wrote nothing.</em>'
    other = markup.named(current().name(pair.prompt_concept), pair.prompt_concept)
    about = "" if pair.prompt_concept in ("", pair.concept) else f" about {other}"
    st.html(
        f'<div class="lg-prompt"><span>Prompt{about}</span>{markup.text(pair.prompt)}</div>'
        f'<div class="lg-output" tabindex="0">{body}{empty}{more}</div>'
        f"{_legend(loop=loop, repeats=repeats, is_hit=bool(search) and '<mark' in body)}"
    )
    if rest:
        st.download_button(
            "Whole text", pair.output, file_name=f"{pair.sample_id}.txt", type="tertiary", icon=":material/download:"
        )


def _legend(*, loop: markup.Span | None, repeats: Sequence[markup.Span], is_hit: bool) -> str:
    """What the marks mean, of those that the text has."""
    outside = [span for span in repeats if not loop or span[0] < loop[0]]
    meant = (
        ('<span class="lg-loop">ends in a loop</span>', loop),
        ('<span class="lg-repeat">four or more words repeated</span>', outside),
        ('<mark class="lg-hit">searched for</mark>', is_hit),
    )
    shown = [mark for mark, is_there in meant if is_there]
    return f'<p class="lg-legend">{"".join(shown)}</p>' if shown else ""


def _loop_within(output: str, n_shown: int) -> markup.Span | None:
    """The loop that the whole text ends in, as far as it is shown."""
    loop = looping_span(output)
    return (loop[0], min(loop[1], n_shown)) if loop and loop[0] < n_shown else None


def measures(pair: data.PairDetail) -> None:
    """The numbers behind the sample's form."""
    notices.heading("Form", help_text=FORM)
    if pair.n_chars is None:
        notices.note("The form of this sample has not been measured yet.")
        return
    facts = (
        ("Characters", integer(pair.n_chars), "Length of the text. Under 10 is empty, under 100 is short."),
        ("Words", integer(pair.n_words), "Words of the text."),
        (
            "Ends in a loop",
            percent(pair.tail_loop_share),
            "Share of the text, counted from its end, that repeats one passage.",
        ),
        (
            "Repeated 4-grams",
            percent(pair.repeated_4gram_share),
            "Share of its four-word sequences that occurred earlier.",
        ),
        (
            "Distinct 2-grams",
            percent(pair.distinct_2),
            "Share of its two-word sequences that are distinct. Low values mean monotonous text.",
        ),
        (
            "Opening recurs",
            f"{pair.first30_count}×",
            "How often the text's first 30 characters occur in it; 1 is its beginning.",
        ),
        ("Stopped by", _STOPPED.get(pair.finish_reason or "", UNKNOWN), "What ended the text."),
    )
    st.html(
        '<dl class="lg-tiles">'
        + "".join(f'<div title="{hint}"><dt>{name}</dt><dd>{value}</dd></div>' for name, value, hint in facts)
        + "</dl>"
    )


def scores(found: Sequence[LensScore]) -> None:
    """What each lens says of the sample, measured while it was held out."""
    notices.heading("Lenses, out of fold", help_text=LENS)
    if not found:
        notices.note("No lens has scored this sample.")
        return
    rows = "".join(
        f"<tr><td>{markup.text(score.family)}</td><td>{layers_name(score.layers)}</td>"
        f'<td><div class="lg-probability"><i style="width:{100 * score.probability:.0f}%"></i></div></td>'
        f"<td>{number(score.probability)}</td><td>{markup.badge('fires', kind='fires') if score.fires else ''}</td></tr>"
        for score in found
    )
    st.html(f'<table class="lg-scores">{rows}</table>')
