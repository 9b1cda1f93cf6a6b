"""A judge that runs here: an instruct model of transformers, asked through its chat template.

The answer is begun for the model, `{"rating": `, and the rating is read from one forward pass: how likely each of the five
digits comes next. That is the whole distribution that votes would draw from, so one vote is all there is; its mean says more
than its likeliest digit, and the rating is the grade nearest to the mean, the even one halfway. A model that would rather
say something else than a digit gives no rating. A topic is what the model finds likeliest to write after `{"topic": "`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from engine.errors import JudgeError, ModelError
from engine.judges.judge import KINDS, Answer, JudgeIdentity, Kind, Question, Unscored, Usage
from engine.judges.local.greedy import attends_to_all, write_likeliest
from engine.judges.local.likelihood import Start, log_probabilities
from engine.judges.local.scale import LEAST_MASS, digit_log_probabilities, digit_readings, read_rating, read_scale
from engine.judges.local.topics import TOPIC_OPENING, TOPIC_TOKENS, closed_string, read_topic
from engine.judges.local.turns import Turns, read_turns
from engine.judges.questions import Questioner
from engine.subject.encode import stop_tokens
from engine.subject.load import (
    Dtype,
    LoadOptions,
    Quantize,
    Subject,
    find_device,
    fingerprint,
    load_subject,
    load_tokenizer,
    precision,
)
from engine.subject.memory import FittingBatches

VOTES = 1
"""Votes that can be asked for: the distribution is exact, so another vote would repeat it."""

AT_ONCE = 8
"""Batches whose questions are sorted by length together."""


@dataclass(frozen=True, slots=True)
class _Asked:
    question: Question
    system: str
    ids: tuple[int, ...]
    n_chars_cut: int


class LocalJudge:
    """Judges with the model of a folder or hub id, whose weights are loaded when the first question comes.

    Raises JudgeError for a place without a model, a tokenizer that cannot write the ratings, or a template that cannot be
    filled in.
    """

    def __init__(
        self,
        place: str,
        questioner: Questioner,
        *,
        device: str | None = None,
        dtype: Dtype = "auto",
        quantize: Quantize = "none",
        batch_size: int = 16,
    ) -> None:
        self._place, self._questioner, self._batch_size = place, questioner, batch_size
        self._options = LoadOptions(device=device, dtype=dtype, quantize=quantize)
        with _as_judge_error():
            self._turns = read_turns(place, load_tokenizer(place, self._options))
            self._scale = read_scale(self._turns)
            self.identity = _identity(place, self._options, self._turns, questioner)
        self._opening = tuple(self._turns.begin(TOPIC_OPENING))
        self._starts: dict[str, Start] = {}
        self._fitting: Mapping[Kind, FittingBatches] = {kind: FittingBatches(limit=batch_size) for kind in KINDS}

    @property
    def caution(self) -> str | None:
        """What is doubtful about asking this model, None if nothing is."""
        if self._turns.template is not None:
            return None
        return f"{self._place} has no chat template, so it is asked in plain text, which it may never have learned to answer."

    @cached_property
    def _subject(self) -> Subject:
        with _as_judge_error():
            return load_subject(self._place, self._options)

    def answer(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Ratings and topics, batches of like length together; JudgeError when a single question does not fit into memory."""
        source = iter(questions)
        while window := list(islice(source, AT_ONCE * self._batch_size)):
            asked: dict[Kind, list[_Asked]] = {kind: [] for kind in KINDS}
            for question in window:
                prepared = self._prepare(question)
                if isinstance(prepared, Answer):
                    yield prepared
                else:
                    asked[question.kind].append(prepared)
            yield from self._run("topic", asked["topic"], self._infer)
            yield from self._run("relevance", asked["relevance"], self._rate)

    def _run(
        self, kind: Kind, asked: Sequence[_Asked], work: Callable[[Sequence[_Asked]], list[Answer]]
    ) -> Iterator[Answer]:
        by_length = sorted(asked, key=lambda item: len(item.ids))
        for first in range(0, len(by_length), self._batch_size):
            try:
                yield from self._fitting[kind].run(by_length[first : first + self._batch_size], work)
            except ModelError as error:
                raise JudgeError(
                    f"A single question does not fit into memory beside {self._subject.name}.",
                    hint="Judge in half precision, on a larger device, or with a smaller model.",
                ) from error

    def _prepare(self, question: Question) -> Answer | _Asked:
        """The question in tokens, or the answer where none need or can be run."""
        if question.vote >= VOTES:
            raise JudgeError(
                "A local judge gives one vote: it knows the whole distribution, so others would repeat it."
            )
        if (ruled := self._questioner.by_rule(question)) is not None:
            return ruled
        asked = self._questioner.ask(question)
        try:
            ids = self._turns.encode(asked.system, asked.user)
        except ValueError as error:
            reason = f"the text cannot be shown to the model: {' '.join(str(error).split())}"
            return Answer(question, Unscored(reason), "", asked.n_chars_cut)
        n_answer = len(self._opening) + TOPIC_TOKENS if question.kind == "topic" else self._scale.n_tokens
        if (n_tokens := len(ids) + n_answer) > self._subject.context:
            reason = f"the question takes {n_tokens} tokens, and the model reads {self._subject.context} at most"
            return Answer(question, Unscored(reason), "", asked.n_chars_cut)
        return _Asked(question, asked.system, tuple(ids), asked.n_chars_cut)

    def _rate(self, batch: Sequence[_Asked]) -> list[Answer]:
        contexts = [(*asked.ids, *self._scale.opening) for asked in batch]
        start = self._start(batch[0].system, contexts)
        readings = [digit_readings(ids, self._scale) for ids in contexts]
        found = iter(log_probabilities(self._subject, [one for several in readings for one in several], start))
        answers = []
        for asked, ids, several in zip(batch, contexts, readings, strict=True):
            said, raw_reply = read_rating(digit_log_probabilities([next(found) for _ in several], self._scale))
            answers.append(Answer(asked.question, said, raw_reply, asked.n_chars_cut, _usage(ids, 1, start)))
        return answers

    def _infer(self, batch: Sequence[_Asked]) -> list[Answer]:
        prompts = [(*asked.ids, *self._opening) for asked in batch]
        can_share = attends_to_all(self._subject.model.config.get_text_config())
        start = self._start(batch[0].system, prompts) if can_share else None
        made = write_likeliest(
            self._subject,
            prompts,
            n_tokens=TOPIC_TOKENS,
            is_done=lambda tokens: closed_string(self._written(tokens)) is not None,
            start=start,
        )
        answers = []
        for asked, ids, tokens in zip(batch, prompts, made, strict=True):
            written = self._written(tokens)
            said = read_topic(written, has_stopped=tokens[-1] in stop_tokens(self._subject))
            usage = _usage(ids, len(tokens), start)
            answers.append(Answer(asked.question, said, TOPIC_OPENING + written, asked.n_chars_cut, usage))
        return answers

    def _start(self, system: str, texts: Sequence[Sequence[int]]) -> Start | None:
        """What questions with this system begin with, None where it cannot be run apart from them."""
        if system not in self._starts:
            self._starts[system] = Start(self._subject, self._turns.shared_tokens(system))
        start = self._starts[system]
        return start if all(map(start.begins, texts)) else None

    def _written(self, tokens: Sequence[int]) -> str:
        """What the model wrote after the opening, decoded with it, since some tokenizers drop a text's first space."""

        def decode(ids: Sequence[int]) -> str:
            return str(
                self._subject.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            )

        return decode([*self._opening, *tokens])[len(decode(self._opening)) :]


