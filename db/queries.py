"""SQL as named blocks in `db/sql/*.sql`, the one place where statements live.

A block begins with `-- name: some_name`; comment lines right below are its documentation; parameters are `$name`. A block is
asked for as `file.some_name`.
"""

import functools
import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)[ \t]*$", re.MULTILINE)


def query(name: str) -> str:
    """The SQL of a block, named `file.block`; raises KeyError with the known names for any other."""
    blocks = all_blocks()
    if name not in blocks:
        raise KeyError(f"no SQL block {name!r}; known are {', '.join(sorted(blocks))}")
    return blocks[name]


@functools.cache
def all_blocks() -> dict[str, str]:
    """Every block's SQL by its `file.block` name."""
    folder = resources.files("db") / "sql"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    blocks: dict[str, str] = {}
    for file in files:
        blocks |= parse(file.read_text("utf-8"), file=file.name.removesuffix(".sql"))
    return blocks


def parse(text: str, *, file: str) -> dict[str, str]:
    """The blocks of one file; raises ValueError for a name used twice or a block without SQL."""
    _, *parts = _NAME.split(text)
    blocks: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if f"{file}.{name}" in blocks:
            raise ValueError(f"{file}.sql has two blocks named {name}")
        if not re.sub(r"--.*", "", body).strip():
            raise ValueError(f"{file}.sql: block {name} holds no SQL")
        blocks[f"{file}.{name}"] = body.strip()
    return blocks
