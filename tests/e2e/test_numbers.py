"""Numbers that a hand moves: sliders of the findings, squares of a judge's confusion, sides of a comparison."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.data import review
from db import connect
from tests.e2e.conftest import OpenTab
from tests.support.dashboard import settle
from tests.support.synthetic_study import JUDGE, RUN

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("name", "ceiling"), [("s", "propagation"), ("k", "label noise")])
def test_a_slider_moves_the_ceiling_that_depends_on_it_and_the_address_keeps_it(
    tab: Page, address: str, name: str, ceiling: str
) -> None:
    tab.goto(f"{address}/findings?section=ceilings")
    settle(tab)
    before = ceilings_of_all(tab)
    tab.locator(f".st-key-findings-{name}").get_by_role("slider").focus()
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_url(re.compile(rf"[?&]{name}="))
    settle(tab)
    after = ceilings_of_all(tab)
    assert [title for title in before if before[title] != after[title] and title != "Recommended F1"] == [
        title for title in before if ceiling in title.lower().replace("-", " ")
    ]
    tab.reload()
    settle(tab)
    assert ceilings_of_all(tab) == after


def ceilings_of_all(tab: Page) -> dict[str, str]:
    """The first row of the table, by the column's name."""
    table = tab.locator("table.lg-numbers").first
    expect(table).to_be_visible()
    titles = table.locator("thead th").all_inner_texts()[1:]
    return dict(zip(titles, table.locator("tbody tr").first.locator("td").all_inner_texts(), strict=True))


def test_a_square_of_the_confusion_lists_its_pairs_and_one_opens(tab: Page, address: str, study: Path) -> None:
    desk = review.Desk(study, RUN, JUDGE, "Uma", "audit")
    for i in range(12):
        item = review.take(desk)[0]
        review.add_rating(desk, item, rating=1 + i % 5, reason=None, blind=True, rating_id=f"uma-{i}")
    tab.goto(f"{address}/judges")
    settle(tab)
    plot = tab.locator('[class*="st-key-plot-confusion"] .js-plotly-plot')
    expect(plot).to_be_visible(timeout=45_000)
    settle(tab)
    counts = plot.evaluate("plot => plot.data[0].text")
    # On the diagonal both agree, so that the square's name tells its two ratings apart from any other's.
    square = next(i for i, n in enumerate(counts) if n.isdigit())
    first, second = plot.evaluate(f"plot => [...plot.data[0].customdata[{square}]]")
    plot.locator(".scatterlayer .point").nth(square).click(force=True)
    expect(tab.get_by_text(re.compile(rf": {first}, .*: {second}$"))).to_be_visible()
    settle(tab)
    listed = tab.locator('.stMain a[href*="open="]')
    assert listed.count() == int(counts[square])
    listed.first.click()
    tab.wait_for_url(re.compile(r"/samples\?.*open="))
    settle(tab)
    with connect(study) as cursor:
        given = cursor.execute("select concept || ':' || sample_id from ratings where source = 'audit'").fetchall()
    opened = tab.evaluate("new URL(location.href).searchParams.get('open')")
    assert (opened,) in given


def test_two_judges_are_compared_on_the_pairs_of_both(open_tab: OpenTab, address: str) -> None:
    tab = open_tab("Lea", width=1100, height=720)
    tab.goto(f"{address}/compare?what=judges")
    panel = tab.locator(".st-key-panel-compare-0")
    expect(panel).to_be_visible(timeout=60_000)
    settle(tab)
    expect(panel.locator(".js-plotly-plot")).to_be_visible()
    gap = panel.locator("tbody tr", has_text=re.compile("gap", re.I)).first
    # A judge that is stricter by one wherever it can be leaves positives more to lose than negatives.
    assert re.search("\N{MINUS SIGN}\\d", gap.inner_text())
