"""The dashboard as a person uses it, in a real browser, on a synthetic study with hostile texts."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from db import connect
from tests.support.dashboard import ROOT, serve, settle
from tests.support.synthetic_study import RUN
from tests.support.synthetic_texts import HOSTILE_CONCEPT, SCRIPT

pytestmark = pytest.mark.e2e


def visit(tab: Page, address: str) -> None:
    tab.goto(address)
    settle(tab)


def effect(tab: Page, row: str, column: int = 1) -> str:
    found = tab.locator(".lg-effects tbody tr", has_text=row).locator("td").nth(column - 1)
    return found.locator("b").inner_text()


def test_overview_shows_map_and_cards_that_lead_to_a_quadrant_from_where_one_step_back_is_where_it_was(
    tab: Page, address: str
) -> None:
    visit(tab, f"{address}/?s=0.6")
    expect(tab.locator(".js-plotly-plot")).to_have_count(2)
    expect(tab.locator(".lg-card")).to_have_count(4)
    expect(tab.get_by_text("Offline baseline judge")).to_be_visible()
    before = tab.url
    tab.locator(".st-key-card-C").click()
    tab.wait_for_url(re.compile(r"/samples\?.*quadrant=C"))
    settle(tab)
    letters = tab.locator(".st-key-list .lg-letter").all_inner_texts()
    assert letters
    assert set(letters) == {"C"}
    there = tab.url
    tab.go_back()
    expect(tab.locator(".st-key-card-C")).to_be_visible()
    settle(tab)
    assert tab.url == before
    tab.go_forward()
    expect(tab.locator(".lg-count").first).to_be_visible()
    settle(tab)
    assert tab.url == there


def test_the_address_names_the_run_without_a_step_of_its_own_and_one_step_back_undoes_a_preset(
    tab: Page, address: str
) -> None:
    visit(tab, f"{address}/samples?quadrant=A")
    expect(tab).to_have_url(re.compile(rf"quadrant=A.*run={RUN}"))
    tab.get_by_role("link", name="Overview").click()
    settle(tab)
    expect(tab).to_have_url(re.compile(rf"run={RUN}"))
    tab.go_back()
    expect(tab).to_have_url(re.compile(rf"/samples\?.*run={RUN}"))
    settle(tab)
    assert tab.evaluate("history.length") <= 3
    before = tab.locator(".lg-count").inner_text()
    tab.get_by_role("button", name="Off-topic positives").click()
    tab.wait_for_url("**sort=lowest*")
    settle(tab)
    expect(tab.locator(".lg-count")).not_to_have_text(before)
    tab.go_back()
    tab.wait_for_url(re.compile(r"/samples\?.*quadrant=A(?!.*sort=)"))
    settle(tab)
    expect(tab.locator(".lg-count")).to_have_text(before)


def test_click_on_a_concept_opens_it(tab: Page, address: str) -> None:
    visit(tab, address)
    for chart in ("map", "forest"):
        tab.locator(f".st-key-{chart} .scatterlayer .point").last.click(force=True)
        tab.wait_for_url(re.compile(r"/concept\?.*concept="))
        settle(tab)
        expect(tab.get_by_text("Lenses and their baselines")).to_be_visible()
        if chart == "map":
            tab.go_back()
            expect(tab.locator(".st-key-card-C")).to_be_visible()
            settle(tab)


def test_a_dot_of_the_pack_lists_its_concepts_and_a_chosen_one_opens(tab: Page, address: str) -> None:
    visit(tab, f"{address}/pack")
    everything = tab.locator(".lg-count").inner_text()
    for _ in range(2):
        tab.locator('[class*="st-key-pack-map"] .scatterlayer .trace:nth-child(2) .point').first.click(force=True)
        tab.wait_for_url(re.compile(r"at=\d+x\d+"))
        settle(tab)
        assert tab.locator(".lg-count").inner_text() != everything
        tab.locator(".st-key-clear-at button").click()
        expect(tab.locator(".lg-count")).to_have_text(everything)
        settle(tab)
    tab.get_by_text("Chosen in this run", exact=True).click()
    tab.wait_for_url("**chosen=yes*")
    settle(tab)
    row = tab.locator(".st-key-row-1-shut")
    name = row.locator("b").first.inner_text()
    row.locator("button").click()
    tab.wait_for_url("**/concept?**")
    settle(tab)
    expect(tab.locator("h1").first).to_have_text(name)


def test_filters_and_open_sample_survive_a_reload(tab: Page, address: str) -> None:
    visit(tab, f"{address}/samples")
    tab.get_by_role("button", name="Degenerate").click()
    settle(tab)
    tab.locator(".st-key-pick-2 button").click()
    settle(tab)
    tab.get_by_placeholder("Outputs and prompts").fill("instance of")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**q=instance+of*")
    settle(tab)
    tab.locator(".st-key-pick-1 button").click()
    tab.wait_for_url("**open=*")
    settle(tab)
    before = (tab.locator(".lg-count").inner_text(), tab.locator(".lg-output").inner_text())
    link = tab.url
    visit(tab, link)
    assert (tab.locator(".lg-count").inner_text(), tab.locator(".lg-output").inner_text()) == before
    assert "form=repetitive" in link
    assert tab.locator(".lg-output mark").count() > 0
    assert tab.locator(".lg-output .lg-loop").count() > 0


def test_key_4_overrides_and_u_undoes_and_a_reload_keeps_both(tab: Page, address: str) -> None:
    visit(tab, f"{address}/samples?concept=farm+building&arm=negative&form=good&rating=1")
    assert tab.locator('[class*="st-key-rate-4"] button').is_disabled()
    tab.get_by_placeholder("Your name, then Enter").fill("Ada <b>L</b>")
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("Rating as Ada <b>L</b>")).to_be_visible()
    settle(tab)
    tab.locator(".st-key-pick-1 button").click()
    tab.wait_for_url("**open=*")
    settle(tab)
    link, gap = tab.url, effect(tab, "farm building")
    tab.get_by_placeholder("Reason").fill("it *is* about barns")
    tab.keyboard.press("Enter")
    settle(tab)
    tab.keyboard.press("4")
    expect(tab.locator(".lg-history li")).to_have_count(1)
    moved = effect(tab, "farm building")
    assert moved != gap
    assert tab.locator(".lg-effects .lg-delta").count() >= 3
    expect(tab.locator(".lg-history q")).to_have_text("it *is* about barns")
    visit(tab, link)
    assert effect(tab, "farm building") == moved
    expect(tab.get_by_text("Rating as Ada <b>L</b>")).to_be_visible()
    tab.keyboard.press("u")
    expect(tab.locator(".lg-history li")).to_have_count(2)
    assert effect(tab, "farm building") == gap
    assert tab.locator(".lg-effects .lg-delta").count() == 0


# Notes which sample the rating buttons on screen belong to, which their class names, at the instant that 5 is pressed.
NOTE_SAMPLE_ON_5 = """document.addEventListener("keydown", (event) => {
  if (event.key !== "5") return;
  const names = document.querySelector('[class*="st-key-rate-5-"]').className;
  window.pressedOn = names.match(/st-key-rate-5-\\S*sample-(\\S+)/)[1];
}, true)"""


@pytest.mark.parametrize("delay_ms", [0, 150])
def test_a_digit_right_after_a_step_never_rates_another_sample(
    tab: Page, address: str, study: Path, delay_ms: int
) -> None:
    visit(tab, f"{address}/samples?concept=voyage")
    tab.get_by_placeholder("Your name, then Enter").fill(f"Kim {delay_ms}")
    tab.keyboard.press("Enter")
    expect(tab.get_by_text(f"Rating as Kim {delay_ms}")).to_be_visible()
    settle(tab)
    tab.evaluate(NOTE_SAMPLE_ON_5)
    for _ in range(3):
        n_before = len(ratings_by(study, f"Kim {delay_ms}"))
        tab.evaluate("document.activeElement.blur()")
        tab.keyboard.press("n")
        tab.wait_for_timeout(delay_ms)
        tab.keyboard.press("5")
        stored: list[str] = []
        end = time.monotonic() + 20
        while not (stored or tab.locator(".lg-warning").count()) and time.monotonic() < end:
            tab.wait_for_timeout(50)
            stored = ratings_by(study, f"Kim {delay_ms}")[n_before:]
        settle(tab)
        stored = ratings_by(study, f"Kim {delay_ms}")[n_before:]
        assert stored in ([], [tab.evaluate("window.pressedOn")])
        assert stored or tab.locator(".lg-warning").count() == 1


def ratings_by(study: Path, reviewer: str) -> list[str]:
    with connect(study) as cursor:
        found = cursor.execute(
            "select sample_id from ratings where reviewer = ? order by order_number", [reviewer]
        ).fetchall()
    return [str(sample_id).removeprefix("sample-") for (sample_id,) in found]


def test_hostile_text_is_shown_as_text(tab: Page, address: str) -> None:
    visit(tab, f"{address}/samples?open=sense+organ:sample-000-0000")
    assert SCRIPT in tab.locator(".lg-output").inner_text()
    visit(tab, f"{address}/samples?q=takes+over&open=voyage:sample-005-0000")
    visit(tab, f"{address}/concept?concept={HOSTILE_CONCEPT.replace('&', '%26')}")
    assert tab.locator("h1").first.inner_text() == HOSTILE_CONCEPT
    visit(tab, address)
    assert HOSTILE_CONCEPT in tab.locator(".st-key-forest").inner_text()


# It takes the database as soon as no server has it, and keeps it until it is ended.
HOLD = """
import sys, time, duckdb
while True:
    try:
        connection = duckdb.connect(sys.argv[1])
        break
    except duckdb.IOException:
        time.sleep(0.05)
