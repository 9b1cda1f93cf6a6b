"""A judge that says what a test wants, remembers what it was asked, and may end its process in the midst of it.

`python -m tests.support.scripted_judge STUDY FILE N WRITE_EVERY_S` asks one about the synthetic study; each question is a line of
FILE, and before the one after the Nth answer the process is killed.
"""

import os
import random
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from engine.errors import JudgeError
from engine.judges.judge import KINDS, Answer, JudgeIdentity, Question, Rating, Topic, Unscored, Usage
from engine.packs.pack import Concept, Pack

Said = Topic | Rating | Unscored | None
_numbers = count()

DRINKS = ("vodka", "switch", "sense organ", "string instrument")
PACK = Pack(
    "small",
    "1",
    "here",
    "made up",
    (
        Concept("thing", 0, (), "what there is", ("object",), (), 1),
        *(
            Concept(term, 1, ("thing",), f"what people know as {term}", ("wodka",) if term == "vodka" else (), (), 1)
            for term in DRINKS
        ),
    ),
)
"""The concepts of a synthetic study of four, and what they have in common."""


def identity(*, is_baseline: bool = False, name: str | None = None) -> JudgeIdentity:
    """A judge that no study has seen before, unless it is named."""
    number = name or f"{os.getpid()}-{next(_numbers)}"
    return JudgeIdentity("anthropic", "scripted", "standard", "r" * 16, {"number": number}, is_baseline)


def good(question: Question) -> Said:
    """A topic or a rating that the question decides."""
    if question.kind == "topic":
        return Topic("vodka")
    return Rating(1 + (question.vote + len(question.text)) % 5, "Because.")


@dataclass(slots=True)
class ScriptedJudge:
    """Takes `at_once` questions, answers them in an order of its own; None leaves a question unanswered.

    Before the question after the `ends_after`th it raises JudgeError.
    """

    say: Callable[[Question], Said] = good
    identity: JudgeIdentity = field(default_factory=identity)
    at_once: int = 1
    seed: int = 0
    ends_after: int | None = None
    asked: list[Question] = field(default_factory=list)

    def answer(self, questions: Iterable[Question]) -> Iterator[Answer]:
        source, rng = iter(questions), random.Random(self.seed)
        while part := list(islice(source, self.at_once)):
            rng.shuffle(part)
            for question in part:
                if len(self.asked) == self.ends_after:
                    raise JudgeError("The judge has gone home.")
                self.asked.append(question)
                said = self.say(question)
                if said is not None:
                    yield Answer(question, said, repr(said), 3, Usage(11, 7, 5, 2, cost_usd=0.25))


def ask_until_killed(study: Path, file: Path, *, n: int, write_every_s: float) -> None:
    """Ask about all of the synthetic study, and kill this process once the nth answer was taken."""
    from engine.config import StudyConfig
    from engine.stages import stage
    from engine.stages.judge_run import AskOptions, judge_run
    from engine.stages.progress import progress_bars
    from tests.support.synthetic_study import RUN

    stage.WRITE_EVERY_S = write_every_s
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    n_asked = 0

    def say(question: Question) -> Said:
        nonlocal n_asked
        if n_asked == n:
            os.kill(os.getpid(), signal.SIGKILL)
        n_asked += 1
        os.write(descriptor, f"{question.kind}|{question.concept}|{question.sample_id}|{question.vote}\n".encode())
        return good(question)

    judge = ScriptedJudge(say, identity(name="killed"))
    with progress_bars(quiet=True) as bar:
        judge_run(study, RUN, judge, StudyConfig(votes=2), PACK, bar, AskOptions())


if __name__ == "__main__":
    assert KINDS == ("topic", "relevance")
    ask_until_killed(Path(sys.argv[1]), Path(sys.argv[2]), n=int(sys.argv[3]), write_every_s=float(sys.argv[4]))
