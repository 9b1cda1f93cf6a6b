"""What judging will take, against sums by hand, and what is not known is not told as a number."""

import json
from dataclasses import replace
from datetime import date
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from engine.judges.costs.preflight import (
    Example,
    Preflight,
    ToAsk,
    forecast_judging,
    preflight_json,
    preflight_table,
)
from engine.judges.costs.prices import Price, Step
from engine.terminal import dollars

PRICE = Price(
    "m", (Step(1, 5, 1.25, 0.1),), batch_factor=0.5, cache_minimum=500, as_of=date(2026, 10, 7), source="there"
)
# A rubric of 4,000 characters, 200 around the text, texts of 600 characters.
EXAMPLE = Example(n_system_chars=4_000, n_user_chars=800, n_text_chars=600)
TOPICS = ToAsk("topic", n_votes=110, n_empty=10, n_chars=60_000, examples=(EXAMPLE,))
RELEVANCE = ToAsk("relevance", n_votes=200, n_empty=0, n_chars=120_000, examples=(EXAMPLE, EXAMPLE))


def ahead(*to_ask: ToAsk, price: Price | None = PRICE, caching: bool = True, **options: bool) -> Preflight:
    return forecast_judging(to_ask, judge="anthropic:m", price=price, max_tokens=1_000, caching=caching, **options)


def rendered(preflight: Preflight, width: int = 100) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(preflight_table(preflight))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_counts_and_money_are_those_of_a_sum_by_hand() -> None:
    found = ahead(TOPICS, RELEVANCE)
    topics, relevance = found.kinds
    # 100 × (4,000 + 200) + 60,000 characters; the rubric is 1,000 tokens, which all calls but one read.
    assert (topics.n_calls, topics.n_by_rule, topics.n_input_tokens) == (100, 10, 120_000)
    assert (topics.n_cached_tokens, topics.n_output_tokens) == (99_000, 1_500)
    # 200 × 4,200 + 120,000 characters.
    assert (relevance.n_input_tokens, relevance.n_cached_tokens, relevance.n_output_tokens) == (240_000, 199_000, 9_000)
    # Fresh 20,000 and 40,000, written 1,000 each, read 99,000 and 199,000, replied 1,500 and 9,000.
    assert found.likely_usd == pytest.approx((60_000 + 2_000 * 1.25 + 298_000 * 0.1 + 10_500 * 5) / 1e6)
    # Where nothing is counted, a character may be a token: 1,440,000 of them, all written to the cache.
    assert found.high_usd == pytest.approx((1_440_000 * 1.25 + 300 * 1_000 * 5) / 1e6)
    assert found.known


def test_tokens_are_those_the_endpoint_counted_and_replies_those_the_judge_gave() -> None:
    # 4,800 characters are 2,400 tokens: one token for two characters.
    counted = replace(TOPICS, examples=(replace(EXAMPLE, n_tokens=2_400), EXAMPLE), mean_reply_tokens=33.3)
    [topics] = ahead(counted).kinds
    assert topics.n_input_tokens == 240_000
    assert topics.n_output_tokens == 3_330
    told = " ".join(ahead(counted).assumptions)
    assert "counted them for 1 of" in told
    assert "earlier" in told
    told = " ".join(ahead(TOPICS).assumptions)
    assert "4 characters a token" in told
    assert "15 tokens on topics" in told
    assert "relevance" not in told


def test_the_high_figure_takes_all_for_the_longest_and_densest_example_and_for_written_to_the_cache() -> None:
    # Half a token a character in one; a whole one in the other, which has 300 characters more around its text.
    plain, dense = replace(EXAMPLE, n_tokens=2_400), replace(EXAMPLE, n_user_chars=1_100, n_tokens=5_100)
    found = ahead(replace(TOPICS, examples=(plain, dense)))
    n_tokens = 100 * 4_500 + 60_000
    assert found.kinds[0].n_most_tokens == n_tokens
    assert found.high_usd == pytest.approx((n_tokens * 1.25 + 100 * 1_000 * 5) / 1e6)
    assert "if all were like the question that takes most" in " ".join(rendered(found).split())


def test_a_batch_costs_its_share_and_counts_on_no_cache() -> None:
    found = ahead(TOPICS, batch=True)
    assert found.kinds[0].n_cached_tokens == 0
    assert found.likely_usd == pytest.approx(0.5 * (120_000 + 1_500 * 5) / 1e6)
    assert "no cache hits" in " ".join(found.assumptions)
    assert "as a batch" in rendered(found)


