"""What a stage says of itself where nobody sees its bar move."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from engine.stages.progress import StageProgress


def said(*, n_done: int, n_total: int, steps: int, is_terminal: bool = False, quiet: bool = False) -> list[str]:
    """The lines of a stage that goes on step by step, without its bars."""
    out = io.StringIO()
    bar = Progress(console=Console(file=out, force_terminal=is_terminal, width=120), disable=quiet)
    stage = StageProgress(bar, "run", "generate", n_done=n_done, n_total=n_total)
    for _ in range(steps):
        stage.advance(1)
    return out.getvalue().splitlines()


def test_a_log_gets_a_line_for_every_tenth_while_the_stage_is_at_work() -> None:
    assert [line.split(" after")[0] for line in said(n_done=0, n_total=40, steps=9)] == [
        "generate 4/40",
        "generate 8/40",
    ]
    assert len(said(n_done=0, n_total=1000, steps=1000)) == 10
    assert said(n_done=0, n_total=3, steps=3)[-1].startswith("generate 3/3 after 0 s")


def test_what_was_done_before_is_not_told_again() -> None:
    assert [line.split(" after")[0] for line in said(n_done=30, n_total=40, steps=3)] == ["generate 32/40"]


@pytest.mark.parametrize("how", [{"is_terminal": True}, {"quiet": True}])
def test_no_line_is_mixed_into_bars_or_told_to_who_wants_none(how: dict[str, bool]) -> None:
    assert said(n_done=0, n_total=10, steps=10, **how) == []
