"""Template files: what is accepted can be filled in, and every fault names file and template."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.packs.pack import Concept, Sense
from engine.prompts.templates import describe_sense, load_templates

GOOD = 'name = "mine"\nversion = 3\n[templates]\nask = "What is {term}?"\nlong = "{term}: {definition} {{so}}"\n'


def test_file_is_read_with_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)
    found = load_templates(str(file))
    assert (found.name, found.version, list(found.templates)) == ("mine", 3, ["ask", "long"])
    file.write_text(GOOD.replace("What", "Who"))
    assert load_templates(str(file)).hash != found.hash


def test_bundled_set_fills_in_every_concept() -> None:
    for template in load_templates("standard").templates.values():
        assert "R&D {x}" in template.format(term="R&D {x}", definition="d")


FAULTS = {
    "not toml": ("templates = [", "TOML"),
    "no table": ('name = "x"', "templates"),
    "empty table": ("[templates]", "templates"),
    "a number": ("[templates]\na = 3", '"a"'),
    "no term": ('[templates]\na = "What?"', '"a"'),
    "another field": ('[templates]\na = "{term} {secret}"', '"a"'),
    "an attribute": ('[templates]\na = "{term.__class__}"', '"a"'),
    "a position": ('[templates]\na = "{} {term}"', '"a"'),
    "unbalanced": ('[templates]\na = "{term} }"', '"a"'),
    "a number's format": ('[templates]\na = "{term:d}"', '"a"'),
    "version is a text": ('version = "one"\n[templates]\na = "{term}"', '"version"'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_names_file_and_template(tmp_path: Path, fault: str) -> None:
    text, named = FAULTS[fault]
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as told:
        load_templates(str(file))
    assert "mine.toml" in str(told.value)
    assert named in str(told.value)


def test_unknown_set_names_the_bundled_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="standard"):
        load_templates(str(tmp_path / "none.toml"))


def test_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes(b'[templates]\na = "{term} \xff"')
    with pytest.raises(ConfigError, match=r"latin\.toml is not a TOML file"):
        load_templates(str(file))


SETS = ("standard", "with-definition", "definition-first", "sense")
VODKA = Concept("vodka", 1, ("drink",), "a clear spirit; from grain", ("wodka",), (), 1)
BARE = replace(VODKA, definition="")


@pytest.mark.parametrize("name", SETS)
def test_bundled_sets_give_different_prompts_that_name_the_concept(name: str) -> None:
    found = load_templates(name)
    prompts = [found.fill(template, VODKA) for template in found.templates]
    assert found.name == name
    assert len(set(prompts)) == len(prompts) >= 10
    assert all("vodka" in prompt for prompt in prompts)
    assert all(("clear spirit" in prompt) == (name != "standard") for prompt in prompts)
    assert all(found.suits(template, BARE) == (name == "standard") for template in found.templates)


def test_sense_is_that_of_the_first_sense_cut_short() -> None:
    assert describe_sense(VODKA) == "a clear spirit"
    listed = replace(VODKA, senses=(Sense("1.n", "a drink of the north; strong"), Sense("2.n", "another")))
    assert describe_sense(listed) == "a drink of the north"
    assert load_templates("sense").suits("what-is", replace(listed, definition=""))
    assert describe_sense(BARE) == ""


def test_folder_puts_its_files_together(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('version = 4\n[templates]\nask = "What is {term}?"\n')
    (tmp_path / "story.txt").write_text("Tell a story\nabout {term}.\n")
    found = load_templates(str(tmp_path))
    assert dict(found.templates) == {"ask": "What is {term}?", "story": "Tell a story\nabout {term}."}
    assert (found.name, found.version) == (tmp_path.name, 4)
    (tmp_path / "story.txt").write_text("Tell a tale about {term}.")
    assert load_templates(str(tmp_path)).hash != found.hash


def test_faults_of_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither"):
        load_templates(str(tmp_path))
    (tmp_path / "ask.txt").write_text("What?")
    with pytest.raises(ConfigError, match=r'ask\.txt: template "ask"'):
        load_templates(str(tmp_path))
    (tmp_path / "ask.txt").write_text("What is {term}?")
    (tmp_path / "b.toml").write_text('[templates]\nask = "Say {term}"')
    with pytest.raises(ConfigError, match='"ask" is there twice'):
        load_templates(str(tmp_path))
    (tmp_path / "ask.txt").write_bytes(b"{term}\xff")
    with pytest.raises(ConfigError, match=r"ask\.txt is not a UTF-8 text"):
        load_templates(str(tmp_path))
