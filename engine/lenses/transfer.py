"""Lenses that learn from one phase and are tested on the other, out of fold, with the folds of training.

Rows hold both phases side by side. A fold's lens is given its training rows as activations of prompts and scores the others
as activations of outputs, so that nothing held out has shaped it in either phase. The phases have means and lengths of their
own, which say nothing of a concept: each is centred and scaled to a mean squared length of 1 by the training rows, which needs
no arms. A lens of the other phase is then no longer off by a constant that differs from fold to fold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.lenses.crossval import Features, Rows, out_of_fold
from engine.lenses.evaluate import shuffled_arms
from engine.lenses.folds import IntArray
from engine.lenses.interface import AnyFloats, BoolArray, FloatArray, LensFamily
from engine.lenses.pairs import Prepared


@dataclass(frozen=True, slots=True, eq=False)
class TransferHeld:
    """One concept's held-out probabilities [n] of outputs, all in the order of its set.

    `within` by lenses of outputs, `transfer` by lenses of prompts, `control` by lenses of prompts with `control_arms`.
    """

    arms: IntArray
    groups: IntArray
    within: FloatArray
    transfer: FloatArray
    control_arms: IntArray
    control: FloatArray


def hold_out_transfer(family: LensFamily, concepts: Sequence[Prepared], *, seed: int) -> dict[str, TransferHeld]:
    """Score the concepts that can be cross-validated; their sets give activations of prompts and outputs side by side [n, 2d]."""
    sound = [one for one in concepts if one.reason is None]
    rows = [one.rows(0) for one in sound]
    shuffled = [replace(own, y=shuffled_arms(one, seed)) for one, own in zip(sound, rows, strict=True)]

    def scores(of: Sequence[Rows], learn: Callable[[Features], Features]) -> list[FloatArray]:
        held = out_of_fold(family, [replace(own, features=learn(own.features)) for own in of], seed=seed)
        return [each.scores.probability for each in held]

    within, transfer, control = (
        scores(rows, _outputs_alone),
        scores(rows, _from_prompts),
        scores(shuffled, _from_prompts),
    )
    return {
        one.name: TransferHeld(
            arms=one.y[one.place],
            groups=one.groups[one.place],
            within=within[i][one.place],
            transfer=transfer[i][one.place],
            control_arms=shuffled[i].y[one.place],
            control=control[i][one.place],
        )
        for i, one in enumerate(sound)
    }


def _from_prompts(both: Features) -> Features:
    """Training rows are those of prompts, all others those of outputs."""

    def features(train: BoolArray) -> AnyFloats:
        prompt, output = _phases(both(train), train)
        return np.where(train[:, None], prompt, output)

    return features


def _outputs_alone(both: Features) -> Features:
    return lambda train: _phases(both(train), train)[1]


def _phases(both: AnyFloats, train: BoolArray) -> tuple[AnyFloats, AnyFloats]:
    d = both.shape[1] // 2
    return _standardise(both[:, :d], train), _standardise(both[:, d:], train)


def _standardise(X: AnyFloats, train: BoolArray) -> AnyFloats:
    centred = X - X[train].mean(axis=0, dtype=np.float64).astype(X.dtype)
    length = float(np.sqrt(np.mean(np.sum(np.square(centred[train], dtype=np.float64), axis=1))))
    return np.asarray(centred / X.dtype.type(length or 1.0))
