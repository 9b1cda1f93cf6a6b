"""Anyone's texts come in from any of the file formats alike, and nothing about their columns is guessed in silence."""

import json
from pathlib import Path

import datasets
import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError

from db import connect
from engine.errors import ArtifactsError
from engine.exchange.artifacts import ImportedSample
from engine.exchange.import_samples import Columns, choose_columns, read_samples
from tests.support.command import Command

TEXTS = ["NA", "007", "2020-01-01", "", '=1+1 "quoted",\nand on 🍸']
ROWS = [
    {
        "concept": f"gin {number % 2}",
        "arm": "positive" if number % 3 else "negative",
        "text": text,
        "rating": str(number % 5 + 1),
        "note": "x",
    }
    for number, text in enumerate(TEXTS)
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same rows in each format."""
    folder = tmp_path_factory.mktemp("files")
    made = datasets.Dataset.from_list(ROWS)
    paths = {name: folder / f"texts.{name}" for name in ("jsonl", "csv", "parquet")}
    paths["jsonl"].write_text("\n".join(map(json.dumps, ROWS)))
    made.to_csv(str(paths["csv"]), index=False)
    paths["csv"].write_bytes(b"\xef\xbb\xbf" + paths["csv"].read_bytes())
    made.to_parquet(str(paths["parquet"]))
    made.save_to_disk(str(folder / "saved"))
    datasets.DatasetDict(train=made, test=made.select([0])).save_to_disk(str(folder / "splits"))
    return paths | {"saved": folder / "saved", "splits": folder / "splits"}


def test_every_format_gives_the_same_rows(files: dict[str, Path]) -> None:
    expected = [(row["concept"], row["arm"], row["text"], int(row["rating"])) for row in ROWS]
    for name in ("jsonl", "csv", "parquet", "saved"):
        found = read_samples(files[name], Columns()).samples
        assert [(s.concept, s.arm, s.text, s.judgment and s.judgment.rating) for s in found] == expected, name


def test_a_split_is_named_where_there_are_several(files: dict[str, Path]) -> None:
    with pytest.raises(ArtifactsError, match="has the splits 'train', 'test'"):
        read_samples(files["splits"], Columns())
    assert len(read_samples(files["splits"], Columns(), split="test").samples) == 1


def test_guesses_and_unread_columns_are_told() -> None:
    columns, notices = choose_columns(["term", "label", "mine", "response", "note"], Columns(text="mine"))
    assert columns == Columns(concept="term", arm="label", text="mine")
    assert "concept: column 'term' (guessed by its name)" in notices
    assert "text: column 'mine'" in notices
    assert "prompt: no column" in notices
    assert notices[-1] == "columns that are not read: 'response', 'note'"


def test_a_column_asked_for_is_not_guessed_for_something_else() -> None:
    columns, _ = choose_columns(["concept", "label", "text", "prompt"], Columns(text="prompt"))
    assert columns.prompt is None


def test_missing_columns_are_told_with_those_that_there_are() -> None:
    with pytest.raises(
        ArtifactsError, match="No column holds the arm as far as names tell; there are 'concept', 'text'"
    ):
        choose_columns(["concept", "text"], Columns())
    with pytest.raises(ArtifactsError, match="There is no column 'topic'"):
        choose_columns(["concept", "arm", "text"], Columns(concept="topic"))


def jsonl(tmp_path: Path, *rows: dict[str, object]) -> Path:
    file = tmp_path / "texts.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def test_a_positive_value_makes_every_other_value_negative_and_says_which(tmp_path: Path) -> None:
    file = jsonl(tmp_path, *({"concept": "gin", "arm": arm, "text": "t"} for arm in ("on", "off", "else")))
    read = read_samples(file, Columns(), positive_value="on")
    assert [sample.arm for sample in read.samples] == ["positive", "negative", "negative"]
    assert "positive: 'on'; negative: 'off', 'else'" in read.notices
    with pytest.raises(ArtifactsError, match="No row has 'neither'"):
        read_samples(file, Columns(), positive_value="neither")
    with pytest.raises(ArtifactsError, match=r"texts\.jsonl, row 1: .*--positive-value"):
        read_samples(file, Columns())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rating": 6}, '"rating" must be a whole number from 1 to 5, not 6'),
        ({"rating": 0}, "not 0"),
        ({"concept": ""}, '"concept" must be one printable line'),
        ({"arm": ""}, '"arm" is empty'),
        ({"text": None}, '"text" must be a text, not None'),
    ],
)
def test_an_unsound_row_is_told_and_left_out_only_when_asked(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    sound = {"concept": "gin", "arm": "yes", "text": "t", "rating": 3}
    file = jsonl(tmp_path, sound, sound | change)
    with pytest.raises(ArtifactsError) as raised:
        read_samples(file, Columns())
    assert "texts.jsonl, row 2: " in str(raised.value)
    assert said in str(raised.value)
    kept = read_samples(file, Columns(), skip_bad=True)
    assert [sample.text for sample in kept.samples] == ["t"]
    assert any("row 2" in notice for notice in kept.notices)


def test_a_boolean_column_tells_the_arms(tmp_path: Path) -> None:
    file = jsonl(tmp_path, *({"term": "gin", "label": label, "output": "t"} for label in (True, False)))
    expected = [ImportedSample("gin", None, arm, "", "t") for arm in ("positive", "negative")]  # type: ignore[arg-type]
    assert list(read_samples(file, Columns()).samples) == expected


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"{not json", b'"a text"'])
def test_a_file_that_is_no_dataset_is_told(tmp_path: Path, content: bytes) -> None:
    for suffix in ("jsonl", "csv", "parquet"):
        file = tmp_path / f"broken.{suffix}"
        file.write_bytes(content)
        with pytest.raises(ArtifactsError):
            read_samples(file, Columns())
    with pytest.raises(ArtifactsError, match="must end in"):
        read_samples(jsonl(tmp_path).rename(tmp_path / "texts.xlsx"), Columns())
    with pytest.raises(ArtifactsError, match="no such file"):
        read_samples(tmp_path / "absent.csv", Columns())


def test_imported_samples_are_a_run_with_forms_and_ratings(
    files: dict[str, Path], tmp_path: Path, lensgap: Command
) -> None:
    told = lensgap("import", "samples", files["csv"], "--into", tmp_path / "study", "--judge", "ours")
    assert told.status == 0
    assert "columns that are not read: 'note'" in told.stderr
    with connect(tmp_path / "study") as cursor:
        joined = "samples join forms using (sample_id) join pairs using (sample_id)"
        found = cursor.execute(f"select output, form_study from {joined} order by position").fetchall()
        assert [text for text, _ in found] == TEXTS
        assert {form for _, form in found} == {"empty", "short"}
        assert cursor.execute("select sum(rating) from judgments").fetchone() == (15,)
        reasons = cursor.execute("select distinct quadrant, quadrant_reason from run_concepts").fetchall()
        assert reasons == [(None, "the imported file names no quadrant")]


def test_a_folder_of_parquet_files_and_one_with_several_configurations_are_datasets(
    files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "part.parquet").write_bytes(files["parquet"].read_bytes())
    assert len(read_samples(tmp_path / "plain", Columns()).samples) == len(ROWS)
    several = tmp_path / "several"
    several.mkdir()
    (several / "a.parquet").write_bytes(files["parquet"].read_bytes())
    datasets.Dataset.from_list(ROWS[:2]).to_parquet(str(several / "b.parquet"))
    configs = "\n".join(f"- config_name: {name}\n  data_files: {name}.parquet" for name in "ab")
    (several / "README.md").write_text(f"---\nconfigs:\n{configs}\n---\n")
    assert len(read_samples(several, Columns(), config="b").samples) == 2
    with pytest.raises(ArtifactsError, match="Config name is missing"):
        read_samples(several, Columns())


def test_a_dataset_of_the_hub_is_asked_for_only_by_its_whole_name_and_told_where_there_is_no_network(
    tmp_path: Path, lensgap: Command
) -> None:
    for name in ("hf://ann/texts", "hf://datasets/ann/texts"):
        told = lensgap("import", "samples", name, "--into", tmp_path / "study")
        assert told.status == 1
        assert "The hub could not be asked for ann/texts" in told.stderr
    mistyped = lensgap("import", "samples", "ann/texts", "--into", tmp_path / "study")
    assert "there is no such file; a dataset of the hub is named hf://owner/name" in mistyped.stderr
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("status", [401, 403, 429])
def test_what_the_hub_refuses_is_told_with_its_words(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    def refuse(*_: object, **__: object) -> object:
        response = httpx2.Response(status, request=httpx2.Request("GET", "http://hub"))
        raise HfHubHTTPError(f"{status} Client Error", response=response, server_message="not for you")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(ArtifactsError, match=r"The hub refused ann/texts: .*not for you.*HF_TOKEN"):
        read_samples("hf://ann/texts", Columns())


def test_a_dataset_of_the_hub_goes_in_like_a_folder(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = datasets.load_dataset
    asked = []

    def answer(name: str, config: str | None = None, **options: str) -> object:
        asked.append((name, config))
        return load("parquet", data_files=str(files["parquet"]), **options)

    monkeypatch.setattr(datasets, "load_dataset", answer)
    assert len(read_samples("hf://ann/texts", Columns(), config="main").samples) == len(ROWS)
    assert asked == [("ann/texts", "main")]


def test_a_pack_gives_imported_texts_their_quadrants_and_counts(
    tmp_path: Path, hand_made: Path, lensgap: Command
) -> None:
    from engine.packs.folder import load_pack
    from engine.packs.quadrants import profile_pack
    from engine.stats.quadrants import Bands

    profiles = profile_pack(load_pack(str(hand_made)), bands=Bands(), siblings="distinct")
    rows = [{"concept": one.concept.term, "arm": "positive", "text": "t"} for one in profiles]
    told = lensgap("import", "samples", jsonl(tmp_path, *rows), "--into", tmp_path / "study", "--pack", hand_made)
    assert told.status == 0
    with connect(tmp_path / "study") as cursor:
        found = cursor.execute("select concept, quadrant, n_senses, n_siblings from run_concepts").fetchall()
    assert sorted(found) == sorted((one.concept.term, one.quadrant, one.n_senses, one.n_siblings) for one in profiles)
    stray = jsonl(tmp_path, {"concept": "no such term", "arm": "positive", "text": "t"})
    refused = lensgap("import", "samples", stray, "--into", tmp_path / "other", "--pack", hand_made)
    assert (refused.status, 'has no concept "no such term"' in refused.stderr) == (1, True)
    assert not (tmp_path / "other").exists()
