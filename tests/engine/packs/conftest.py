"""Fixtures of the tests of packs."""

import time
from collections.abc import Callable

import pytest


@pytest.fixture
def cpu_seconds() -> Callable[[], float]:
    """The processor time that this process has used; other work on the machine does not count."""
    return time.process_time
