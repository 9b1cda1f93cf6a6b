"""A ledger of batches in memory: it outlives a judge as the database outlives a process."""

from dataclasses import dataclass, field, replace

from engine.judges.batches.ledger import Intent, Key, key_of
from engine.judges.judge import Answer, Kind


class Killed(BaseException):
    """A process ends, wherever it is."""


@dataclass(slots=True)
class MemoryLedger:
    """Batches and the votes that are kept; `dies_at` names the call in which the process ends before anything is written."""

    dies_at: str = ""
    intents: dict[str, Intent] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    kept: dict[Key, Answer] = field(default_factory=dict)

    def keep(self, answer: Answer) -> None:
        key = key_of(answer.question)
        assert key not in self.kept, "a vote was answered twice"
        self.kept[key] = answer

    def open_batches(self, kind: Kind) -> list[Intent]:
        return [
            replace(
                intent,
                keys={place: key for place, key in intent.keys.items() if key not in self.kept},
                batch_id=self.ids.get(name),
            )
            for name, intent in self.intents.items()
            if intent.kind == kind and name not in self.ended
        ]

    def intend(self, intent: Intent) -> None:
        self._live("intend")
        self.intents[intent.name] = intent

    def submitted(self, name: str, batch_id: str) -> None:
        self._live("submitted")
        self.ids[name] = batch_id

    def done(self, name: str) -> None:
        self._live("done")
        self.ended[name] = "done"

    def lost(self, name: str) -> None:
        self._live("lost")
        self.ended[name] = "lost"

    def _live(self, call: str) -> None:
        if call == self.dies_at:
            self.dies_at = ""
            raise Killed(call)
