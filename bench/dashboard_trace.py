"""The dashboard's server with a line of JSON for each run of its script: what it took, and what of that it waited.

`python -m bench.dashboard_trace FILE STUDY PORT`. A run that takes long although its thread used the processor little waited for
the study (`borrow_s`: for its turn, or for opening it), for queries (`lent_s`: while it had a cursor), or for other threads.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.web import cli

from app import push
from db.lending import Lender


class _Waits(threading.local):
    """What the run of this thread waited for by now, in seconds, and since when it has a cursor."""

    borrow_s = 0.0
    lent_s = 0.0
    n_borrowed = 0
    lent_at = 0.0


_waits = _Waits()


def _borrow(borrow: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return borrow(*arguments)
        finally:
            _waits.lent_at = time.perf_counter()
            _waits.borrow_s += _waits.lent_at - started
            _waits.n_borrowed += 1

    return timed


def _give_back(give_back: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        _waits.lent_s += time.perf_counter() - _waits.lent_at
        return give_back(*arguments, **options)

    return timed


def _run(run: Callable[..., Any], write: Callable[[str], Any]) -> Callable[..., Any]:
    def noted(runner: Any, asked: Any) -> Any:
        vars(_waits).clear()
        pressed = (
            [w.id for w in asked.widget_states.widgets if w.HasField("trigger_value")] if asked.widget_states else []
        )
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return run(runner, asked)
        finally:
            took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.thread_time() - cpu}
            took |= {"borrow_s": _waits.borrow_s, "lent_s": _waits.lent_s}
            # A part that draws itself anew is told from a whole screen, and what the server asked for from what a person did.
            what = {"page": asked.page_name, "is_part": bool(asked.fragment_id_queue), "pressed": pressed}
            what["is_news"] = push.is_ours(asked.cached_message_hashes)
            times = {name: round(seconds, 4) for name, seconds in took.items()}
            write(json.dumps({"at": round(time.time(), 3), **what, **times, "n_borrowed": _waits.n_borrowed}) + "\n")

    return noted


def main(file: str, study: str, port: str) -> None:
    """Serve the study as its command does, tracing."""
    os.environ["LENSGAP_STUDY"] = study
    trace = Path(file).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - as long as the server runs
    for owner, name, wrapped in (
        (Lender, "borrow", _borrow(Lender.borrow)),
        (Lender, "give_back", _give_back(Lender.give_back)),
        (ScriptRunner, "_run_script", _run(ScriptRunner._run_script, trace.write)),
    ):
        setattr(owner, name, wrapped)
    options = [f"--server.port={port}", "--server.address=127.0.0.1"]
    sys.argv = ["streamlit", "run", str(Path("app") / "main.py"), *options]
    cli.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
