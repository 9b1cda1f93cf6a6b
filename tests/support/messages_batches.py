"""Message batches of the loopback server: processed after the time that the settings say, whatever comes of each request."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.messages_model import message, text_of, user_of
from tests.support.messages_server import Settings, request_key, share_of

STATES = ("succeeded", "errored", "expired", "canceled")


@dataclass(slots=True)
class Batch:
    """A batch, its results once it has ended."""

    name: str
    requests: Sequence[Mapping[str, Any]]
    created: float
    canceled: float | None = None
    results: list[dict[str, Any]] | None = None


class Batches:
    """All batches, newest last."""

    def __init__(self, settings: Settings, paid: Counter[str], cached: set[str]) -> None:
        self._settings, self._paid, self._cached = settings, paid, cached
        self._batches: dict[str, Batch] = {}
        self._asked: Counter[str] = Counter()

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(batch.requests) for batch in self._batches.values())

    def knows(self, name: str) -> bool:
        return name in self._batches

    def create(self, requests: Sequence[Mapping[str, Any]], host: str) -> dict[str, Any]:
        name = f"msgbatch_{len(self._batches):024d}"
        self._batches[name] = Batch(name, requests, time.time())
        return self.shown(name, host)

    def cancel(self, name: str, host: str) -> dict[str, Any]:
        batch = self._batches[name]
        if batch.results is None:
            batch.canceled = time.time()
        return self.shown(name, host)

    def listed(self, query: Mapping[str, str], host: str) -> dict[str, Any]:
        names = list(reversed(self._batches))
        if after := query.get("after_id"):
            names = names[names.index(after) + 1 :]
        limit = int(query.get("limit", 20))
        page = [self.shown(name, host) for name in names[:limit]]
        first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
        return {"data": page, "has_more": len(names) > limit, "first_id": first, "last_id": last}

    def shown(self, name: str, host: str) -> dict[str, Any]:
        """A batch as the API describes it; its requests are processing until all of it has ended."""
        batch = self._batches[name]
        self._end_if_due(batch)
        counts = Counter(result["result"]["type"] for result in batch.results or ())
        has_ended = batch.results is not None
        return {
            "id": name,
            "type": "message_batch",
            "processing_status": "ended" if has_ended else "canceling" if batch.canceled else "in_progress",
            "request_counts": {
                "processing": 0 if has_ended else len(batch.requests),
                **{state: counts[state] for state in STATES},
            },
            "created_at": self._shown_time(batch.created),
            "expires_at": self._shown_time(batch.created + timedelta(days=1).total_seconds()),
            "ended_at": self._shown_time(batch.created + self._settings.batch_s) if has_ended else None,
            "cancel_initiated_at": self._shown_time(batch.canceled) if batch.canceled else None,
            "archived_at": None,
            "results_url": f"{host}/v1/messages/batches/{name}/results"
            if has_ended and self._settings.has_results
            else None,
        }

    def results(self, name: str) -> bytes | None:
        """Lines of JSON in another order than that of the requests; None before the end."""
        batch = self._batches[name]
        self._end_if_due(batch)
        if batch.results is None:
            return None
        ordered = sorted(batch.results, key=lambda result: share_of("order", result["custom_id"]))
        return "".join(json.dumps(result) + "\n" for result in ordered).encode()

    def _shown_time(self, when: float) -> str:
        return datetime.fromtimestamp(when + self._settings.clock_skew_s, UTC).isoformat().replace("+00:00", "Z")

    def _end_if_due(self, batch: Batch) -> None:
        is_due = time.time() >= batch.created + self._settings.batch_s
        if batch.results is None and (is_due or batch.canceled):
            batch.results = [
                {"custom_id": request["custom_id"], "result": self._result(request["params"], is_due=is_due)}
                for request in batch.requests
            ]

    def _result(self, params: Mapping[str, Any], *, is_due: bool) -> dict[str, Any]:
        settings, user = self._settings, user_of(params)
        key = request_key(params["model"], text_of(params.get("system")), user)
        if not is_due:
            return {"type": "canceled"}
        if share_of(settings.seed, "invalid", user) < settings.share_batch_invalid:
            return _errored("invalid_request_error", "messages.0: this request is not taken")
        drawn = share_of(settings.seed, "batch", key, self._asked[key])
        self._asked[key] += 1
        if drawn < settings.share_batch_errored:
            return _errored("api_error", "Internal server error")
        if drawn < settings.share_batch_errored + settings.share_batch_expired:
            return {"type": "expired"}
        said = message(params, settings, nth=self._paid[key], cached=self._cached)
        said["usage"]["service_tier"] = "batch"
        self._paid[key] += 1
        return {"type": "succeeded", "message": said}


def _errored(kind: str, said: str) -> dict[str, Any]:
    error = {"type": "error", "error": {"type": kind, "message": said}, "request_id": None}
    return {"type": "errored", "error": error}
