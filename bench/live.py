"""How soon a rating is on every open screen: from the press in one tab until the server has sent all others theirs anew.

The server is the real one, with a tab of the bench's clients on each screen that shows gaps, ceilings or targets; browsers, which
draw what arrives, are no part of it. Tabs are drawn one after the other, so that the last one tells how many may be open.
"""

import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from bench.dashboard import ms, prepare, serve
from bench.dashboard_client import Tab, open_page

OPEN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "Overview": ("", {}),
    "Samples": ("samples", {}),
    "Concept": ("concept", {}),
    "Lenses": ("lenses", {}),
    "Findings": ("findings", {}),
    "Findings ceilings": ("findings", {"section": "ceilings"}),
    "Findings claims": ("findings", {"section": "claims"}),
    "Judges": ("judges", {}),
    "Corrections": ("corrections", {}),
    "Compare": ("compare", {}),
}
ROUNDS: Final = 20
PAUSE_S: Final = 2.5
"""Between two ratings: all is drawn, and rests are over."""
_PATIENCE_S: Final = 30.0
_PRESSED: Final = "the one that was pressed"


def screens_after_a_rating(*, study: Path | None = None, pairs: int = 1_000_000, rounds: int = ROUNDS) -> str:
    """Seconds from a press of an override, or of its undoing, until each open screen had arrived anew."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "study"
        prepare(here, made=study, n_pairs=pairs)
        with serve(here) as (server, _):
            times = asyncio.run(_rate(server, rounds))
    last = [max(of_one) for of_one in zip(*times.values(), strict=True)]
    rows = [
        f"| {name} | {len(found)} | {ms(statistics.median(found))} | {ms(max(found))} |"
        for name, found in times.items()
    ]
    return "\n".join(
        [
            "| screen | ratings | median ms | longest ms |",
            "|---|--:|--:|--:|",
            *rows,
            "",
            f"{pairs:,} pairs, {len(OPEN)} screens open beside the one that was pressed: the last of all had arrived after "
            f"{ms(statistics.median(last))} ms (median) and {ms(max(last))} ms (longest).",
        ]
    )


async def _rate(server: str, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in (_PRESSED, *OPEN)}
    async with AsyncExitStack() as opened:
        tabs = {
            name: (await opened.enter_async_context(open_page(server, page, reviewer=name, **query)))[0]
            for name, (page, query) in OPEN.items()
        }
        rater, _ = await opened.enter_async_context(open_page(server, "samples", reviewer="rater"))
        # The first rating is not counted: what it has to be told is only made then.
        for number in range(rounds + 1):
            await asyncio.sleep(PAUSE_S)
            found = await _press(rater, tabs, "undo-" if number % 2 else "rate-2-")
            if number:
                for name, seconds in found.items():
                    times[name].append(seconds)
    return times


async def _press(rater: Tab, tabs: dict[str, Tab], key: str) -> dict[str, float]:
    pressed = time.perf_counter()
    found = {_PRESSED: await rater.press(key)}
    async with asyncio.timeout(_PATIENCE_S):
        while any(tab.drawn_at < pressed for tab in tabs.values()):
            await asyncio.sleep(0.002)
    return found | {name: tab.drawn_at - pressed for name, tab in tabs.items()}
