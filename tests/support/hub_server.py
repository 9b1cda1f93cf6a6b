"""A hub on the loopback that takes small commits, as far as uploading a dataset needs it."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.loopback import Replying, serving


@dataclass
class Hub:
    """What a hub was asked for: repositories, and the files of its one commit."""

    endpoint: str = ""
    refuses: str | None = None
    status: int = 403
    created: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@contextmanager
def hub_server(*, there: tuple[str, ...] = ()) -> Iterator[Hub]:
    """Serve a hub whose repository holds files of these names already."""
    hub = Hub()

    class Handler(Replying):
        def get(self) -> None:
            if "/tree/" in self.path:
                self.reply_json([{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in there])
            else:
                self.reply_json(
                    {"id": "ann/texts", "sha": "0" * 40, "siblings": [{"rfilename": name} for name in there]}
                )

        def post(self) -> None:
            asked = self.read_body()
            hub.tokens.add(self.headers["authorization"])
            if hub.refuses:
                self.reply_json({"error": hub.refuses}, status=hub.status)
            elif self.path.endswith("/repos/create"):
                hub.created.append(json.loads(asked))
                self.reply_json({"url": f"{hub.endpoint}/datasets/ann/texts"})
            elif "/preupload/" in self.path:
                names = [one["path"] for one in json.loads(asked)["files"]]
                modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
                self.reply_json({"files": modes})
            elif "/commit/" in self.path:
                _keep(hub, asked)
                told = {
                    "commitUrl": f"{hub.endpoint}/datasets/ann/texts/commit/{'1' * 40}",
                    "commitOid": "1" * 40,
                    "pullRequestUrl": None,
                }
                self.reply_json(told | {"success": True})
            else:
                self.reply_json({})

    with serving(Handler) as hub.endpoint:
        yield hub


def _keep(hub: Hub, asked: str) -> None:
    for line in asked.splitlines():
        entry = json.loads(line)
        kind, value = entry["key"], entry["value"]
        if kind == "header":
            hub.messages.append(value["summary"])
        elif kind == "deletedFile":
            hub.deleted.append(value["path"])
        else:
            hub.files[value["path"]] = base64.b64decode(value["content"])
