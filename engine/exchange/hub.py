"""What the Hugging Face hub says when it refuses, and what to do about it."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

WHO_MAY: Final = "Check the name. Private data sets need a token with access, in HF_TOKEN."
_NOT_YOURS: Final = (401, 403, 404)
TOO_MANY: Final = 429
SERVER_FAULT: Final = 500
"""Statuses of HTTP: too many requests, and from where on the server is at fault."""


def words_of(refusal: "HfHubHTTPError") -> str:
    """The hub's words after the status, without a full stop."""
    words = (refusal.server_message or refusal.response.reason_phrase).strip().partition("\n")[0][:200].rstrip(".")
    return f"{refusal.response.status_code}, {words}" if words else str(refusal.response.status_code)


def hint_for(refusal: "HfHubHTTPError") -> str:
    """What to do about it, in a sentence; empty where its words are all there is."""
    status = refusal.response.status_code
    if status == TOO_MANY:
        return (
            "It received too many requests: wait some minutes, then run the same command again. A token in "
            "HF_TOKEN raises the limit."
        )
    if status >= SERVER_FAULT:
        return "The hub has a problem: run the same command again later."
    return WHO_MAY if status in _NOT_YOURS else ""
