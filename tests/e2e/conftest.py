"""One browser for all stories, and one dashboard on one study, in which most of them take place.

Stories that share the study are told by people of different names, and leave the ratings of others as they were.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

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
def seats(chromium: Browser) -> list[BrowserContext]:
    """Browsers in which nobody sits; they keep the scripts of screens, which take longer to fetch and compile than to run."""
    return []


@pytest.fixture
def open_tab(chromium: Browser, seats: list[BrowserContext], address: str) -> Iterator[OpenTab]:
    """Opens pages, each as a browser of its own, of somebody with this name; in none may a script fail or ask elsewhere."""
    faults: list[str] = []
    opened: list[Page] = []

    def open_one(reviewer: str | None = None, *, width: int = 1440, height: int = 900) -> Page:
        # Streamlit's animations take a tenth of what a page takes.
        context = seats.pop() if seats else chromium.new_context(reduced_motion="reduce")
        if reviewer is not None:
            context.add_cookies([{"name": "lensgap_reviewer", "value": reviewer, "url": address}])
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("requestfailed", lambda request: faults.append(request.url) if "127.0.0.1" not in request.url else None)
        opened.append(page)
        return page

    yield open_one
    try:
        for page in opened:
            stand_up(page)
            seats.append(page.context)
    finally:
        assert faults == []


def stand_up(page: Page) -> None:
    """Leave nothing of who sat there: what a page kept for itself, its neighbours, and every cookie."""
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear()")
    for one in page.context.pages:
        one.close()
    page.context.clear_cookies()


@pytest.fixture
def tab(open_tab: OpenTab) -> Page:
    """A page of somebody who has not said who they are."""
    return open_tab()
