"""Whole stories of a team: correct samples, singly and many at once, see numbers follow, present them and take them along."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenTab
from tests.support.dashboard import settle

pytestmark = pytest.mark.e2e


@pytest.fixture
def tab(open_tab: OpenTab) -> Page:
    return open_tab("Lea")


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
    tab.wait_for_url(re.compile("quadrant=C.*form=repetitive"))
    settle(tab)
    # The story is about those that pull the gap down, and that nobody has rated in another story.
    degenerate = "quadrant=C&arm=positive&form=empty&form=short&form=repetitive&rating=1&rating=2&by=judge"
    tab.goto(f"{address}/samples?{degenerate}")
    settle(tab)
    first = ".st-key-pick-0 button"
    links: list[str] = []
    seen: list[dict[str, str]] = []
    tab.locator(first).click()
    tab.wait_for_url(re.compile("open="))
    settle(tab)
    before = standing(tab, "Quadrant C")
    for _ in range(3):
        # A corrected sample leaves this list, so that the first in it is the next to be corrected.
        if links:
            tab.locator(first).click()
            expect(tab.locator(".lg-history li")).to_have_count(0)
            settle(tab)
        assert tab.url not in links
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


def test_rows_chosen_in_the_table_are_rated_at_once_as_the_preview_said_and_are_taken_back_together(
    tab: Page, address: str
) -> None:
    tab.goto(f"{address}/samples?concept=chest&arm=negative&layout=table")
    settle(tab)
    before = standing(tab, "chest")
    table = tab.locator("[data-testid=stDataFrame]")
    # The grid is a canvas: its first column holds the boxes, and rows are as high as its head.
    for row in (1, 2, 4):
        table.click(position={"x": 14, "y": 35 * row + 17})
    expect(tab.locator(".st-key-list-chosen")).to_contain_text("3 pairs chosen")
    # A popover that is first opened now shows what the address says, and the next press keeps to that.
    tab.locator(".st-key-list-head [data-testid=stPopover] button").first.click()
    tab.get_by_role("button", name="Rate many at once").click()
    tab.wait_for_url(re.compile("layout=table.*pane=bulk"))
    settle(tab)
    panel = tab.locator(".st-key-bulk")
    expect(panel.locator(".lg-count")).to_have_text("3 pairs of 1 concept: chosen in the table")
    panel.get_by_role("radio", name=re.compile("^5")).click()
    settle(tab)
    foreseen = standing(tab, "chest")
    assert foreseen["Gap"] != before["Gap"]
    # As by a double click, which stores no more than one press does.
    twice = "button => { button.click(); setTimeout(() => button.click(), 60); }"
    panel.get_by_role("button", name="Give 3 pairs a 5").evaluate(twice)
    expect(panel.get_by_text("Stored 3 ratings of 5.")).to_be_visible()
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)
    settle(tab)
    assert standing(tab, "chest") == foreseen
    tab.goto(f"{address}/samples?concept=chest&arm=negative&pane=bulk")
    settle(tab)
    panel.get_by_role("button", name="Undo all").first.click()
    expect(panel.get_by_text("Took back 3 ratings.")).to_be_visible()
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)
    settle(tab)
    assert standing(tab, "chest") == before


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
    tab.get_by_text("Speaker notes for page 1").click()
    notes = tab.get_by_placeholder("What you want to say here")
    notes.fill("Begin with <b>why</b>.")
    tab.keyboard.press("Escape")
    # The first press leaves the note, which stores it, and not the story.
    expect(tab.get_by_text("Speaker notes for page 1 ·")).to_be_visible()
    assert "snapshot=" in tab.url
    with tab.expect_download() as coming:
        tab.get_by_role("button", name="Slides as HTML").click()
    file = tmp_path / "slides.html"
    coming.value.save_as(file)
    alone = tab.context.new_page()
    asked: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(file.as_uri())
    expect(alone.get_by_text("Monday").first).to_be_visible()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert "Begin with &lt;b&gt;why&lt;/b&gt;." in file.read_text("utf-8")
    tab.locator("h1").first.click()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("button", name="Present Monday")).to_be_attached()
