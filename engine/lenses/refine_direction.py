"""What tells siblings apart, in closed form: ridge with one target a concept on the group's positives, in their span.

The strength is chosen by the share of positives that the ridge puts to a wrong sibling when their group is left out, which
one eigendecomposition gives exactly: with H the matrix that makes predictions of targets, the residuals of rows that were
left out are (I − H_gg)⁻¹ times theirs. Candidates are relative to a row's mean squared length, as in `ridge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from engine.lenses.choosing import choose
from engine.lenses.folds import IntArray
from engine.lenses.gram import centre, gram
from engine.lenses.interface import AnyFloats, FloatArray
from engine.lenses.ridge import DEFAULT_STRENGTHS


@dataclass(frozen=True, slots=True, eq=False)
class SiblingDirections:
    """One direction a concept, weight [concepts, d], over rows less `mean` [d]."""

    weight: FloatArray
    mean: FloatArray
    strength: float


def sibling_directions(
    X: AnyFloats,
    target: IntArray,
    groups: IntArray,
    *,
    n_concepts: int,
    strengths: Sequence[float] = DEFAULT_STRENGTHS,
) -> SiblingDirections:
    """Fit positives [n, d] of all concepts to whose they are [n]."""
    rows = centre(X)
    K = gram(rows.centred)
    length = float(np.mean(np.diag(K))) or 1.0
    Y = np.eye(n_concepts)[target]
    Y -= Y.mean(axis=0)
    strength = strengths[0]
    if len(strengths) > 1:
        strength = strengths[choose(_wrong(K, Y, target, groups, [one * length for one in strengths])[None])]
    K[np.diag_indices_from(K)] += strength * length
    coefficients = cho_solve(cho_factor(K, lower=True, overwrite_a=True), Y)
    weight = coefficients.T.astype(rows.centred.dtype) @ rows.centred
    return SiblingDirections(np.asarray(weight, dtype=np.float64), rows.mean, strength)


def _wrong(K: FloatArray, Y: FloatArray, target: IntArray, groups: IntArray, penalties: Sequence[float]) -> FloatArray:
    """Return for each penalty the share of rows put to a wrong concept by a ridge without their group [penalties].

    Nan where a group holds all there is.
    """
    if len(np.unique(groups)) < 2:
        return np.full(len(penalties), np.nan)
    values, vectors = np.linalg.eigh(K)
    found = []
    for penalty in penalties:
        H = (vectors * (np.maximum(values, 0.0) / (np.maximum(values, 0.0) + penalty))) @ vectors.T + 1.0 / len(K)
        predicted = np.empty_like(Y)
        for number in np.unique(groups):
            g = np.flatnonzero(groups == number)
            residual = np.linalg.solve(np.eye(len(g)) - H[np.ix_(g, g)], Y[g] - H[g] @ Y)
            predicted[g] = Y[g] - residual
        found.append(float(np.mean(predicted.argmax(axis=1) != target)))
    return np.array(found)
