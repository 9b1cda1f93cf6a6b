"""What a stage says of itself where nobody sees its bar move."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.progress import Progress

from engine.stages.progress import StageProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that each step of a stage moves on by `step_s`."""
    kept = SimpleNamespace(now=0.0, step_s=2.0)

    def monotonic() -> float:
        return kept.now

    monkeypatch.setattr("engine.stages.progress.time", SimpleNamespace(monotonic=monotonic))
    return kept


def said(
    *, clock: SimpleNamespace, n_done: int, n_total: int, steps: int, is_terminal: bool = False, quiet: bool = False
) -> list[str]:
    """The lines of a stage that goes on step by step, without its bars."""
    out = io.StringIO()
    bar = Progress(console=Console(file=out, force_terminal=is_terminal, width=120), disable=quiet)
    stage = StageProgress(bar, "run", "generate", n_done=n_done, n_total=n_total)
    for _ in range(steps):
        clock.now += clock.step_s
        stage.advance(1)
    return out.getvalue().splitlines()


def test_a_log_gets_a_line_for_every_tenth_while_the_stage_is_at_work(clock: SimpleNamespace) -> None:
    assert said(clock=clock, n_done=0, n_total=40, steps=9) == ["generate 4/40 after 8 s", "generate 8/40 after 16 s"]
    assert len(said(clock=clock, n_done=0, n_total=1000, steps=1000)) == 10
    assert said(clock=clock, n_done=0, n_total=3, steps=3)[-1] == "generate 3/3 after 6 s"


def test_what_takes_less_than_a_second_is_not_told_tenth_by_tenth(clock: SimpleNamespace) -> None:
    clock.step_s = 0.01
    assert said(clock=clock, n_done=0, n_total=40, steps=40) == []
    assert len(said(clock=clock, n_done=0, n_total=400, steps=400)) == 3


def test_what_was_done_before_is_not_told_again(clock: SimpleNamespace) -> None:
    assert said(clock=clock, n_done=30, n_total=40, steps=3) == ["generate 32/40 after 4 s"]


@pytest.mark.parametrize("how", [{"is_terminal": True}, {"quiet": True}])
def test_no_line_is_mixed_into_bars_or_told_to_who_wants_none(clock: SimpleNamespace, how: dict[str, bool]) -> None:
    assert said(clock=clock, n_done=0, n_total=10, steps=10, **how) == []
