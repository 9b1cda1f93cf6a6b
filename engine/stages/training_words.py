"""What training says of lenses that tell nothing: why a concept has none, and whose activations are all alike."""

from collections.abc import Collection, Mapping

import numpy as np

from engine.lenses.folds import IntArray
from engine.lenses.interface import AnyFloats, FloatArray
from engine.stages.not_finite import NAMED
from engine.stages.training_sets import ConceptPairs
from engine.terminal import counted, visible


def with_left_out(reason: str, pairs: ConceptPairs) -> str:
    """The reason why a concept cannot be measured, with how many of its pairs were left out first and for what."""
    n_not_finite = len(pairs.not_finite)
    n_without = pairs.n_excluded - n_not_finite
    left_out = [
        f"{counted(n, 'pair')} {'was' if n == 1 else 'were'} left out {why}"
        for n, why in ((n_not_finite, "whose activations are not finite"), (n_without, "without an activation"))
        if n
    ]
    return f"{reason}, after {' and '.join(left_out)}" if left_out else reason


def unmeasured_sentence(reasons: Mapping[str, str]) -> str | None:
    """Say how many concepts have no F1, and why the first have none; None where all have one."""
    if not reasons:
        return None
    named = "; ".join(f"{visible(concept)} ({reason})" for concept, reason in sorted(reasons.items())[:NAMED])
    more = f"; and {len(reasons) - NAMED:,} more" if len(reasons) > NAMED else ""
    have = "has" if len(reasons) == 1 else "have"
    return f"{counted(len(reasons), 'concept')} cannot be measured and {have} no lens: {named}{more}."


def alike_sentence(concepts: Collection[str]) -> str | None:
    """Say of concepts whose activations are all alike what their F1 is; None where there is none."""
    if not concepts:
        return None
    named = ", ".join(map(visible, sorted(concepts)[:NAMED]))
    more = f" and {len(concepts) - NAMED:,} more" if len(concepts) > NAMED else ""
    return (
        f"The activations of {counted(len(concepts), 'concept')} are the same for all texts at some layer: a lens there can tell "
        f"nothing apart, and its F1 is that of always firing or of never: {named}{more}."
    )


def are_alike(X: AnyFloats) -> bool:
    """Whether all rows [n, d] are the same."""
    return len(X) > 1 and not np.any(X[1:] != X[0])


def says_the_same(probability: FloatArray, fold: IntArray) -> bool:
    """Whether a lens says the same of all that a fold holds out, fold by fold: then its activations may all be alike."""
    return all(np.ptp(probability[fold == k]) < 1e-9 for k in np.unique(fold))
