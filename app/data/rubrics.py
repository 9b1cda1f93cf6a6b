"""Rubrics that a study can start from, and the files in which it keeps its own: saved versions, and every text that was tried.

`STUDY/rubrics/<name>-<version>.toml` are the versions, `STUDY/rubrics/tried/<hash>.toml` the texts that a judge was asked with,
so that the text behind every rating is there. No file is written over: one is made whole beside its place and linked to it.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from engine.errors import ConfigError
from engine.prompts.rubrics import Rubric, build_rubric, bundled_rubrics, load_rubric, rubric_toml

FIELDS: Final = ("relevance_system", "relevance_question", "topic_system", "topic_question")
FOLDER: Final = "rubrics"
TRIED: Final = "tried"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_VERSION: Final = re.compile(r"-(\d{1,9})$")
_NOTE_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class Source:
    """A rubric to start from; `key` names it among the others, `setting` is what `--rubric` takes."""

    key: str
    label: str
    rubric: Rubric
    setting: str

    @property
    def texts(self) -> dict[str, str]:
        """Its texts by field."""
        return {field: getattr(self.rubric, field) for field in FIELDS}


def load_sources(folder: Path, *, judge_hash: str | None) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """Bundled and saved rubrics, and the tried one of this hash where it is none of these; faulty files as sentences."""
    sources = [Source(f"bundled:{name}", f"{name}, bundled", load_rubric(name), name) for name in bundled_rubrics()]
    faults = []
    for file in sorted((folder / FOLDER).glob("*.toml")):
        try:
            sources.append(Source(f"saved:{file.stem}", f"{file.stem}, saved here", load_rubric(str(file)), str(file)))
        except ConfigError as error:
            faults.append(str(error))
    tried = _tried(folder, judge_hash) if judge_hash else None
    if tried and all(source.rubric.hash != judge_hash for source in sources):
        sources.append(tried)
    return tuple(sources), tuple(faults)


def _tried(folder: Path, judge_hash: str) -> Source | None:
    file = folder / FOLDER / TRIED / f"{judge_hash}.toml"
    if not re.fullmatch("[0-9a-f]+", judge_hash) or not file.is_file():
        return None
    try:
        rubric = load_rubric(str(file))
    except ConfigError:
        return None
    return Source(f"tried:{judge_hash}", f"{rubric.name}, as tried ({judge_hash[:6]})", rubric, str(file))


def faults(texts: Mapping[str, str], base: Rubric) -> dict[str, str]:
    """What is wrong with each text, in a sentence, by field; those that are right are left out."""
    found = {}
    sound = {field: getattr(base, field) for field in FIELDS}
    for field, text in texts.items():
        try:
            build_rubric(base.name, base.version, **sound | {field: text}, place="This rubric")
        except ConfigError as error:
            found[field] = str(error).replace(f'This rubric: field "{field.replace("_", ".", 1)}"', "This text")
    return found


def make_rubric(texts: Mapping[str, str], *, name: str, version: int) -> Rubric:
    """The rubric of these texts; ConfigError where one is wrong."""
    return build_rubric(name, version, **{field: texts[field] for field in FIELDS})


def keep_tried(folder: Path, rubric: Rubric) -> Path:
    """The file of a rubric that is about to be tried, written once for each hash."""
    file = folder / FOLDER / TRIED / f"{rubric.hash}.toml"
    if not file.exists():
        _write_new(file, rubric_toml(rubric))
    return file


def name_fault(name: str) -> str | None:
    """What is wrong with a name for a rubric, None if nothing is."""
    if _NAME.fullmatch(name) and not _VERSION.search(name):
        return None
    return "A name is 1 to 40 letters, digits, - and _, and does not end in a number after a -, which the version adds."


def next_version(folder: Path, name: str) -> int:
    """The version that comes after all that a bundled and the saved rubrics of this name have."""
    saved = (file.stem.removeprefix(name) for file in (folder / FOLDER).glob(f"{name}-*.toml"))
    versions = [int(found[1]) for rest in saved if (found := _VERSION.fullmatch(rest))]
    if name in bundled_rubrics():
        versions.append(load_rubric(name).version)
    return max(versions, default=0) + 1


def save_version(folder: Path, rubric: Rubric, *, note: str, today: date) -> Path:
    """Write a rubric as a version of its own; ConfigError where there is one already or its name cannot be a file's."""
    if fault := name_fault(rubric.name):
        raise ConfigError(fault)
    file = folder / FOLDER / f"{rubric.name}-{rubric.version}.toml"
    told = " ".join("".join(c if c.isprintable() else " " for c in note).split())[:_NOTE_CHARS]
    comment = f"# Saved on {today.isoformat()}." + (f" {told}" if told else "")
    _write_new(file, f"{comment}\n{rubric_toml(rubric)}")
    return file


def _write_new(file: Path, content: str) -> None:
    """Write a file that is not there yet, whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".writing-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as writing:
                writing.write(content)
            Path(name).chmod(0o644)
            os.link(name, file)
        finally:
            Path(name).unlink()
    except FileExistsError as error:
        raise ConfigError(f"{file} already exists and is not overwritten.") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}.") from error
