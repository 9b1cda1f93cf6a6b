import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.widgets import markup
from engine.figures.base import in_lines, plain
from engine.stats.estimate import known, unknown
from engine.words import UNKNOWN
from tests.support.synthetic_texts import HOSTILE_OUTPUTS, HOSTILE_SAYINGS

TEXTS = st.text(alphabet=st.characters(exclude_categories=("Cs",)))


class Reader(HTMLParser):
    """What a browser would show of a piece of HTML, and the tags it would make."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: list[str] = []
        self.shown = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names.extend(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.shown += data


def without_controls(value: str) -> str:
    return re.sub(
        r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", lambda m: f"{ord(m[0]):02X}", value
    )


@given(TEXTS)
def test_any_text_is_shown_as_itself_and_makes_no_tag_but_ours(value: str) -> None:
    seen = Reader(markup.text(value))
    assert seen.shown == without_controls(value)
    assert set(seen.tags) <= {"span"}


@pytest.mark.parametrize("value", [*HOSTILE_OUTPUTS, *HOSTILE_SAYINGS])
def test_hostile_text_with_marks_is_shown_as_itself(value: str) -> None:
    seen = Reader(markup.marked(value, loop=(3, 40), search="a"))
    assert seen.shown == without_controls(value)
    assert set(seen.tags) <= {"span", "mark"}


@given(TEXTS, st.text(min_size=1, max_size=3), st.integers(0, 30), st.integers(0, 30))
def test_marks_never_change_the_text(value: str, search: str, start: int, length: int) -> None:
    start = min(start, len(value))
    loop = (start, min(start + length, len(value))) if length else None
    seen = Reader(markup.marked(value, loop=loop, search=search))
    assert seen.shown == without_controls(value)


@pytest.mark.parametrize("turn", [chr(n) for n in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))])
def test_marks_that_turn_the_order_of_text_are_written_out(turn: str) -> None:
    assert Reader(markup.text(f"a{turn}b")).shown == f"a{ord(turn):04X}b"
    assert turn not in markup.markdown(f"a{turn}b")
    assert turn not in plain(f"a{turn}b")


@given(TEXTS)
@settings(max_examples=25)
def test_a_label_in_lines_is_two_narrow_lines_that_keep_every_word_or_say_that_they_do_not(value: str) -> None:
    lines = [html.unescape(line) for line in in_lines(value, wide=12).split("<br>")]
    assert len(lines) <= 2
    assert max(map(len, lines)) <= 12
    assert lines[-1].endswith("…") or "".join("".join(lines).split()) == "".join(plain_words(value))


def plain_words(value: str) -> list[str]:
    return html.unescape(plain(value, at_most=10**6)).split()


def test_search_hits_and_loop_are_marked_where_they_are() -> None:
    marked = markup.marked("a cat, a Cat", loop=(7, 12), search="cat")
    assert marked == (
        'a <mark class="lg-hit">cat</mark>, <span class="lg-loop">a </span>'
        '<span class="lg-loop"><mark class="lg-hit">Cat</mark></span>'
    )


@given(st.text(alphabet="ab<>&\"'=/ "))
def test_a_badge_is_one_tag_whatever_its_label_and_title(value: str) -> None:
    seen = Reader(markup.badge(value, title=value))
    assert seen.tags == ["span"]
    assert seen.shown == value


@given(st.text(alphabet="ab<>&\"'=/ \x00"))
def test_what_a_study_says_of_arm_form_and_quadrant_makes_no_tag_or_attribute(value: str) -> None:
    badge, letter = Reader(markup.badge("label", kind=value)), Reader(markup.letter(value))
    assert (badge.tags, badge.names, badge.shown) == (["span"], ["class"], "label")
    assert (letter.tags, letter.names, letter.shown) == (["span"], ["class"], UNKNOWN)
    assert markup.letter(value) == markup.letter(None)
    assert Reader(markup.letter("A")).shown == "A"


@given(st.text(alphabet="ab *_[](){}<>$:#!`~\\\"'&|.-+=^", min_size=1))
def test_every_punctuation_mark_of_a_markdown_label_is_escaped(value: str) -> None:
    assert re.sub(r"\\(.)", "", markup.markdown(value)).strip(" ab") == ""


def test_interval_bar_stays_on_its_track() -> None:
    bar = markup.interval_bar(known(9, -9, 20, n=3, method="t"), low=-1, high=3, colour="#000000")
    percents = [float(value) for value in re.findall(r"(?:left|width):([\d.]+)%", bar)]
    assert all(0 <= percent <= 100 for percent in percents)
    assert "lg-unknown" in markup.interval_bar(unknown("nothing", method="t"), low=0, high=1, colour="#000000")
