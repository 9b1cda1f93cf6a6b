"""Activations that are not finite: which rows they are, and the sentence that tells who was left out for them.

A half-precision model that overflows leaves such rows; no lens can be fitted on one, so its sample's pairs are left out.
"""

from collections.abc import Collection

import numpy as np

from engine.lenses.interface import AnyFloats, BoolArray

NAMED = 3
"""Samples that the sentence names."""


def finite_rows(X: AnyFloats) -> BoolArray:
    """Tell of every row of X [n, d] whether all of it is finite."""
    # Row by row: a mask of the whole would take as much again as half precision does.
    return np.array([bool(np.isfinite(row).all()) for row in X], dtype=np.bool_)


def left_out_sentence(pairs: Collection[tuple[str, str]]) -> str | None:
    """Say how many samples and pairs (concept, sample) were left out, and name the first samples; None where none was."""
    samples = sorted({sample_id for _, sample_id in pairs})
    if not samples:
        return None
    n, m = len(samples), len(pairs)
    have = "sample has" if n == 1 else "samples have"
    left = f"{'was' if n == 1 else 'were'} left out with {m:,} {'pair' if m == 1 else 'pairs'}"
    more = f" and {n - NAMED:,} more" if n > NAMED else ""
    return f"{n:,} {have} activations that are not finite and {left}: {', '.join(samples[:NAMED])}{more}."
