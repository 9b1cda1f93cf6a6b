"""How long reviewers wait for the dashboard's server: every screen and what is done on it, on a million pairs while a run writes.

The server is the real one, in a process of its own. Reviewers are websockets that speak its protocol, each with a browser's
clocks and a pause between two actions; another process adds votes to the study all the while, as a run does. Browsers, which draw
what arrives, are no part of it. A pass of one reviewer goes first, so that what only the first visitor after a start waits for is
told apart.
"""

import asyncio
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.dashboard_client import NoSuchWidget, Tab, open_page
from db import connect
from engine.exchange.audit_planning import Wish, build_plan
from tests.support.dashboard import wait_for
from tests.support.synthetic_study import JUDGE, RUN, build_study

N_CONCEPTS: Final = 200
N_COMPARED: Final = 20
"""Concepts of the other run that the first one is compared with."""
PAUSE_S: Final = (1.5, 3.5)
"""Between two actions of a reviewer: people who click on as soon as they see what came. Who reads a text takes 5 to 10 s."""
ROUNDS: Final = 2
OPEN: Final = "first paint"
_PAINT_S, _ACTION_S, _MEMORY_MIB = 1.0, 0.3, 1024.0

Action = tuple[str, dict[str, Any]]
"""Key of a widget with the value that it gets; a button has none."""


@dataclass(frozen=True)
class Screen:
    """A screen with what is done on it, one thing after the other, by name."""

    page: str
    query: dict[str, Any] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the table calls it."""
        section = self.query.get("section") or self.query.get("queue")
        return " ".join([self.page.replace("_", " ").capitalize() or "Overview", *([section] if section else [])])


def _button(key: str) -> Action:
    return key, {"trigger_value": True}


_SCREENS: Final = (
    Screen("", actions={"move a slider (k)": ("widget-k", {"double_array_value": [2.0]})}),
    Screen("pack"),
    Screen(
        "samples",
        actions={
            "filter by form": _button("preset-Degenerate"),
            "next page": ("widget-page-", {"int_value": 2}),
            "filter by quadrant": ("widget-quadrant", {"string_array_value": ["C"]}),
            "open next": _button("step-Next"),
            "override": _button("rate-2-"),
            "undo": _button("undo-"),
            "order by rating": ("widget-sort", {"string_value": "Lowest rating first"}),
        },
    ),
    Screen(
        "review",
        actions={
            "rate": _button("review-4-"),
            "open next": _button("review-on"),
            # Before the undoing, after which a pair that was rated is on the desk, and such a pair is not put off.
            "skip": _button("review-skip"),
            "rate the next": _button("review-2-"),
            "undo": _button("review-undo"),
        },
    ),
    Screen("review", {"queue": "adjudicate"}, {"rate": _button("review-3-"), "open next": _button("review-on")}),
    Screen("concept"),
    Screen("lenses"),
    Screen("findings", actions={"show pack layers": ("widget-grain", {"string_array_value": ["Pack layers"]})}),
    Screen(
        "findings",
        {"section": "ceilings"},
        {
            "move a slider (s)": ("findings-s", {"double_array_value": [0.5]}),
            "move a slider (k)": ("findings-k", {"double_array_value": [3.0]}),
        },
    ),
    Screen("findings", {"section": "claims"}),
    Screen("judges", actions={"choose an arm": ("widget-arm", {"string_array_value": ["positive"]})}),
    Screen("corrections"),
    Screen("rubric_lab"),
    Screen("compare", actions={"show good positives": ("widget-measure", {"string_array_value": ["Good positives"]})}),
    Screen("runs"),
    Screen("present"),
    Screen("team"),
)

Times = dict[tuple[str, str], list[float]]
"""Seconds of each screen's painting and actions."""


