"""The report's page in a real browser, opened as a file: nothing that was written into a study runs, and nothing is fetched."""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from engine.exchange.document.build import build_document
from engine.exchange.document.facts import NAME_CHARS
from engine.exchange.report import build_report
from engine.exchange.report_files import write_report
from engine.figures.palette import DARK, LIGHT, Palette
from engine.markup import CONTROLS
from tests.support.hostile_report import HOSTILE

pytestmark = pytest.mark.e2e


@dataclass
class Opened:
    """The page, and all that it did which a report must not do."""

    page: Page
    faults: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def file(hostile_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("report") / "report.html"
    write_report(build_document(hostile_study, build_report(hostile_study)), html=page)
    return page


@pytest.fixture(scope="module")
def opened(chromium: Browser, file: Path) -> Opened:
    page = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light").new_page()
    found = Opened(page)
    page.on("pageerror", lambda error: found.faults.append(f"error {error}"))
    page.on("console", lambda said: found.faults.append(f"console {said.type} {said.text}"))
    page.on("dialog", lambda dialog: (found.faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("popup", lambda popup: found.faults.append(f"popup {popup.url}"))
    page.on("request", lambda asked: None if asked.url.startswith("data:") else found.faults.append(asked.url))
    page.goto(file.as_uri())
    found.faults.remove(file.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached", timeout=30_000)
    return found


def test_nothing_hostile_runs_and_nothing_is_fetched(opened: Opened) -> None:
    page = opened.page
    page.mouse.move(500, 300)
    for chart in page.locator(".plot").all():
        chart.scroll_into_view_if_needed()
        chart.hover()
        # Hover texts are drawn from names, so each is drawn once.
        chart.evaluate(
            "plot => plot.data.forEach((trace, curve) => (trace.hovertext || []).forEach("
            "(_, point) => Plotly.Fx.hover(plot, [{ curveNumber: curve, pointNumber: point }])))"
        )
    page.emulate_media(media="print")
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_timeout(300)
    page.emulate_media(color_scheme="light")
    assert page.evaluate("window.taken") is None
    assert opened.faults == []


def test_the_page_holds_no_element_that_it_was_not_made_of(opened: Opened) -> None:
    page = opened.page
    assert page.locator("script").count() == 3
    assert page.locator("iframe, object, embed, base, form, link, video, audio, math, body *[onload]").count() == 0
    assert page.locator("meta[http-equiv]").count() == 1
    handlers = (
        "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => /^on/i.test(a.name)).length"
    )
    assert page.evaluate(handlers) == 0
    assert {link.get_attribute("href")[:1] for link in page.locator("a").all()} == {"#"}  # type: ignore[index]


def test_every_name_reads_as_it_was_written(opened: Opened) -> None:
    names = [
        CONTROLS.sub(lambda found: f"{ord(found[0]):02X}", name if len(name) <= NAME_CHARS else name[:NAME_CHARS])
        for name in HOSTILE
    ]
    shown = opened.page.locator("table.sortable tbody th bdi").evaluate_all("all => all.map(one => one.textContent)")
    for name in names:
        assert any(text.replace("\r\n", "\n").startswith(name.replace("\r\n", "\n")) for text in shown), name


def test_tables_sort_by_number_and_keep_the_unknown_last(opened: Opened) -> None:
    heads = opened.page.locator("table.sortable thead th")
    titles = [title.strip() for title in heads.all_inner_texts()]
    column = titles.index("target")
    orders = {}
    for way in ("ascending", "descending"):
        heads.nth(column).locator("button").click()
        assert heads.nth(column).get_attribute("aria-sort") == way
        cells = opened.page.locator(f"table.sortable tbody tr > :nth-child({column + 1})")
        orders[way] = cells.evaluate_all("all => all.map(one => one.dataset.order)")
    known = {way: [float(order) for order in found if order] for way, found in orders.items()}
    assert len(known["ascending"]) > 1
    assert known["ascending"] == sorted(known["ascending"])
    assert known["descending"] == known["ascending"][::-1]
    assert all(not order for found in orders.values() for order in found[len(known["ascending"]) :])


def test_charts_take_the_colours_of_the_theme(opened: Opened) -> None:
    page = opened.page
    themes: tuple[tuple[Literal["dark", "light"], Palette], ...] = (("dark", DARK), ("light", LIGHT))
    for theme, colours in themes:
        page.emulate_media(color_scheme=theme)
        page.wait_for_selector(f"html[data-drawn={theme}]", state="attached")
        drawn = page.evaluate("document.querySelector('.plot').layout.template.layout.font.color")
        assert drawn == colours.text
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == f"rgb({', '.join(str(int(colours.page[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_print_has_a_still_image_of_every_chart_and_no_moving_one(opened: Opened) -> None:
    page = opened.page
    page.emulate_media(media="print")
    images = page.locator("img.printed")
    assert images.count() == page.locator(".plot").count() > 3
    for image in images.all():
        assert image.is_visible()
        assert image.evaluate("image => image.naturalWidth") == 700
        assert (image.get_attribute("src") or "").startswith("data:image/svg+xml")
    assert not any(plot.is_visible() for plot in page.locator(".plot").all())
    page.emulate_media(media="screen")


@pytest.mark.parametrize("width", [1440, 1180, 400])
def test_no_width_makes_the_page_scroll_sideways(opened: Opened, width: int) -> None:
    opened.page.set_viewport_size({"width": width, "height": 800})
    opened.page.wait_for_timeout(200)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_headings_tables_and_charts_are_told_to_those_who_do_not_see_them(opened: Opened) -> None:
    page = opened.page
    levels = [int(level) for level in page.locator("h1, h2, h3").evaluate_all("all => all.map(one => one.tagName[1])")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    for chart in page.locator(".plot, img.printed").all():
        told = chart.get_attribute("aria-label") or chart.get_attribute("alt") or ""
        assert re.search(r"\d", told), told
