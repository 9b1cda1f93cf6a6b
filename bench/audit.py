"""Which ways to use people's ratings give the true gap: a simulation of thousands of studies, `python -m bench.audit`.

Every study has one quadrant of N pairs an arm. Positives hold loops, which are off topic and which the judge is too kind to;
all its ratings are noisy and cut to 1…5. People open half of the degenerate outputs and few others and override the judge there,
and they rate an audit sample drawn at random. The gap to be found is that of all texts which the model might write.

The shares and the noise below are those at which the judge's bias, the bias after overriding, the bias of browsed ratings, the
spread of people's ratings and the judge's worth are what a study of this kind showed; `audit` draws, and the product estimates.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import binom

from bench.page import PAGE as BENCHMARKS
from bench.page import put_table
from engine.stats.audit import find_audited
from engine.stats.audit_arm import AuditArm, AuditCell
from engine.stats.audit_mean import Target

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
PAGE: Final = BENCHMARKS.parent / "audits.md"
SIZES: Final[Mapping[int, int]] = {30: 15, 120: 30, 600: 150}
"""Pairs an arm, and how many of them are audited on average."""
N_STUDIES: Final = 10_000
DEGENERATE: Final = np.array([0.231, 0.116])
"""Share of degenerate outputs in positives and negatives."""
RELEVANCE: Final = np.array([[0.537, 0.02], [0.173, 0.021]])
"""A rating is 1 and a binomial of 4 with this mean / 4: by arm, of good outputs and of degenerate ones."""
KINDNESS: Final = 2.089
"""By how much the judge rates loops among positives too high."""
NOISE: Final = 0.821
"""Standard deviation of the judge's error before it is rounded."""
OPENED: Final = np.array([0.03, 0.5])
"""Share of good and of degenerate outputs that people open and override."""


@dataclass(frozen=True, slots=True, eq=False)
class Studies:
    """Arrays of shape (studies, 2 arms, pairs): people's ratings, the judge's, who was opened, audit numbers."""

    human: Floats
    judge: Floats
    opened: Flags
    u: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """One way's gaps with the ends of their intervals, one entry a study; NaN where there is none."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Quality:
    """What a way is worth: mean error, share of intervals that hold the truth, half their mean width, share without."""

    bias: float
    coverage: float
    half_width: float
    undefined: float


def true_gap() -> float:
    """The gap of all texts that the model might write."""
    means = 1 + 4 * ((1 - DEGENERATE) * RELEVANCE[:, 0] + DEGENERATE * RELEVANCE[:, 1])
    return float(means[0] - means[1])


def draw_studies(n: int, *, n_studies: int = N_STUDIES, seed: int = 0) -> Studies:
    """Draw studies of n pairs an arm."""
    rng = np.random.default_rng([seed, n])
    shape = (n_studies, 2, n)
    degenerate = rng.random(shape) < DEGENERATE[:, None]
    relevance = np.where(degenerate, RELEVANCE[:, 1, None], RELEVANCE[:, 0, None])
    human = np.asarray(1.0 + binom.ppf(rng.random(shape), 4, relevance), dtype=np.float64)
    kindness = np.where(degenerate & (np.arange(2) == 0)[:, None], KINDNESS, 0.0)
    judge = np.clip(np.rint(human + kindness + NOISE * rng.standard_normal(shape)), 1, 5)
    opened = rng.random(shape) < np.where(degenerate, OPENED[1], OPENED[0])
    return Studies(human, judge, opened, rng.random(shape))


def welch(ratings: Floats, counted: Flags | None = None) -> Gaps:
    """Gap of those that count with Welch's interval, as if they were drawn at random."""
    counted = np.ones(ratings.shape, dtype=bool) if counted is None else counted
    with np.errstate(divide="ignore", invalid="ignore"):
        n = counted.sum(axis=2)
        mean = (ratings * counted).sum(axis=2) / n
        variance = ((ratings - mean[:, :, None]) ** 2 * counted).sum(axis=2) / (n - 1) / n
        total = variance.sum(axis=1)
        freedom = total**2 / (variance**2 / (n - 1)).sum(axis=1)
        half = stdtrit(freedom, 0.975) * np.sqrt(total)
    value = mean[:, 0] - mean[:, 1]
    return Gaps(value, value - half, value + half)


def judge_only(studies: Studies, n_audited: int) -> Gaps:
    """The judge's ratings as they are."""
    return welch(studies.judge)


def override_replace(studies: Studies, n_audited: int) -> Gaps:
    """The judge's ratings, replaced where people overrode them."""
    return welch(np.where(studies.opened, studies.human, studies.judge))


def browsed_only(studies: Studies, n_audited: int) -> Gaps:
    """People's ratings of what they opened, as if they had opened it at random."""
    return welch(studies.human, studies.opened)


def human_only(studies: Studies, n_audited: int) -> Gaps:
    """People's ratings of the audited pairs, without the judge."""
    return welch(studies.human, studies.u < n_audited / studies.u.shape[2])


def ours(studies: Studies, n_audited: int) -> Gaps:
    """The product's estimate: what was overridden is known, of the rest as many pairs are audited."""
    n_rest = (~studies.opened).sum(axis=2, keepdims=True)
    return estimate(studies, studies.opened, np.minimum(n_audited / n_rest, 1.0))


