"""A run whose texts were imported opens on every screen, with what is unknown of it left unsaid."""

from pathlib import Path

import pytest

from app import data
from engine.exchange.artifacts_read import read_artifacts
from engine.exchange.artifacts_rows import Origin, store
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
