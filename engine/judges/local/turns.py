"""From a question to the tokens that a local model reads: its chat template filled in, as the model was trained to be asked.

A template that has no turn for a system, or drops it, gets the system's words at the head of the user's turn. Thinking is
switched off where a template can, and closed where it opens it. Control tokens in a text are read as the characters that they
are written with, so that no text can end its turn. A template's date stands still: answers shall not depend on the day.
"""

from dataclasses import dataclass, replace
from typing import Any

from engine.errors import JudgeError

# What a template may raise: its own refusals are TemplateErrors; the others come from content that it cannot handle.
TEMPLATE_FAULTS = (ValueError, TypeError)
_SYSTEM, _USER = "lensgap-system-words", "lensgap-user-words"
_STILL_DATE = "{% macro strftime_now(format) %}1 January 2026{% endmacro %}"
_THINKING, _THOUGHT = "<think>", "\n\n</think>\n\n"


@dataclass(frozen=True, slots=True)
class Turns:
    """How a model is asked: `template` is None where plain text must do, `thought` what ends its thinking before it answers."""

    name: str
    tokenizer: Any
    template: str | None
    has_system_turn: bool = False
    thought: str = ""

    def encode(self, system: str, user: str) -> list[int]:
        """Tokens up to where the model's answer begins; ValueError for a text that the tokenizer cannot show as text."""
        if self.template is None:
            return [*self._opening(), *self._plain(f"{system}\n\n{user}\n\nReply:\n")]
        found = _fill(self, system, user, tokenize=True, sanitize_control_tokens=True)
        return list(found["input_ids"])

    def begin(self, answer: str) -> list[int]:
        """Tokens of an answer that is begun for the model; they follow those of the question, as if it had written them."""
        if not self.thought:
            return self._plain(answer)
        closing: list[int] = self.tokenizer.encode(self.thought, add_special_tokens=False)
        return [*closing, *self._plain(answer)]

    def shared_tokens(self, system: str) -> tuple[int, ...]:
        """Tokens that all questions with the same system begin with."""
        return common_start(self.encode(system, "A"), self.encode(system, "7"))

    def _opening(self) -> list[int]:
        """What the tokenizer puts before a text; its closing token would end the question."""
        return [token for token in self.tokenizer("")["input_ids"] if token != self.tokenizer.eos_token_id]

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return ids


def read_turns(name: str, tokenizer: Any) -> Turns:
    """Try how the model's chat template wants to be filled in; JudgeError when it cannot be."""
    if not tokenizer.chat_template:
        return Turns(name, tokenizer, None)
    try:
        template = tokenizer.get_chat_template()
    except ValueError as error:
        raise _unusable(name, error) from error
    turns = Turns(name, tokenizer, _STILL_DATE + template if "strftime_now" in template else template)
    with_system = replace(turns, has_system_turn=True)
    shown = _shown(with_system)
    if not isinstance(shown, str) or _SYSTEM not in shown or _USER not in shown:
        with_system, shown = turns, _shown(turns)
    if not isinstance(shown, str):
        raise _unusable(name, shown) from shown
    if _SYSTEM not in shown or _USER not in shown:
        raise JudgeError(f"The chat template of {name} leaves the question out.", hint=_HINT)
    thought = _THOUGHT if shown.rstrip().endswith(_THINKING) else ""
    return replace(with_system, thought=thought)


def common_start(*texts: "list[int] | tuple[int, ...]") -> tuple[int, ...]:
    """The tokens that all begin with."""
    n = 0
    while all(len(text) > n for text in texts) and len({text[n] for text in texts}) == 1:
        n += 1
    return tuple(texts[0][:n])


_HINT = "Name an instruct model with a chat template of its own."


def _unusable(name: str, error: Exception) -> JudgeError:
    said = " ".join(str(error).split()).rstrip(".")
    return JudgeError(f"The chat template of {name} cannot be filled in: {said}.", hint=_HINT)


def _shown(turns: Turns) -> str | Exception:
    """The template filled in with a trial question, or its refusal."""
    from jinja2 import TemplateError

    try:
        return str(_fill(turns, _SYSTEM, _USER, tokenize=False))
    except (TemplateError, *TEMPLATE_FAULTS) as error:
        return error


def _fill(turns: Turns, system: str, user: str, **options: Any) -> Any:
    said = (
        [{"role": "system", "content": system}, {"role": "user", "content": user}]
        if turns.has_system_turn
        else [{"role": "user", "content": f"{system}\n\n{user}"}]
    )
    return turns.tokenizer.apply_chat_template(
        said,
        chat_template=turns.template,
        add_generation_prompt=True,
        # Templates know one of these names or none; what they do not know they do not read.
        enable_thinking=False,
        thinking=False,
        **options,
    )
