"""No screen, light or dark, has a fault that axe calls serious or critical."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.data import review
from app.widgets.sidebar import PAGES
from engine.exchange.snapshots import Wish, freeze
from tests.support.accessibility import grave_faults
from tests.support.dashboard import SETTLE_MS, open_browser, serve, settle
from tests.support.synthetic_study import JUDGE, RUN, build_study

pytestmark = pytest.mark.e2e

SCREENS = {Path(file).stem: "" if i == 0 else Path(file).stem for i, (file, _, _) in enumerate(PAGES)}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    study = tmp_path_factory.mktemp("accessible") / "study"
    build_study(study, n_concepts=6, n_pairs=10, n_between=1, hostile=False)
    review.plan_audit(study, RUN, JUDGE, n_ratings=20)
    freeze(study, Wish(), name="Before the meeting", by="Ada")
    with serve(study, log=study.parent / "dashboard.log") as address:
        yield address


@pytest.fixture(scope="module")
def tab(address: str) -> Iterator[Page]:
    with open_browser() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
        context.add_cookies([{"name": "lensgap_reviewer", "value": "Ada", "url": address}])
        yield context.new_page()


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_has_no_grave_fault_in_either_theme(screen: str, tab: Page, address: str) -> None:
    tab.emulate_media(color_scheme="light")
    tab.goto(f"{address}/{SCREENS[screen]}")
    settle(tab)
    # Our colours follow a moment after Streamlit's.
    name = tab.locator(".lg-study")
    light = str(name.evaluate("element => getComputedStyle(element).color"))
    assert grave_faults(tab) == []
    tab.emulate_media(color_scheme="dark")
    expect(name).not_to_have_css("color", light, timeout=SETTLE_MS)
    settle(tab)
    assert grave_faults(tab) == []
