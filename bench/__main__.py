"""Run the comparisons and write their tables into docs/benchmarks.md; `make bench`."""

import os

# Read when the libraries load, so it stands before their imports.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from bench.capturing import capture_against_peers
from bench.compare import Comparison
from bench.findings import clusters_of_ten_thousand_concepts, findings_after_one_override, findings_of_a_million_pairs
from bench.generating import generate_against_transformers, generate_and_capture_against_collection
from bench.growth import growth_with_samples
from bench.judge import throughput_against_client
from bench.lens_memory import memory_of_packs
from bench.lenses import lens_rates
from bench.page import PAGE, describe_machine, put_table, table
from bench.planning import planning_of_a_whole_pack
from bench.refinement import refinement_against_pairs
from bench.statistics import bootstrap_against_index, histograms_against_pandas

COMPARISONS: dict[str, Callable[..., Comparison | str]] = {
    "capture": capture_against_peers,
    "generation": generate_against_transformers,
    "generation-and-capture": generate_and_capture_against_collection,
    "growth": growth_with_samples,
    "planning": planning_of_a_whole_pack,
    "counts": histograms_against_pandas,
    "bootstrap": bootstrap_against_index,
    "findings": findings_of_a_million_pairs,
    "override": findings_after_one_override,
    "clusters": clusters_of_ten_thousand_concepts,
    "judge": throughput_against_client,
    "lenses-512": partial(lens_rates, 512),
    "lenses-4096": partial(lens_rates, 4096),
    "lens-memory": memory_of_packs,
    "refinement": partial(refinement_against_pairs, "three layers", 512),
    "refinement-linear": partial(refinement_against_pairs, "linear", 4096),
}


def main() -> None:
    """Print each table, and put it where the page has its place."""
    torch.set_num_threads(1)
    asked = _arguments()
    for name in asked.names or COMPARISONS:
        measure = COMPARISONS[name]
        if "pack" in inspect.signature(measure).parameters:
            measure = partial(measure, pack=asked.pack)
        measured = measure()
        told = measured if isinstance(measured, str) else table(measured)
        found = f"{told}\n\n{describe_machine()}"
        print(f"## {name}\n{found}\n", flush=True)
        if asked.write:
            put_table(PAGE, name, found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *COMPARISONS], help="which ones; all where none is named")
    parser.add_argument("--pack", type=Path, help="folder of the pack to plan; a synthetic one of that size otherwise")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/benchmarks.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
