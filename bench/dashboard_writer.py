"""An engine at work beside the dashboard: a process that adds a judge's votes to a study, a batch at a time, until ended."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from db import connect, insert, transaction
from db.patience import patient
from db.rows import JudgmentRow
from engine.stages.stage import AT_LENGTH, WRITE_EVERY_S

VOTES_A_SECOND: Final = 40
PAUSE_S: Final = WRITE_EVERY_S * AT_LENGTH
"""As in a run that has lasted for a while."""
BATCH: Final = int(VOTES_A_SECOND * PAUSE_S)

_PENDING: Final = """
select p.concept, p.sample_id
from pairs p
anti join (from judgments where judge_id = $judge_id) j on j.concept = p.concept and j.sample_id = p.sample_id
where p.run_id = $run_id and p.sample_id in (select sample_id from samples)
order by p.sample_id, p.concept
"""
"""Sample by sample, as a run asks."""


def write(study: Path, run_id: str, judge_id: str) -> None:
    """Vote on what the judge has not rated yet, as a run does: some seconds' votes in a transaction, nothing held meanwhile."""
    with connect(study) as cursor:
        pending = cursor.execute(_PENDING, {"run_id": run_id, "judge_id": judge_id}).fetchall()
    for number, first in enumerate(range(0, len(pending), BATCH)):
        with transaction(study) as cursor:
            insert(cursor, [_vote(judge_id, *pair, rating=1 + number % 5) for pair in pending[first : first + BATCH]])
        time.sleep(PAUSE_S)


def _vote(judge_id: str, concept: str, sample_id: str, *, rating: Any) -> JudgmentRow:
    now = datetime.now(UTC).replace(tzinfo=None)
    return JudgmentRow(judge_id, concept, sample_id, 0, rating, "As asked.", None, "raw", 120, 20, 0.0, now)


if __name__ == "__main__":
    # A run waits for the dashboard as long.
    with patient(lambda sentence: print(sentence, file=sys.stderr, flush=True)):
        write(Path(sys.argv[1]), *sys.argv[2:])
