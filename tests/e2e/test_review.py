"""Reviewing as people do it: by keyboard alone, two at once, through a reload, and through the death of the server."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from db import connect
from tests.e2e.conftest import OpenTab
from tests.support.dashboard import ROOT, settle, wait_for

pytestmark = pytest.mark.e2e

N_COMPARED = 6
"""Of twenty pairs, those before which the reviewer looks at what the judge said, and then turns that off."""


def sit_down(open_tab: OpenTab, address: str, name: str, *, after: str = "look") -> Page:
    page = open_tab(name, width=1100, height=720)
    page.goto(f"{address}/review?after={after}")
    page.wait_for_selector(".lg-reading")
    settle(page)
    return page


def on_desk(page: Page) -> str:
    classes = page.locator('[class*="st-key-review-3-"]').first.get_attribute("class") or ""
    return next(name for name in classes.split() if name.startswith("st-key-review-3-"))


def ratings(study: Path, reviewer: str) -> list[tuple[object, ...]]:
    with connect(study) as cursor:
        found = cursor.execute(
            "select concept, sample_id, rating, blind, source, inclusion_probability is not null from ratings "
            "where reviewer = ? order by order_number",
            [reviewer],
        )
        return found.fetchall()


def test_twenty_pairs_are_audited_blind_by_keyboard_alone(open_tab: OpenTab, study: Path, address: str) -> None:
    page = sit_down(open_tab, address, "Ada")
    desks = []
    for i in range(20):
        desks.append(on_desk(page))
        hidden = page.locator(".stMain").inner_html()
        assert not [mark for mark in ("lg-letter", "lg-badge", "lg-rating", "lg-scores") if mark in hidden]
        page.keyboard.press(str(i % 5 + 1))
        if i < N_COMPARED:
            expect(page.locator(".lg-said-both")).to_contain_text(f"You said {i % 5 + 1}")
            settle(page)
            page.keyboard.press("ArrowRight")
        expect(page.locator(f".{desks[-1]}")).to_have_count(0)
        settle(page)
        if i == N_COMPARED - 1:
            page.get_by_role("radio", name="Straight on").click()
    assert len(set(desks)) == 20
    stored = ratings(study, "Ada")
    assert [row[2] for row in stored] == [i % 5 + 1 for i in range(20)]
    assert {row[3:] for row in stored} == {(True, "audit", True)}


def test_two_reviewers_at_one_queue_never_rate_the_same_pair(open_tab: OpenTab, study: Path, address: str) -> None:
    pages = {name: sit_down(open_tab, address, name, after="on") for name in ("Bob", "Eve")}
    for _ in range(4):
        before = {name: on_desk(page) for name, page in pages.items()}
        assert len(set(before.values())) == 2
        for page in pages.values():
            page.keyboard.down("3")
        for name, page in pages.items():
            expect(page.locator(f".{before[name]}")).to_have_count(0, timeout=15_000)
            settle(page)
            # A key held down repeats itself: it would rate a text that nobody has read.
            page.keyboard.down("3")
            page.keyboard.up("3")
            settle(page)
    given = {name: {row[:2] for row in ratings(study, name)} for name in pages}
    assert {name: len(pairs) for name, pairs in given.items()} == {"Bob": 4, "Eve": 4}
    assert not given["Bob"] & given["Eve"]


def test_a_reload_in_the_middle_brings_back_the_text_and_the_reason_that_is_being_typed_for_it(
    open_tab: OpenTab, study: Path, address: str
) -> None:
    page = sit_down(open_tab, address, "Kim")
    reason = page.get_by_label("Reason")
    page.keyboard.press("2")
    expect(page.locator(".lg-said-both")).to_be_visible()
    settle(page)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".lg-said-both")).to_have_count(0)
    settle(page)
    open_now = on_desk(page)
    expect(reason).to_have_value("")
    reason.press_sequentially("Because")
    page.reload()
    page.wait_for_selector(".lg-reading")
    expect(reason).to_have_value("Because")
    settle(page)
    assert on_desk(page) == open_now
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".lg-said-both")).to_contain_text("You said 2")
    assert len(ratings(study, "Kim")) == 1


def test_a_reason_that_came_back_goes_with_its_own_rating_and_no_other(
    open_tab: OpenTab, study: Path, address: str
) -> None:
    page = open_tab("Lea", width=1100, height=720)
    page.goto(f"{address}/samples")
    settle(page)
    reason = page.get_by_label("Reason")
    reason.press_sequentially("Because")
    page.reload()
    expect(reason).to_have_value("Because")
    settle(page)
    page.keyboard.press("3")
    expect(page.locator(".lg-history q")).to_have_text("Because")
    expect(reason).to_have_value("")
    page.keyboard.press("u")
    expect(page.locator(".lg-undone")).to_have_count(1)
    reason.press_sequentially("Of another")
    # Out of the field, whose keys are letters.
    reason.press("Enter")
    page.keyboard.press("n")
    expect(reason).to_have_value("")
    page.reload()
    settle(page)
    page.keyboard.press("p")
    expect(page.locator(".lg-undone")).to_have_count(1)
    expect(reason).to_have_value("")


def test_a_killed_server_loses_no_rating_and_the_review_goes_on(open_tab: OpenTab, study: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.server", str(ROOT / "app" / "main.py"), "--server.port", str(port)]
    address, environment = f"http://127.0.0.1:{port}", os.environ | {"LENSGAP_STUDY": str(study)}

    def start() -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=study.parent, env=environment, stdout=quiet, stderr=quiet)
        wait_for(f"{address}/_stcore/health", process)
        return process

    process = start()
    try:
        page = sit_down(open_tab, address, "Max")
        page.keyboard.press("4")
        expect(page.locator(".lg-said-both")).to_be_visible()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start()
        page.goto(f"{address}/review")
        page.wait_for_selector(".lg-reading")
        settle(page)
        page.get_by_placeholder("Reason").click()
        page.keyboard.type("all of it")
        page.keyboard.press("Enter")
        settle(page)
        page.keyboard.press("5")
        expect(page.locator(".lg-said-both")).to_contain_text("You said 5")
    finally:
        process.kill()
        process.wait()
    assert [row[2] for row in ratings(study, "Max")] == [4, 5]
    with connect(study) as cursor:
        assert cursor.execute("select reason from ratings where reviewer = 'Max' and rating = 5").fetchone() == (
            "all of it",
        )
