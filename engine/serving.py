"""Start the dashboard on a study: who may reach it is settled first, and everything that would stop it is told before."""

import importlib.util
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from engine.errors import ExpectedError, StudyUnreadable
from engine.sign_in import (
    CONTAINER,
    HOSTS,
    LOCAL_HOSTS,
    REQUIRED,
    SignIn,
    read_sign_in,
    require_library,
    require_sign_in,
    secrets_folders,
)
from engine.terminal import visible


@dataclass(frozen=True, slots=True)
class Place:
    """Where the dashboard listens; with `sign_in` whoever reaches it must be let in, without it only some `hosts` reach it."""

    address: str
    port: int
    sign_in: SignIn | None
    hosts: tuple[str, ...]

    @property
    def link(self) -> str:
        """What people open."""
        return (
            self.sign_in.address.replace("{port}", str(self.port)) if self.sign_in else f"http://127.0.0.1:{self.port}"
        )

    @property
    def options(self) -> list[str]:
        """The same for the server."""
        return [
            f"--server.port={self.port}",
            f"--server.address={self.address}",
            *(f"--server.allowedHosts={name}" for name in self.hosts),
        ]


def choose_place(host: str | None, port: int) -> Place:
    """Where to listen by the option, the environment and the secrets. SignInError where anybody could come in."""
    address, sign_in = host or os.environ.get("LENSGAP_ADDRESS", "127.0.0.1"), read_sign_in(secrets_folders())
    is_contained = host is None and CONTAINER in os.environ
    if not is_contained:
        require_sign_in(address, sign_in)
    if sign_in:
        require_library()
    # A web page whose name leads to this computer calls us by that name.
    others = os.environ.get(HOSTS, "").split(",") if is_contained else [address]
    hosts = dict.fromkeys((*LOCAL_HOSTS, *filter(None, map(str.strip, others))))
    return Place(address, port, sign_in, () if sign_in else tuple(hosts))


def become_dashboard(study: Path, place: Place) -> None:
    """Turn this process into the dashboard's server, once its address is told."""
    spec = importlib.util.find_spec("app")
    if spec is None or not spec.submodule_search_locations:
        raise StudyUnreadable("The dashboard is not installed.", hint="Install the project again: make demo.")
    script = Path(spec.submodule_search_locations[0]) / "main.py"
    _require_port(place.address, place.port)
    Console(stderr=True).print(f"Dashboard: [bold]{visible(place.link)}[/]  (stop with Ctrl-C)", soft_wrap=True)
    environment = os.environ | {"LENSGAP_STUDY": str(study.absolute())} | ({REQUIRED: "1"} if place.sign_in else {})
    sys.stderr.flush()
    # Without -P, a folder `app` where the command was given would be taken for ours.
    os.execve(sys.executable, [sys.executable, "-P", "-m", "app.server", str(script), *place.options], environment)


def _require_port(address: str, port: int) -> None:
    """Raise ExpectedError when no server can listen there; left to the server, that would come after our address."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            if os.name == "posix":  # as the server does: connections of one that has ended do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        raise ExpectedError(
            f"The dashboard cannot listen on port {port} of {address}: {error.strerror or error}.",
            hint="Choose another port with --port.",
        ) from error
