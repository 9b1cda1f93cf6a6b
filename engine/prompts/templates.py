"""Sets of prompt templates: versioned files whose hash is stored with every run.

A set is a bundled TOML file, a TOML file of the user, or a folder: of TOML files, whose templates are put together, and of .txt
files that hold one template each. A template may use {term}, {definition} and {sense}.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

from engine.errors import ConfigError
from engine.packs.pack import Concept

FOLDER = Path(__file__).parent / "templates"
FIELDS = {"term", "definition", "sense"}


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """Templates by name, in file order."""

    name: str
    version: int
    hash: str
    templates: Mapping[str, str]

    def fill(self, template: str, concept: Concept) -> str:
        """The prompt of a template about a concept."""
        return self.templates[template].format(
            term=concept.name, definition=concept.definition, sense=describe_sense(concept)
        )

    def suits(self, template: str, concept: Concept) -> bool:
        """Whether the concept has all that the template names; a concept without definition may lack it."""
        return concept.definition != "" or not self.needs_definition(template, concept)

    def needs_definition(self, template: str, concept: Concept) -> bool:
        """Whether the template would leave a gap where the concept has no definition."""
        used = _fields(self.templates[template])
        return "definition" in used or ("sense" in used and not describe_sense(concept))


def describe_sense(concept: Concept) -> str:
    """What the term means here, shortly: the first part of the definition of its first sense, or of its own."""
    listed = concept.senses[0].definition if concept.senses else ""
    return (listed or concept.definition).split(";")[0].strip().rstrip(".")


def load_templates(name: str) -> TemplateSet:
    """Read a bundled set by name, or a file or folder by path; ConfigError names file and template."""
    bundled = FOLDER / f"{name}.toml"
    place = bundled if bundled.is_file() else Path(name)
    if not place.is_dir():
        return _read_toml(place)
    parts = [_read_toml(file) for file in sorted(place.glob("*.toml"))]
    parts += [_read_text(file) for file in sorted(place.glob("*.txt"))]
    if not parts:
        raise ConfigError(f"{place} holds no prompt templates: neither .toml nor .txt files.")
    templates: dict[str, str] = {}
    for part in parts:
        if clash := templates.keys() & part.templates.keys():
            raise ConfigError(f'{place}: template "{min(clash)}" is there twice.')
        templates |= part.templates
    digest = hashlib.blake2b(" ".join(part.hash for part in parts).encode(), digest_size=8).hexdigest()
    return TemplateSet(place.name or str(place), max(part.version for part in parts), digest, templates)


def _read_text(file: Path) -> TemplateSet:
    text = _read(file)
    template = text.strip()
    _check(template, file=file, key=file.stem)
    return TemplateSet(file.stem, 1, _hash(file.stem + text), {file.stem: template})


def _read_toml(file: Path) -> TemplateSet:
    text = _read(file)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not a TOML file: {error}.") from error
    templates: Any = content.get("templates")
    if not isinstance(templates, dict) or not templates:
        raise ConfigError(f'{file}: table "templates" is missing or empty.')
    for key, template in templates.items():
        _check(template, file=file, key=key)
    version = content.get("version", 1)
    if type(version) is not int:
        raise ConfigError(f'{file}: field "version" must be a whole number, not {version!r}.')
    return TemplateSet(str(content.get("name", file.stem)), version, _hash(text), templates)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.toml")))
        raise ConfigError(
            f"There are no prompt templates at {file} ({error.strerror}).", hint=f"Bundled sets: {known}."
        ) from error
    except UnicodeDecodeError as error:
        kind = "TOML" if file.suffix == ".toml" else "UTF-8 text"
        raise ConfigError(f"{file} is not a {kind} file: {error}.") from error


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def _check(template: object, *, file: Path, key: str) -> None:
    if not isinstance(template, str):
        raise ConfigError(f'{file}: template "{key}" must be a text.')
    try:
        names = _fields(template)
    except ValueError as error:
        raise ConfigError(f'{file}: template "{key}" has unbalanced braces ({error}).') from error
    if "term" not in names or not names <= FIELDS:
        raise ConfigError(
            f'{file}: template "{key}" must use {{term}}, and may use {{definition}} and {{sense}}, nothing else.'
        )
    try:
        template.format(term="term", definition="definition", sense="sense")
    except (ValueError, LookupError) as error:
        raise ConfigError(f'{file}: template "{key}" cannot be filled in ({error}).') from error
