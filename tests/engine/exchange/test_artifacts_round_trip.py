"""Any artifacts go in and out without loss, people's verdicts go out where asked, and reported values stay theirs."""

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db import connect, insert, transaction
from db.rows import RatingRow
from engine.errors import ArtifactsError
from engine.exchange.artifacts_export import export_artifacts
from engine.exchange.artifacts_read import read_artifacts
from engine.exchange.artifacts_rows import Origin, store
from engine.exchange.report import build_report
from tests.support.artifact_files import MEAN_F1, Row, published_rows, write_artifacts
from tests.support.command import Command
from tests.support.synthetic_study import JUDGE, RUN, START, build_study

JUDGED = ("inferred_topic", "relevance_rating", "relevance_explanation")
FILES = ("samples.json", "judgments.json", "analysis.csv")
QUADRANTS = {"gin": "A", 'a "quoted", term': None, "-1": "D", "日本": "B"}
# A prompt is a text or nothing; what stands for nothing in the database is no prompt that anybody writes.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["", "\r\n", "=1+1", "'=1+1", "''-x", "'quoted'", "@" * 300, "\x00", "NA"]
)
MAYBE = st.none() | TEXTS


@st.composite
def rows(draw: Any) -> Row:
    concept = draw(st.sampled_from(list(QUADRANTS)))
    return {
        "concept": concept,
        "quadrant": QUADRANTS[concept],
        "sample_type": draw(st.sampled_from(["positive", "negative"])),
        "prompt": draw(TEXTS),
        "response": draw(TEXTS | st.just("long, " * 60)),
        "inferred_topic": draw(MAYBE),
        "relevance_rating": draw(st.none() | st.integers(1, 5)),
        "relevance_explanation": draw(MAYBE),
    }


@settings(max_examples=8)
@given(given_rows=st.lists(rows(), min_size=1, max_size=12))
def test_whatever_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, given_rows: list[Row]) -> None:
    folder = tmp_path_factory.mktemp("trip")
    # One study for all examples, for making one takes longer than all else here.
    study = tmp_path_factory.getbasetemp() / "trips"
    made = write_artifacts(folder / "in", given_rows)
    run = store(study, read_artifacts(made), Origin()).run_id
    export_artifacts(study, folder / "out", run_id=run)
    assert rows_of(folder / "out" / FILES[0]) == rows_of(made / FILES[0])
    if (folder / "out" / FILES[1]).is_file():
        assert rows_of(folder / "out" / FILES[1]) == rows_of(made / FILES[1])
    else:
        assert all(one[name] is None for one in given_rows for name in JUDGED)
    again = store(study, read_artifacts(folder / "out"), Origin())
    assert (again.run_id, again.is_new) == (run, False)
    with (folder / "out" / FILES[2]).open(encoding="utf-8", newline="") as table:
        cells = [cell for one in csv.DictReader(table) for cell in one.values()]
    assert not any(cell.startswith(tuple("=+-@\t\r\n")) for cell in cells)


