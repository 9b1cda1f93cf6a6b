"""A study goes out as a dataset: every row once, texts as they are, the card true, and nothing half-written."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import datasets
import duckdb
import huggingface_hub
import pyarrow as pa
import pytest

from db import connect, insert, transaction
from db.rows import JudgmentRow, LearningCurveRow, RatingRow
from engine.errors import ArtifactsError, StudyMissing
from engine.exchange import dataset_files
from engine.exchange.artifacts_read import read_artifacts
from engine.exchange.artifacts_rows import Origin, store
from engine.exchange.dataset_export import export_dataset
from engine.exchange.dataset_files import harmless, write_table
from engine.exchange.dataset_push import hub_for, push_dataset
from engine.exchange.dataset_tables import TABLES
from tests.support.artifact_files import published_rows, write_artifacts
from tests.support.command import Command
from tests.support.hub_server import Hub, hub_server
from tests.support.synthetic_study import JUDGE, RUN, START, build_study

SAYS = "=WEBSERVICE(1) says Ann"


def rating(pair: tuple[str, str], identity: str, reviewer: str, value: int | None, **changes: Any) -> RatingRow:
    given = {"source": "override", "undoes": None, "inclusion_probability": None, "blind": False, "reason": SAYS}
    at = START + timedelta(days=1)
    return RatingRow(identity, RUN, *pair, reviewer, rating=value, rated_at=at, **(given | changes))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with hostile texts, a second vote, and ratings of two people of which some are undone."""
    folder = build_study(tmp_path_factory.mktemp("dataset") / "study", n_concepts=4, n_pairs=8)
    with transaction(folder) as cursor:
        pairs = cursor.execute("select concept, sample_id from pairs order by concept, sample_id limit 3").fetchall()
        more = (None, None, "cut off", "raw", 1, 1, None, START)
        insert(cursor, [JudgmentRow(JUDGE, *pairs[0], 1, *more)])
        said = [
            rating(pairs[0], "a", "Bo", 5),
            rating(pairs[0], "b", "Ann", 4),
            rating(pairs[1], "c", "Ann", 2),
            rating(pairs[1], "d", "Ann", None, undoes="c"),
            rating(pairs[2], "e", "Bo", 1),
            rating(pairs[2], "f", "Bo", None, undoes="e"),
            rating(pairs[2], "g", "Bo", None, undoes="f"),
            rating(pairs[2], "h", "Bo", 3, source="audit", inclusion_probability=0.5, blind=True),
        ]
        for row in said:
            insert(cursor, [row])
        insert(cursor, [curve("long", (4, 8), (0.6, 0.8), (0.04, 0.01, 0.01, 0.09)), curve("none", (), (), ())])
    return folder


def curve(
    identity: str, n_train: tuple[int, ...], f1: tuple[float, ...], covariance: tuple[float, ...]
) -> LearningCurveRow:
    lens = ("ridge", (1, 2), "output", "in_context", "mean")
    reason = None if f1 else "too few pairs"
    return LearningCurveRow(identity, RUN, "gin", *lens, 8, 4, 2, n_train, f1, covariance, reason, START)


