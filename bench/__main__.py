"""Run every comparison and print one table; `make bench`."""

import os
import sys

# Read when the libraries load, so it stands before their imports.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterable

import torch

from bench.capturing import capture_against_peers
from bench.compare import Comparison
from bench.generating import generate_against_transformers, generate_and_capture_against_collection
from bench.growth import growth_with_samples
from bench.statistics import bootstrap_against_index, histograms_against_pandas

COMPARISONS = (
    capture_against_peers,
    generate_against_transformers,
    generate_and_capture_against_collection,
    growth_with_samples,
    histograms_against_pandas,
    bootstrap_against_index,
)


def main() -> None:
    """Print a Markdown table, comparison by comparison; arguments choose those whose names hold one of them."""
    torch.set_num_threads(1)
    wanted = sys.argv[1:]
    print("| job | way | CPU s | time ÷ ours | peak MiB |\n|---|---|--:|--:|--:|", flush=True)
    for measure in COMPARISONS:
        if not wanted or any(word in measure.__name__ for word in wanted):
            print("\n".join(_lines(measure())), flush=True)


def _lines(comparison: Comparison) -> Iterable[str]:
    for position, timing in enumerate(comparison.timings):
        job = f"{comparison.job} ({comparison.agreement})" if position == 0 else ""
        seconds = "" if timing.seconds is None else f"{timing.seconds:.3f}"
        times = "" if timing.times_ours is None else f"{timing.times_ours:.2f}"
        peak = "" if timing.peak_mib is None else f"{timing.peak_mib:.0f}"
        yield f"| {job} | {timing.way} | {seconds} | {times} | {peak} |"


if __name__ == "__main__":
    main()
