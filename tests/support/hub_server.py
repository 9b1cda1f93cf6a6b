"""A hub on the loopback that takes small commits, as far as uploading a dataset needs it."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


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

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "/tree/" in self.path:
                self._answer([{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in there])
            else:
                self._answer({"id": "ann/texts", "sha": "0" * 40, "siblings": [{"rfilename": name} for name in there]})

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"])).decode()
            hub.tokens.add(self.headers["authorization"])
            if hub.refuses:
                self._answer({"error": hub.refuses}, status=hub.status)
            elif self.path.endswith("/repos/create"):
                hub.created.append(json.loads(asked))
                self._answer({"url": f"{hub.endpoint}/datasets/ann/texts"})
            elif "/preupload/" in self.path:
                names = [one["path"] for one in json.loads(asked)["files"]]
                modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
                self._answer({"files": modes})
            elif "/commit/" in self.path:
                _keep(hub, asked)
                told = {
                    "commitUrl": f"{hub.endpoint}/datasets/ann/texts/commit/{'1' * 40}",
                    "commitOid": "1" * 40,
                    "pullRequestUrl": None,
                }
                self._answer(told | {"success": True})
            else:
                self._answer({})

        def _answer(self, content: Any, *, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
