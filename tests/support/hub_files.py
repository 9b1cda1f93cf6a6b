"""A hub on the loopback that hands out the files of one dataset, as far as the library asks, and how it may fail."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from tests.support.loopback import Replying, serving

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

    class Handler(Replying):
        def get(self) -> None:
            path = self.path.partition("?")[0]
            if hub.status != 200:
                code = {"x-error-code": "RepoNotFound"} if hub.status == 404 else {}
                self.reply(hub.status, b"{}", {"x-error-message": hub.said, "retry-after": "1", **code})
            elif "/resolve/" in path:
                self._send_file(path.split("/resolve/")[1].partition("/")[2])
            elif "/tree/" in path:
                self.reply_json(list(_listed(files, path.split("/tree/")[1].partition("/")[2])))
            else:
                self.reply_json(
                    {"id": "ann/texts", "sha": REVISION, "siblings": [{"rfilename": name} for name in files]}
                )

        def _send_file(self, name: str) -> None:
            if name not in files:
                return self.reply(404, b"", {"x-error-code": "EntryNotFound", "x-repo-commit": REVISION})
            etag = {"etag": f'"{hashlib.sha1(files[name]).hexdigest()}"', "x-repo-commit": REVISION}
            n_sent = len(files[name]) // 2 if hub.breaks_off and name.endswith(".parquet") else None
            return self.reply(200, files[name], etag, n_sent=n_sent)

    with serving(Handler) as hub.endpoint:
        yield hub


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
