"""Quadrants and the study's picker, against brute force."""

from hypothesis import given
from hypothesis import strategies as st

from engine.packs.pack import Concept
from engine.packs.quadrants import QUADRANTS, Bands, Profile, assign_quadrant, pick_study

counts = st.integers(0, 60)


@given(n_senses=counts, n_siblings=counts)
def test_quadrant_follows_from_the_bands(n_senses: int, n_siblings: int) -> None:
    few_senses, many_senses = n_senses <= 2, n_senses >= 5
    few_siblings, many_siblings = n_siblings <= 3, n_siblings >= 10
    expected = [
        name
        for name, holds in {
            "A": few_senses and few_siblings,
            "B": few_senses and many_siblings,
            "C": many_senses and many_siblings,
            "D": many_senses and few_siblings,
        }.items()
        if holds
    ]
    quadrant, reason = assign_quadrant(n_senses, n_siblings, Bands())
    assert [quadrant] == (expected or [None])
    assert (quadrant is None) == (reason is not None)


def test_unknown_siblings_give_no_quadrant_with_the_reason() -> None:
    quadrant, reason = assign_quadrant(1, None, Bands())
    assert quadrant is None
    assert "unknown" in (reason or "")


def profile(position: int, n_senses: int, n_siblings: int) -> Profile:
    concept = Concept(f"c{position}", 0, ("p",), "d", (), (), n_senses)
    return Profile(concept, n_senses, n_siblings, *assign_quadrant(n_senses, n_siblings, Bands()))


@given(st.lists(st.tuples(counts, counts), max_size=60), st.integers(1, 8))
def test_picker_takes_every_nth_of_the_sorted_candidates(pairs: list[tuple[int, int]], wanted: int) -> None:
    profiles = [profile(i, *pair) for i, pair in enumerate(pairs)]
    expected: list[str] = []
    for quadrant in QUADRANTS:
        rows = [(p.n_senses, p.n_siblings, i, p.concept.term) for i, p in enumerate(profiles) if p.quadrant == quadrant]
        rows.sort()
        if len(rows) <= wanted:
            expected += [row[-1] for row in rows]
        else:
            expected += [rows[i * (len(rows) // wanted)][-1] for i in range(wanted)]
    assert [p.concept.term for p in pick_study(profiles, per_quadrant=wanted)] == expected