@pytest.mark.parametrize(
    ("price", "caching", "words"),
    [
        (replace(PRICE, cache_minimum=1_001), True, "shorter than the 1,001 tokens"),
        (replace(PRICE, cache_minimum=None), True, "nobody told"),
        (PRICE, False, None),
    ],
)
def test_a_rubric_that_is_not_cached_is_told_and_not_counted_on(price: Price, caching: bool, words: str | None) -> None:
    found = ahead(TOPICS, price=price, caching=caching)
    assert found.kinds[0].n_cached_tokens == 0
    assert found.likely_usd == pytest.approx((120_000 + 1_500 * 5) / 1e6)
    told = " ".join(found.assumptions)
    assert (words in told) if words else ("cache" not in told)


def test_a_rubric_of_just_the_minimum_is_cached() -> None:
    assert ahead(TOPICS, price=replace(PRICE, cache_minimum=1_000)).kinds[0].n_cached_tokens == 99_000


def test_long_prompts_are_priced_at_their_step() -> None:
    price = Price("m", (Step(1, 1, 1, 1, up_to=1_199), Step(10, 10, 10, 10)))
    assert ahead(TOPICS, price=price, caching=False).likely_usd == pytest.approx(121_500 * 10 / 1e6)
    price = replace(price, steps=(replace(price.steps[0], up_to=1_200), price.steps[1]))
    assert ahead(TOPICS, price=price, caching=False).likely_usd == pytest.approx(121_500 / 1e6)


def test_an_unknown_price_is_unknown_and_no_figure_stands_for_it() -> None:
    found = ahead(TOPICS, RELEVANCE, price=None)
    assert (found.known, found.likely_usd, found.high_usd) == (False, None, None)
    assert found.kinds[0].n_input_tokens == 120_000
    assert "price unknown" in rendered(found)
    assert "$" not in rendered(found)
    cost = preflight_json(found)["cost"]
    assert (cost["known"], cost["likely_usd"], cost["high_usd"]) == (False, None, None)
    assert cost["reason"]


def test_a_judge_on_this_machine_costs_nothing_and_says_so() -> None:
    found = ahead(TOPICS, price=None, is_free=True)
    assert (found.known, found.likely_usd, found.high_usd) == (True, 0.0, 0.0)
    assert "Cost: none." in rendered(found)
    assert "price unknown" not in rendered(found)


def test_nothing_to_ask_costs_nothing() -> None:
    found = ahead(ToAsk("topic", 0, 0, 0), ToAsk("relevance", 7, 7, 0))
    assert (found.n_calls, found.likely_usd, found.high_usd) == (0, 0.0, 0.0)
    assert found.kinds[1].n_by_rule == 7


def test_calls_without_an_example_are_refused() -> None:
    with pytest.raises(ValueError, match="example"):
        ahead(ToAsk("topic", 1, 0, 10))


def test_the_document_is_json_with_date_source_and_assumptions() -> None:
    found = json.loads(json.dumps(preflight_json(ahead(TOPICS, RELEVANCE))))
    assert found["n_calls"] == 300
    assert [kind["n_calls"] for kind in found["kinds"]] == [100, 200]
    assert (found["cost"]["prices_as_of"], found["cost"]["prices_source"]) == ("2026-10-07", "there")
    assert found["assumptions"] == list(ahead(TOPICS, RELEVANCE).assumptions)


def test_the_table_shows_counts_money_date_and_no_control() -> None:
    found = replace(ahead(TOPICS, RELEVANCE), judge="evil\x1b[2J\n", prices_source="s\x9b")
    shown = rendered(found)
    assert not set(shown) & set("\x1b\x9b")
    for words in ("120,000", "360,000", "298,000", "300", "2026-10-07", dollars(found.likely_usd or 0), r"\x1b[2J\n"):
        assert words in shown
    assert all(len(line) <= 80 for line in rendered(found, 80).splitlines())


COUNTS = st.tuples(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 5_000))


@given(COUNTS, st.booleans(), st.booleans(), st.integers(1, 3_000), st.integers(0, 2_000))
def test_likely_is_never_above_high_and_tokens_never_negative(
    counts: tuple[int, int, int], caching: bool, batch: bool, minimum: int, tokens: int
) -> None:
    n_calls, n_empty, mean = counts
    example = replace(EXAMPLE, n_tokens=tokens)
    part = ToAsk("relevance", n_calls + n_empty, n_empty, n_calls * mean, (example,))
    found = ahead(part, price=replace(PRICE, cache_minimum=minimum), caching=caching, batch=batch)
    assert found.likely_usd is not None
    assert found.high_usd is not None
    assert found.likely_usd <= found.high_usd + 1e-9
    [kind] = found.kinds
    assert 0 <= kind.n_cached_tokens <= kind.n_input_tokens + 1
    assert kind.n_output_tokens == n_calls * 45
