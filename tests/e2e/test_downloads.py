"""A chart goes from the screen into files, and each is what its name says."""

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from app import data
from engine.figures.palette import LIGHT
from tests.support.dashboard import settle
from tests.support.synthetic_study import JUDGE, RUN

pytestmark = pytest.mark.e2e


def take(tab: Page, form: str, folder: Path) -> Path:
    tab.locator(".st-key-take-forest button").click()
    with tab.expect_download() as download:
        tab.get_by_role("button", name=form).click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    if form == "CSV":
        tab.keyboard.press("Escape")
    return file


def test_a_chart_is_taken_along_as_png_svg_and_csv(tab: Page, address: str, study: Path, tmp_path: Path) -> None:
    tab.goto(address)
    settle(tab)
    shown = tab.locator(".st-key-forest .js-plotly-plot").bounding_box()
    assert shown is not None
    files = {form: take(tab, form, tmp_path) for form in ("PNG", "SVG", "CSV")}
    assert len({file.stem for file in files.values()}) == 1
    assert files["PNG"].stem.startswith("study_overview-gap-by-concept_20")
    assert [file.suffix for file in files.values()] == [".png", ".svg", ".csv"]
    with Image.open(files["PNG"]) as image:
        # Twice as many pixels as on screen, on the page's own ground, with something drawn on it.
        assert image.size == pytest.approx((2 * shown["width"], 2 * shown["height"]), abs=3)
        pixels = np.asarray(image.convert("RGB"))
    assert "#" + bytes(pixels[2, 2].tolist()).hex() == LIGHT.page
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    names = {profile.concept for profile in data.load_profiles(study, RUN)}
    drawn = "".join(ElementTree.parse(files["SVG"]).getroot().itertext())
    assert [name for name in names if name[:12] not in drawn] == []
    rows = list(csv.DictReader(io.StringIO(files["CSV"].read_text("utf-8-sig"))))
    assert {row["concept"].removeprefix("'") for row in rows} == names
    counts = {one.concept: one for one in data.load_counts(study, RUN, JUDGE, form_rule="loop")}
    for row in rows:
        one = counts[row["concept"].removeprefix("'")]
        means = one.positive.histogram.mean, one.negative.histogram.mean
        assert None not in means
        assert float(row["gap (rating points)"]) == pytest.approx((means[0] or 0) - (means[1] or 0))
