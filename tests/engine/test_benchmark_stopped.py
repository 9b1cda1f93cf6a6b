"""The benchmark stopped anywhere: the same command comes to the same texts, ratings and targets."""

import json
import signal
from pathlib import Path
from typing import Any

from tests.support.killing import Ending, Struck, run_command
from tests.support.planted import snapshot

STOPS = (
    Ending("generate", nth=1, moment="after the rows"),
    Struck("engine.benchmark", "find_lines"),
    Struck("engine.exchange.targets", "asdict", signal=signal.SIGINT),
)
"""Each follows the one before it in one study; the last comes while the targets are written."""


def told(study: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((study / "targets.json").read_text())
    return {name: value for name, value in found.items() if name != "made_at"}


def test_stopped_anywhere_it_comes_to_the_same_targets(llama_folder: Path, hand_made: Path, tmp_path: Path) -> None:
    sizes = ("--n-positive", 3, "--n-negative", 3, "--max-new-tokens", 8, "--batch-size", 8)
    flags = ("--model", llama_folder, "--pack", hand_made, "--judge", "offline", "--per-cell", 1, *sizes)
    study, other = tmp_path / "stopped", tmp_path / "undisturbed"
    whole = run_command(tmp_path, ["benchmark", other, *flags])
    assert whole.status == 0, whole.stderr
    for stop in STOPS:
        ended = run_command(tmp_path, ["benchmark", study, *flags], stop)
        assert ended.status == (-signal.SIGKILL if stop.signal == signal.SIGKILL else 130), (stop, ended.stderr)
        assert not (study / "targets.json").exists()
    ended = run_command(tmp_path, ["benchmark", study, *flags])
    assert ended.status == 0, ended.stderr
    assert told(study) == told(other)
    assert snapshot(study) == snapshot(other)
    assert {file.name for file in study.glob("targets*")} == {"targets.json", "targets.md"}
