"""What one person writes shows on the screens that others have open, and disturbs nobody's work there."""

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from app import data
from db import connect
from tests.e2e.conftest import OpenTab
from tests.support.dashboard import settle
from tests.support.synthetic_study import JUDGE, RUN

pytestmark = pytest.mark.e2e

REASON: Final = "It names the concept, but the text then turns to something else."
PRESSES: Final = "35"
"""Keys pressed in Review after each rating of another process, each as soon as the next text has been drawn."""


def opened(open_tab: OpenTab, address: str, name: str) -> Page:
    page = open_tab(name)
    page.goto(address)
    settle(page)
    return page


def press_on(page: Page, keys: str) -> None:
    for key in keys:
        classes = page.locator('[class*="st-key-review-3-"]').first.get_attribute("class") or ""
        desk = next(name for name in classes.split() if name.startswith("st-key-review-3-"))
        page.keyboard.press(key)
        expect(page.locator(f".{desk}")).to_have_count(0)
        settle(page)


def overrides(study: Path) -> list[tuple[str, str, str]]:
    """Three that each move their quadrant's gap; none is of quadrant C, where another story counts on what nobody has rated."""
    with connect(study) as cursor:
        found = cursor.execute(
            "select concept, sample_id from verdicts(?, ?) semi join (from run_concepts where quadrant = 'A') using (concept) "
            "where arm = 'positive' and bin > 3 order by all limit 3",
            [RUN, JUDGE],
        ).fetchall()
    return [(concept, sample_id, f"by-dan-{concept}-{sample_id}") for concept, sample_id in found]


def rated_by(study: Path, reviewer: str) -> list[int]:
    with connect(study) as cursor:
        found = cursor.execute("select rating from ratings where reviewer = ? order by order_number", [reviewer])
        return [rating for (rating,) in found.fetchall()]


def test_ratings_of_another_process_move_open_screens_and_take_no_letter_and_no_press_from_who_works_there(
    study: Path, address: str, open_tab: OpenTab
) -> None:
    writing = opened(open_tab, f"{address}/samples?quadrant=A&arm=negative", "Uma")
    rating = opened(open_tab, f"{address}/review?queue=filter&quadrant=B&after=on", "Zoe")
    gaps, reason = writing.locator(".lg-effects"), writing.get_by_placeholder("Reason")
    reason.click()
    dans = overrides(study)
    size = -(-len(REASON) // len(dans))
    for i, (concept, sample_id, rating_id) in enumerate(dans):
        before = gaps.inner_text()
        reason.press_sequentially(REASON[i * size : (i + 1) * size])
        pair = {"concept": concept, "sample_id": sample_id}
        data.add_override(study, RUN, **pair, rating=1, reviewer="Dan", reason=None, rating_id=rating_id)
        press_on(rating, PRESSES)
        expect(gaps).not_to_have_text(before, use_inner_text=True)
    settle(writing)
    assert reason.input_value() == REASON
    assert rated_by(study, "Zoe") == [int(key) for key in PRESSES] * len(dans)
