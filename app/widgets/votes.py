"""What a judge said of one sample, vote by vote, with its mean and spread, its distribution, and what it cost."""

from collections.abc import Sequence

import streamlit as st

from app.context import current
from app.data.samples import JudgmentVote, Pair
from app.viewmodels.votes import TopicLine, cost_words, cut_words, raw_replies, spread_words, topic_lines
from app.widgets import markup, notices
from engine.words import RATINGS, number, percent

_NEAR = ("exact", "alias")


def judge(pair: Pair, *, name: str) -> None:
    """The judge's topics, ratings and explanations."""
    notices.heading(f"Judge · {name}")
    if not pair.topics and not pair.judgments:
        notices.note("This sample has not been judged yet.")
        return
    topics = topic_lines(pair.topics, asked=pair.detail.prompt_concept, names=current().names)
    cut, cost = cut_words(pair), cost_words(pair)
    facts = (
        *(("Topic", _topic(line)) for line in topics),
        *_ratings(pair),
        *([("Shown", markup.text(cut))] if cut else []),
        *([("Cost", markup.text(cost))] if cost else []),
    )
    shown = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    st.html(f'<dl class="lg-facts lg-wide">{shown}</dl>')
    _replies(pair)


def _topic(line: TopicLine) -> str:
    said = f"<b>{markup.text(line.topic)}</b>" if line.topic is not None else _unscored(line.reason)
    times = f' <span class="lg-muted">× {line.n}</span>' if line.n > 1 else ""
    badge = ""
    if line.kind:
        kind = "positive" if line.kind in _NEAR else "plain"
        badge = f" {markup.badge(line.kind, kind=kind, title=f'The topic names {line.match}.')}"
    near = f" · similarity {number(line.similarity)}" if line.similarity is not None else ""
    told = f'<small class="lg-match">{markup.text(line.match)}{near}</small>' if line.match or near else ""
    return f"{said}{times}{badge}{told}"


def _ratings(pair: Pair) -> list[tuple[str, str]]:
    """One vote as rating and explanation; several as their mean and one line each."""
    votes = pair.judgments
    if len(votes) == 1:
        because = votes[0].explanation
        return [
            ("Rating", _rating(pair, votes[0])),
            *([("Because", markup.text(because))] if because else []),
        ]
    lines = "".join(f"<li>{_vote(vote)}</li>" for vote in votes)
    mean = f"{markup.rating_dots(pair.detail.judge_rating)} {_small(spread_words(pair))}"
    return [("Rating", mean), ("Votes", f'<ol class="lg-votes">{lines}</ol>')] if votes else []


def _rating(pair: Pair, vote: JudgmentVote) -> str:
    bars = distribution(vote.probabilities) if vote.probabilities else ""
    if vote.rating is None:
        return _unscored(vote.unscored_reason)
    return f"{markup.rating_dots(vote.expected_rating or vote.rating)} {_small(spread_words(pair))}{bars}"


def _vote(vote: JudgmentVote) -> str:
    if vote.rating is None:
        return _unscored(vote.unscored_reason)
    bars = distribution(vote.probabilities) if vote.probabilities else ""
    because = f"<p>{markup.text(vote.explanation)}</p>" if vote.explanation else ""
    return f"{markup.rating_dots(vote.expected_rating or vote.rating)}{bars}{because}"


def distribution(probabilities: Sequence[float]) -> str:
    """How sure a judge is of each rating, as five small bars."""
    bars = "".join(
        f'<div title="{RATINGS[rating]}: {percent(p)}"><u><i style="height:{100 * min(max(p, 0.0), 1.0):.1f}%"></i></u>'
        f"<b>{rating}</b><small>{percent(p)}</small></div>"
        for rating, p in zip(RATINGS, probabilities, strict=True)
    )
    return f'<div class="lg-bars" role="img" aria-label="Probability of each rating">{bars}</div>'


def _replies(pair: Pair) -> None:
    replies = raw_replies(pair)
    if replies:
        with st.expander("The judge's reply, word for word"):
            st.html(
                "".join(
                    f'<p class="lg-note">{asked}</p><pre class="lg-raw">{markup.text(reply[: markup.SHOWN_CHARS])}</pre>'
                    for asked, reply in replies
                )
            )


def _unscored(reason: str | None) -> str:
    return f'<span class="lg-muted">unscored: {markup.text(reason or "no reason is kept")}</span>'


def _small(words: str) -> str:
    return f'<span class="lg-muted">{markup.text(words)}</span>' if words else ""
