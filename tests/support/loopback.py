"""What servers on the loopback that answer in threads of the tests' process have in common: begin, reply, end."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Replying(BaseHTTPRequestHandler):
    """One request and its reply, by `get` or `post` of a server's own; nothing is logged."""

    # Or the kernel keeps a body back for 40 ms after its headers.
    disable_nagle_algorithm = True

    def get(self) -> None:
        self.send_error(501)

    def post(self) -> None:
        self.send_error(501)

    def do_GET(self) -> None:
        self.get()

    do_HEAD = do_GET  # noqa: N815 -- the name that the server calls

    def do_POST(self) -> None:
        self.post()

    def read_body(self) -> str:
        return self.rfile.read(int(self.headers["content-length"])).decode()

    def reply_json(self, content: Any, *, status: int = 200) -> None:
        self.reply(status, json.dumps(content).encode(), {"content-type": "application/json"})

    def reply(self, status: int, body: bytes, headers: Mapping[str, str], *, n_sent: int | None = None) -> None:
        """Send a reply; only the first `n_sent` bytes of its body where it is to break off."""
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:n_sent])

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(handler: type[Replying]) -> Iterator[str]:
    """The address of a server that answers so until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    # It looks often whether it should end, for every test would wait for that.
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
