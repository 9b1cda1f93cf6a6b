"""Ridge regression on ±1 in dual form: thousands of lenses from small matrices, with exact leave-one-group-out.

Samples are fewer than features, so everything happens on K = XXᵀ about the means. Least squares on ±1 has the direction
(EᵀE + λI)⁻¹δ, with E the rows less their arm's mean and δ the difference of the arms' means. Arms are balanced by measuring
from the middle between the two means: with equally many rows that is ridge's own intercept, and leaving rows of one arm
out does not move it to the other arm's side, as a mean over rows would.

λ is relative to a row's mean squared length about the mean, which makes one grid serve any d, and the pool's parts choose it
together (see `choosing`), at most `choice_parts` of them: their 0–1 loss is then known to a fraction of a percent. They
pay for a Cholesky factor and an inverse of each strength, all others for one factor; every part's products are made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

import numpy as np

from engine.lenses.batches import by_pool, fit_trainable, has_both_arms, of_one_size, spread
from engine.lenses.choosing import choose, errors, slope
from engine.lenses.folds import IntArray
from engine.lenses.gram import over_rows
from engine.lenses.interface import AnyFloats, FloatArray, Part, StateLens, linear_state
from engine.lenses.span import Span, left_out, make_span, solve

DEFAULT_STRENGTHS = (0.03, 0.3, 3.0, 30.0)
"""Few and far apart: the loss of a part alone is noise enough to prefer the weakest of many candidates."""


@dataclass(frozen=True, slots=True)
class Ridge:
    """The ridge family."""

    strengths: tuple[float, ...] = DEFAULT_STRENGTHS
    """Candidates for λ as a multiple of a row's mean squared length."""
    slope: float | None = None
    """Log-odds a unit of margin; calibrated on leave-out margins where it is None."""
    choice_parts: int = 32
    device: str = "cpu"
    memory_mib: int = 16
    """Of a batch: a small one stays in the processor's cache, which doubles the rate; a GPU wants more."""

    @property
    def name(self) -> str:
        """The family's name in settings and in the study."""
        return "ridge"

    @property
    def weighs_rows(self) -> Literal[True]:
        """Rows may have weights."""
        return True

    @property
    def chooses_threshold(self) -> bool:
        """Whether the threshold is chosen inside the training part. The middle between the arms is already one."""
        return False

    @property
    def width(self) -> int:
        """Weights over each feature."""
        return 1

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> StateLens:
        """Fit one lens; nothing is random, so the seed plays no part."""
        return self.fit_many([Part(X, y, groups, seed)])[0]

    def fit_many(self, parts: Sequence[Part]) -> list[StateLens]:
        """Fit one lens a part, choosing strength and slope pool by pool."""
        return fit_trainable(parts, self._fit_pools)

    def tune(self, parts: Sequence[Part]) -> Ridge:
        """Return the family with the strength and slope that these parts choose together; then each part stands alone."""
        asked = self._asked(parts)
        return self._tuned_on(parts, self._spans(parts, asked)) if asked else self

    def leave_one_group_out(self, parts: Sequence[Part]) -> list[FloatArray]:
        """Return each part's logits [n], each row's from the lens that never saw the row's group.

        The strength is the one that the *other* parts of the pool choose, so that no row chose its own; a part alone in its
        pool takes the middle of the grid. Nan where leaving the group out leaves an arm empty.
        """
        logits = [np.full(len(part.y), np.nan) for part in parts]
        for places in by_pool(parts):
            kept = [place for place in places if has_both_arms(parts[place])]
            of_place = self._margins(parts, self._spans(parts, kept))
            margins = [of_place[place] for place in kept]
            losses = _losses(margins, [parts[place] for place in kept], len(self.strengths))
            best = [choose(np.delete(losses, i, axis=0)) for i in range(len(kept))]
            found = self.slope
            if found is None:
                chosen = [m[b] for m, b in zip(margins, best, strict=True)]
                found = _slope(chosen, [parts[place] for place in kept]) if kept else 1.0
            for place, m, b in zip(kept, margins, best, strict=True):
                logits[place] = found * m[b]
        return logits

    def _fit_pools(self, parts: Sequence[Part]) -> list[StateLens]:
        lenses: dict[int, StateLens] = {}
        for places in by_pool(parts):
            pool = [parts[place] for place in places]
            asked = self._asked(pool)
            # Those that choose are few, so their products are kept for their own lenses.
            chosen_on = list(self._spans(pool, asked))
            tuned = self._tuned_on(pool, chosen_on) if asked else self
            others = sorted(set(range(len(pool))) - set(asked))
            for some, span in chain(chosen_on, self._spans(pool, others)):
                found = tuned._fit_span([pool[place] for place in some], span)
                lenses.update(zip((places[place] for place in some), found, strict=True))
        return [lenses[place] for place in range(len(parts))]

    def _asked(self, parts: Sequence[Part]) -> list[int]:
        """Return the places of the parts that choose strength and slope; none where there is nothing to choose."""
        if len(self.strengths) == 1 and self.slope is not None:
            return []
        return [place for place in spread(range(len(parts)), self.choice_parts) if has_both_arms(parts[place])]

    def _tuned_on(self, parts: Sequence[Part], spans: Iterable[tuple[list[int], Span]]) -> Ridge:
        """Return the family with what the parts of these spans choose."""
        margins = self._margins(parts, spans)
        asked, found = [parts[place] for place in sorted(margins)], [margins[place] for place in sorted(margins)]
        best = choose(_losses(found, asked, len(self.strengths)))
        slope = _slope([m[best] for m in found], asked) if self.slope is None else self.slope
        return replace(self, strengths=(self.strengths[best],), slope=slope)

    def _spans(self, parts: Sequence[Part], places: Sequence[int]) -> Iterator[tuple[list[int], Span]]:
        """Yield batches of the places of one size, in their own coordinates."""
        some = [parts[place] for place in places]
        d = some[0].X.shape[1] if some else 1
        for batch in of_one_size(some, floats_per_part=lambda n: 2 * d + 8 * n * n, memory_mib=self.memory_mib):
            yield [places[i] for i in batch], make_span([some[i] for i in batch], self.device)

    def _fit_span(self, parts: Sequence[Part], span: Span) -> list[StateLens]:
        """Fit with the one strength and slope there is."""
        coefficients, factor = solve(span, self.strengths[0])
        scaled = coefficients * (factor * (1.0 if self.slope is None else self.slope))[:, None]
        weights = list(map(over_rows, parts, span.middles, scaled.cpu().numpy()))
        biases = -(scaled * span.between).sum(1).cpu().numpy()
        return [
            StateLens(linear_state(weight, bias - float(weight.astype(np.float64) @ middle)))
            for weight, bias, middle in zip(weights, biases, span.middles, strict=True)
        ]

    def _margins(self, parts: Sequence[Part], spans: Iterable[tuple[list[int], Span]]) -> dict[int, FloatArray]:
        """Return the leave-one-group-out margins [strengths, n] of each place."""
        margins: dict[int, FloatArray] = {}
        for places, span in spans:
            found = left_out(span, [parts[place].groups for place in places], self.strengths)
            margins.update(zip(places, found, strict=True))
        return margins


def _losses(margins: Sequence[FloatArray], parts: Sequence[Part], n_candidates: int) -> FloatArray:
    found = [errors(m, part.y, part.weight) for m, part in zip(margins, parts, strict=True)]
    return np.stack(found) if found else np.zeros((0, n_candidates))


def _slope(margins: Sequence[FloatArray], parts: Sequence[Part]) -> float:
    return slope(margins, [part.y for part in parts], [part.weight for part in parts])
