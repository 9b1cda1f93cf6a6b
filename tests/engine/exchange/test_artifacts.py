"""Artifacts of a study come in whole, go out as they came, and what is wrong with them is said by file and row."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db import connect
from engine.errors import ArtifactsError
from engine.exchange.artifacts_read import read_artifacts
from tests.support.artifact_files import (
    CONCEPTS,
    FORM_TABLE,
    MEAN_F1,
    RELEVANCE,
    Row,
    published_rows,
    write_artifacts,
)
from tests.support.command import Command
from tests.support.synthetic_study import build_study

FILES = ("samples.json", "judgments.json", "analysis.csv")


def rows_of(file: Path) -> Any:
    if file.suffix == ".json":
        return json.loads(file.read_text("utf-8"))
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def row(**changes: Any) -> Row:
    return published_rows()[20] | changes


def folder_of(tmp_path: Path, rows: list[Row]) -> Path:
    return write_artifacts(tmp_path / "artifacts", rows)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return folder_of(tmp_path, published_rows())


def test_published_tables_come_out_to_the_printed_digit(published: Path, tmp_path: Path, lensgap: Command) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    assert lensgap("import", "artifacts", published, "--into", study, "--judge", "haiku|<b>").status == 0
    assert lensgap("export", "artifacts", study, "--out", out).status == 0
    told = (out / "METHODOLOGY.md").read_text("utf-8")
    assert FORM_TABLE in told
    for grain, numbers in RELEVANCE.items():
        assert f"| {grain} | {' | '.join(numbers)} |" in told
    for grain, mean in MEAN_F1.items():
        assert f"| {grain} | {mean} | {12 if grain == 'Overall' else 3} |" in told
    for quadrant, concepts in CONCEPTS.items():
        for concept, f1 in concepts.items():
            assert f"| {concept} | {quadrant} | {f1:.3f} |" in told
    assert "not ours" in told
    assert "<b>" not in told


def test_round_trip_gives_the_same_rows_in_every_file(published: Path, tmp_path: Path, lensgap: Command) -> None:
    assert sum(one["response"] == "" for one in rows_of(published / "samples.json")) == 31
    lensgap("import", "artifacts", published, "--into", tmp_path / "first")
    lensgap("export", "artifacts", tmp_path / "first", "--out", tmp_path / "out")
    for name in FILES[:2]:
        assert rows_of(tmp_path / "out" / name) == rows_of(published / name)
    assert rows_of(tmp_path / "out" / FILES[2]) == rows_of(published / FILES[2])
    first = lensgap("import", "artifacts", tmp_path / "out", "--into", tmp_path / "second")
    again = lensgap("import", "artifacts", published, "--into", tmp_path / "second")
    assert first.stdout == again.stdout
    assert "already exists" in again.stderr
    with connect(tmp_path / "second") as cursor:
        assert cursor.execute("select count(*) from judgments").fetchone() == (240,)


def test_a_study_of_hostile_texts_goes_out_and_in_byte_by_byte(tmp_path: Path, lensgap: Command) -> None:
    study = build_study(tmp_path / "study", n_concepts=8, n_pairs=8, n_between=1)
    assert lensgap("export", "artifacts", study, "--out", tmp_path / "out").status == 0
    assert lensgap("import", "artifacts", tmp_path / "out", "--into", tmp_path / "other").status == 0
    assert lensgap("export", "artifacts", tmp_path / "other", "--out", tmp_path / "again").status == 0
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert "R\\&D \\<lab\\>" in (tmp_path / "out" / "METHODOLOGY.md").read_text("utf-8")


def test_what_has_no_score_prompt_or_quadrant_survives_a_round_trip(tmp_path: Path, lensgap: Command) -> None:
    hostile = "=1+1\r\n<script>\x00\u202e| `x` 🍸"
    rows = [
        row(concept="gin", response=hostile, prompt="", quadrant=None),
        row(
            concept="gin",
            response=hostile,
            prompt="",
            quadrant=None,
            relevance_rating=None,
            relevance_explanation="cut",
        ),
        row(
            concept="gin",
            quadrant=None,
            response=hostile * 30,
            inferred_topic="",
            relevance_rating=None,
            relevance_explanation=None,
        ),
        row(
            concept="rum",
            sample_type="negative",
            inferred_topic=None,
            relevance_rating=None,
            relevance_explanation=None,
        ),
    ]
    folder = folder_of(tmp_path, rows)
    assert lensgap("import", "artifacts", folder, "--into", tmp_path / "study").status == 0
    assert lensgap("export", "artifacts", tmp_path / "study", "--out", tmp_path / "out").status == 0
    assert rows_of(tmp_path / "out" / FILES[0]) == rows_of(folder / FILES[0])
    assert rows_of(tmp_path / "out" / FILES[1]) == rows_of(folder / FILES[1])


def test_duplicates_are_paired_in_their_order(tmp_path: Path) -> None:
    rows = [row(response="", relevance_rating=rating) for rating in (5, 1, 3)]
    read = read_artifacts(folder_of(tmp_path, [rows[0], row(concept="rum"), *rows[1:]]))
    assert [s.judgment and s.judgment.rating for s in read.samples if s.concept != "rum"] == [5, 1, 3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"relevance_rating": 0}, '"relevance_rating" must be a whole number from 1 to 5, not 0'),
        ({"relevance_rating": 6}, "not 6"),
        ({"relevance_rating": True}, "not True"),
        ({"relevance_rating": 2.5}, "not 2.5"),
        ({"inferred_topic": 7}, '"inferred_topic" must be a text, not 7'),
    ],
)
def test_an_unsound_judgment_is_told_by_file_and_row(tmp_path: Path, changes: Row, said: str) -> None:
    folder = folder_of(tmp_path, [row(), row(response="other")])
    (folder / "analysis.csv").unlink()
    rows = rows_of(folder / "judgments.json")
    rows[1] |= changes
    (folder / "judgments.json").write_text(json.dumps(rows))
    with pytest.raises(ArtifactsError) as raised:
        read_artifacts(folder)
    assert "judgments.json, row 2: " in str(raised.value)
    assert said in str(raised.value)
    kept = read_artifacts(folder, skip_bad=True)
    assert [sample.judgment is None for sample in kept.samples] == [False, True]
    assert any("judgments.json, row 2" in notice for notice in kept.notices)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quadrant": "E"}, "\"quadrant\" must be A, B, C, D or nothing, not 'E'"),
        ({"quadrant": ["A"]}, "not ['A']"),
        ({"sample_type": "maybe"}, '"sample_type" must be positive or negative'),
        ({"concept": ""}, '"concept" must be one printable line'),
        ({"concept": "gin\nrum"}, "one printable line"),
        ({"response": None}, '"response" must be a text, not None'),
        ({"response": "\ud800"}, "half of a surrogate pair"),
    ],
)
def test_an_unsound_sample_is_told_by_file_and_row(tmp_path: Path, changes: Row, said: str) -> None:
    rows = [row(), row(response="other") | changes]
    folder = tmp_path / "artifacts"
    folder.mkdir()
    (folder / "samples.json").write_text(json.dumps(rows))
    with pytest.raises(ArtifactsError) as raised:
        read_artifacts(folder)
    assert "samples.json, row 2: " in str(raised.value)
    assert said in str(raised.value)
    assert len(read_artifacts(folder, skip_bad=True).samples) == 1


def test_unequal_lengths_are_told_in_both_directions(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, [row(), row(response="other")])
    (folder / "analysis.csv").unlink()
    judged = rows_of(folder / "judgments.json")
    (folder / "judgments.json").write_text(json.dumps(judged[:1]))
    with pytest.raises(ArtifactsError, match=r"samples\.json, row 2: judgments\.json has no row left"):
        read_artifacts(folder)
    (folder / "judgments.json").write_text(json.dumps([*judged, judged[0]]))
    with pytest.raises(ArtifactsError, match=r"judgments\.json, row 3: samples\.json has no row left"):
        read_artifacts(folder)


def test_a_table_that_disagrees_is_told(published: Path) -> None:
    text = (published / "analysis.csv").read_bytes().decode()
    (published / "analysis.csv").write_bytes(text.replace("on topic", "off topic", 1).encode())
    with pytest.raises(ArtifactsError, match=r"analysis\.csv, row 1: its topic or explanation does not agree"):
        read_artifacts(published)


def test_byte_order_marks_and_windows_line_ends_change_nothing(published: Path) -> None:
    plain = read_artifacts(published)
    for name in FILES:
        lines = (published / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        (published / name).write_bytes(b"\xef\xbb\xbf" + lines)
    assert read_artifacts(published) == plain


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("samples.json", b"[{", "is not JSON: .* at line 1"),
        ("samples.json", b"{}", "must hold a JSON list"),
        ("samples.json", b"[]", "has no valid row"),
        ("samples.json", b"\xff\xfe[", "is no UTF-8 text"),
        ("samples.json", b"[" * 200_000, "nested too deeply"),
        ("analysis.csv", b"concept,quadrant\r\nx,A\r\n", 'lacks the column "sample_type"'),
    ],
)
def test_an_unreadable_file_is_told(published: Path, name: str, content: bytes, said: str) -> None:
    (published / name).write_bytes(content)
    with pytest.raises(ArtifactsError, match=said):
        read_artifacts(published, skip_bad=name == "samples.json" and content == b"[]")


def test_nothing_is_written_of_artifacts_that_are_refused(tmp_path: Path, lensgap: Command) -> None:
    folder = folder_of(tmp_path, [row(relevance_rating=9)])
    refused = lensgap("import", "artifacts", folder, "--into", tmp_path / "study")
    assert refused.status == 1
    assert "Nothing was imported" in refused.stderr
    assert not (tmp_path / "study").exists()


def test_an_imported_run_is_judged_again_and_never_trained(tmp_path: Path, lensgap: Command) -> None:
    study = tmp_path / "study"
    run = lensgap("import", "artifacts", folder_of(tmp_path, published_rows()[:40]), "--into", study).stdout
    assert lensgap("judge", study).stdout == run
    with connect(study) as cursor:
        counts = cursor.execute("select backend, count(*) from judgments join judges using (judge_id) group by all")
        assert dict(counts.fetchall()) == {"imported": 40, "offline": 40}
        kinds = cursor.execute(f"select distinct negative_kind from verdicts('{run.strip()}', null)").fetchall()
        assert kinds == [(None,)]
        assert cursor.execute("select count(*) from forms").fetchone() == (40,)
    for command in ("train", "capture", "curve", "layers", "activations", "filter", "refine", "compare settings"):
        refused = lensgap(*command.split(), study)
        assert (refused.status, refused.stdout) == (1, "")
        assert refused.stderr.startswith(f"A setting is wrong. The texts of run {run.strip()} were imported"), command
    alone = lensgap("compare", "runs", study)
    assert "holds one run with samples; a comparison needs two. Import another run" in alone.stderr.replace("\n", " ")
    assert lensgap("report", study, "--json").status == 0


def test_a_pack_gives_counts_and_says_where_quadrants_differ(
    tmp_path: Path, hand_made: Path, lensgap: Callable[..., Any]
) -> None:
    from engine.packs.folder import load_pack

    pack = load_pack(str(hand_made))
    concept = pack.concepts[0]
    folder = folder_of(tmp_path, [row(concept=concept.term, quadrant="C")])
    told = lensgap("import", "artifacts", folder, "--into", tmp_path / "study", "--pack", hand_made)
    assert told.status == 0
    assert f'"{concept.term}" is in quadrant C as stated' in told.stderr
    with connect(tmp_path / "study") as cursor:
        found = cursor.execute("select quadrant, n_senses, n_siblings from run_concepts").fetchall()
    assert found == [("C", concept.n_senses, pack.n_siblings(concept.term, count="distinct"))]
    other = folder_of(tmp_path / "b", [row(concept="no such term")])
    refused = lensgap("import", "artifacts", other, "--into", tmp_path / "other", "--pack", hand_made)
    assert 'has no concept "no such term"' in refused.stderr


def test_an_export_overwrites_nothing(published: Path, tmp_path: Path, lensgap: Command) -> None:
    lensgap("import", "artifacts", published, "--into", tmp_path / "study")
    refused = lensgap("export", "artifacts", tmp_path / "study", "--out", published)
    assert refused.status == 1
    assert "exists already" in refused.stderr
    assert sorted(file.name for file in published.iterdir()) == sorted(FILES)
