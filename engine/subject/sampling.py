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

# Tokens that are sorted at first. Rows whose nucleus may not end among them get MORE times as many, in the end all.
FEW, MORE = 128, 16
# By how much the rounding of single precision may move a weight's share, as if logits were off; double needs less.
ROUNDING, ROUNDING_OF_DOUBLE = 4e-6, 1e-12


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

    rounding = ROUNDING_OF_DOUBLE if logits.dtype == torch.float64 else ROUNDING
    slack = torch.as_tensor(tolerance, dtype=torch.float64, device=logits.device) / sampling.temperature + rounding
    slack = slack.expand(len(logits))[:, None]
    return _draw_among(max(FEW, sampling.top_k + 1), logits, uniforms[:, None], sampling, slack)


def _draw_among(
    n_sorted: int, logits: "torch.Tensor", uniforms: "torch.Tensor", sampling: Sampling, slack: "torch.Tensor"
) -> Draw:
    """Draw from the likeliest tokens, and anew from more of them in the rows where these are not enough."""
    import torch

    n = int(logits.shape[1])
    n_sorted = n if sampling.top_p >= 1 and not sampling.top_k else min(n, n_sorted)
    likeliest, order = _likeliest(logits, n_sorted)
    z = likeliest.double() / sampling.temperature
    total = ((logits - likeliest[:, :1]) / sampling.temperature).exp_().sum(-1, keepdim=True, dtype=torch.float64)
    place, is_certain = _invert(z, total, uniforms, sampling, slack)
    tokens, is_certain = order.gather(-1, place).squeeze(-1), is_certain.squeeze(-1)
    if n_sorted < n and not sampling.top_k and len(rows := _unfinished(z, total, sampling, slack)):
        more = _draw_among(MORE * n_sorted, logits[rows], uniforms[rows], sampling, slack[rows])
        tokens[rows], is_certain[rows] = more.tokens, more.is_certain
    return Draw(tokens, is_certain)


def _likeliest(logits: "torch.Tensor", n: int) -> "tuple[torch.Tensor, torch.Tensor]":
    """The n largest logits of each row and their tokens, largest first; equal ones of a whole row by their number."""
    import torch

    return logits.topk(n) if n < logits.shape[1] else torch.sort(logits, dim=-1, descending=True, stable=True)


def penalise_repetition(logits: "torch.Tensor", seen: "torch.Tensor", penalty: float) -> "torch.Tensor":
    """Logits [B, V] with those of tokens that were seen ([B, V] bool) made less likely: divided, or multiplied below 0."""
    import torch

    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, lowered, logits)


def _unfinished(z: "torch.Tensor", total: "torch.Tensor", sampling: Sampling, slack: "torch.Tensor") -> "torch.Tensor":
    """Rows whose nucleus may end beyond the sorted tokens, the last of which is there for its neighbour to be compared."""
    before = (z[:, :-1] - z[:, :1]).exp().sum(-1, keepdim=True)
    share = _share(before / (2 * slack).exp(), (total - before).clamp(min=0))
    return (share < sampling.top_p).squeeze(-1).nonzero().squeeze(-1)


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
