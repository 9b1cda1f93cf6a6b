"""What screens need of a large study, read before anybody comes: else the first visitor of each screen would wait for it.

It is what screens ask for that are opened without any choice: of the default run, its first judge and its first lens setting. It
is kept where screens look for it, and made anew there as the study grows.
"""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

from app.data.browsing import is_large, make
from app.data.comparison import Sides, fetch_sources
from app.data.concepts import load_lenses
from app.data.lenses import load_constant, load_lens_estimates
from app.data.review import Desk, Queue, load_standing
from app.data.rubric_lab import load_pool
from app.data.study import Run, load_counts, load_judges, load_names, load_runs
from app.data.visits import load_waiting
from app.viewmodels.lenses import one_each
from app.viewmodels.overview import lens_settings
from app.viewmodels.rubric_lab import POOL_ROWS
from db.errors import ExpectedError
from engine.terminal import visible

_NOBODY = ""


def read_ahead(folder: Path, tell: Callable[[str], None]) -> None:
    """Read what screens need of a large study; `tell` hears a sentence before, nothing where nothing is to be read.

    A study that is busy or cannot be read is told to whoever comes. Another fault is told here, and by the screens that it stops.
    """
    try:
        run = next((run for run in load_runs(folder) if run.is_default), None)
        if run is not None and is_large(folder):
            tell(f"Reading {run.n_pairs:,} pairs ahead, so that every screen opens at once. This takes some seconds.")
            _read(folder, run)
    except (ExpectedError, OSError):
        pass
    except Exception as error:  # noqa: BLE001 - all screens can be served but those that this stops too
        fault = f"{type(error).__name__}: {visible(str(error))}"
        tell(f"Reading ahead ended early, so some screens may open slowly or not at all ({fault}).")


def _read(folder: Path, run: Run) -> None:
    judges = load_judges(folder, run.run_id)
    judge_id = judges[0].judge_id if judges else ""
    load_names(folder, run.run_id)
    # Read from the pairs in memory where they are, so these come first.
    make(folder, run.run_id, judge_id)
    load_counts(folder, run.run_id, judge_id, form_rule="loop")
    for queue in get_args(Queue):
        load_standing(Desk(folder, run.run_id, judge_id, _NOBODY, queue))
    load_waiting(folder, run.run_id, judge_id, _NOBODY)
    load_pool(folder, run.run_id, judge_id, n_rows=POOL_ROWS)
    _read_lenses(folder, run)
    _read_comparison(folder, run)


def _read_lenses(folder: Path, run: Run) -> None:
    lenses = load_lenses(folder, run.run_id)
    for setting in lens_settings(lenses, run.lenses)[:1]:
        ids = [lens.lens_id for lens in one_each(lenses, setting, run.mode).values()]
        load_lens_estimates(folder, run.run_id, ids)
        load_constant(folder, run.run_id, ids)


def _read_comparison(folder: Path, run: Run) -> None:
    names = [one.run_id for one in reversed(load_runs(folder)) if one.n_samples][:2]
    if len(names) == 2:
        fetch_sources(folder, Sides("runs", run.run_id, tuple(names)))