@pytest.fixture(scope="module")
def exported(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "dataset"
    export_dataset(study, out)
    return out


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(duckdb.read_parquet(f"{folder}/data/{name}/*.parquet").to_arrow_table().to_pylist())


def stored(study: Path, statement: str) -> list[tuple[Any, ...]]:
    with connect(study) as cursor:
        return cursor.execute(statement).fetchall()


def test_every_table_loads_as_a_dataset_with_the_columns_that_the_card_describes(
    exported: Path, tmp_path: Path
) -> None:
    configs = datasets.get_dataset_config_names(str(exported))
    assert set(configs) == {one.name for one in TABLES} - {"reported"}
    card = (exported / "README.md").read_text("utf-8")
    for one in TABLES:
        if one.name not in configs:
            continue
        loaded = datasets.load_dataset(str(exported), one.name, split="train", cache_dir=str(tmp_path))
        assert loaded.column_names == list(one.columns)
        assert f"| `{one.name}` | {loaded.num_rows} | " in card
    assert datasets.load_dataset(str(exported), cache_dir=str(tmp_path))["train"].column_names[0] == "sample_id"


def test_every_row_of_the_study_is_there_once(study: Path, exported: Path) -> None:
    counted = {
        "samples": "samples",
        "pairs": "pairs",
        "judgments": "judgments",
        "topics": "topics",
        "ratings": "ratings",
    }
    for name, source in (counted | {"verdicts": "pairs", "lenses": "lenses", "lens_scores": "lens_scores"}).items():
        assert [(len(table(exported, name)),)] == stored(study, f"select count(*) from {source}"), name
    texts = {one["sample_id"]: (one["prompt"], one["text"]) for one in table(exported, "samples")}
    assert texts == {
        sample: (prompt, output)
        for sample, prompt, output in stored(
            study, "select sample_id, prompt, output from samples join prompts using (sample_id)"
        )
    }


def test_learning_curves_have_a_row_a_size_with_its_error_and_one_where_nothing_was_measured(exported: Path) -> None:
    rows = table(exported, "learning_curves")
    found = [
        (r["curve_id"], r["place"], r["n_train"], r["f1"], r["f1_error"], r["covariance"], r["reason"]) for r in rows
    ]
    assert found == [
        ("long", 1, 4, 0.6, pytest.approx(0.2), "[0.04,0.01]", None),
        ("long", 2, 8, 0.8, pytest.approx(0.3), "[0.01,0.09]", None),
        ("none", None, None, None, None, None, "too few pairs"),
    ]
    assert {row["layers"] for row in rows} == {"1+2"}


def test_verdicts_are_those_that_the_study_goes_by(study: Path, exported: Path) -> None:
    asked = f"select concept, sample_id, verdict, verdict_source from verdicts('{RUN}', '{JUDGE}') order by all"
    found = [(v["concept"], v["sample_id"], v["verdict"], v["verdict_source"]) for v in table(exported, "verdicts")]
    assert sorted(found, key=lambda row: row[:2]) == stored(study, asked)
    assert {"override", "judge"} <= {source for *_, source in found}


def test_the_history_of_ratings_marks_what_was_undone_and_what_is_in_force(exported: Path) -> None:
    marks = {one["rating_id"]: (one["is_undone"], one["is_in_force"]) for one in table(exported, "ratings")}
    # The undoing of e was itself undone, so that e stands.
    assert {name for name, (undone, _) in marks.items() if undone} == {"c", "f"}
    assert {name for name, (_, in_force) in marks.items() if in_force} == {"b", "e", "h"}
    assert [one["order_number"] for one in table(exported, "ratings")] == list(range(1, 9))


def test_reviewers_are_numbered_by_their_first_rating_and_their_words_left_out_where_asked(
    study: Path, exported: Path, tmp_path: Path
) -> None:
    export_dataset(study, tmp_path / "out", anonymous=True)
    named, numbered = table(exported, "ratings"), table(tmp_path / "out", "ratings")
    assert [one["reviewer"] for one in numbered] == [
        {"Bo": "reviewer 1", "Ann": "reviewer 2"}[one["reviewer"]] for one in named
    ]
    assert {one["reason"] for one in numbered} == {None}
    for file in (tmp_path / "out").rglob("*"):
        assert file.is_dir() or b"Ann" not in file.read_bytes()
    assert "names reviewers" in (exported / "README.md").read_text("utf-8")


def test_paths_and_servers_of_this_machine_stay_here(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", n_concepts=2, n_pairs=2)
    paths = {"pack": "/home/ann/packs/mine", "base_url": "http://inner:1", "judge": "local:/home/ann/qwen", "seed": 7}
    with transaction(study) as cursor:
        cursor.execute(
            "update runs set model = '/home/ann/models/big', config = $new", {"new": str(paths).replace("'", '"')}
        )
    export_dataset(study, tmp_path / "out")
    (run,) = table(tmp_path / "out", "runs")
    assert run["model"] == "big"
    assert run["settings"] == '{"pack":"mine","judge":"local:qwen","seed":7}'
    assert {one["model"] for one in table(tmp_path / "out", "samples")} == {"big"}
    assert "home" not in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_a_csv_has_every_text_with_nothing_that_a_spreadsheet_runs(study: Path, exported: Path, tmp_path: Path) -> None:
    export_dataset(study, tmp_path / "out", form="csv")
    for name, column in (("samples", "text"), ("ratings", "reason"), ("judgments", "explanation")):
        cells = duckdb.sql(
            f"select {column} from read_csv('{tmp_path}/out/{name}.csv', all_varchar = true, header = true, nullstr = '', "
            "allow_quoted_nulls = false, max_line_size = 10000000, parallel = false)"
        ).fetchall()
        texts = [one[column] for one in table(exported, name)]
        assert [cell and cell.removeprefix("'") for (cell,) in cells] == texts
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for (cell,) in cells if cell)
    assert any((one["reason"] or "").startswith("=") for one in table(exported, "ratings"))


def test_an_apostrophe_marks_what_may_run_and_taking_one_away_restores_all() -> None:
    texts = ["=1", "+1", "-1", "@a", "＝1", "\tx", "'quoted", "''", "", " =1", "plain", None, "a=1"]
    found = harmless(pa.array(texts)).to_pylist()
    assert [text and text.removeprefix("'") for text in found] == texts
    assert [text for text in found if text and text[0] == "'"] == [f"'{text}" for text in texts[:8]]


def test_the_card_names_no_licence_and_escapes_names(tmp_path: Path) -> None:
    study = build_study(tmp_path / 'a "study" <b>', n_concepts=2, n_pairs=2)
    export_dataset(study, tmp_path / "out", form="parquet")
    card = huggingface_hub.DatasetCard.load(tmp_path / "out" / "README.md")
    assert card.data.pretty_name == 'a "study" <b>'
    assert card.data.license is None
    assert {one["config_name"]: one["data_files"] for one in card.data.configs}["pairs"] == "pairs.parquet"
    assert "<b>" not in card.text
    assert "`ratings`, `learning_curves`, `reported`" in card.text
    assert "a baseline, no language model" in card.text


def test_what_an_import_does_not_know_is_null(tmp_path: Path) -> None:
    read = read_artifacts(
        write_artifacts(tmp_path / "artifacts", [one | {"prompt": ""} for one in published_rows()[:25]])
    )
    store(tmp_path / "study", read, Origin(judge="haiku"))
    export_dataset(tmp_path / "study", tmp_path / "out")
    samples = table(tmp_path / "out", "samples")
    assert {(one["prompt"], one["finish_reason"], one["seed"], one["temperature"]) for one in samples} == {(None,) * 4}
    assert {one["negative_kind"] for one in table(tmp_path / "out", "pairs")} == {None}
    assert {one["name"] for one in table(tmp_path / "out", "reported")} == {
        "probe_f1",
        "probe_precision",
        "probe_recall",
    }
    assert "said to be of unknown" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_a_run_that_nobody_judged_has_verdicts_of_people_or_none(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", n_concepts=2, n_pairs=4, judged=False, lensed=False)
    made = export_dataset(study, tmp_path / "out")
    assert {(one["judge_id"], one["verdict"]) for one in table(tmp_path / "out", "verdicts")} == {(None, None)}
    assert (made.n_rows["judgments"], made.n_rows["lenses"]) == (0, 0)


def test_a_table_goes_to_files_of_a_bounded_size_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_files, "SHARD_ROWS", 5)
    batches = [pa.record_batch({"n": list(range(start, start + 2))}) for start in range(0, 14, 2)]
    empty = batches[0].slice(0, 0)
    assert write_table(tmp_path, "samples", [empty, *batches[:3], empty, *batches[3:]], "datasets") == 14
    files = sorted((tmp_path / "data" / "samples").iterdir())
    assert [file.name for file in files] == [f"train-{number:05}.parquet" for number in range(3)]
    assert [row["n"] for row in table(tmp_path, "samples")] == list(range(14))
    assert write_table(tmp_path, "none", [empty], "datasets") == 0
    assert not (tmp_path / "data" / "none").exists()


def test_the_snapshot_changes_with_what_is_added_and_with_nothing_else(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", n_concepts=2, n_pairs=4)
    first, again = (export_dataset(study, tmp_path / name).snapshot for name in ("a", "b"))
    with transaction(study) as cursor:
        pair = cursor.execute("select concept, sample_id from pairs limit 1").fetchall()[0]
        insert(cursor, [rating(pair, "a", "Bo", 5)])
    assert first == again != export_dataset(study, tmp_path / "c").snapshot


def test_nothing_is_overwritten_and_nothing_half_written_stays(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("mine")
    with pytest.raises(ArtifactsError, match="exists already"):
        export_dataset(study, tmp_path / "taken")
    with pytest.raises(StudyMissing, match="no run nowhere"):
        export_dataset(study, tmp_path / "out", runs=["nowhere"])
    monkeypatch.setattr("engine.exchange.dataset_export.card", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_dataset(study, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_the_command_writes_the_runs_that_are_named(study: Path, tmp_path: Path, lensgap: Command) -> None:
    made = lensgap("export", "dataset", study, "--out", tmp_path / "out", "--format", "parquet", "--run", RUN)
    assert (made.status, made.stdout) == (0, f"{tmp_path / 'out'}\n")
    assert "samples 24, pairs 48" in made.stderr
    assert sorted(file.suffix for file in (tmp_path / "out").iterdir())[:2] == [".md", ".parquet"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that may be asked, with one file of an earlier push and one of its owner."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with hub_server(there=("data/samples/train-00009.parquet", "LICENSE")) as served:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", served.endpoint)
        yield served


def test_a_push_puts_all_files_in_a_private_repository_and_takes_the_earlier_ones_out(exported: Path, hub: Hub) -> None:
    address = push_dataset(exported, "ann/texts", hub_for("ann/texts"), message="m")
    assert address == f"{hub.endpoint}/datasets/ann/texts"
    assert hub.tokens == {"Bearer hf_secret"}
    assert [(one["name"], one["type"], one["visibility"]) for one in hub.created] == [("texts", "dataset", "private")]
    local = {str(file.relative_to(exported)): file.read_bytes() for file in exported.rglob("*") if file.is_file()}
    assert hub.files == local
    assert (hub.deleted, hub.messages) == (["data/samples/train-00009.parquet"], ["m"])


@pytest.mark.parametrize(("status", "hint"), [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (413, ""), (429, "wait some")])
def test_a_push_that_is_refused_is_told_and_the_dataset_stays(exported: Path, hub: Hub, status: int, hint: str) -> None:
    hub.refuses, hub.status = "You may not write here", status
    said = rf"hub refused ann/texts: {status}, .*You may not write here\. .*{hint}.*The dataset is in"
    with pytest.raises(ArtifactsError, match=said):
        push_dataset(exported, "ann/texts", hub_for("ann/texts"), message="m")


def test_a_hub_that_is_not_there_is_told(exported: Path, hub: Hub) -> None:
    nobody = huggingface_hub.HfApi("http://127.0.0.1:1", token="t")
    with pytest.raises(ArtifactsError, match="hub cannot be reached"):
        push_dataset(exported, "ann/texts", nobody, message="m")


def test_what_a_push_needs_is_asked_for_before_anything_is_written(
    study: Path, tmp_path: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    for name, said in (
        ("ann/texts", "No token"),
        ("texts", "names no owner"),
        ("a/b/c", "is not a valid dataset name"),
        ("..", "is not a valid dataset name"),
    ):
        refused = lensgap("export", "dataset", study, "--out", tmp_path / "out", "--push", name)
        assert refused.status == 1
        assert said in refused.stderr
    assert not (tmp_path / "out").exists()


def test_without_a_network_one_sentence_tells_where_the_dataset_is(
    study: Path, tmp_path: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    told = lensgap("export", "dataset", study, "--out", tmp_path / "out", "--push", "ann/texts")
    assert told.status == 1
    assert "The hub cannot be reached" in told.stderr
    assert (tmp_path / "out" / "README.md").is_file()
    assert hub_for("ann/texts").token == "hf_secret"