def dashboard_of_a_million_pairs(
    *,
    study: Path | None = None,
    pairs: int = 1_000_000,
    reviewers: int = 8,
    rounds: int = ROUNDS,
    pause: Sequence[float] = PAUSE_S,
    trace: Path | None = None,
) -> str:
    """First paint of every screen and its actions, at the server, while several people review and a run writes.

    With `trace`, what each run of the script took and waited for goes to that file (see `dashboard_trace`).
    """
    low, high = pause
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        prepare(here / "study", made=study, n_pairs=pairs)
        with serve(here / "study", trace) as (server, process):
            cold: Times = {}
            asyncio.run(_sit("first", server, cold, rounds=1, pause=(0.0, 0.0)))
            at_rest = _memory_mib(process.pid)
            with _writing(here / "study") as run:
                times, peak, said = asyncio.run(_measure(server, process.pid, reviewers, rounds, (low, high)))
                # Of few pairs, all are soon rated.
                said += ["The run had written all before the reviewers ended."] if run.poll() == 0 else []
    pace = f" (together at most {2 * reviewers / (low + high):.1f} a second)" if high else ""
    head = f"{pairs:,} pairs, {reviewers} reviewers with {low:g} to {high:g} s between actions{pace}, a run that writes"
    return "\n\n".join([_table(times, cold), _sentence(head, times, at_rest, peak), *said])


