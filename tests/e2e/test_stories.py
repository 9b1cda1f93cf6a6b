"""Whole stories of a team: correct degenerate samples and see numbers follow, then present what was found and take it along."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.dashboard import open_browser, serve, settle
from tests.support.synthetic_study import build_study

pytestmark = pytest.mark.e2e

STEP_MS = 20_000


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(
        tmp_path_factory.mktemp("stories") / "study", n_concepts=8, n_pairs=16, n_between=0, hostile=False
    )


@pytest.fixture(scope="module")
def address(study: Path) -> Iterator[str]:
    with serve(study, log=study.parent / "dashboard.log") as address:
        yield address


@pytest.fixture
def tab(address: str) -> Iterator[Page]:
    with open_browser() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": "lensgap_reviewer", "value": "Ada", "url": address}])
        tab = context.new_page()
        tab.set_default_timeout(STEP_MS)
        yield tab


def standing(tab: Page, row: str) -> dict[str, str]:
    """The numbers in force, by the column's name."""
    names = tab.locator(".lg-effects thead th").all_inner_texts()[1:]
    numbers = tab.locator(".lg-effects tbody tr", has_text=row).locator("td > b").all_inner_texts()
    return dict(zip(names, numbers, strict=True))


def test_degenerate_samples_of_c_are_corrected_numbers_follow_and_undo_brings_them_back(
    tab: Page, address: str
) -> None:
    tab.goto(address)
    settle(tab)
    tab.locator(".st-key-card-C").click()
    tab.wait_for_url(re.compile(r"/samples\?.*quadrant=C"))
    settle(tab)
    tab.get_by_role("button", name="Degenerate").click()
    tab.wait_for_url(re.compile("form=repetitive"))
    settle(tab)
    # The preset shows every quadrant's; the story is about one of them.
    tab.goto(f"{address}/samples?quadrant=C&arm=positive&form=empty&form=short&form=repetitive&rating=1&rating=2")
    settle(tab)
    places = [".st-key-pick-0 button", ".st-key-pick-1 button", ".st-key-pick-2 button"]
    links, seen = [], []
    tab.locator(places[0]).click()
    settle(tab)
    before = standing(tab, "Quadrant C")
    list_address = tab.url
    for place in places:
        # A corrected sample leaves this list, so the list is asked for anew and the first still there is next.
        tab.goto(re.sub(r"&?open=[^&]*", "", list_address))
        settle(tab)
        tab.locator(place if not links else places[0]).click()
        tab.wait_for_url(re.compile("open="))
        settle(tab)
        links.append(tab.url)
        tab.keyboard.press("5")
        expect(tab.locator(".lg-history li")).to_have_count(1)
        settle(tab)
        seen.append(standing(tab, "Quadrant C"))
    assert len({state["Gap"] for state in [before, *seen]}) == 4
    gaps = [number(state["Gap"]) for state in [before, *seen]]
    assert gaps == sorted(gaps)
    assert [name for name in before if "eiling" in name and before[name] != seen[-1][name]]
    for link in reversed(links):
        tab.goto(link)
        settle(tab)
        tab.keyboard.press("u")
        expect(tab.locator(".lg-history li")).to_have_count(2)
        settle(tab)
    assert standing(tab, "Quadrant C") == before


def number(written: str) -> float:
    return float(written.replace("\N{MINUS SIGN}", "-").replace("%", ""))


def test_findings_are_frozen_presented_by_keys_and_taken_along_as_a_file(
    tab: Page, address: str, tmp_path: Path
) -> None:
    tab.goto(f"{address}/present")
    settle(tab)
    tab.get_by_placeholder("Team meeting").fill("Monday")
    tab.get_by_role("button", name="Freeze now").click()
    tab.wait_for_url(re.compile("snapshot="), timeout=60_000)
    settle(tab)
    expect(tab.get_by_text(re.compile(r"Page 1 of \d+"))).to_be_visible()
    tab.keyboard.press("ArrowRight")
    expect(tab.get_by_text(re.compile(r"Page 2 of \d+"))).to_be_visible()
    settle(tab)
    tab.keyboard.press("ArrowLeft")
    expect(tab.get_by_text(re.compile(r"Page 1 of \d+"))).to_be_visible()
    settle(tab)
    with tab.expect_download() as coming:
        tab.get_by_role("button", name="Slides as HTML").click()
    file = tmp_path / "slides.html"
    coming.value.save_as(file)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if request.url.startswith("http") else None)
    alone = tab.context.new_page()
    alone.on("request", lambda request: asked.append(request.url) if request.url.startswith("http") else None)
    alone.goto(file.as_uri())
    expect(alone.get_by_text("Monday").first).to_be_visible()
    assert [url for url in asked if not url.startswith(address)] == []
