"""A team's study in which all that anybody could write is hostile: on no screen does any of it run, fetch, or become markup.

One walk over the screens sees that, and that axe finds nothing serious or critical on any, light or dark.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from app.widgets.sidebar import PAGES
from engine.exchange.snapshots import list_snapshots, render_snapshot
from tests.support.accessibility import OF_COLOUR, grave_faults
from tests.support.dashboard import SETTLE_MS, serve, settle
from tests.support.hostile_people import FILE_NAME, WRITTEN, add_hostile_team, busiest_pair
from tests.support.hostile_report import HOSTILE
from tests.support.planted import copy_study

pytestmark = pytest.mark.e2e

SCREENS = {Path(file).stem: "" if i == 0 else Path(file).stem for i, (file, _, _) in enumerate(PAGES)}
# Elements and attributes that no screen of ours has, and that a text becomes where it is not escaped.
FOREIGN = """() => [...document.querySelectorAll(
    "iframe, object, embed, base, video, audio, math, marquee, mglyph, .katex, [srcdoc]," +
    "[href*='//elsewhere'], [src*=elsewhere]," +
    "[style*=elsewhere], [href^='javascript:' i], [action*='//elsewhere'], [data*=elsewhere], .stMarkdownColoredText"
  )].map(found => found.outerHTML.slice(0, 200))
  .concat([...document.querySelectorAll('*')].flatMap(element => [...element.attributes]
    .filter(attribute => /^on/i.test(attribute.name)).map(attribute => `${element.localName} ${attribute.name}`)))
  .concat([...document.querySelectorAll('[data-testid=stIconMaterial]')].filter(icon => icon.textContent.includes('skull'))
    .map(icon => icon.outerHTML))
  .concat([...document.querySelectorAll('h1')].filter(title => title.textContent === 'Taken over').map(() => 'a title'))
  .concat(window.taken ? ['it ran'] : [])"""
OPEN_ALL = "document.querySelectorAll('.stMain details:not([open]) > summary').forEach(one => one.click())"


# What a link asks of this screen besides, so that one look shows it with a saved rubric.
ASKED_BESIDES = {"rubric_lab": {"base": f"saved:{FILE_NAME}-1"}, "samples": {"q": HOSTILE[0]}}


@dataclass
class Opened:
    """A browser's page, and all that it did which no text may make it do."""

    page: Page
    faults: list[str] = field(default_factory=list)
    home: str = "http://127.0.0.1"

    def said(self, message: ConsoleMessage) -> None:
        # Streamlit looks for its own server beneath every address, and does not find it there.
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            self.faults.append(f"{message.text} {message.location}")

    def asked(self, request: Request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:", "file:")):
            self.faults.append(request.url)


@pytest.fixture(scope="module")
def study(hostile_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hostile team has worked on it, too; a fixture that takes the place of the other stories' study."""
    return add_hostile_team(copy_study(hostile_study, tmp_path_factory.mktemp("team") / FILE_NAME))


@pytest.fixture(scope="module")
def address(study: Path) -> Iterator[str]:
    log = study.parent / "dashboard.log"
    with serve(study, log=log) as address:
        yield address
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def opened(chromium: Browser, address: str) -> Opened:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.add_cookies([{"name": "lensgap_reviewer", "value": quote_plus(WRITTEN[9]), "url": address}])
    page = context.new_page()
    found = Opened(page)
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: found.faults.append(f"error {error}"))
    page.on("console", found.said)
    page.on("dialog", lambda dialog: (found.faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("popup", lambda popup: found.faults.append(f"popup {popup.url}"))
    page.on("download", lambda download: found.faults.append(f"download {download.url}"))
    page.on("request", found.asked)
    return found


def look_over(opened: Opened, address: str) -> None:
    """Go there, open everything that opens, touch every chart, and see that nothing came of it."""
    page, faults = opened.page, opened.faults
    faults.clear()
    page.goto(address)
    settle(page)
    page.evaluate(OPEN_ALL)
    for chart in page.locator("[data-testid=stMain] .js-plotly-plot:visible").all()[:2]:
        chart.scroll_into_view_if_needed()
        for point in chart.locator(".scatterlayer .point").all()[:2]:
            if box := point.bounding_box():
                page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for popover in page.locator("[data-testid=stMain] [data-testid=stPopover] button:visible").all()[:3]:
        popover.click()
        page.wait_for_timeout(150)
        assert page.evaluate(FOREIGN) == []
        page.keyboard.press("Escape")
    # What was hovered over fades out, and what is faint is no fault of ours.
    page.mouse.move(1, 1)
    expect(page.locator("[data-testid=stPopoverBody]:visible, [data-testid=stTooltipContent]:visible")).to_have_count(0)
    settle(page)
    assert page.evaluate(FOREIGN) == []
    assert page.locator("[data-testid=stException]").count() == 0
    assert faults == []


@pytest.mark.parametrize("screen", SCREENS)
def test_no_text_of_a_study_or_of_a_link_runs_and_nothing_is_out_of_reach_on(
    screen: str, opened: Opened, address: str
) -> None:
    asked = {name: HOSTILE[i] for i, name in enumerate(("run", "judge", "lens", "concept", "open", "snapshot", "view"))}
    page = opened.page
    page.emulate_media(color_scheme="light")
    look_over(opened, f"{address}/{SCREENS[screen]}?{urlencode(asked | ASKED_BESIDES.get(screen, {}))}")
    # The names of the study and of a stage at work stand beside every screen.
    beside = page.locator("[data-testid=stSidebar]").inner_text()
    assert FILE_NAME in beside
    assert HOSTILE[9] in beside
    if screen == "rubric_lab":
        assert FILE_NAME in page.locator("[data-testid=stMain]").inner_text()
    if screen == "samples":
        assert HOSTILE[0] in page.locator(".lg-hit").all_inner_texts()
    # Our colours follow a moment after Streamlit's.
    name = page.locator(".lg-study")
    light = str(name.evaluate("element => getComputedStyle(element).color"))
    assert grave_faults(page) == []
    page.emulate_media(color_scheme="dark")
    expect(name).not_to_have_css("color", light, timeout=SETTLE_MS)
    settle(page)
    assert grave_faults(page, rules=OF_COLOUR) == []
    assert opened.faults == []


def test_no_history_or_reason_runs_beside_a_sample(opened: Opened, address: str, study: Path) -> None:
    concept, sample_id = busiest_pair(study)
    look_over(opened, f"{address}/samples?{urlencode({'open': f'{concept}:{sample_id}'})}")
    said = opened.page.locator(".lg-history").inner_text()
    assert HOSTILE[0] in said
    assert opened.page.locator(".lg-history li").count() >= len(WRITTEN)


def test_no_sense_sibling_or_name_runs_on_a_concept(opened: Opened, address: str, study: Path) -> None:
    concept, _ = busiest_pair(study)
    look_over(opened, f"{address}/concept?{urlencode({'concept': concept})}")
    main = opened.page.locator("[data-testid=stMain]").inner_text()
    assert HOSTILE[0] in opened.page.locator(".lg-senses").inner_text()
    assert HOSTILE[9] in main[main.index("Reported, not ours") :]


@pytest.mark.parametrize("queue", ["audit", "adjudicate", "flagged"])
def test_nothing_runs_on_the_desk_before_or_after_a_rating(queue: str, opened: Opened, address: str) -> None:
    look_over(opened, f"{address}/review?queue={queue}")
    opened.page.keyboard.press("3")
    opened.page.wait_for_selector(".lg-said-both")
    settle(opened.page)
    assert opened.page.evaluate(FOREIGN) == []
    assert opened.faults == []


def test_nothing_runs_on_a_page_that_is_presented(opened: Opened, address: str, study: Path) -> None:
    look_over(opened, f"{address}/present?snapshot={list_snapshots(study)[0]['snapshot_id']}")
    assert HOSTILE[0] in opened.page.locator("[data-testid=stMain]").inner_text()


def test_nothing_runs_in_frozen_pages(opened: Opened, study: Path, tmp_path: Path) -> None:
    opened.faults.clear()
    file = tmp_path / "frozen.html"
    file.write_text(render_snapshot(study, list_snapshots(study)[0]["snapshot_id"]), encoding="utf-8")
    opened.page.goto(file.as_uri())
    opened.page.wait_for_timeout(500)
    assert opened.page.evaluate(FOREIGN) == []
    assert opened.faults == []