def prepare(study: Path, *, made: Path | None, n_pairs: int) -> None:
    """A study with corrections, an audit plan, and votes left for the run to give; a study that was made before is copied."""
    if made is None:
        build_study(
            study, n_concepts=N_CONCEPTS, n_pairs=n_pairs // N_CONCEPTS, n_between=0, hostile=False, by_draw=True
        )
    else:
        shutil.copytree(made, study)
    with connect(study) as cursor:
        for statement in cursor.extract_statements(_SECOND_RUN + _PEOPLE_AND_GAPS):
            given = {"run_id": RUN, "judge_id": JUDGE, "n_concepts": N_COMPARED}
            cursor.execute(statement, {name: given[name] for name in statement.named_parameters})
    # An audit draws no pair with a probability below 0.05.
    build_plan(study, Wish(n_ratings=n_pairs // 20 + 1), run_id=RUN, judge_id=JUDGE)


_SECOND_RUN: Final = """
insert into runs
select * replace ('second' as run_id, 'before' as name, created_at - interval 1 day as created_at)
from runs
where run_id = $run_id;
insert into run_concepts
select * replace ('second' as run_id) from run_concepts where run_id = $run_id and position < $n_concepts;
create temp table copied as
select distinct sample_id from pairs semi join (from run_concepts where run_id = 'second') using (concept) where run_id = $run_id;
insert into prompts
select * replace ('second' as run_id, 'second-' || sample_id as sample_id) from prompts semi join copied using (sample_id);
insert into samples select * replace ('second-' || sample_id as sample_id) from samples semi join copied using (sample_id);
insert into forms select * replace ('second-' || sample_id as sample_id) from forms semi join copied using (sample_id);
insert into pairs
select * replace ('second' as run_id, 'second-' || sample_id as sample_id)
from pairs semi join (from run_concepts where run_id = 'second') using (concept)
where run_id = $run_id;
insert into judgments
select * replace ('second-' || sample_id as sample_id, if(rating = 2, 1, rating) as rating)
from judgments semi join (from run_concepts where run_id = 'second') using (concept)
where judge_id = $judge_id and sample_id in (from copied);
"""
"""An earlier run of some of the concepts, whose texts a judge found a little worse, to compare with."""

_PEOPLE_AND_GAPS: Final = """
insert into ratings (rating_id, run_id, concept, sample_id, reviewer, source, rating, blind, rated_at)
select 'rating-' || concept || sample_id, run_id, concept, sample_id, 'ada', 'override', 1 + floor(u * 50000)::integer % 5,
    false, '2026-01-02'
from pairs
where run_id = $run_id and u >= 0.5 and u < 0.52;
delete from judgments
where sample_id > (select quantile_disc(sample_id, 0.97) from prompts where run_id = $run_id)
    and sample_id in (select sample_id from prompts where run_id = $run_id);
"""
"""2 % of all pairs are corrected, as in the other benchmarks, and the last 3 % wait for their vote."""


@contextmanager
def serve(study: Path, trace: Path | None = None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The dashboard as its command starts it, or with what it does traced."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{probe.getsockname()[1]}"
    port = server.rpartition(":")[2]
    command = [sys.executable, "-m", "engine.cli", "serve", str(study), "--port", port]
    if trace is not None:
        command = [sys.executable, "-m", "bench.dashboard_trace", str(trace), str(study), port]
    with study.with_name("server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
        try:
            wait_for(f"http://{server}/_stcore/health", process)
            yield server, process
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextmanager
def _writing(study: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bench.dashboard_writer", str(study), RUN, JUDGE]
    process = subprocess.Popen(command)
    try:
        yield process
        if process.poll():
            raise RuntimeError(f"the writing process ended before the reviewers: exit status {process.returncode}")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


async def _measure(
    server: str, pid: int, n_reviewers: int, rounds: int, pause: tuple[float, float]
) -> tuple[Times, float, list[str]]:
    times: Times = {}
    ended = asyncio.Event()
    watch = asyncio.create_task(_highest(pid, ended))
    sittings = [_sit(f"reviewer-{i}", server, times, rounds=rounds, pause=pause) for i in range(n_reviewers)]
    said = [sentence for each in await asyncio.gather(*sittings) for sentence in each]
    ended.set()
    return times, await watch, sorted(set(said))


async def _highest(pid: int, ended: asyncio.Event) -> float:
    highest = 0.0
    while not ended.is_set():
        highest = max(highest, _memory_mib(pid))
        await asyncio.sleep(0.5)
    return highest


async def _sit(name: str, server: str, times: Times, *, rounds: int, pause: tuple[float, float]) -> list[str]:
    """One reviewer's session: all screens in an order of their own, each opened anew; what screens said of errors."""
    rng, said = random.Random(name), []
    for _ in range(rounds):
        for screen in rng.sample(_SCREENS, len(_SCREENS)):
            await asyncio.sleep(rng.uniform(*pause))
            async with open_page(server, screen.page, reviewer=name, **screen.query) as (tab, seconds):
                times.setdefault((screen.name, OPEN), []).append(seconds)
                for action, (key, value) in screen.actions.items():
                    await asyncio.sleep(rng.uniform(*pause))
                    await _act(tab, key, value, times.setdefault((screen.name, action), []))
                said += [f"{screen.name}: {sentence}" for sentence in tab.shown.said]
    return said


async def _act(tab: Tab, key: str, value: dict[str, Any], times: list[float]) -> None:
    try:
        times.append(await tab.choose(key, **value))
    except NoSuchWidget:
        return  # a queue may be empty for this reviewer; the table tells how many there were


def _memory_mib(pid: int) -> float:
    """Proportional set size: what is shared with other processes counts by its share."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return next(int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:"))


def _table(times: Times, cold: Times) -> str:
    head = "| screen | what | n | p50 ms | p95 ms | asked | first visitor ms |\n|---|---|--:|--:|--:|--:|--:|"
    return "\n".join([head, *_rows(times, cold)])


def _rows(times: Times, cold: Times) -> Iterator[str]:
    order = {screen.name: i for i, screen in enumerate(_SCREENS)}
    for screen, what in sorted(times, key=lambda key: order[key[0]]):
        seconds = times[screen, what]
        if not seconds:
            yield f"| {screen} | {what} | 0 | | | | |"
            continue
        first = cold.get((screen, what))
        asked = _PAINT_S if what == OPEN else _ACTION_S
        numbers = (ms(statistics.median(seconds)), ms(p95(seconds)), ms(asked), ms(first[0]) if first else "")
        yield f"| {screen} | {what} | {len(seconds)} | {' | '.join(numbers)} |"


def _sentence(head: str, times: Times, at_rest: float, peak: float) -> str:
    opened = [one for (_, what), found in times.items() if what == OPEN for one in found]
    acted = [one for (_, what), found in times.items() if what != OPEN for one in found]
    return (
        f"{head}: of {len(opened)} screens opened p95 {ms(p95(opened))} ms, of {len(acted)} actions p95 {ms(p95(acted))} ms; "
        f"the server had {at_rest:,.0f} MiB (PSS) after the first visitor and {peak:,.0f} MiB at its highest."
    )


def p95(seconds: Sequence[float]) -> float:
    """The smallest time that 95 % do not exceed."""
    return sorted(seconds)[max(0, -(-95 * len(seconds) // 100) - 1)]


def ms(seconds: float) -> str:
    return f"{1000 * seconds:,.0f}"
