"""Template files: what is accepted can be filled in, and every fault names file and template."""

from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.prompts.templates import load_templates

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
