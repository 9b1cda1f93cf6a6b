"""A bad row of a text file is known by its number and spoils no other, whatever the bytes are."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ArtifactsError, SamplesError
from engine.exchange.artifacts import Problem, count_reasons, count_rows
from engine.exchange.import_rows import read_entries
from engine.exchange.import_samples import Columns, read_samples
from tests.support.command import Command

GOOD = '{"concept": "gin", "arm": "positive", "text": "t", "rating": 3}'
HEADER = "concept,arm,text,rating"
BAD = {
    "half of a JSON object": ("x.jsonl", f"{GOOD}\n{{half\n{GOOD}".encode(), "row 2: it is not JSON"),
    "a number instead of a row": ("x.jsonl", f"{GOOD}\n7\n{GOOD}".encode(), "row 2: it must be an object, not 7"),
    "a field twice": ("x.json", b'[{"concept": "a", "concept": "b"}, %s]' % GOOD.encode(), "row 1: it names the field"),
    "too few cells": ("x.csv", f"{HEADER}\r\ngin,positive,t,3\r\ngin,positive\r\n".encode(), "row 2: it has 2 cells"),
    "one cell": (
        "x.tsv",
        b"concept\tarm\ttext\na\tpositive\tt\nb\n",
        "row 2: it has 1 cell, and the header names 3 col",
    ),
    "bytes of another encoding": (
        "x.csv",
        f"{HEADER}\ngin,positive,café,3\ngin,positive,t,3".encode("latin-1"),
        'row 1: "text" is no UTF-8 text',
    ),
    "a rating of 6": ("x.csv", f"{HEADER}\ngin,positive,t,3\ngin,positive,t,6".encode(), "a whole number from 1 to 5"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_named_and_left_out_alone_when_asked(tmp_path: Path, case: str) -> None:
    name, content, said = BAD[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SamplesError) as raised:
        read_samples(tmp_path / name, Columns())
    assert said in str(raised.value)
    assert f"{name}, row" in str(raised.value)
    kept = read_samples(tmp_path / name, Columns(), skip_bad=True)
    [problem] = kept.left_out
    assert said in f"row {problem.row}: {problem.text}"
    assert len(kept.samples) == len(read_entries(tmp_path / name).rows) - 1 >= 1
    assert any(notice.startswith("invalid rows left out: 1 (1 because ") for notice in kept.notices)


def test_rows_are_counted_once_and_by_what_is_wrong_whatever_they_hold() -> None:
    texts = ['"rating" must be a number, not 6', '"rating" must be a number, not 0', "it is not JSON (Extra data)"]
    problems = [Problem("a", row, text) for row, text in zip([1, 2, 2], texts, strict=True)]
    assert count_rows(problems) == 2
    assert count_reasons(problems) == {'"rating" must be a number': 2, "it is not JSON": 1}


def test_what_was_left_out_is_told_in_json(tmp_path: Path, lensgap: Command) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text("\n".join([GOOD, GOOD.replace("3}", "0}"), GOOD.replace("3}", "6}"), "no"]))
    told = lensgap("import", "samples", file, "--into", tmp_path / "study", "--skip-bad", "--json")
    assert told.status == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["n_samples"], found["n_judged"], found["left_out"]["n_rows"]) == (1, 1, 3)
    assert sorted(found["left_out"]["reasons"].values()) == [1, 2]
    assert [row["row"] for row in found["left_out"]["rows"]] == [2, 3, 4]
    assert "Run " + found["run"] + ": 1 sample of 1 concept, 1 judged" in told.stderr
    refused = lensgap("import", "samples", file, "--into", tmp_path / "other")
    assert (refused.status, refused.stdout) == (1, "")
    assert refused.stderr.startswith("The samples cannot be imported. x.jsonl, row 2: ")
    assert not (tmp_path / "other").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60), suffix=st.sampled_from(["jsonl", "json", "csv", "tsv"]))
def test_any_bytes_are_rows_or_a_told_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    file = tmp_path / f"any.{suffix}"
    file.write_bytes(content)
    try:
        found = read_entries(file)
    except ArtifactsError as error:
        assert str(file) in str(error)  # noqa: PT017 -- either is right
    else:
        assert all(isinstance(row, str) or set(row) <= set(found.column_names) for row in found.rows)


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_texts_come_in_as_they_were_written(tmp_path: Path, texts: list[str], end: str, mark: bytes) -> None:
    file = tmp_path / "texts.jsonl"
    rows = [{"text": text} for text in texts]
    file.write_bytes(mark + end.join(json.dumps(row, ensure_ascii=False) for row in rows).encode())
    assert list(read_entries(file).rows) == rows
