"""Run a command of `lensgap` in this process, as a shell would see it."""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import typer.main


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left: its exit status and what it said."""

    status: int
    stdout: str
    stderr: str


Command = Callable[..., Outcome]
# A shell's process makes the parser of all commands once; here that would take longer than most of them.
_parser = functools.cache(typer.main.get_command)


def command_runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function that runs a command with these arguments; a traceback fails the test that asked for it."""

    def run(*arguments: object) -> Outcome:
        from engine.cli import main

        monkeypatch.setattr(typer.main, "get_command", _parser)
        monkeypatch.setattr(sys, "argv", ["lensgap", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), said.out, said.err)

    return run
