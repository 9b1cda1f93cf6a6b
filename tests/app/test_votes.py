"""What the sample panel says of a judge's votes."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from app import data
from app.data.samples import TopicVote
from app.viewmodels.votes import cost_words, cut_words, match_words, raw_replies, spread_words, topic_lines
from app.widgets.votes import distribution
from db import insert, transaction
from db.rows import JudgeRow, JudgmentRow, TopicRow
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import JUDGE, RUN

NOW = datetime(2026, 11, 22, 10)
READER = "reader"
RAW = '{"rating": 5, "reason": "<script>alert(1)</script>"}'


@pytest.fixture
def row(study: Path) -> data.PageRow:
    """A pair that a second judge, which is asked three times, rates 5 and 4 and once refuses."""
    page = data.load_page(study, RUN, JUDGE, data.Filters(arm="positive"), number=1, sort="run", form_rule="loop")
    row = page.rows[2]
    about = (READER, row.concept, row.sample_id)
    topic = ("gin", None, None, "{}", 90, 6, 0.0002, NOW, 0, 0, 0, "gin", "sibling")
    with transaction(study) as cursor:
        insert(cursor, [JudgeRow(READER, "anthropic", "claude-haiku-5-5", "standard", "s" * 16, "{}", False, NOW)])
        insert(cursor, [TopicRow(READER, row.sample_id, i, *topic) for i in range(2)])  # type: ignore[arg-type]
        insert(cursor, [TopicRow(READER, row.sample_id, 2, None, None, "a refusal", "no", 90, 6, None, NOW)])
        insert(
            cursor,
            [
                JudgmentRow(*about, 0, 5, "<b>squarely</b>", None, RAW, 120, 20, 0.0003, NOW, n_chars_cut=7),
                JudgmentRow(*about, 1, 4, "mostly", None, "raw", 120, 20, 0.0003, NOW),
                JudgmentRow(*about, 2, None, None, "the model refused", "I cannot", 120, 20, 0.0003, NOW),
            ],
        )
    return row


def load(study: Path, row: data.PageRow, judge: str = READER) -> data.Pair:
    found = data.load_pair(study, RUN, judge, concept=row.concept, sample_id=row.sample_id, form_rule="loop")
    assert found is not None
    return found


def test_several_votes_are_their_mean_their_spread_and_one_line_each(
    study: Path, row: data.PageRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = {"open": f"{row.concept}:{row.sample_id}", "judge": READER}
    shown = html_of(open_screen(study, monkeypatch, "samples", **opened))
    assert "mean of 2 votes, 1 unscored, spread 0.71" in shown
    assert shown.count('<ol class="lg-votes"><li>') == 1
    assert "unscored: the model refused" in shown
    assert "&lt;b&gt;squarely&lt;/b&gt;" in shown
    assert '<b>gin</b> <span class="lg-muted">× 2</span>' in shown
    assert "$0.0013 for 5 votes and 1 vote at an unknown price" in shown
    assert "Relevance, vote 3" in shown
    assert RAW.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;") in shown
    assert "<script>alert" not in shown


def test_what_was_cut_is_told_with_both_lengths(study: Path, row: data.PageRow) -> None:
    pair = load(study, row)
    n = len(pair.detail.output)
    assert cut_words(pair) == f"the first {n - 7} of {n} characters"
    assert cut_words(load(study, row, JUDGE)) == ""


def test_votes_that_cost_nothing_say_nothing_of_cost(study: Path, row: data.PageRow) -> None:
    pair = load(study, row, JUDGE)
    assert (cost_words(pair), spread_words(pair)) == ("", "")
    assert [asked for asked, _ in raw_replies(pair)] == ["Topic", "Relevance"]


@pytest.mark.parametrize(
    ("match", "concept", "said"),
    [
        ("exact", "vodka", "vodka itself"),
        ("alias", "vodka", "another name of vodka"),
        ("sibling", "gin", "gin, a sibling of vodka"),
        ("sibling", None, "one of several siblings of vodka"),
        ("ancestor", None, "one of several ancestors of vodka"),
        ("ancestor", "drink", "drink, which vodka belongs to"),
        ("other", "hammer", "the concept hammer, neither vodka nor near it"),
        ("other", None, "no concept of the pack"),
        (None, None, ""),
    ],
)
def test_every_match_of_a_topic_has_words(match: str | None, concept: str | None, said: str) -> None:
    vote = TopicVote(0, "x", concept, match, None, None, "raw", 0, 0.0)
    assert match_words(vote, asked="vodka", names={}) == said


def test_a_vote_that_was_asked_again_is_named_as_the_vote_that_it_replaces(study: Path, row: data.PageRow) -> None:
    pair = load(study, row, JUDGE)
    [vote] = pair.judgments
    again = replace(pair, judgments=(replace(vote, raw_reply="first"), replace(vote, vote=2000, raw_reply="then")))
    assert raw_replies(again)[1:] == (("Relevance, vote 1", "first"), ("Relevance, vote 1, asked again", "then"))


def test_like_topics_share_a_line_and_each_unscored_reason_has_its_own() -> None:
    gin = TopicVote(0, "gin", "gin", "exact", None, None, "raw", 0, 0.0)
    lost = replace(gin, topic=None, topic_concept=None, topic_match=None, unscored_reason="a refusal")
    lines = topic_lines([gin, lost, gin, replace(lost, unscored_reason="too long")], asked="gin", names={})
    assert [(line.topic, line.n, line.reason) for line in lines] == [
        ("gin", 2, None),
        (None, 1, "a refusal"),
        (None, 1, "too long"),
    ]


def test_a_distribution_is_five_bars_as_high_as_its_probabilities(
    study: Path, row: data.PageRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = (0.0, 0.1, 0.2, 0.3, 0.4)
    with transaction(study) as cursor:
        insert(cursor, [JudgeRow("local", "local", "tiny", "standard", "t" * 16, "{}", False, NOW)])
        insert(
            cursor,
            [
                JudgmentRow(
                    "local", row.concept, row.sample_id, 0, 5, None, None, "5", 9, 1, 0.0, NOW,
                    probabilities=shares, expected_rating=4.0,
                )
            ],
        )  # fmt: skip
    shown = html_of(open_screen(study, monkeypatch, "samples", open=f"{row.concept}:{row.sample_id}", judge="local"))
    assert distribution(shares) in shown
    assert [f"height:{100 * share:.1f}%" in shown for share in shares] == [True] * 5
    assert "mean of the distribution, spread 1.00" in shown
