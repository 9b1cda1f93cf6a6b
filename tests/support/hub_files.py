"""A hub on the loopback that hands out the files of one dataset, as far as the library asks, and how it may fail."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

REVISION = "a" * 40


@dataclass
class HubOfFiles:
    """Where it is, and what it does: every request gets ``status`` where it is an error; half of a file, then a break."""

    endpoint: str = ""
    status: int = 200
    said: str = ""
    breaks_off: bool = False


@contextmanager
def hub_of_files(files: Mapping[str, bytes]) -> Iterator[HubOfFiles]:
    """Serve these files, by their paths, as the dataset of any name."""
    hub = HubOfFiles()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if hub.status != 200:
                code = {"x-error-code": "RepoNotFound"} if hub.status == 404 else {}
                self._send(hub.status, b"{}", {"x-error-message": hub.said, "retry-after": "1", **code})
            elif "/resolve/" in path:
                self._send_file(path.split("/resolve/")[1].partition("/")[2])
            elif "/tree/" in path:
                self._send_json(list(_listed(files, path.split("/tree/")[1].partition("/")[2])))
            else:
                self._send_json(
                    {"id": "ann/texts", "sha": REVISION, "siblings": [{"rfilename": name} for name in files]}
                )

        do_HEAD = do_GET  # noqa: N815 -- the name that the server calls

        def _send_file(self, name: str) -> None:
            if name not in files:
                return self._send(404, b"", {"x-error-code": "EntryNotFound", "x-repo-commit": REVISION})
            etag = {"etag": f'"{hashlib.sha1(files[name]).hexdigest()}"', "x-repo-commit": REVISION}
            return self._send(200, files[name], etag)

        def _send_json(self, found: Any) -> None:
            self._send(200, json.dumps(found).encode(), {"content-type": "application/json"})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                is_cut = hub.breaks_off and self.path.endswith(".parquet")
                self.wfile.write(body[: len(body) // 2] if is_cut else body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listed(files: Mapping[str, bytes], folder: str) -> Iterator[dict[str, str | int]]:
    """What a folder of the repository holds itself."""
    inside = {name: name.removeprefix(f"{folder}/" if folder else "") for name in files if name.startswith(folder)}
    kinds: dict[str, Literal["file", "directory"]] = {
        rest.partition("/")[0]: "directory" if "/" in rest else "file" for rest in inside.values()
    }
    for name, kind in kinds.items():
        path = f"{folder}/{name}" if folder else name
        size = {"size": len(files[path])} if kind == "file" else {}
        yield {"type": kind, "path": path, "oid": REVISION, **size}
