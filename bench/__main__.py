"""Run the comparisons and write their tables into docs/benchmarks.md; `make bench`."""

import os

# Read when the libraries load, so it stands before their imports.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from bench.capturing import capture_against_peers
from bench.compare import Comparison
from bench.dashboard import dashboard_of_a_million_pairs
from bench.findings import clusters_of_ten_thousand_concepts, findings_after_one_override, findings_of_a_million_pairs
from bench.generating import generate_against_transformers, generate_and_capture_against_collection
from bench.growth import growth_with_samples
from bench.judge import throughput_against_client
from bench.lens_memory import memory_of_packs
from bench.lens_rows import Measured, read_measured, tell_measured
from bench.lenses import FEW, HEAD, lens_rates
from bench.live import screens_after_a_rating
from bench.page import PAGE, describe_machine, put_table, read_table, table
from bench.planning import planning_of_a_whole_pack
from bench.refinement import refinement_against_pairs
from bench.statistics import bootstrap_against_index, histograms_against_pandas
from bench.train_memory import memory_of_training

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
    "dashboard": dashboard_of_a_million_pairs,
    "live": screens_after_a_rating,
    "clusters": clusters_of_ten_thousand_concepts,
    "judge": throughput_against_client,
    "lens-memory": memory_of_packs,
    "train-memory": memory_of_training,
    "refinement": partial(refinement_against_pairs, "three layers", 512),
    "refinement-linear": partial(refinement_against_pairs, "linear", 4096),
}


PIECES = {"lenses-512": 512, "lenses-4096": 4096}
"""Tables of lenses by width, measured at one number of rows at a time."""


def main() -> None:
    """Print each table, and put it where the page has its place."""
    torch.set_num_threads(1)
    asked = _arguments()
    for name in asked.names or [*COMPARISONS, *PIECES]:
        for found in _pieces(name, asked) if name in PIECES else [_whole(name, asked)]:
            print(f"## {name}\n{found}\n", flush=True)
            if asked.write:
                put_table(PAGE, name, found)


def _whole(name: str, asked: argparse.Namespace) -> str:
    measure = COMPARISONS[name]
    known = inspect.signature(measure).parameters
    chosen = {option: value for option, value in vars(asked).items() if option in known and value is not None}
    measured = measure(**chosen)
    return f"{measured if isinstance(measured, str) else table(measured)}\n\n{describe_machine()}"


def _pieces(name: str, asked: argparse.Namespace) -> Iterator[str]:
    """Measure one number of rows after another, each told beside what the page has of the others."""
    for n in asked.n or FEW:
        rows = lens_rates(PIECES[name], n)
        known = read_measured(read_table(PAGE, name)) if asked.write else {}
        yield tell_measured(HEAD, known | {n: Measured(tuple(rows), describe_machine().strip("*"))})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[[], *COMPARISONS, *PIECES], help="which ones; all where none is named"
    )
    parser.add_argument(
        "--n", type=int, nargs="*", choices=list(FEW), help="rows of lenses' training parts; all otherwise"
    )
    parser.add_argument("--pack", type=Path, help="folder of the pack to plan; a synthetic one of that size otherwise")
    parser.add_argument("--study", type=Path, help="folder of the synthetic study to serve; made anew otherwise")
    parser.add_argument("--pairs", type=int, help="pairs of the study that is served")
    parser.add_argument("--reviewers", type=int, help="people who review at once")
    parser.add_argument(
        "--rounds", type=int, help="times that each of them visits every screen; ratings, of what is live"
    )
    parser.add_argument(
        "--pause", type=float, nargs=2, help="shortest and longest time in seconds between their actions"
    )
    parser.add_argument(
        "--trace", type=Path, help="file for what each run of the dashboard's script took and waited for"
    )
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/benchmarks.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
