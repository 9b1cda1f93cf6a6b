"""A dashboard on a free port, and a browser to look at it with."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
SETTLE_MS = 45_000
# A busy machine takes longer than the five seconds that a browser is given otherwise.
expect.set_options(timeout=15_000)
BROWSER_FLAGS = ["--no-sandbox", "--disable-gpu"]
_open: list[Browser] = []
_IMPATIENT = """
import sys
import db.patience
from app.server import main
db.patience.WAIT_S = {wait_s}
main(sys.argv[1:])
"""
# A script that is about to run again says so within a frame or two, so that a few looks in a row must find no work. To
# look at every frame would have the browser draw each, which on a busy machine takes more than the screen does.
LOOK_EVERY_MS = 50
_HAS_SETTLED = """() => {
  const isQuiet = document.querySelector("[data-testid=stMainBlockContainer]")
    && document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
    && !document.querySelector("[data-testid=stSkeleton]");
  window.quietLooks = isQuiet ? (window.quietLooks ?? 0) + 1 : 0;
  const hasSettled = window.quietLooks > 2;
  if (hasSettled) window.quietLooks = 0;
  return hasSettled;
}"""


def find_browser() -> str | None:
    """A browser of this machine; None leaves the choice to playwright."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def serve(study: Path, *, log: Path, wait_s: float | None = None) -> Iterator[str]:
    """Run the dashboard on the study; gives its address, and stops it at the end.

    It waits `wait_s` for a study that another process has, by default as long as it does everywhere.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ["-m", "app.server"] if wait_s is None else ["-c", _IMPATIENT.format(wait_s=wait_s)]
    command = [sys.executable, *server, str(ROOT / "app" / "main.py"), "--server.port", str(port)]
    environment = os.environ | {"LENSGAP_STUDY": str(study), "OMP_NUM_THREADS": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=study.parent, env=environment, stdout=output, stderr=output)
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=10)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A headless chromium; one that is open already is shared, for a process can drive only one."""
    if _open:
        yield _open[0]
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_FLAGS)
        _open.append(browser)
        try:
            yield browser
        finally:
            _open.clear()
            browser.close()


def settle(page: Page) -> None:
    """Wait until the script has run and charts are drawn."""
    page.wait_for_function(_HAS_SETTLED, polling=LOOK_EVERY_MS, timeout=SETTLE_MS)


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers; RuntimeError when its process ends first."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=1).read()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not start: exit status {process.poll()}")
