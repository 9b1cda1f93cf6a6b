"""Figures that are kept: the same one for equal values only."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from app.kept import kept


@dataclass(frozen=True)
class Look:
    name: str
    hues: dict[str, str] = field(default_factory=dict)


LOOKS = st.builds(Look, st.text(max_size=2), st.dictionaries(st.text(max_size=1), st.text(max_size=1), max_size=2))


@given(st.lists(st.tuples(st.lists(st.integers(0, 2), max_size=3), LOOKS), max_size=30))
def test_what_is_kept_is_what_would_be_made(asked: list[tuple[list[int], Look]]) -> None:
    def make(points: list[int], *, look: Look) -> tuple[list[int], Look]:
        return list(points), look

    keeping = kept(make)
    assert [keeping(points, look=look) for points, look in asked] == [make(points, look=look) for points, look in asked]


def test_equal_values_are_drawn_once_and_others_anew() -> None:
    drawn: list[tuple[int, ...]] = []

    def make(*points: int) -> int:
        drawn.append(points)
        return sum(points)

    keeping = kept(make)
    assert [keeping(*points) for points in ([1], [1], [2, 1], [1], [2, 1])] == [1, 1, 3, 1, 3]
    assert drawn == [(1,), (2, 1)]
