"""Ridge regression on ±1 in dual form: thousands of lenses from small matrices, with exact leave-one-group-out.

Samples are fewer than features, so everything happens on K = XXᵀ about the means. Least squares on ±1 has the direction
(EᵀE + λI)⁻¹δ, with E the rows less their arm's mean and δ the difference of the arms' means. Arms are balanced by measuring
from the middle between the two means: with equally many rows that is ridge's own intercept, and leaving rows of one arm
out does not move it to the other arm's side, as a mean over rows would.

λ is relative to a row's mean squared length about the mean, which makes one grid serve any d, and the pool's parts choose it
together (see `choosing`), at most `choice_parts` of them: their 0–1 loss is then known to a fraction of a percent. They
pay for an eigendecomposition, all others for one Cholesky factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.lenses import leaveout
from engine.lenses.batches import by_pool, fit_trainable, has_both_arms, of_one_size, spread
from engine.lenses.choosing import choose, errors, slope
from engine.lenses.folds import IntArray
from engine.lenses.gram import Rows, arm_shares, centre, gram, less_arm_means, linear_lens, signs, stack
from engine.lenses.interface import AnyFloats, FloatArray, Part, StateLens, linear_state

if TYPE_CHECKING:
    from torch import Tensor

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
    def chooses_threshold(self) -> bool:
        """Whether the threshold is chosen inside the training part. The middle between the arms is already one."""
        return False

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> StateLens:
        """Fit one lens; nothing is random, so the seed plays no part."""
        return self.fit_many([Part(X, y, groups, seed)])[0]

    def fit_many(self, parts: Sequence[Part]) -> list[StateLens]:
        """Fit one lens a part, choosing strength and slope pool by pool."""
        return fit_trainable(parts, self._fit_pools)

    def tune(self, parts: Sequence[Part]) -> Ridge:
        """Return the family with the strength and slope that these parts choose together; then each part stands alone."""
        if len(self.strengths) == 1 and self.slope is not None:
            return self
        asked = [parts[place] for place in spread(range(len(parts)), self.choice_parts) if has_both_arms(parts[place])]
        margins = self._margins(asked)
        best = choose(_losses(margins, asked, len(self.strengths)))
        found = slope([m[best] for m in margins], [part.y for part in asked]) if self.slope is None else self.slope
        return replace(self, strengths=(self.strengths[best],), slope=found)

    def leave_one_group_out(self, parts: Sequence[Part]) -> list[FloatArray]:
        """Return each part's logits [n], each row's from the lens that never saw the row's group.

        The strength is the one that the *other* parts of the pool choose, so that no row chose its own; a part alone in its
        pool takes the middle of the grid. Nan where leaving the group out leaves an arm empty.
        """
        logits = [np.full(len(part.y), np.nan) for part in parts]
        for places in by_pool(parts):
            kept = [place for place in places if has_both_arms(parts[place])]
            margins = self._margins([parts[place] for place in kept])
            losses = _losses(margins, [parts[place] for place in kept], len(self.strengths))
            best = [choose(np.delete(losses, i, axis=0)) for i in range(len(kept))]
            found = self.slope
            if found is None:
                chosen = [m[b] for m, b in zip(margins, best, strict=True)]
                found = slope(chosen, [parts[place].y for place in kept]) if kept else 1.0
            for place, m, b in zip(kept, margins, best, strict=True):
                logits[place] = found * m[b]
        return logits

    def _fit_pools(self, parts: Sequence[Part]) -> list[StateLens]:
        lenses: dict[int, StateLens] = {}
        for places in by_pool(parts):
            pool = [parts[place] for place in places]
            lenses.update(zip(places, self.tune(pool)._fit_tuned(pool), strict=True))
        return [lenses[place] for place in range(len(parts))]

    def _fit_tuned(self, parts: Sequence[Part]) -> list[StateLens]:
        """Fit with the one strength and slope there is."""
        lenses: dict[int, StateLens] = {}
        d = parts[0].X.shape[1]
        for places in of_one_size(parts, floats_per_part=lambda n: n * d + 6 * n * n, memory_mib=self.memory_mib):
            lenses.update(zip(places, self._fit_batch([parts[place] for place in places]), strict=True))
        return [lenses[place] for place in range(len(parts))]

    def _fit_batch(self, parts: Sequence[Part]) -> list[StateLens]:
        span = _span(parts, self.device)
        coefficients, factor = _solve(span, self.strengths[0])
        factors = (factor * (1.0 if self.slope is None else self.slope)).tolist()
        solved = zip(span.rows, coefficients.cpu().numpy(), span.share.cpu().numpy(), factors, strict=True)
        return [StateLens(linear_state(*linear_lens(*one))) for one in solved]

    def _margins(self, parts: Sequence[Part]) -> list[FloatArray]:
        """Return each part's leave-one-group-out margins [strengths, n]."""
        margins: dict[int, FloatArray] = {}
        d = parts[0].X.shape[1] if parts else 1
        for places in of_one_size(parts, floats_per_part=lambda n: n * d + 12 * n * n, memory_mib=self.memory_mib):
            batch = [parts[place] for place in places]
            margins.update(zip(places, _left_out(batch, self.strengths, self.device), strict=True))
        return [margins[place] for place in range(len(parts))]


