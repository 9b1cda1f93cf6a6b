"""The loopback server as tests of judges use it; each test gives it settings of its own."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.messages_server import MessagesServer, Settings

Serve = Callable[[Settings], MessagesServer]


@pytest.fixture
def serve(server_process: MessagesServer) -> Iterator[Serve]:
    """Gives the server settings; what the API's types do not allow, sent to it, fails the test at its end."""
    given: list[Settings] = []

    def with_settings(settings: Settings) -> MessagesServer:
        given.append(settings)
        server_process.become(settings)
        return server_process

    yield with_settings
    if given:
        assert server_process.stats().violations == ()
