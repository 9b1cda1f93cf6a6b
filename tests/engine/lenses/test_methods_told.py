"""What the methods of measures say of folds and rounds, and that the values are made so."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.lenses.evaluate import LensEvaluation, Validation, evaluate
from engine.lenses.ridge import Ridge
from tests.support.lens_parts import planted_part

CONTROLS = ("shuffled_f1", "text_only_f1", "length_only_f1")


def evaluated(*, repeats: int) -> LensEvaluation:
    part = planted_part(40, 12, 1.0, seed=0)
    texts = [f"text {i} {'word ' * (i % 7)}" for i in range(40)]
    validation = Validation(4, repeats=repeats)
    return evaluate(Ridge(), part.X, part.y, groups=part.groups, texts=texts, seed=0, validation=validation)


def test_rank_measures_are_of_all_folds_together_and_say_so() -> None:
    found, y = evaluated(repeats=2), planted_part(40, 12, 1.0, seed=0).y
    pooled = [roc_auc_score(y, each.probability) for each in found.rounds]
    assert found.measures["auc"].value == pytest.approx(np.mean(pooled))
    for name in ("auc", "average_precision"):
        assert found.measures[name].method.endswith("scores of all folds ranked together")


def test_controls_of_several_rounds_are_of_the_first_and_say_so() -> None:
    once, twice = evaluated(repeats=1), evaluated(repeats=2)
    for name in CONTROLS:
        assert twice.measures[name].value == once.measures[name].value
        assert twice.measures[name].method == f"{once.measures[name].method}; the first of 2 rounds"
    assert twice.measures["f1"].value != once.measures["f1"].value
