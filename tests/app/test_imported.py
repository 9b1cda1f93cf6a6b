"""A run whose texts were imported opens on every screen, with what is unknown of it left unsaid."""

import csv
import io
from pathlib import Path

import pytest

from app import data
from app.charts.shared import map_table
from app.charts.table import as_csv
from app.viewmodels.overview import overview
from engine.exchange.artifacts_read import read_artifacts
from engine.exchange.artifacts_rows import Origin, store
from engine.stats.findings import Settings, find
from tests.app.test_screens import SCREENS, html_of, open_screen
from tests.support.artifact_files import published_rows, write_artifacts


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A study with an imported run, and the run's id."""
    folder = tmp_path_factory.mktemp("imported")
    read = read_artifacts(write_artifacts(folder / "artifacts", published_rows()))
    return folder / "study", store(folder / "study", read, Origin(judge="<i>haiku")).run_id


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_draws_an_imported_run(
    imported: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    shown = html_of(open_screen(imported[0], monkeypatch, screen))
    assert shown
    assert "<i>haiku" not in shown


def test_the_overview_shows_gaps_of_concepts_that_are_on_no_map_and_its_table_leaves_their_counts_empty(
    imported: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, run = imported
    judge = data.load_judges(study, run)[0].judge_id
    counts, profiles = data.load_counts(study, run, judge, form_rule="loop"), data.load_profiles(study, run)
    view = overview(find(counts, settings=Settings()), counts, profiles, [])
    assert len(view.points) == len(view.unplaced) == len(profiles) > 0
    first, *rows = csv.reader(io.StringIO(as_csv(map_table(view.points)).decode("utf-8-sig")))
    found = [dict(zip(first, row, strict=True)) for row in rows]
    assert all(row["senses"] == row["siblings"] == row["lens F1 (0-1, out of fold)"] == "" for row in found)
    assert {row["quadrant"] for row in found} == {"A", "B", "C", "D"}
    assert all(float(row["gap (rating points)"]) for row in found)
    shown = html_of(open_screen(study, monkeypatch, "overview"))
    assert "Gaps appear here" not in shown
    assert "senses or siblings are unknown" in shown


def test_what_is_unknown_of_an_imported_negative_is_not_shown(
    imported: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, run = imported
    judge = data.load_judges(study, run)[0].judge_id
    filters = data.Filters(arm="negative")
    row = data.load_page(study, run, judge, filters, number=1, sort="run", form_rule="loop").rows[0]
    assert row.negative_kind is None
    app = open_screen(study, monkeypatch, "samples", open=f"{row.concept}:{row.sample_id}")
    shown = html_of(app)
    assert "unrelated" not in shown
    assert "<span>Prompt</span>" in shown


def test_reported_values_stand_on_the_concept_in_a_panel_of_their_own(
    imported: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_screen(imported[0], monkeypatch, "concept", concept="StringInstrument")
    shown = html_of(app)
    assert "Reported, not ours" in " ".join(
        [shown, *(one.value for one in app.markdown), *(one.value for one in app.subheader)]
    )
    assert "<tr><th>probe_f1</th><td>0.75</td></tr>" in shown
    assert {one.name for one in data.load_reported(*imported, "StringInstrument")} == {
        "probe_f1",
        "probe_precision",
        "probe_recall",
    }
    assert data.load_reported(*imported, "unheard of") == ()
