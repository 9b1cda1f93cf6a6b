"""When rows of a stage are due: every few seconds, and less often once the work has lasted."""

from types import SimpleNamespace

import pytest

from engine.stages import stage


def test_rows_are_due_every_four_seconds_first_and_every_ten_at_length(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(stage, "time", SimpleNamespace(monotonic=lambda: now))
    pace, written = stage.Pace(begun=now, written=now), []
    for step in range(1, 6001):
        now = 1000.0 + step / 10
        if pace.is_due():
            pace.rest()
            written.append(step / 10)
    pauses = [after - before for before, after in zip([0.0, *written], written, strict=False)]
    assert written[:9] == pytest.approx([4, 8, 12, 16, 20, 24, 28, 32, 36], abs=0.11)
    assert pauses == sorted(pauses, key=lambda pause: round(pause))
    assert pauses[-20:] == pytest.approx([10.0] * 20, abs=0.11)