def rows_of(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def test_verdicts_go_out_only_where_asked_and_import_as_ratings(tmp_path: Path, lensgap: Command) -> None:
    study = build_study(tmp_path / "study", n_concepts=2, n_pairs=4, n_between=0, hostile=False)
    with transaction(study) as cursor:
        pairs = cursor.execute("select concept, sample_id from pairs order by position, concept").fetchall()
        at, given_probability = START + timedelta(days=1), 0.5
        said = [("override", 1, None), ("audit", 2, given_probability)]
        for number, (source, rating, probability) in enumerate(said):
            row = RatingRow(str(number), RUN, *pairs[number], "Ann", source, rating, None, probability, False, None, at)  # type: ignore[arg-type]
            insert(cursor, [row])
        found = "select cast(round_even(judge_rating, 0) as integer), bin"
        asked = f"{found} from verdicts('{RUN}', '{JUDGE}') order by position, concept"
        by_judge, in_force = (list(column) for column in zip(*cursor.execute(asked).fetchall(), strict=True))
    assert by_judge != in_force
    for options, expected, told in (((), by_judge, False), (("--verdicts",), in_force, True)):
        out = tmp_path / f"out{len(options)}"
        assert lensgap("export", "artifacts", study, "--out", out, *options).status == 0
        judgments = json.loads((out / "judgments.json").read_text("utf-8"))
        assert [one["relevance_rating"] for one in judgments] == expected
        assert ("the verdict in force: an override" in (out / "METHODOLOGY.md").read_text("utf-8")) == told
        assert [one.judgment and one.judgment.rating for one in read_artifacts(out).samples] == expected


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reported")
    store(folder / "study", read_artifacts(write_artifacts(folder / "in", published_rows())), Origin())
    return folder / "study"


def test_the_report_shows_what_was_reported_apart_from_what_was_measured(imported: Path, lensgap: Command) -> None:
    found = json.loads(lensgap("report", imported, "--json").stdout)
    by_concept = {one["concept"]: one for one in found["concepts"]}
    assert by_concept["Vodka"]["reported"] == {"probe_f1": 0.0, "probe_precision": 0.0, "probe_recall": 0.0}
    assert {one["lens"]["f1"] for one in found["concepts"]} == {None}
    assert found["overall"]["lens"]["mean_f1"] is None
    shown = lensgap("report", imported).stdout
    assert "Reported, not ours" in shown
    mean = next(line for line in shown.splitlines() if line.startswith("mean"))
    assert mean.split()[1] == f"{float(MEAN_F1['Overall']):.2f}"


def test_a_run_of_our_own_has_nothing_reported(tmp_path: Path, lensgap: Command) -> None:
    study = build_study(tmp_path / "study", n_concepts=2, n_pairs=4)
    assert {str(one["reported"]) for one in build_report(study)["concepts"]} == {"{}"}
    assert "Reported" not in lensgap("report", study).stdout


def test_an_object_that_names_a_field_twice_is_unsound(tmp_path: Path) -> None:
    folder = write_artifacts(tmp_path, published_rows()[:2])
    for name in FILES[1:]:
        (folder / name).unlink()
    text = (folder / FILES[0]).read_text("utf-8")
    (folder / FILES[0]).write_text(text.replace('"quadrant": "A"', '"quadrant": "A", "quadrant": "B"', 1), "utf-8")
    with pytest.raises(ArtifactsError, match=r"samples\.json, row 1: it names the field 'quadrant' twice"):
        read_artifacts(folder)
    read = read_artifacts(folder, skip_bad=True)
    assert len(read.samples) == 1
    assert read.notices[-1] == "invalid rows left out: 1 (1 because it names the field 'quadrant' twice)"


def test_rows_left_out_are_counted_by_file_and_row(tmp_path: Path, lensgap: Command) -> None:
    given_rows = published_rows()[:6]
    folder = write_artifacts(tmp_path / "in", given_rows)
    for name in FILES[:2]:
        entries = json.loads((folder / name).read_text("utf-8"))
        entries[0]["quadrant"], entries[2]["sample_type"] = "E", "both"
        (folder / name).write_text(json.dumps(entries), "utf-8")
    (folder / FILES[2]).unlink()
    told = lensgap("import", "artifacts", folder, "--into", tmp_path / "study", "--skip-bad")
    assert told.status == 0
    assert "invalid rows left out: 4" in told.stderr
    with connect(tmp_path / "study") as cursor:
        assert cursor.execute("select count(*) from samples").fetchone() == (4,)


def test_a_cell_of_half_a_file_ends_the_import(tmp_path: Path) -> None:
    folder = write_artifacts(tmp_path, published_rows()[:4])
    text = (folder / FILES[1]).read_text("utf-8")
    (folder / FILES[1]).write_text(text[: len(text) // 2], "utf-8")
    with pytest.raises(ArtifactsError, match=r"judgments\.json is not JSON"):
        read_artifacts(folder, skip_bad=True)


def test_a_table_alone_gives_back_topics_that_were_guarded_against_spreadsheets(tmp_path: Path) -> None:
    said = ["=1+1", "'=1+1", "''+x", "'quoted'", "\ttab", "plain", "＝SUM(A1)", None]
    given_rows = [
        one | {"inferred_topic": text, "response": f"{text}" * 9, "prompt": f"{text}{number}"}
        for number, (one, text) in enumerate(zip(published_rows(), said, strict=False))
    ]
    made = write_artifacts(tmp_path / "in", given_rows)
    # Tables that others wrote guard nothing, and are read as they are, alone too.
    assert [sample.judgment and sample.judgment.topic for sample in read_artifacts(made).samples] == said
    (made / FILES[1]).rename(made / "aside")
    assert [sample.judgment and sample.judgment.topic for sample in read_artifacts(made).samples] == said
    (made / "aside").rename(made / FILES[1])
    run = store(tmp_path / "study", read_artifacts(made), Origin()).run_id
    export_artifacts(tmp_path / "study", tmp_path / "out", run_id=run)
    (tmp_path / "out" / FILES[1]).unlink()
    assert [sample.judgment and sample.judgment.topic for sample in read_artifacts(tmp_path / "out").samples] == said


def test_a_sample_whose_judgment_is_unsound_is_kept_without_it_and_told_as_kept(tmp_path: Path) -> None:
    given_rows = [one | {"response": f"text {number}"} for number, one in enumerate(published_rows()[:6])]
    folder = write_artifacts(tmp_path / "in", given_rows)
    (folder / FILES[2]).unlink()
    entries = rows_of(folder / FILES[1])
    entries[0]["relevance_rating"], entries[1]["quadrant"] = 6, "B"
    (folder / FILES[1]).write_text(json.dumps(entries[:5]), "utf-8")
    read = read_artifacts(folder, skip_bad=True)
    assert [sample.judgment is None for sample in read.samples] == [True, True, False, False, False, True]
    left, kept = ([(one.file, one.row) for one in read.left_out if one.is_kept == is_kept] for is_kept in (False, True))
    assert left == [(FILES[1], 1), (FILES[1], 2)]
    assert kept == [(FILES[0], 1), (FILES[0], 6)]
    assert "rows kept without what another file should say of them: 2" in read.notices
    assert read.notices[-1].startswith("invalid rows left out: 2 (")
    assert sum(notice.startswith("kept without it: samples.json") for notice in read.notices) == 2