@dataclass(frozen=True, slots=True, eq=False)
class _Span:
    """A batch of parts of one size in their own coordinates."""

    rows: list[Rows]
    sign: Tensor
    share: Tensor
    inner: Tensor
    """EEᵀ [m, n, n]."""
    cross: Tensor
    """Eδ [m, n]."""
    delta: Tensor
    """δᵀδ [m]."""
    length: Tensor
    """Mean squared length of a row about the mean [m]; 1 where all rows are equal."""


def _span(parts: Sequence[Part], device: str) -> _Span:
    import torch

    rows = [centre(part.X) for part in parts]
    K = stack([gram(one.centred) for one in rows], device)
    sign = signs(parts, device)
    share = arm_shares(sign)
    length = K.diagonal(dim1=1, dim2=2).mean(1)
    half = less_arm_means(K, sign)
    to_delta = (K @ (share * sign)[..., None])[..., 0]
    return _Span(
        rows=rows,
        sign=sign,
        share=share,
        inner=less_arm_means(half.transpose(1, 2), sign),
        cross=less_arm_means(to_delta[..., None], sign)[..., 0],
        delta=(to_delta * share * sign).sum(1),
        length=torch.where(length > 0, length, torch.ones_like(length)),
    )


def _solve(span: _Span, strength: float) -> tuple[Tensor, Tensor]:
    """Return coefficients [m, n] over the rows of A⁻¹δ, and the factor [m] that makes it ridge's weight on ±1."""
    import torch

    penalty = strength * span.length[:, None]
    system = span.inner + torch.diag_embed(penalty.expand_as(span.cross))
    solved = torch.cholesky_solve(span.cross[..., None], torch.linalg.cholesky(system))
    coefficients = (span.share * span.sign - less_arm_means(solved, span.sign)[..., 0]) / penalty
    q = (span.delta - (span.cross * solved[..., 0]).sum(1)) / penalty[:, 0]
    n_positive = (span.sign > 0).sum(1).to(q.dtype)
    return coefficients, _ridge_factor(q, n_positive, span.sign.shape[1] - n_positive)


def _ridge_factor(q: Tensor, n_positive: Tensor, n_negative: Tensor) -> Tensor:
    """Return 2m / (1 + mq), m = n₊n₋/n: least squares' weight is that much of A⁻¹δ, q = δᵀA⁻¹δ."""
    m = n_positive * n_negative / (n_positive + n_negative)
    return 2.0 * m / (1.0 + m * q)


def _left_out(parts: Sequence[Part], strengths: Sequence[float], device: str) -> list[FloatArray]:
    import torch

    span = _span(parts, device)
    left = leaveout.lay_out([part.groups for part in parts], span.sign)
    values, vectors = torch.linalg.eigh(span.inner)
    along = (vectors.transpose(1, 2) @ span.cross[..., None])[..., 0]
    n = span.sign.shape[1]
    of_rows = vectors.gather(1, left.rows.flatten(1)[..., None].expand(-1, -1, n)).view(*left.rows.shape, n)
    found = []
    for strength in strengths:
        penalty = strength * span.length
        inverse = 1.0 / (values.clamp(min=0.0) + penalty[:, None])
        blocks = _blocks(of_rows, inverse, along, span.delta, penalty)
        margin, q = leaveout.margins(blocks, left)
        margin = margin * _ridge_factor(q, left.n_left[..., 1], left.n_left[..., 0])[..., None]
        found.append(leaveout.scatter_back(margin, left, n))
    return list(torch.stack(found, dim=1).cpu().numpy())


def _blocks(of_rows: Tensor, inverse: Tensor, along: Tensor, delta: Tensor, penalty: Tensor) -> leaveout.Blocks:
    """With P = (EEᵀ + λI)⁻¹: G_EE = I − λP, G_Eδ = P·Eδ, G_δδ = (δᵀδ − (Eδ)ᵀP(Eδ)) / λ."""
    import torch

    P = (of_rows * inverse[:, None, None, :]) @ of_rows.transpose(2, 3)
    identity = torch.eye(P.shape[-1], dtype=P.dtype, device=P.device)
    cross = (of_rows @ (inverse * along)[:, None, :, None])[..., 0]
    return leaveout.Blocks(
        inner=identity - penalty[:, None, None, None] * P,
        cross=cross,
        delta=(delta - (along**2 * inverse).sum(1)) / penalty,
    )


def _losses(margins: Sequence[FloatArray], parts: Sequence[Part], n_candidates: int) -> FloatArray:
    found = [errors(m, part.y) for m, part in zip(margins, parts, strict=True)]
    return np.stack(found) if found else np.zeros((0, n_candidates))
