import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.stats.form import classify_form, looping_span, measure_form

PROSE = (
    "Gin is a clear spirit that takes its main flavour from juniper berries. Distillers add coriander, citrus peel "
    "and roots, and each house keeps its own recipe. It is drunk with tonic water or mixed with vermouth, and it has "
    "been made in the Low Countries since the seventeenth century."
)
ANY_TEXT = st.text(st.characters(), max_size=300)
LOOPY = st.lists(st.sampled_from(["a", "b", "ab", "abc"]), max_size=40)


def study_rule(text):
    """The published rule, written down a second time from its wording."""
    stripped = text.strip()
    if len(stripped) < 10:
        return "empty"
    if len(stripped) < 100:
        return "short"
    found = len(re.findall(re.escape(stripped[:30]), stripped))
    return "repetitive" if found >= 3 else "good"


def brute_tail_loop(words):
    """Try every suffix and every period: the longest suffix of three turns or more, the last word perhaps cut."""
    best = 0
    for start in range(len(words)):
        tail = words[start:]
        for period in range(1, min(64, len(tail) // 3) + 1):
            inner = all(tail[i] == tail[i - period] for i in range(period, len(tail) - 1))
            if inner and tail[-1 - period].startswith(tail[-1]):
                best = max(best, len(tail))
    return best


@given(st.one_of(ANY_TEXT, st.builds(lambda words, n: " ".join(words) * n, LOOPY, st.integers(0, 6))))
def test_study_rule_is_the_published_one(text):
    assert classify_form(measure_form(text), rule="study") == study_rule(text)


@given(LOOPY)
@example(["x"] + ["a", "b"] * 5 + ["a"])
def test_tail_loop_is_what_trying_everything_finds(words):
    text = " ".join(words)
    expected = brute_tail_loop(words) / len(words) if words else 0.0
    assert measure_form(text).tail_loop_share == pytest.approx(expected)


@given(LOOPY)
def test_4gram_share_is_what_counting_by_hand_finds(words):
    seen, repeated, total = set(), 0, 0
    for i in range(len(words) - 3):
        gram = " ".join(words[i : i + 4])
        total, repeated = total + 1, repeated + (gram in seen)
        seen.add(gram)
    assert measure_form(" ".join(words)).repeated_4gram_share == pytest.approx(repeated / max(total, 1))


@given(ANY_TEXT)
@example("\x00" * 500)
@example("\ud800 lone surrogate " * 20)
@example("🙂" * 300)
@example(" \n\t\u2003 ")
def test_any_text_is_measured_within_range(text):
    measures = measure_form(text)
    assert 0.0 <= measures.tail_loop_share <= 1.0
    assert 0.0 <= measures.repeated_4gram_share <= 1.0
    assert measures.distinct_2 is None or 0.0 < measures.distinct_2 <= 1.0
    assert measures.n_tokens == len(text.split())
    assert measures.n_chars == len(text.strip())
    assert classify_form(measures, rule="loop") in ("empty", "short", "repetitive", "good")


@pytest.mark.parametrize(("length", "form"), [(0, "empty"), (9, "empty"), (10, "short"), (99, "short"), (100, "good")])
@pytest.mark.parametrize("rule", ["study", "loop"])
def test_lengths_bound_the_classes_after_stripping(length, form, rule):
    assert classify_form(measure_form("  " + PROSE.replace(" ", "_")[:length] + "\n"), rule=rule) == form


@pytest.mark.parametrize(("copies", "form"), [(2, "good"), (3, "repetitive")])
def test_study_rule_starts_at_the_third_opening(copies, form):
    opening = "The opening has 30 characters."
    assert len(opening) == 30
    assert classify_form(measure_form(opening * copies + PROSE), rule="study") == form


def test_ordinary_prose_is_good_by_both_rules():
    assert {classify_form(measure_form(PROSE), rule=rule) for rule in ("study", "loop")} == {"good"}
    assert looping_span(PROSE) is None


def test_a_loop_after_an_ordinary_start_is_seen_by_the_loop_rule_only():
    text = PROSE[:150] + " is a kind of spirit" * 12
    assert classify_form(measure_form(text), rule="study") == "good"
    assert classify_form(measure_form(text), rule="loop") == "repetitive"


def test_a_loop_cut_in_mid_word_is_still_a_loop():
    text = "It is " + "an instance of: Probability Theory, " * 8 + "an instance of: Proba"
    start, end = looping_span(text)
    assert text[start:end].startswith("an instance of")
    assert end == len(text)


def test_span_marks_the_loop_and_nothing_before_it():
    text = "  First a sentence of its own. \n" + "again and " * 6
    start, end = looping_span(text)
    assert text[start:end] == ("again and " * 6).strip()


@given(st.lists(st.sampled_from(["x", "yy", "zzz"]), min_size=1, max_size=5), st.integers(3, 9))
def test_a_planted_loop_is_inside_the_marked_span(turn, turns):
    text = "A planted start: " + " ".join(turn * turns) + " "
    start, end = looping_span(text)
    assert start <= text.index(":") + 2
    assert end == len(text.rstrip())


@pytest.mark.parametrize("unit", ["ha", "\x00", "🙂", "循环文本"])
def test_a_loop_without_spaces_is_repetitive_by_both_rules(unit):
    measures = measure_form(unit * 200)
    assert measures.tail_loop_share == 1.0
    assert {classify_form(measures, rule=rule) for rule in ("study", "loop")} == {"repetitive"}


def test_shares_at_the_threshold_follow_the_rule():
    prose = [f"word{i}" for i in range(70)]
    at = measure_form(" ".join(prose + ["loop"] * 30))
    below = measure_form(" ".join([*prose, "one", *["loop"] * 22]))
    assert at.tail_loop_share == pytest.approx(0.30)
    assert classify_form(at, rule="loop") == "repetitive"
    assert below.repeated_4gram_share < 0.21
    assert classify_form(below, rule="loop") == "good"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "a " * 50_000,
        "".join(f"w{i} " for i in range(15_000)),
        "a " * 49_000 + "b " + "a " * 40,
        ("a " * 63 + "b ") * 780,
        ("a " * 20 + "b ") * 5 + "c " * 40_000,
        "🙂" * 100_000,
        " " * 100_000,
    ],
)
def test_100_kb_of_any_kind_is_measured_in_a_blink(text):
    start = time.process_time()
    measure_form(text)
    looping_span(text)
    assert time.process_time() - start < 0.5


def test_unknown_measures_are_null_for_an_empty_text():
    measures = measure_form(" \n ")
    assert (measures.distinct_2, measures.zlib_ratio, measures.first30_count) == (None, None, 0)


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="rule"):
        classify_form(measure_form(PROSE), rule="gopher")


def test_looping_text_compresses_better_than_prose():
    assert measure_form("again and " * 30).zlib_ratio < 0.35 < measure_form(PROSE).zlib_ratio
