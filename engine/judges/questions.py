"""What a judge that reads language is asked: a rubric, filled in with a concept and with a text behind a fence.

The system text is the rubric, the same for all questions of a kind. The text comes last, between two lines whose code is computed
from the text and does not occur in the question anywhere else, so that nothing in a text can end it; the same text is always
asked about in the same words. A judge sees neither arm, quadrant nor prompt: a question holds none of them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.errors import JudgeError
from engine.judges.characters import carried
from engine.judges.judge import RATINGS, Answer, Kind, Question, Rating, Unscored
from engine.packs.pack import Concept, Pack
from engine.prompts.rubrics import NO_DEFINITION, Rubric

EMPTY: Final = "the text is empty"

SCHEMAS: Final[Mapping[Kind, Mapping[str, object]]] = {
    "topic": {
        "type": "object",
        "properties": {"topic": {"type": "string"}},
        "required": ["topic"],
        "additionalProperties": False,
    },
    "relevance": {
        "type": "object",
        "properties": {"rating": {"type": "integer", "enum": list(RATINGS)}, "reason": {"type": "string"}},
        "required": ["rating", "reason"],
        "additionalProperties": False,
    },
}
"""What a reply looks like, for servers that can be held to it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in words; `n_chars_cut` is how many characters at the end of the text are not shown."""

    system: str
    user: str
    schema: Mapping[str, object]
    n_chars_cut: int


class Questioner:
    """Puts questions about texts and a pack's concepts into the words of a rubric.

    Of a text, `text_limit` characters from its beginning are shown; the question says where there are more.
    """

    def __init__(self, rubric: Rubric, pack: Pack, *, text_limit: int) -> None:
        if text_limit < 1:
            raise JudgeError(f"A judge must be shown at least one character of a text, not {text_limit}.")
        self.rubric = rubric
        self.text_limit = text_limit
        self._concepts = pack.by_term

    def ask(self, question: Question) -> Asked:
        """The question in words; JudgeError for a concept that the pack does not have."""
        shown = carried(question.text[: self.text_limit])
        if question.kind == "topic":
            user = fill(self.rubric.topic_question, shown, n_chars=len(question.text))
            system = self.rubric.topic_system
        else:
            concept = self._concept(question)
            names = {"concept": one_line(concept.name), "definition": one_line(concept.definition) or NO_DEFINITION}
            user = fill(self.rubric.relevance_question, shown, n_chars=len(question.text), **names)
            system = self.rubric.relevance_system
        return Asked(system, user, SCHEMAS[question.kind], len(question.text) - len(shown))

    def by_rule(self, question: Question) -> Answer | None:
        """The answer that needs no judge: an empty text has no topic and is relevant to nothing. None where one is needed."""
        if question.kind == "relevance" and question.concept not in self._concepts:
            return Answer(question, Unscored(f'"{question.concept}" is no concept of the pack'), "")
        if question.text.strip():
            return None
        said = Unscored(EMPTY) if question.kind == "topic" else Rating(1, "The text is empty.")
        return Answer(question, said, "")

    def _concept(self, question: Question) -> Concept:
        found = self._concepts.get(question.concept or "")
        if found is None:
            raise JudgeError(f'"{question.concept}" is no concept of the pack.')
        return found


def fill(template: str, shown: str, *, n_chars: int, **names: str) -> str:
    """A question text of a rubric with the shown text in its fence; `n_chars` is how long the text is in full."""
    around = template.format(text="", **names)
    code = fence_code(shown, around)
    note = f"(The text has {n_chars} characters. Its first {len(shown)} are shown.)\n" if len(shown) < n_chars else ""
    return template.format(text=f"{note}<text-{code}>\n{shown}\n</text-{code}>", **names)


def fence_code(shown: str, around: str = "") -> str:
    """Sixteen hexadecimal digits computed from the text, which occur neither in it nor in what stands around it."""
    n = 0
    whole = f"{around}\n{shown}".casefold()
    while True:
        code = hashlib.blake2b(f"{n} {shown}".encode(), digest_size=8).hexdigest()
        if code not in whole:
            return code
        n += 1


def one_line(text: str) -> str:
    """A name or definition as it stands in a question."""
    return " ".join(carried(text).split())
