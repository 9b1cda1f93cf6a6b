"""How models are kept from thinking, where they can be: a rating is asked for at once, and what was thought is paid for.

Models think by default since the fifth generation, each with its own way out; earlier ones do not unless told to. Read in
November 2026 at platform.claude.com/docs/en/models, in what is new in Haiku 5.5, Sonnet 5.5, Opus 5.5 and Opus 5.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_OFF: Final = {"thinking": {"type": "disabled"}}
_LOW: Final = {"output_config": {"effort": "low"}}

LEAST: Final[Mapping[str, Mapping[str, Any]]] = {
    "claude-haiku-5-5": _OFF,
    "claude-sonnet-5": _OFF,
    "claude-sonnet-5-5": {"thinking": {"type": "between_tools"}},
    "claude-opus-5": _OFF,
    # These cannot be kept from it, only told to take less effort.
    "claude-opus-5-5": _LOW,
    "claude-fable-5": _LOW,
    "claude-fable-5-1": _LOW,
    "claude-mythos-5": _LOW,
    "claude-mythos-5-1": _LOW,
}

_DATE: Final = re.compile(r"-\d{8}$")


def least_thinking(model: str) -> Mapping[str, Any]:
    """The parameters of a request that make a model think as little as it can; empty for models that are not known to think."""
    return LEAST.get(_DATE.sub("", model), {})
