"""Rubrics: what a judge is told before it sees a text, as versioned files whose hash is stored with every judgment.

A rubric is four texts. The two system texts are sent as they stand, the same for every question, so that servers can keep them;
the two question texts are filled in. A file is a bundled one or the user's, and a faulty one is refused before anything is asked.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any, Final

from engine.errors import ConfigError

FOLDER = Path(__file__).parent / "rubrics"
NO_DEFINITION: Final = "none is given"
PLACEHOLDERS: Final = ("concept", "definition", "text")
_TABLES: Final = ("topic", "relevance")
_FIELDS: Final = ("system", "question")
_NEEDED: Final = {"topic": {"text"}, "relevance": {"concept", "text"}}
_ALLOWED: Final = {"topic": {"text"}, "relevance": set(PLACEHOLDERS)}


@dataclass(frozen=True, slots=True)
class Rubric:
    """The four texts; the hash is that of the texts alone, whatever the rubric is called."""

    name: str
    version: int
    hash: str
    topic_system: str
    topic_question: str
    relevance_system: str
    relevance_question: str

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """All that a judge is told."""
        return self.topic_system, self.topic_question, self.relevance_system, self.relevance_question


def build_rubric(
    name: str,
    version: int,
    *,
    topic_system: str,
    topic_question: str,
    relevance_system: str,
    relevance_question: str,
    place: str = "The rubric",
) -> Rubric:
    """A rubric of texts that were checked; ConfigError names the place and the field that is wrong."""
    texts = {
        "topic.system": topic_system,
        "topic.question": topic_question,
        "relevance.system": relevance_system,
        "relevance.question": relevance_question,
    }
    for field, text in texts.items():
        _check_text(text, place=place, field=field)
    stripped = [text.strip() for text in texts.values()]
    digest = hashlib.blake2b(json.dumps(stripped).encode(), digest_size=8).hexdigest()
    return Rubric(_check_name(name, place), _check_version(version, place), digest, *stripped)


def load_rubric(name: str) -> Rubric:
    """Read a bundled rubric by name or a file by path; ConfigError names file and field."""
    file = FOLDER / f"{name}.toml" if name in bundled_rubrics() else Path(name)
    return read_rubric(_read(file), place=str(file), name=file.stem)


def bundled_rubrics() -> tuple[str, ...]:
    """Names of the rubrics that are part of the product."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


def read_rubric(content: str, *, place: str, name: str) -> Rubric:
    """A rubric from the content of a file; `place` is what errors name, `name` what it is called if it does not say."""
    try:
        found = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(f"{place} is not a TOML file: {error}.") from error
    if unknown := found.keys() - {"name", "version", *_TABLES}:
        raise ConfigError(f'{place}: "{min(unknown)}" is no part of a rubric.')
    texts = {f"{table}_{field}": text for table in _TABLES for field, text in _read_table(found, table, place).items()}
    return build_rubric(found.get("name", name), found.get("version", 1), **texts, place=place)


def rubric_toml(rubric: Rubric) -> str:
    """The rubric as a file that reads back as the same rubric, for people to edit."""
    lines = [f"name = {_quoted(rubric.name)}", f"version = {rubric.version}", ""]
    values = iter(rubric.texts)
    for table in _TABLES:
        lines += [f"[{table}]", *(f"{field} = {_quoted_lines(next(values))}" for field in _FIELDS), ""]
    return "\n".join(lines)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")  # some editors write a mark before the text
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise ConfigError(f"{file} is not a TOML file: {error}.") from error
        told = getattr(error, "strerror", None) or error
        hint = f"Bundled rubrics: {', '.join(bundled_rubrics())}."
        raise ConfigError(f"There is no rubric at {file} ({told}).", hint=hint) from error


def _read_table(content: dict[str, Any], table: str, place: str) -> dict[str, Any]:
    found = content.get(table)
    if not isinstance(found, dict):
        raise ConfigError(f'{place}: table "{table}" is missing.')
    if unknown := found.keys() - set(_FIELDS):
        raise ConfigError(f'{place}: "{table}.{min(unknown)}" is no part of a rubric.')
    if missing := [field for field in _FIELDS if field not in found]:
        raise ConfigError(f'{place}: field "{table}.{missing[0]}" is missing.')
    return {field: found[field] for field in _FIELDS}


def _check_name(name: object, place: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f'{place}: field "name" must be a text.')
    return name


def _check_version(version: object, place: str) -> int:
    if type(version) is not int or version < 1:
        raise ConfigError(f'{place}: field "version" must be a whole number from 1, not {version!r}.')
    return version


def _check_text(text: object, *, place: str, field: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f'{place}: field "{field}" must be a text and not empty.')
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f'{place}: field "{field}" holds half a character ({error.reason}).') from error
    table, _, kind = field.partition(".")
    if kind == "question":
        _check_question(text, table, f'{place}: field "{field}"')
    elif used := [name for name in PLACEHOLDERS if f"{{{name}}}" in text]:
        raise ConfigError(f'{place}: field "{field}" is the same for every text, so it cannot use {{{used[0]}}}.')


def _check_question(text: str, table: str, field: str) -> None:
    try:
        parts = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise ConfigError(
            f"{field} has unbalanced braces ({error}); a brace that is meant is written twice."
        ) from error
    names = [name for name, _, _ in parts]
    needed, allowed = _NEEDED[table], _ALLOWED[table]
    if unknown := sorted(str(name) for name in set(names) - allowed):
        raise ConfigError(f"{field} cannot use {{{unknown[0]}}}, only {_listed(allowed)}.")
    if missing := sorted(needed - set(names)):
        raise ConfigError(f"{field} must use {{{missing[0]}}}.")
    if formatted := [name for name, spec, conversion in parts if spec or conversion]:
        raise ConfigError(f"{field} must use {{{formatted[0]}}} as it is, without a format.")
    if names.count("text") > 1:
        raise ConfigError(f"{field} must use {{text}} once.")


def _listed(names: set[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


# Of the controls, a TOML text may hold tab and line feed alone; a carriage return would be read as a line feed.
_TO_ESCAPE: Final = re.compile(r"[\\\x00-\x08\x0b-\x1f\x7f]")


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', '\\"').replace("\n", "\\n") + '"'


def _quoted_lines(text: str) -> str:
    """Quotes stay as they are, to be read, but for three together, which would end the text."""
    return '"""\n' + _escaped(text).replace('"""', '\\"' * 3) + '\n"""'


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}" if found[0] != "\\" else "\\\\", text)
