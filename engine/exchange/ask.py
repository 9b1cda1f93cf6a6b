"""Who answers named queries: the study's file, unless the caller keeps answers that only ratings move, concept by concept."""

from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from db import query

Rows = list[tuple[Any, ...]]
Ask = Callable[[str, Mapping[str, Any]], Rows]
"""The name of a query and its parameters; `concept` is None for all concepts."""


def asking(cursor: duckdb.DuckDBPyConnection) -> Ask:
    """Have the study's file answer."""
    return lambda name, values: cursor.execute(query(name), dict(values)).fetchall()
