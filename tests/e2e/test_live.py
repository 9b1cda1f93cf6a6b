"""What one person writes shows on the screen that another has open, without a click."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app import data
from db import connect
from tests.support.dashboard import open_browser, serve, settle
from tests.support.synthetic_study import JUDGE, RUN, build_study

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("study") / "study", n_concepts=4, n_pairs=8, n_between=1)


@pytest.fixture(scope="module")
def address(study: Path) -> Iterator[str]:
    with serve(study, log=study.parent / "dashboard.log") as address:
        yield address


def test_an_override_of_another_process_moves_an_open_screen(study: Path, address: str) -> None:
    with open_browser() as browser:
        page = browser.new_page()
        page.goto(address)
        settle(page)
        gap = page.locator(".lg-headline")
        before = gap.inner_text()
        with connect(study) as cursor:
            found = cursor.execute(
                "select concept, sample_id, bin from verdicts(?, ?) where arm = 'positive' and bin is not null limit 4",
                [RUN, JUDGE],
            ).fetchall()
        for concept, sample_id, rating in found:
            data.add_override(
                study,
                RUN,
                concept=concept,
                sample_id=sample_id,
                rating=1 if rating > 1 else 5,
                reviewer="Bob",
                reason=None,
                rating_id=f"by-bob-{concept}-{sample_id}",
            )
        expect(gap).not_to_have_text(before, timeout=5_000)