def _usage(ids: Sequence[int], n_output: int, start: Start | None) -> Usage:
    n_cached = len(start.ids) if start else 0
    return Usage(n_input_tokens=len(ids) - n_cached, n_output_tokens=n_output, n_cache_read_tokens=n_cached)


@contextmanager
def _as_judge_error() -> Iterator[None]:
    """A model that cannot be loaded is told as a fault of the judge, for a study has another model too."""
    try:
        yield
    except ModelError as error:
        raise JudgeError(str(error.args[0]), hint=error.hint) from error


def _identity(place: str, options: LoadOptions, turns: Turns, questioner: Questioner) -> JudgeIdentity:
    folder = Path(place).expanduser()
    parameters = {
        "fingerprint": fingerprint(place, options),
        "dtype": precision(options, find_device(options.device)),
        "quantize": options.quantize,
        "chat": turns.template is not None,
        "system": "turn" if turns.has_system_turn else "in the question",
        "text_limit": questioner.text_limit,
        "topic_tokens": TOPIC_TOKENS,
        "least_mass": LEAST_MASS,
        "deterministic": True,
    }
    return JudgeIdentity(
        backend="local",
        model=folder.resolve().name if folder.is_dir() else place,
        rubric=questioner.rubric.name,
        rubric_hash=questioner.rubric.hash,
        parameters=parameters,
        is_baseline=False,
    )
