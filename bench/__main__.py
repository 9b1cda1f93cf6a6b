"""Run every comparison and print one table; `make bench`."""

import os

# Read when the libraries load, so it stands before their imports.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterable

import torch

from bench.capturing import capture_against_hidden_states
from bench.compare import Comparison
from bench.statistics import bootstrap_against_index, histograms_against_pandas

COMPARISONS = (capture_against_hidden_states, histograms_against_pandas, bootstrap_against_index)


def main() -> None:
    """Print a Markdown table, comparison by comparison."""
    torch.set_num_threads(1)
    print("| job | way | CPU s | time ÷ ours |\n|---|---|--:|--:|", flush=True)
    for measure in COMPARISONS:
        print("\n".join(_lines(measure())), flush=True)


def _lines(comparison: Comparison) -> Iterable[str]:
    for position, timing in enumerate(comparison.timings):
        job = f"{comparison.job} ({comparison.agreement})" if position == 0 else ""
        yield f"| {job} | {timing.way} | {timing.seconds:.3f} | {timing.times_ours:.2f} |"


if __name__ == "__main__":
    main()
