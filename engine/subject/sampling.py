"""Which token follows: temperature, repetition penalty, top-k and nucleus, inverted at one uniform number a token.

The logits of a row differ in their last bits with the batch that the row is computed in. `draw_tokens` therefore also says
whether the token is *certain*: the same for all logits within a tolerance of the given ones. The bounds are exact, not
sampled: with f = exp(tolerance / temperature), every unnormalised weight lies within a factor f of its own, and so does every
sum of weights, of the n largest, and of all but these; a share of the whole is the odds of two such sums, so its odds lie
within f². The likeliest tokens stand first; near-ties around the token are not certain.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Tokens that are sorted at first; the whole vocabulary is sorted only when the nucleus may not end among them.
FEW = 512


@dataclass(frozen=True, slots=True)
class Sampling:
    """How texts are drawn; `top_k` 0 and `repetition_penalty` 1 do nothing."""

    temperature: float
    top_p: float
    max_new_tokens: int
    min_new_tokens: int = 0
    top_k: int = 0
    repetition_penalty: float = 1.0
    stop_strings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Tokens [B], and whether each is the same for all logits within the tolerance, [B] bool."""

    tokens: "torch.Tensor"
    is_certain: "torch.Tensor"


def draw_tokens(
    logits: "torch.Tensor", uniforms: "torch.Tensor", sampling: Sampling, *, tolerance: "torch.Tensor | float" = 0.0
) -> Draw:
    """Invert each row's nucleus at its uniform number.

    `logits` [B, V] are penalised already and -inf where a token is forbidden, `uniforms` [B] lie in [0, 1); `tolerance`
    (of a row, or of all) bounds how far any logit may be off.
    """
    import torch

    z = logits.double() / sampling.temperature
    slack = torch.as_tensor(tolerance, dtype=torch.float64, device=z.device) / sampling.temperature
    slack = (slack + 1e-12).expand(len(z))[:, None]
    n_sorted = _n_sorted(z, sampling, slack)
    if n_sorted < z.shape[1]:
        sorted_z, order = z.topk(n_sorted)
    else:
        sorted_z, order = torch.sort(z, dim=-1, descending=True, stable=True)
    total = (z - sorted_z[:, :1]).exp().sum(-1, keepdim=True)
    place, is_certain = _invert(sorted_z, total, uniforms[:, None], sampling, slack)
    return Draw(order.gather(-1, place).squeeze(-1), is_certain.squeeze(-1))


def sample_tokens(
    logits: "torch.Tensor", uniforms: "torch.Tensor", *, temperature: float, top_p: float
) -> "torch.Tensor":
    """Tokens [B] of the nucleus of logits [B, V] at uniform numbers [B] in [0, 1)."""
    return draw_tokens(logits, uniforms, Sampling(temperature, top_p, max_new_tokens=1)).tokens


def penalise_repetition(logits: "torch.Tensor", seen: "torch.Tensor", penalty: float) -> "torch.Tensor":
    """Logits [B, V] with those of tokens that were seen ([B, V] bool) made less likely: divided, or multiplied below 0."""
    import torch

    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, lowered, logits)


def _n_sorted(z: "torch.Tensor", sampling: Sampling, slack: "torch.Tensor") -> int:
    """How many of the likeliest tokens are enough for every row: FEW, or the whole vocabulary."""
    n = int(z.shape[1])
    few = max(FEW, sampling.top_k + 1)
    if n <= few:
        return n
    if sampling.top_k:
        return few
    if sampling.top_p >= 1:
        return n
    likeliest = z.topk(few).values
    weights = (likeliest - likeliest[:, :1]).exp()
    total = (z - likeliest[:, :1]).exp().sum(-1, keepdim=True)
    before = weights[:, :-1].sum(-1, keepdim=True)
    reached = _share(before / (2 * slack).exp(), total - before) >= sampling.top_p
    return few if bool(reached.all()) else n


def _invert(
    z: "torch.Tensor", total: "torch.Tensor", u: "torch.Tensor", sampling: Sampling, slack: "torch.Tensor"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Places [B, 1] in the sorted row, and whether they are certain; `total` [B, 1] is the weight of the whole row."""
    import torch

    weights = (z - z[:, :1]).exp()
    if sampling.top_k:
        weights[:, sampling.top_k :] = 0
        total = weights.sum(-1, keepdim=True)
    cumulative = weights.cumsum(-1)
    before = cumulative - weights
    ff = (2 * slack).exp()

    def size(scale: "torch.Tensor | float") -> "torch.Tensor":
        """Tokens in the nucleus if what lies before each weighed `scale` times as much against what follows."""
        if sampling.top_p >= 1:
            return (weights > 0).sum(-1, keepdim=True)
        share = _share(before * scale, (total - before).clamp(min=0))
        return ((share < sampling.top_p) & (weights > 0)).sum(-1, keepdim=True).clamp(min=1)

    n = size(1.0)
    place = (cumulative <= u * cumulative.gather(-1, n - 1)).sum(-1, keepdim=True).minimum(n - 1)
    smallest, largest = cumulative.gather(-1, size(ff) - 1), cumulative.gather(-1, size(1 / ff) - 1)
    above, through = before.gather(-1, place), cumulative.gather(-1, place)
    here = z.gather(-1, place)
    left = torch.where(place > 0, z.gather(-1, (place - 1).clamp(min=0)) - here, math.inf)
    right = torch.where(place + 1 < z.shape[1], here - z.gather(-1, (place + 1).clamp(max=z.shape[1] - 1)), math.inf)
    stands_alone = (left > 2 * slack) & (right > 2 * slack)
    is_inside = (place == 0) | (_share(above * ff, total - above) < sampling.top_p) | (sampling.top_p >= 1)
    begins = _share(above * ff, (smallest - above).clamp(min=0))
    ends = _share(through, (largest - through).clamp(min=0) * ff)
    return place, stands_alone & is_inside & (begins <= u) & (ends > u)


def _share(part: "torch.Tensor", rest: "torch.Tensor") -> "torch.Tensor":
    return part / (part + rest)
