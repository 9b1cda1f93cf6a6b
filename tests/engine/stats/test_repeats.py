from hypothesis import given
from hypothesis import strategies as st

from engine.stats.form import measure_form
from engine.stats.repeats import SIZE, repeated_spans

WORDS = st.lists(st.sampled_from(["a", "b", "gin", "\u202e", "<b>"]), max_size=40)


def test_what_is_said_again_is_marked_and_the_first_time_is_not() -> None:
    text = "Gin is a clear spirit. Some say gin  is a clear spirit. Gin is a\nclear spirit. End."
    assert [text[start:end] for start, end in repeated_spans(text)] == ["is a clear spirit. Gin is a\nclear spirit."]
    assert repeated_spans("no four words come again here") == repeated_spans("") == ()


@given(words=WORDS, gap=st.sampled_from([" ", "\n\n"]))
def test_spans_hold_exactly_the_words_of_grams_that_came_before(words: list[str], gap: str) -> None:
    text = gap.join(words)
    grams = [tuple(words[i : i + SIZE]) for i in range(len(words) - SIZE + 1)]
    again = {i + k for i, gram in enumerate(grams) if gram in grams[:i] for k in range(SIZE)}
    inside = [word for start, end in repeated_spans(text) for word in text[start:end].split()]
    assert inside == [words[i] for i in sorted(again)]
    assert bool(inside) == (measure_form(text).repeated_4gram_share > 0)
