"""Times several ways of doing one job, in turns."""

import ctypes
import gc
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Timing:
    """Median CPU seconds of one way, and how many times as long as ours it takes; None where a peer is not installed.

    `peak_mib` is the memory that one run of the way needs above what the process holds; None where it was not measured.
    """

    way: str
    seconds: float | None
    times_ours: float | None
    peak_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One job: our way first, then its peers."""

    job: str
    agreement: str
    timings: tuple[Timing, ...]


def compare(
    job: str,
    ways: Mapping[str, Callable[[], object]],
    *,
    agreement: str,
    n_repeats: int,
    absent: Sequence[str] = (),
    with_memory: bool = False,
    with_warm_up: bool = True,
    shares: Mapping[str, float] | None = None,
) -> Comparison:
    """Run every way `n_repeats` times, in turns; the first way is ours, `absent` peers are named.

    A way that does only a share of the job, since the whole takes too long, is timed as if it did all.
    """
    peaks = {name: peak_memory(way) if with_memory else None for name, way in ways.items()}
    for way in ways.values() if with_warm_up else ():
        way()
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(n_repeats):
        for name, way in ways.items():
            spent[name].append(_cpu_seconds(way))
    shares = shares or {}
    medians = {name: statistics.median(seconds) / shares.get(name, 1.0) for name, seconds in spent.items()}
    ours = next(iter(medians.values()))
    timings = [Timing(name, s, s / ours, peaks[name]) for name, s in medians.items()]
    timings += [Timing(f"{name}: not installed (pip install -e '.[bench]')", None, None) for name in absent]
    return Comparison(job, agreement, tuple(timings))


def peak_memory(way: Callable[[], object]) -> float:
    """MiB that one run needs at its highest above what there was before, measured in a fork of this process."""
    # Before the fork, for the peak of a fork is never below what it began with.
    _give_back_free_memory()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = resident_mib()
        way()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.write(writer, str(max(0.0, peak - before)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return float(said)


def highest_resident_mib() -> float:
    """MiB that this process held at its highest; what getrusage tells may be its parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _give_back_free_memory() -> None:
    """What the allocator keeps of earlier work would hide what the way needs."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def resident_mib() -> float:
    """MiB that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _cpu_seconds(way: Callable[[], object]) -> float:
    """CPU time of the whole process; collected garbage of the way before is not this one's."""
    gc.collect()
    started = time.process_time()
    way()
    return time.process_time() - started
