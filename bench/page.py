"""The page of results: prose by hand, and each table between its marks exactly as the command printed it."""

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.compare import Comparison

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
LIBRARIES = ("torch", "transformers", "duckdb", "pandas", "nnsight", "transformer-lens")
# More waiting processes a core than this, and the machine has other work beside the measurement.
BUSY = 1.0


def table(comparison: Comparison) -> str:
    """A Markdown table: our way first, its peers below."""
    head = "| job | way | CPU s | time ÷ ours | peak MiB | memory ÷ ours |\n|---|---|--:|--:|--:|--:|"
    return "\n".join([head, *_lines(comparison)])


def _lines(comparison: Comparison) -> Iterator[str]:
    ours = comparison.timings[0].peak_mib
    for position, timing in enumerate(comparison.timings):
        job = f"{comparison.job} ({comparison.agreement})" if position == 0 else ""
        memory = None if timing.peak_mib is None or not ours else timing.peak_mib / ours
        numbers = (
            _number(timing.seconds, 3),
            _number(timing.times_ours, 2),
            _number(timing.peak_mib, 0),
            _number(memory, 1),
        )
        yield f"| {' | '.join((job, timing.way, *numbers))} |"


def _number(value: float | None, n_decimals: int) -> str:
    return "" if value is None else f"{value:.{n_decimals}f}"


def describe_machine() -> str:
    """One line: day, cores, libraries, and how busy the machine was with all that ran on it."""
    load, n_cores = os.getloadavg()[1], os.cpu_count() or 1
    other = ", a busy machine" if load > 1 + BUSY * (n_cores - 1) else ""
    libraries = ", ".join(f"{name} {found}" for name in LIBRARIES if (found := _version(name)))
    python = f"Python {platform.python_version()}"
    day = datetime.now(UTC).date()
    return f"*{day}, {n_cores} cores {platform.machine()} (load {load:.1f}{other}), one thread, {python}, {libraries}.*"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def put_table(page: Path, name: str, found: str) -> None:
    """Replace what stands between the marks of that name; ValueError when the page has no place for it."""
    before, _, after = _split(page, name)
    page.write_text(f"{before}{found}\n{after}", encoding="utf-8")


def read_table(page: Path, name: str) -> str:
    """Return what stands between the marks of that name; ValueError when the page has no place for it."""
    return _split(page, name)[1]


def _split(page: Path, name: str) -> tuple[str, str, str]:
    """Return what stands before the table, with its mark, the table, and what stands after it, with its mark."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, begun, rest = page.read_text(encoding="utf-8").partition(begin)
    table, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"{page} has no place for {name}: it lacks {begin.strip()} and {end}.")
    return before + begun, table, ended + after
