"""The first run of a study as a person has it done: planned, begun, watched, stopped, gone on with, and done."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.data import work
from db import connect, create_study
from tests.support.dashboard import serve, settle

pytestmark = pytest.mark.e2e
# Small, and large enough that a stop on a quick machine comes before its end.
SMALL = {"per_quadrant": 1, "n_positive": 20, "n_negative": 20, "max_new_tokens": 60}

# The sum of what the bars of stages count, once it is above this; null before.
COUNTED_ABOVE = """than => {
  const bars = [...document.querySelectorAll(".lg-stage")];
  const n = bars.reduce((sum, bar) => sum + parseInt(bar.children[1].innerText.replace(",", "")), 0);
  return n > than ? n : null;
}"""


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Path]:
    """An empty study, in which nothing is at work any more at the end."""
    create_study(tmp_path / "study")
    yield tmp_path / "study"
    if left := work.load_state(tmp_path / "study"):
        work.stop(tmp_path / "study", left.work.work_id, at_once=True)


@pytest.fixture
def address(study: Path) -> Iterator[str]:
    log = study.parent / "dashboard.log"
    with serve(study, log=log) as address:
        yield address
    assert "Traceback" not in log.read_text()


def test_a_first_run_is_planned_begun_watched_stopped_gone_on_with_and_done(
    tab: Page, address: str, study: Path
) -> None:
    tab.goto(f"{address}/runs")
    nothing_yet = tab.get_by_text("This study has no run yet")
    expect(nothing_yet).to_be_visible()
    for name, value in SMALL.items():
        tab.locator(f".st-key-run-{name} input").fill(str(value))
        tab.keyboard.press("Enter")
    settle(tab)
    tab.get_by_role("button", name="Plan").click()
    begin = tab.get_by_role("button", name="Start the run")
    expect(begin).to_be_visible(timeout=60_000)
    plan = dict(
        zip(tab.locator(".lg-wide dt").all_inner_texts(), tab.locator(".lg-wide dd").all_inner_texts(), strict=True)
    )
    assert plan["Concepts"] == "4"
    assert plan["Cost of judging"] == "nothing"
    assert "unknown: no rate is known" in plan["Time to write them"]
    n_planned = int(plan["Texts to write"].partition(";")[0])
    assert n_planned > 0
    assert not (study / "work").exists()
    begin.click()
    # While a script runs, Streamlit has a button of that name.
    stop = tab.locator("[class*=st-key-run-stop]").get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    expect(nothing_yet).to_have_count(0)
    first = wait_for_more(tab, than=0)
    stop.click()
    expect(tab.get_by_text("It was stopped. Everything it has written is kept.")).to_be_visible()
    kept = texts(study)
    assert 0 < len(kept) <= n_planned
    tab.get_by_role("button", name="Continue it").click()
    expect(stop).to_be_visible()
    # What was done before is neither done nor counted again.
    assert wait_for_more(tab, than=0) >= first
    expect(tab.get_by_text("It is done.")).to_be_visible(timeout=120_000)
    tab.locator(".st-key-run-log summary").click()
    expect(tab.locator("pre.lg-log")).to_contain_text(re.compile(r"Run \w+ with 4 concepts"))
    assert kept.items() <= texts(study).items()
    assert len(texts(study)) == n_planned


def wait_for_more(tab: Page, *, than: int) -> int:
    """What the bars of all stages count together, as soon as that is more."""
    found = tab.wait_for_function(COUNTED_ABOVE, arg=than, timeout=60_000, polling=100)
    return int(found.json_value())


def texts(study: Path) -> dict[str, str]:
    """What is written, by the sample's id."""
    with connect(study) as cursor:
        return dict(cursor.execute("select sample_id, output from samples").fetchall())
