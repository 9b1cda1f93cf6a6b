"""Which samples share the tokens of their prompt, so that it is run once and its keys and values serve every output.

It pays where many samples have one prompt and the prompt is a good part of the text: several draws of a template, long
definitions, chat templates.
"""

from collections.abc import Sequence
from typing import Any

# Smaller batches cost something, so this share of the tokens must be saved, and so many samples must share.
SAVED, N_SHARING = 0.2, 4
ATTENDING = {"full_attention", "sliding_attention", "chunked_attention"}


def group_by_prompt(prompts: Sequence[tuple[int, ...]], n_output: Sequence[int]) -> tuple[list[list[int]], list[int]]:
    """Positions of samples that shall share their prompt, group by group, and those of all others."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, prompt in enumerate(prompts):
        groups.setdefault(prompt, []).append(position)
    shared = [group for prompt, group in groups.items() if _pays(len(prompt), [n_output[i] for i in group])]
    taken = {position for group in shared for position in group}
    return shared, [position for position in range(len(prompts)) if position not in taken]


def _pays(n_prompt: int, n_output: Sequence[int]) -> bool:
    n_tokens = n_prompt * len(n_output) + sum(n_output)
    return len(n_output) >= N_SHARING and n_prompt * (len(n_output) - 1) >= max(1, SAVED * n_tokens)


def has_plain_cache(config: Any) -> bool:
    """Whether keys and values are all that the model keeps of a text; recurrent layers keep more."""
    kinds = getattr(config, "layer_types", None) or ()
    return hasattr(config, "num_attention_heads") and set(kinds) <= ATTENDING
