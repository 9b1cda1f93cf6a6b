"""Anyone's texts come in from any of the file formats alike, and nothing about their columns is guessed in silence."""

import json
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest

from db import connect
from engine.errors import ArtifactsError
from engine.exchange.artifacts import ImportedSample
from engine.exchange.import_samples import Columns, choose_columns, read_samples
from tests.support.command import Command
from tests.support.hub_files import HubOfFiles, hub_of_files

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
    assert notices[-1] == "columns not read: 'response', 'note'"


def test_a_column_asked_for_is_not_guessed_for_something_else() -> None:
    columns, _ = choose_columns(["concept", "label", "text", "prompt"], Columns(text="prompt"))
    assert columns.prompt is None


def test_missing_columns_are_told_with_those_that_there_are() -> None:
    with pytest.raises(ArtifactsError, match=r"No column name suggests the arm\. The columns are 'concept', 'text'"):
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
    assert "columns not read: 'note'" in told.stderr
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
        assert "The hub could not be reached for ann/texts" in told.stderr
    mistyped = lensgap("import", "samples", "ann/texts", "--into", tmp_path / "study")
    assert "there is no such file; a dataset of the hub is named hf://owner/name" in mistyped.stderr
    assert not (tmp_path / "study").exists()


@pytest.fixture
def hub(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubOfFiles]:
    """A hub that has the rows as a dataset, and that may be asked; waiting between requests takes no time."""
    for module in ("huggingface_hub.constants", "datasets.config"):
        monkeypatch.setattr(f"{module}.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("datasets.config.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("time.sleep", lambda _: None)
    with hub_of_files({"README.md": b"", "data/train-00000.parquet": files["parquet"].read_bytes()}) as served:
        point_at(served.endpoint, monkeypatch)
        yield served


def point_at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = "{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", addresses.format(endpoint=endpoint))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    monkeypatch.setattr("datasets.config.HF_ENDPOINT", endpoint)


def test_a_dataset_of_the_hub_goes_in_like_a_folder_also_after_it_broke_off(hub: HubOfFiles) -> None:
    hub.breaks_off = True
    with pytest.raises(
        ArtifactsError, match=r"The hub broke off in the middle of ann/texts: .*run the same command again"
    ):
        read_samples("hf://ann/texts", Columns())
    hub.breaks_off = False
    assert [sample.text for sample in read_samples("hf://ann/texts", Columns()).samples] == TEXTS


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "in HF_TOKEN"),
        (403, "in HF_TOKEN"),
        (429, "wait some minutes"),
        (503, "has a problem: run .* again later"),
    ],
)
def test_what_the_hub_refuses_is_told_with_its_words(hub: HubOfFiles, status: int, hint: str) -> None:
    hub.status, hub.said = status, "Not for you."
    with pytest.raises(ArtifactsError, match=rf"The hub refused ann/texts: {status}, Not for you\. .*{hint}"):
        read_samples("hf://ann/texts", Columns())


def test_a_dataset_that_the_hub_does_not_have_and_a_hub_that_is_not_there_are_told(
    hub: HubOfFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.status = 404
    with pytest.raises(ArtifactsError, match="The hub has no dataset ann/texts that may be read"):
        read_samples("hf://ann/texts", Columns())
    point_at("http://127.0.0.1:1", monkeypatch)
    with pytest.raises(ArtifactsError, match="The hub could not be reached for ann/texts"):
        read_samples("hf://ann/texts", Columns())


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
    assert refused.status == 1
    assert "The concept pack cannot be used." in refused.stderr
    assert 'has no concept "no such term"' in refused.stderr
    assert not (tmp_path / "other").exists()
