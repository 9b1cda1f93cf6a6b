"""Which checkpoint to ship: the one whose texts are the best mix of good and bad, not the one of lowest loss.

A model that has memorised its pack leaves a study nothing to find; one that has learned too little leaves no gap. Among
checkpoints that write well-formed texts, the wanted one puts its texts on topic about as often as `WANTED_ON_TOPIC`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.bundled.training.measure import Measurement

WANTED_ON_TOPIC = 0.65
LEAST_GOOD_FORM = 0.80


@dataclass(frozen=True)
class Candidate:
    """A checkpoint folder with what was measured of it."""

    folder: Path
    measurement: Measurement

    @property
    def tokens(self) -> int:
        """Training tokens seen, as the folder's name tells."""
        return int(self.folder.name.removeprefix("tokens-"))


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Return the well-formed candidate nearest to the wanted share on topic, the later one of equals."""
    formed = [candidate for candidate in candidates if candidate.measurement.good >= LEAST_GOOD_FORM]
    return min(
        formed or candidates,
        key=lambda candidate: (abs(candidate.measurement.on_topic - WANTED_ON_TOPIC), -candidate.tokens),
    )
