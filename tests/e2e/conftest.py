"""One browser for all stories, and one dashboard on one study, in which most of them take place.

Stories that share the study are told by people of different names, and leave the ratings of others as they were.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Error, Page, Request

from app.data import review
from db import transaction
from tests.support.dashboard import open_browser, serve
from tests.support.hostile_report import build_hostile_study
from tests.support.synthetic_study import JUDGE, RUN, build_study

OpenTab = Callable[..., Page]
_SECOND_JUDGE = (
    "insert into judges by name select * replace ('stricter' as judge_id, 'strict' as model) from judges",
    "insert into judgments by name select j.* replace ('stricter' as judge_id, if(rating > 1, rating - 1, rating) as rating) "
    "from judgments j semi join pairs p on p.concept = j.concept and p.sample_id = j.sample_id and p.u < 0.4",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve concepts and two between the bands, an audit planned, and a stricter judge that was tried on some pairs."""
    study = build_study(tmp_path_factory.mktemp("team") / "study")
    review.plan_audit(study, RUN, JUDGE, n_ratings=80)
    with transaction(study) as cursor:
        for statement in _SECOND_JUDGE:
            cursor.execute(statement)
    return study


@pytest.fixture(scope="session")
def address(study: Path) -> Iterator[str]:
    log = study.parent / "dashboard.log"
    with serve(study, log=log) as address:
        yield address
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def hostile_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that models, packs and judges could write is hostile."""
    return build_hostile_study(tmp_path_factory.mktemp("hostile") / "study")


@pytest.fixture(scope="session")
def seats(chromium: Browser) -> list[Page]:
    """Browsers in which nobody sits; they keep the scripts of screens, which take longer to fetch and compile than to run."""
    return []


@pytest.fixture
def open_tab(chromium: Browser, seats: list[Page], address: str) -> Iterator[OpenTab]:
    """Opens pages, each as a browser of its own, of somebody with this name; in none may a script fail or ask elsewhere."""
    faults: list[str] = []
    opened: list[Page] = []

    def failed(error: Error) -> None:
        faults.append(str(error))

    def asked(dialog: Dialog) -> None:
        faults.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def fetched(request: Request) -> None:
        if "127.0.0.1" not in request.url:
            faults.append(request.url)

    def open_one(reviewer: str | None = None, *, width: int = 1440, height: int = 900) -> Page:
        # Streamlit's animations take a tenth of what a page takes.
        page = seats.pop() if seats else chromium.new_context(reduced_motion="reduce").new_page()
        if reviewer is not None:
            page.context.add_cookies([{"name": "lensgap_reviewer", "value": reviewer, "url": address}])
        page.set_viewport_size({"width": width, "height": height})
        page.set_default_timeout(30_000)
        page.on("pageerror", failed)
        page.on("dialog", asked)
        page.on("requestfailed", fetched)
        opened.append(page)
        return page

    yield open_one
    try:
        for page in opened:
            stand_up(page)
            page.remove_listener("pageerror", failed)
            page.remove_listener("dialog", asked)
            page.remove_listener("requestfailed", fetched)
            seats.append(page)
    finally:
        assert faults == []


def stand_up(page: Page) -> None:
    """Leave nothing of who sat there: what a page kept for itself, its neighbours, where it has been, and every cookie."""
    for one in page.context.pages:
        if one is not page:
            one.close()
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
    page.goto("about:blank")
    page.context.clear_cookies()
    browser_tools = page.context.new_cdp_session(page)
    browser_tools.send("Page.resetNavigationHistory")
    browser_tools.detach()


@pytest.fixture
def tab(open_tab: OpenTab) -> Page:
    """A page of somebody who has not said who they are."""
    return open_tab()
