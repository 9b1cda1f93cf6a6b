"""What the dashboard's process takes of the machine for its databases."""

import os
from typing import Final

from db.lending import keep_open
from db.opening import limit

# Many people's queries at once would else take all that there is.
_MEMORY: Final = "400MB"
# Half of the processors are left to those whose screens are being drawn.
_THREADS: Final = 4
# Somebody looks at a screen all the time, and a run that waits gets its turn at once.
_IDLE_S: Final = 1.0


def settle() -> None:
    """Settle how much memory and how many threads databases take that are opened from now on, and when they are given up."""
    limit(memory=_MEMORY, threads=max(1, min(_THREADS, (os.cpu_count() or 1) // 2)))
    keep_open(_IDLE_S)
