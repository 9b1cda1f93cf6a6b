"""Outputs against activations: the table counts every positive once, and its rates are those of plain sums."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats.activation_cells import CellCount, Worth, cell_table

COUNTS = st.lists(
    st.builds(
        CellCount,
        concept=st.sampled_from(["gin", "rum", "saw"]),
        quadrant=st.just("A"),
        is_positive=st.booleans(),
        is_good=st.booleans(),
        is_on_topic=st.sampled_from([True, False, None]),
        fires=st.booleans(),
        n=st.integers(1, 9),
        examples=st.lists(st.text("ab", min_size=1, max_size=3), max_size=2).map(tuple),
    ),
    max_size=12,
)


@given(COUNTS, st.sampled_from(["form", "topic"]))
def test_every_rated_positive_is_in_one_cell(counts: list[CellCount], worth: Worth) -> None:
    table = cell_table(counts, worth)
    positives = [one for one in counts if one.is_positive]
    expected: Counter[tuple[bool, bool]] = Counter()
    for one in positives:
        good = one.is_good if worth == "form" else one.is_on_topic
        if good is not None:
            expected[good, one.fires] += one.n
    assert {(c.is_good, c.is_on_concept): c.n for c in table.cells if c.n} == dict(expected)
    assert table.n + table.n_unrated == sum(one.n for one in positives)
    shares = [cell.share.value for cell in table.cells]
    assert shares == ([None] * 4 if not table.n else pytest.approx([c.n / table.n for c in table.cells]))


@given(COUNTS)
def test_rates_are_shares_of_an_arm_that_the_lens_fires_on(counts: list[CellCount]) -> None:
    for (arm, good), rate in cell_table(counts, "form").fires.items():
        own = [one for one in counts if one.is_positive == (arm == "positive") and one.is_good == good]
        n = sum(one.n for one in own)
        assert rate.n == n
        assert rate.value == (pytest.approx(sum(one.n for one in own if one.fires) / n) if n else None)
        assert (rate.reason is None) == bool(n)


def one(concept: str, *, good: bool, fires: bool, n: int = 1, examples: tuple[str, ...] = ()) -> CellCount:
    return CellCount(concept, "A", True, good, None, fires, n, examples)


def test_concepts_are_the_units() -> None:
    """Ten concepts of ten alike are no surer than ten samples."""
    split = [one(f"c{i}", good=True, fires=i < 5, n=10) for i in range(10)]
    few = [one(f"c{i}", good=True, fires=i < 5) for i in range(10)]
    shares = [cell_table(counts, "form").cells[0].share for counts in (split, few)]
    assert (shares[0].low, shares[0].high) == pytest.approx((shares[1].low, shares[1].high))
    assert (shares[0].n, shares[1].n) == (100, 10)


def test_examples_are_the_first_few_with_their_concepts() -> None:
    counts = [
        one("gin", good=False, fires=True, examples=("a", "b")),
        one("rum", good=False, fires=True, examples=("c", "d")),
    ]
    cell = cell_table(counts, "form", n_examples=3).cell(is_good=False, is_on_concept=True)
    assert cell.examples == (("gin", "a"), ("gin", "b"), ("rum", "c"))
    assert cell_table(counts, "form").cell(is_good=True, is_on_concept=True).examples == ()


def test_unrated_positives_are_told_apart() -> None:
    table = cell_table([one("gin", good=True, fires=True, n=7)], "topic")
    assert (table.n, table.n_unrated) == (0, 7)
    assert table.cells[0].share.value is None
