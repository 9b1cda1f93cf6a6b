"""The WordNet reader is found or prepared, and its absence is told in one sentence."""

from pathlib import Path

import pytest

from engine.errors import WordNetMissing
from engine.packs.wordnet import DEBIAN_FOLDER, lexnames, load_wordnet, prepare

needs_dictionary = pytest.mark.skipif(not (DEBIAN_FOLDER / "data.noun").is_file(), reason="no WordNet installed")


def test_lexnames_numbers_the_45_lexicographer_files() -> None:
    rows = [line.split("\t") for line in lexnames().splitlines()]
    assert [int(number) for number, _, _ in rows] == list(range(45))
    # Fixed points of lexnames(5WN).
    assert rows[3] == ["03", "noun.Tops", "1"]
    assert rows[29] == ["29", "verb.body", "2"]
    assert rows[44] == ["44", "adj.ppl", "3"]


def test_missing_dictionary_names_both_ways_to_install(tmp_path: Path) -> None:
    with pytest.raises(WordNetMissing) as caught:
        prepare(tmp_path / "nowhere", tmp_path / "cache")
    assert caught.value.hint is not None
    assert "wordnet-base" in caught.value.hint
    assert "nltk.download" in caught.value.hint
    assert not (tmp_path / "cache").exists()


def test_unwritable_cache_is_an_expected_error(tmp_path: Path) -> None:
    source = _fake_dictionary(tmp_path)
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    with pytest.raises(WordNetMissing, match="could not be copied"):
        prepare(source, blocked)


def test_prepared_folder_holds_real_copies_and_no_scratch(tmp_path: Path) -> None:
    folder = prepare(_fake_dictionary(tmp_path), tmp_path / "cache")
    assert (folder / "data.noun").read_text() == "content of data.noun"
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert [path.name for path in folder.parent.iterdir()] == ["wordnet"]
    (folder / "data.noun").write_text("kept")
    assert (prepare(tmp_path / "gone", tmp_path / "cache") / "data.noun").read_text() == "kept"


@needs_dictionary
def test_reader_knows_a_sword() -> None:
    synset = load_wordnet().synsets("sword", "n")[0]
    assert [parent.name() for parent in synset.hypernyms()] == ["weapon.n.01"]
    assert synset.lexname() == "noun.artifact"


@needs_dictionary
def test_a_dictionary_is_read_once() -> None:
    assert load_wordnet() is load_wordnet()


def _fake_dictionary(tmp_path: Path) -> Path:
    from engine.packs.wordnet import _FILES

    source = tmp_path / "dict"
    source.mkdir()
    for name in _FILES:
        (source / name).write_text(f"content of {name}")
    return source
