"""From a prompt to the tokens that the model reads: plain text for a base model, its chat template for an instruct model.

Generation and capture both encode here, so that what is replayed is what was read. A tokenizer's closing token is cut off,
for the model shall go on and not begin anew.
"""

from typing import Any

from engine.errors import ModelError
from engine.subject.load import Subject


def encode_prompt(subject: Subject, prompt: str) -> list[int]:
    """Token ids of the prompt as one turn of a user where the subject is asked in chat, else as text to be continued."""
    if subject.chat:
        return _encode_turn(subject, prompt)
    return _encode_text(subject, prompt)


def opening_tokens(subject: Subject) -> list[int]:
    """The special tokens that the tokenizer puts before a text, and nothing else."""
    return _encode_text(subject, "")


def stop_tokens(subject: Subject) -> frozenset[int]:
    """Ids that end a text: those of the model's generation settings, and the tokenizer's end of text or turn."""
    configured = getattr(subject.model.generation_config, "eos_token_id", None)
    ids = [*configured] if isinstance(configured, list) else [configured]
    return frozenset(token for token in (*ids, subject.tokenizer.eos_token_id) if token is not None)


def never_sampled(subject: Subject, stops: frozenset[int]) -> list[int]:
    """Special tokens that do not end a text, and rows of the output matrix that the tokenizer has no token for."""
    n_rows = int(subject.model.config.get_text_config().vocab_size)
    special = {token for token in subject.tokenizer.all_special_ids if token < n_rows}
    return sorted((special | set(range(len(subject.tokenizer), n_rows))) - stops)


def _encode_text(subject: Subject, text: str) -> list[int]:
    ids: list[int] = subject.tokenizer(text)["input_ids"]
    return ids[:-1] if ids and ids[-1] in stop_tokens(subject) else ids


def _encode_turn(subject: Subject, prompt: str) -> list[int]:
    from jinja2 import TemplateError

    turns = [{"role": "user", "content": prompt}]
    try:
        found: Any = subject.tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=True, return_dict=True
        )
    except (TemplateError, ValueError) as error:
        raise ModelError(
            f"The chat template of {subject.name} cannot be filled in: {' '.join(str(error).split())}.",
            hint="Use plain prompts instead: --chat off.",
        ) from error
    return list(found["input_ids"])
