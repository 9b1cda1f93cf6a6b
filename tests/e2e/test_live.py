"""What one person writes shows on the screen that another has open, without a click."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app import data
from db import connect
from tests.support.dashboard import settle
from tests.support.synthetic_study import JUDGE, RUN

pytestmark = pytest.mark.e2e


def test_an_override_of_another_process_moves_an_open_screen(study: Path, address: str, tab: Page) -> None:
    tab.goto(address)
    settle(tab)
    gap = tab.locator(".lg-headline")
    before = gap.inner_text()
    with connect(study) as cursor:
        found = cursor.execute(
            "select concept, sample_id, bin from verdicts(?, ?) where arm = 'positive' and bin is not null limit 6",
            [RUN, JUDGE],
        ).fetchall()
    for concept, sample_id, rating in found:
        data.add_override(
            study,
            RUN,
            concept=concept,
            sample_id=sample_id,
            rating=1 if rating > 1 else 5,
            reviewer="Dan",
            reason=None,
            rating_id=f"by-dan-{concept}-{sample_id}",
        )
    expect(gap).not_to_have_text(before, timeout=5_000)
