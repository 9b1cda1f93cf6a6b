"""Text for a terminal: no control reaches it, and everything else is left alone."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import words
from engine.terminal import dollars, visible

TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]


@given(st.text(st.characters(), min_size=1))
def test_no_control_is_left_and_the_text_is_one_line(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(letter) not in {"Cc", "Cs", "Zl", "Zp"} for letter in shown)
    assert not any(ord(letter) in TURNING for letter in shown)
    assert len(shown.splitlines()) == 1
    shown.encode()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"])))
def test_all_other_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_every_control_is_written_out_by_its_number() -> None:
    assert visible("a\x1b[31mb\n\x9b\u202egip\udc80") == r"a\x1b[31mb\n\x9b\u202egip\udc80"
    shown = {visible(chr(code)) for code in [*range(0x20), *range(0x7F, 0xA0), *TURNING]}
    assert len(shown) == 32 + 33 + 9
    assert all(text.startswith("\\") and text.isascii() and text.isprintable() for text in shown)


AMOUNTS = {
    0.0: "$0.00",
    1e-9: "under $0.0001",
    0.000049: "under $0.0001",
    0.00005: "$0.0001",
    0.0015: "$0.0015",
    0.002: "$0.002",
    0.09996: "$0.10",
    0.1: "$0.10",
    0.4987: "$0.4987",
    0.5: "$0.50",
    0.99999: "$1.00",
    1.005: "$1.00",
    12.5: "$12.50",
    1_234.5: "$1,234.50",
}


@pytest.mark.parametrize("amount", AMOUNTS)
def test_an_amount_is_written_alike_in_the_terminal_and_on_a_screen(amount: float) -> None:
    assert dollars(amount) == words.dollars(amount) == AMOUNTS[amount]


@given(st.floats(0, 1e6))
def test_no_amount_but_none_is_written_as_none(amount: float) -> None:
    assert words.dollars(amount) == dollars(amount)
    assert (dollars(amount) in {"$0.00", "$0.0000"}) == (amount == 0)