def ours_then_browsed(studies: Studies, n_audited: int) -> Gaps:
    """The product's estimate where the audit comes first: what people override later is not taken as known."""
    return estimate(
        studies, np.zeros_like(studies.opened), np.full((*studies.u.shape[:2], 1), n_audited / studies.u.shape[2])
    )


def late_overrides_known(studies: Studies, n_audited: int) -> Gaps:
    """The same, but later overrides are taken as known; what is audited already, nobody overrides."""
    probability = np.full((*studies.u.shape[:2], 1), n_audited / studies.u.shape[2])
    return estimate(studies, studies.opened & (studies.u >= probability), probability)


def estimate(studies: Studies, is_known: Flags, probability: Floats, *, target: Target = "future") -> Gaps:
    """Estimate every study by itself; probabilities have the shape (studies, 2, 1)."""
    gaps = []
    for i in range(len(studies.human)):
        arms = [_arm(studies, is_known, float(probability[i, arm, 0]), i, arm) for arm in (0, 1)]
        gap = find_audited(*arms).gap[target]
        gaps.append([np.nan if x is None else x for x in (gap.value, gap.low, gap.high)])
    return Gaps(*np.array(gaps).T)


def _arm(studies: Studies, is_known: Flags, probability: float, i: int, arm: int) -> AuditArm:
    known, rest = is_known[i, arm], ~is_known[i, arm]
    human, judge = studies.human[i, arm], studies.judge[i, arm]
    audited = rest & (studies.u[i, arm] < probability)
    return AuditArm(
        n_known=int(known.sum()),
        known_total=float(human[known].sum()),
        known_squares=float((human[known] ** 2).sum()),
        n_rest=int(rest.sum()),
        n_scored=int(rest.sum()),
        judge_total=float(judge[rest].sum()),
        judge_squares=float((judge[rest] ** 2).sum()),
        audited=_cells(judge[audited], human[audited], probability),
    )


def _cells(judge: Floats, human: Floats, probability: float) -> tuple[AuditCell, ...]:
    """Audited pairs of whole ratings, counted by both of them."""
    counts = np.bincount((judge * 5 + human).astype(int) - 6, minlength=25)
    return tuple(
        AuditCell(1.0 + k // 5, 1.0 + k % 5, probability, int(counts[k])) for k in np.flatnonzero(counts).tolist()
    )


WAYS: Final[Mapping[str, Callable[[Studies, int], Gaps]]] = {
    "judge only": judge_only,
    "overrides replace the judge": override_replace,
    "browsed ratings as if random": browsed_only,
    "people's audit ratings only": human_only,
    "overrides known, audit corrects the judge (ours)": ours,
    "ours, audit first, later overrides not taken as known": ours_then_browsed,
    "audit first, later overrides taken as known": late_overrides_known,
}


def measure(gaps: Gaps, *, truth: float) -> Quality:
    """Compare one way's gaps with the truth, over the studies in which it has an interval."""
    found = ~np.isnan(gaps.low)
    if not found.any():
        return Quality(np.nan, np.nan, np.nan, 1.0)
    value, low, high = gaps.value[found], gaps.low[found], gaps.high[found]
    covers = (low <= truth) & (truth <= high)
    return Quality(
        float(value.mean() - truth), float(covers.mean()), float((high - low).mean() / 2), float(1 - found.mean())
    )


def simulate(*, n_studies: int = N_STUDIES, seed: int = 0) -> dict[str, dict[int, Quality]]:
    """What each way is worth at each size."""
    drawn = {n: draw_studies(n, n_studies=n_studies, seed=seed) for n in SIZES}
    return {
        way: {n: measure(find(drawn[n], n_audited), truth=true_gap()) for n, n_audited in SIZES.items()}
        for way, find in WAYS.items()
    }


def table(found: Mapping[str, Mapping[int, Quality]]) -> str:
    """A Markdown table: a line a way, and for each size its bias, its coverage and half its mean width."""
    sizes = [f"{n} an arm, {n_audited} audited" for n, n_audited in SIZES.items()]
    head = f"| way | {' | '.join(sizes)} |\n|---|{'---|' * len(sizes)}"
    return "\n".join(
        [head, *(f"| {way} | {' | '.join(map(_cell, by_size.values()))} |" for way, by_size in found.items())]
    )


def _cell(quality: Quality) -> str:
    without = f"; {quality.undefined:.0%} without" if quality.undefined >= 0.005 else ""
    bias = f"{quality.bias:+.2f}".replace("-", "−").replace("+0.00", "0.00").replace("−0.00", "0.00")
    return f"{bias} / {quality.coverage:.3f} / {quality.half_width:.2f}{without}"


def main() -> None:
    """Print the table, and put it where the page has its place."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description=main.__doc__)
    parser.add_argument("--studies", type=int, default=N_STUDIES, help="studies of each size")
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/audits.md as it is")
    asked = parser.parse_args()
    found = table(simulate(n_studies=asked.studies, seed=asked.seed))
    print(found)
    if asked.write:
        put_table(PAGE, "audit", f"{found}\n\n*{asked.studies:,} studies of each size, seed {asked.seed}.*")


if __name__ == "__main__":
    main()
