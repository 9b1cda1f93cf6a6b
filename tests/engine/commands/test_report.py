"""The command `lensgap report` with files: each whole or not at all, and one sentence where it cannot be."""

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import kaleido
import pytest
from kaleido.errors import ChromeNotFoundError

from engine.errors import PlotsError
from engine.exchange.document.build import build_document
from engine.exchange.document.model import Chart, Document
from engine.exchange.report import build_report
from engine.exchange.report_plots import write_plots
from tests.support.artifact_files import CONCEPTS, RELEVANCE, published_rows, write_artifacts
from tests.support.command import Command
from tests.support.synthetic_study import build_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("report") / "study", n_concepts=4, n_pairs=6)


@pytest.fixture(scope="module")
def one_chart(study: Path) -> Document:
    """A document whose only block is a chart."""
    document = build_document(study, build_report(study))
    section = next(section for section in document.sections if section.name == "gaps")
    chart = next(block for block in section.blocks if isinstance(block, Chart))
    return replace(document, sections=(replace(section, blocks=(chart,)),))


def test_files_are_named_on_stdout_and_replace_older_ones(study: Path, tmp_path: Path, lensgap: Command) -> None:
    page, text = tmp_path / "new" / "report.html", tmp_path / "report.md"
    text.write_text("older")
    found = lensgap("report", study, "--html", page, "--markdown", text, "--target", 0.8)
    assert found.status == 0
    assert set(found.stdout.split()) == {str(page), str(text)}
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "0.80" in text.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "report.md"]
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]


def test_json_stays_alone_on_stdout_beside_files(study: Path, tmp_path: Path, lensgap: Command) -> None:
    found = lensgap("report", study, "--json", "--markdown", tmp_path / "report.md")
    assert json.loads(found.stdout)["run"]
    assert str(tmp_path / "report.md") in found.stderr


def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(
    study: Path, tmp_path: Path, lensgap: Command
) -> None:
    (tmp_path / "file").write_text("a file, no folder")
    for place in (tmp_path, tmp_path / "file" / "report.html"):
        found = lensgap("report", study, "--html", place)
        assert found.status == 1
        assert found.stdout == ""
        assert len(found.stderr.strip().splitlines()) == 1
        assert str(place) in found.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_plots_are_images_that_the_markdown_refers_to(one_chart: Document, tmp_path: Path) -> None:
    files = write_plots(one_chart, tmp_path / "plots")
    assert [file.name for file in files] == ["gaps.svg", "gaps.png"]
    assert files[0].read_text(encoding="utf-8").startswith("<svg")
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert one_chart.charts[0].light.layout.paper_bgcolor is None


def test_markdown_names_the_folder_of_plots_as_seen_from_its_own_place(
    study: Path, tmp_path: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.exchange.report_files.write_plots", lambda document, folder: [folder / "gaps.svg"])
    lensgap("report", study, "--markdown", tmp_path / "deep" / "r.md", "--plots", tmp_path / "images")
    links = re.findall(r"!\[.*\]\(<(.*)>\)", (tmp_path / "deep" / "r.md").read_text(encoding="utf-8"))
    assert "../images/gaps.svg" in links


def test_plots_without_kaleido_or_browser_say_what_is_missing(
    one_chart: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_no_browser(*arguments: Any, **options: Any) -> None:
        raise ChromeNotFoundError

    monkeypatch.setattr(kaleido, "write_fig_from_object_sync", find_no_browser)
    with pytest.raises(PlotsError, match=r"no browser"):
        write_plots(one_chart, tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PlotsError, match=r"pip install kaleido"):
        write_plots(one_chart, tmp_path)


def test_an_imported_study_shows_its_published_gaps_and_the_f1_of_others_as_theirs(
    tmp_path: Path, lensgap: Command
) -> None:
    files = write_artifacts(tmp_path / "artifacts", published_rows())
    assert lensgap("import", "artifacts", files, "--into", tmp_path / "study").status == 0
    page = tmp_path / "report.md"
    reported = lensgap("report", tmp_path / "study", "--form-rule", "study", "--markdown", page, "--json")
    # The files name neither counts nor layers: none is 0.
    told = json.loads(reported.stdout)
    counts = {(one["n_senses"], one["n_siblings"], one["pack_layer"]) for one in told["concepts"]}
    assert counts == {(None, None, None)}
    assert list(told["pack_layers"]) == ["none"]
    text = page.read_text(encoding="utf-8")
    for group, means in RELEVANCE.items():
        name = "overall" if group == "Overall" else f"quadrant {group}"
        positive, negative, gap = (value.removesuffix("/5") for value in means)
        shown = rf"^\| {name} \| \d+ \| {positive} n \d+ \| {negative} n \d+ \| {gap} "
        assert re.search(shown, text, re.MULTILINE), name
    assert "senses: the pack counts none" in text
    assert "number of senses or siblings is unknown: BayesianRiskReasoning" in text
    assert "### Reported by others, not ours" in text
    for concept, f1 in CONCEPTS["A"].items():
        assert f"| {concept} | A | {f1:.2f} |" in text
    lenses = text.split("## What lenses reach")[1].split("\n## ")[0]
    assert "no activations" in lenses
    assert "lensgap train" not in lenses
