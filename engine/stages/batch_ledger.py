"""The batches of a judge that are under way, as the study keeps them: each step is a row, written when the call returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from db import connect, query
from db.rows import BatchStep, JudgeBatchItemRow, JudgeBatchRow, JudgeBatchStepRow, Row
from engine.judges.batches.ledger import Intent, Key
from engine.judges.judge import Kind
from engine.stages.progress import now
from engine.stages.stage import write_rows


@dataclass(frozen=True, slots=True)
class StudyLedger:
    """A ledger of one judge about one run."""

    study: Path
    run_id: str
    judge_id: str

    def open_batches(self, kind: Kind) -> list[Intent]:
        """Batches that are neither done nor lost, oldest first, with the questions whose votes are not kept yet."""
        of = {"judge_id": self.judge_id, "kind": kind}
        with connect(self.study) as cursor:
            rows = cursor.execute(query("judging.open_batches"), of | {"run_id": self.run_id}).fetchall()
            items = {
                name: cursor.execute(query("judging.batch_items_left"), of | {"intent": name}).fetchall()
                for name, *_ in rows
            }
        return [
            Intent(name, kind, {position: Key(*key) for position, *key in items[name]}, *others)
            for name, *others in rows
        ]

    def intend(self, intent: Intent) -> None:
        """A batch is about to be submitted."""
        batch = JudgeBatchRow(
            intent.name,
            self.judge_id,
            self.run_id,
            intent.kind,
            intent.n_requests,
            intent.created_at,
            intent.worst_usd,
        )
        items = [
            JudgeBatchItemRow(intent.name, position, key.concept, key.sample_id, key.vote)
            for position, key in intent.keys.items()
        ]
        self._write([batch, *items])

    def submitted(self, name: str, batch_id: str) -> None:
        """The server has the batch under this id."""
        self._step(name, "submitted", batch_id)

    def done(self, name: str) -> None:
        """All that came of the batch is kept."""
        self._step(name, "done")

    def lost(self, name: str) -> None:
        """The server never had the batch, so its questions are asked anew."""
        self._step(name, "lost")

    def _step(self, name: str, step: BatchStep, batch_id: str | None = None) -> None:
        self._write([JudgeBatchStepRow(name, step, batch_id, now())])

    def _write(self, rows: Sequence[Row]) -> None:
        write_rows(self.study, rows)
