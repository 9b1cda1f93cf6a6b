"""Folds never divide a template or a text, and say why when they cannot be made."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.lenses.folds import TooLittleData, grouped_stratified_folds, join_groups

rows_of_a_study = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"),
        st.sampled_from(["", " ", "gin ", "gin", "rum", "ale", "rye"]),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=30,
)


def brute_force_partition(templates: list[str], texts: list[str]) -> list[int]:
    """Spread the smallest row number until nothing changes."""
    label = list(range(len(templates)))
    for _ in templates:
        for i in range(len(templates)):
            for j in range(len(templates)):
                same_text = texts[i].strip() and texts[i].strip() == texts[j].strip()
                if templates[i] == templates[j] or same_text:
                    label[i] = label[j] = min(label[i], label[j])
    return label


@settings(max_examples=20, deadline=None)
@given(rows_of_a_study)
def test_groups_are_the_connected_components_of_template_and_text(rows):
    templates, texts = [r[0] for r in rows], [r[1] for r in rows]
    groups, oracle = join_groups(templates, texts), brute_force_partition(templates, texts)
    for i in range(len(rows)):
        assert [bool(b) for b in groups == groups[i]] == [b == oracle[i] for b in oracle]


@settings(max_examples=20, deadline=None)
@given(rows_of_a_study, st.randoms(use_true_random=False))
def test_a_row_keeps_its_group_when_rows_are_shuffled(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    groups = join_groups([r[0] for r in rows], [r[1] for r in rows])
    shuffled = join_groups([rows[i][0] for i in order], [rows[i][1] for i in order])
    assert shuffled.tolist() == groups[order].tolist()


@settings(max_examples=20, deadline=None)
@given(rows_of_a_study, st.integers(2, 6), st.integers(0, 5))
def test_no_template_or_text_is_on_both_sides_and_every_training_part_holds_both_arms(rows, n_folds, seed):
    templates, texts = [r[0] for r in rows], [r[1].strip() for r in rows]
    y, groups = np.array([r[2] for r in rows]), join_groups(templates, texts)
    fold = grouped_stratified_folds(y, groups, n_folds=n_folds, seed=seed)
    groups_of_arms = [len(set(groups[y == arm])) for arm in (0, 1)]
    assert isinstance(fold, TooLittleData) == (min(groups_of_arms) < 2)
    if isinstance(fold, TooLittleData):
        return
    assert fold.min() == 0
    assert len(set(fold)) == fold.max() + 1 >= 2
    for number in set(fold):
        inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        assert set(y[outside]) == {0, 1}
        assert not {templates[i] for i in inside} & {templates[i] for i in outside}
        assert not {texts[i] for i in inside if texts[i]} & {texts[i] for i in outside if texts[i]}


def test_folds_are_stratified_and_as_many_as_asked_when_groups_allow():
    y = np.arange(40) % 2
    fold = grouped_stratified_folds(y, np.arange(40), n_folds=5, seed=0)
    assert [(int(sum(y[fold == k])), int(sum(fold == k))) for k in range(5)] == [(4, 8)] * 5


def test_equal_seeds_give_equal_folds_and_seeds_differ():
    y, groups = np.arange(40) % 2, np.arange(40)
    folds = [grouped_stratified_folds(y, groups, n_folds=5, seed=seed) for seed in (1, 1, 2)]
    assert (folds[0] == folds[1]).all()
    assert (folds[0] != folds[2]).any()


@pytest.mark.parametrize(
    ("y", "groups", "says"),
    [
        ([], [], "positive arm is empty"),
        ([1, 1, 1], [0, 1, 2], "negative arm is empty"),
        ([1, 1, 0, 0], [0, 0, 1, 2], "all 2 positive samples share one template or text"),
        ([1, 0, 1, 0], [0, 0, 0, 0], "share one template or text"),
    ],
)
def test_data_that_cannot_be_split_say_why(y, groups, says):
    found = grouped_stratified_folds(np.array(y, dtype=int), np.array(groups, dtype=int), n_folds=5, seed=0)
    assert isinstance(found, TooLittleData)
    assert says in found.reason