print("held", flush=True)
sys.stdin.read()
"""


def test_locked_database_is_one_sentence_until_it_is_free(tab: Page, study: Path, tmp_path: Path) -> None:
    holding = [sys.executable, "-c", HOLD, str(study / "study.duckdb")]
    with (
        serve(study, log=tmp_path / "dashboard.log", wait_s=0.5) as address,
        subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as holder,
    ):
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            tab.goto(f"{address}/samples")
            expect(tab.get_by_text("The study is in use")).to_be_visible(timeout=30_000)
            expect(tab.get_by_text(f"PID {holder.pid}")).to_be_visible()
            assert tab.get_by_text("Traceback").count() == 0
        finally:
            holder.terminate()
        expect(tab.locator(".st-key-list .lg-row").first, "the screen comes back by itself").to_be_visible(
            timeout=15_000
        )
    assert "Traceback" not in (tmp_path / "dashboard.log").read_text()


def test_charts_and_cards_follow_the_theme_at_once(tab: Page, address: str) -> None:
    visit(tab, address)

    def colour(selector: str, name: str) -> str:
        return str(tab.locator(selector).first.evaluate(f"element => getComputedStyle(element).{name}"))

    light = colour(".lg-card", "backgroundColor"), colour(".xtick text", "fill")
    tab.locator("[data-testid=stMainMenu] button").click()
    tab.locator("[data-testid=stMainMenuPopover]").get_by_text("Dark").last.click()
    expect(tab.locator(".lg-card").first).not_to_have_css("background-color", light[0])
    settle(tab)
    dark = colour(".lg-card", "backgroundColor"), colour(".xtick text", "fill")
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def test_the_search_field_stays_in_its_place_whatever_the_counts_beside_the_filters(tab: Page, address: str) -> None:
    places = []
    for query in ("", "?form=empty", "?form=empty&arm=negative", "?counts=True"):
        visit(tab, f"{address}/samples{query}")
        pills, search = (tab.locator(f".st-key-widget-{name}").bounding_box() for name in ("rating", "q"))
        assert pills is not None
        assert search is not None
        assert search["y"] > pills["y"] + pills["height"]
        places.append((search["x"], search["y"]))
    assert len(set(places)) == 1


def test_the_menu_of_the_list_does_not_hide_what_it_opened(tab: Page, address: str) -> None:
    visit(tab, f"{address}/samples?quadrant=A")
    tab.locator(".st-key-list-tools button").first.click()
    tab.locator(".st-key-bulk-open button").first.click()
    settle(tab)
    tab.get_by_placeholder("Your name, then Enter").fill("Mia")
    tab.get_by_placeholder("Your name, then Enter").press("Enter")
    expect(tab.get_by_text("Choose a rating to preview what it would change.")).to_be_visible()
    expect(tab.locator("[data-testid=stPopoverBody]")).to_have_count(0)


@pytest.mark.parametrize("screen", ["", "judges", "concept"])
def test_every_link_that_the_keyboard_reaches_shows_that_it_is_there(tab: Page, address: str, screen: str) -> None:
    visit(tab, f"{address}/{screen}")
    links = tab.locator("[data-testid=stMain] [data-testid=stPageLink] a:visible")
    assert links.count()
    links.first.focus()
    # Only what the keyboard has brought into focus is marked.
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    assert links.first.evaluate("link => link === document.activeElement")
    assert links.first.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
