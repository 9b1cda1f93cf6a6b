"""KIF: what is written comes back, and what is malformed is told with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PackError
from engine.packs.kif import Expression, Text, format_kif, parse_kif

words = st.text(st.characters(exclude_characters='()";', exclude_categories=["Z", "C"]), min_size=1, max_size=8)
strings = st.text(st.characters(codec="utf-8"), max_size=20).map(Text)
expressions: st.SearchStrategy[Expression] = st.recursive(
    words | strings, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=25
)


@given(st.lists(expressions, max_size=6))
def test_what_is_written_comes_back(written: list[Expression]) -> None:
    assert list(parse_kif(format_kif(written))) == written


@given(st.lists(expressions, max_size=4), st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=12))
def test_comments_and_blanks_say_nothing(written: list[Expression], comment: str) -> None:
    text = "".join(f"; {comment}\n\t{format_kif([one])}   \n" for one in written) + f";;{comment}"
    assert list(parse_kif(text)) == written


def test_strings_hold_line_breaks_quotes_semicolons_and_parentheses() -> None:
    text = '(documentation Gin EnglishLanguage "a ; drink (with\n \\"juniper\\") \\n")'
    (found,) = parse_kif(text)
    assert found == ("documentation", "Gin", "EnglishLanguage", Text('a ; drink (with\n "juniper") \\n'))


def test_a_comment_may_hold_what_would_be_an_error() -> None:
    assert list(parse_kif('(a b) ; an open ( and a "\n(c)')) == [("a", "b"), ("c",)]


def test_words_end_where_a_parenthesis_or_string_starts() -> None:
    assert list(parse_kif('(a?X(b)"c"d)')) == [("a?X", ("b",), Text("c"), "d")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(a b)\n(c (d)\n", "line 2.*never closed"),
        ("(a)\n\n)", "line 3.*no partner"),
        ('(a)\n(b "half\n', "line 2.*string is never closed"),
    ],
)
def test_malformed_text_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(PackError, match=f"file.kif, {told}"):
        list(parse_kif(text, source="file.kif"))


def test_depth_is_no_danger() -> None:
    depth = 50_000
    (found,) = parse_kif("(" * depth + ")" * depth)
    for _ in range(depth - 1):
        assert isinstance(found, tuple)
        (found,) = found
    assert found == ()
