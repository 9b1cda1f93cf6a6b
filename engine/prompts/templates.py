"""Sets of prompt templates: versioned TOML files whose hash is stored with every run."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from engine.errors import ConfigError

FOLDER = Path(__file__).parent / "templates"
FIELDS = {"term", "definition"}


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """Templates by name, in file order."""

    name: str
    version: int
    hash: str
    templates: Mapping[str, str]


def load_templates(name: str) -> TemplateSet:
    """Read a bundled set by name, or a TOML file by path; ConfigError names file and template."""
    bundled = FOLDER / f"{name}.toml"
    file = bundled if bundled.is_file() else Path(name)
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.toml")))
        raise ConfigError(
            f"There are no prompt templates at {file} ({error.strerror}).", hint=f"Bundled sets: {known}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not a TOML file: {error}.") from error
    templates = content.get("templates")
    if not isinstance(templates, dict) or not templates:
        raise ConfigError(f'{file}: table "templates" is missing or empty.')
    for key, template in templates.items():
        _check(template, file=file, key=key)
    version = content.get("version", 1)
    if type(version) is not int:
        raise ConfigError(f'{file}: field "version" must be a whole number, not {version!r}.')
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return TemplateSet(str(content.get("name", file.stem)), version, digest, templates)


def _check(template: object, *, file: Path, key: str) -> None:
    if not isinstance(template, str):
        raise ConfigError(f'{file}: template "{key}" must be a text.')
    try:
        names = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise ConfigError(f'{file}: template "{key}" has unbalanced braces ({error}).') from error
    if "term" not in names or not names <= FIELDS:
        raise ConfigError(f'{file}: template "{key}" must use {{term}}, and may use {{definition}}, nothing else.')
    try:
        template.format(term="term", definition="definition")
    except (ValueError, LookupError) as error:
        raise ConfigError(f'{file}: template "{key}" cannot be filled in ({error}).') from error
