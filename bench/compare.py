"""Times several ways of doing one job, in turns."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Median CPU seconds of one way, and how many times as long as ours it takes."""

    way: str
    seconds: float
    times_ours: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One job: our way first, then its peers."""

    job: str
    agreement: str
    timings: tuple[Timing, ...]


def compare(job: str, ways: Mapping[str, Callable[[], object]], *, agreement: str, n_repeats: int) -> Comparison:
    """Run every way `n_repeats` times, in turns after one warm-up; the first way is ours."""
    for way in ways.values():
        way()
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(n_repeats):
        for name, way in ways.items():
            spent[name].append(_cpu_seconds(way))
    medians = {name: statistics.median(seconds) for name, seconds in spent.items()}
    ours = next(iter(medians.values()))
    return Comparison(job, agreement, tuple(Timing(name, s, s / ours) for name, s in medians.items()))


def _cpu_seconds(way: Callable[[], object]) -> float:
    """CPU time of the whole process; collected garbage of the way before is not this one's."""
    gc.collect()
    started = time.process_time()
    way()
    return time.process_time() - started
