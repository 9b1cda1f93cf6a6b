"""Refined lenses that are kept: files beside the lenses that they began with, and a list of them.

A file is written whole or not at all, the list after all of its files, so that whoever reads it finds what it names.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from engine.errors import ConfigError, LensPackError
from engine.lenses.files import load_lens
from engine.lenses.folds import TooLittleData
from engine.lenses.interface import State
from engine.lenses.refine import refine_all
from engine.lenses.refine_standing import RefinedConcept, RefinedGroup, Variant
from engine.lenses.sibling_sets import SiblingSet
from engine.lenses.state_bytes import width_of
from engine.stages.lens_rows import store_lens
from engine.subject.shards import unwritable

Told = dict[str, object]
Share = Annotated[float, Field(ge=0, le=1)]
_ANEW = "Remove it; it is written anew."


@dataclass(frozen=True, slots=True)
class KeptLens:
    """A refined lens as the list names it: file, and top-1 and F1 before and after on the held-out pairs that kept it."""

    file: Annotated[str, Field(pattern=r"^[^/\\\x00]+\.safetensors$")]
    lens_id: str
    variant: Variant
    threshold: Annotated[float, Field(gt=0, lt=1)]
    top1: tuple[Share, Share]
    f1: tuple[Share, Share]


def save_kept(
    folder: Path,
    group: SiblingSet,
    found: RefinedGroup | TooLittleData,
    variant: Variant,
    *,
    layer: int,
    lenses: Mapping[str, str],
) -> Iterator[Told]:
    """Write the refined lenses that are kept, and yield what the list says of each; `lenses` are ids by concept."""
    if isinstance(found, TooLittleData) or not any(one.is_kept(variant) for one in found.concepts):
        return
    of_layer = f"layer{layer}"
    files = [folder / of_layer / f"{lenses[concept]}.safetensors" for concept in group.concepts]
    states = [read_own_lens(file, width=group.X.shape[1]) for file in files]
    refined = refine_all(group, states, variant, addition=found.addition)
    for one, state in zip(found.concepts, refined, strict=True):
        if one.is_kept(variant):
            name = f"{lenses[one.concept]}-{variant}.safetensors"
            store_lens(state, folder / "refined" / of_layer / name)
            yield _told(one, variant, name, lenses[one.concept])


def read_own_lens(file: Path, *, width: int | None = None, variant: str | None = None) -> State:
    """Read a lens of the study, as it was trained or refined by a variant.

    LensPackError where it is gone or damaged, or reads activations of another width if one is given, says how to get it again.
    """
    anew = f"lensgap refine --variant {variant}" if variant else "lensgap train"
    try:
        state = load_lens(file).state()
    except LensPackError as error:
        again = f"Remove it and have it made again: {anew}." if file.exists() else f"Have it made again: {anew}."
        raise LensPackError(str(error), hint=again) from error
    if width not in (None, width_of(state)):
        raise LensPackError(
            f"{file} reads activations of width {width_of(state)}, not {width}.",
            hint=f"Remove it and have it made again: {anew}.",
        )
    return state


def has_kept(folder: Path, variant: Variant, lens_ids: Collection[str]) -> bool:
    """Whether the folder's list names the refinements of these lenses by a variant, and their files are there."""
    files = {
        one["lens_id"]: str(one.get("file")) for one in _read_list(folder / "refined.json") if one["variant"] == variant
    }
    return all(lens_id in files and (folder / files[lens_id]).is_file() for lens_id in lens_ids)


def refined_folder(study: Path, run_id: str, layer: int) -> Path:
    """Where refined lenses of a run at a layer lie, with their list."""
    return study / "lenses" / run_id / "refined" / f"layer{layer}"


def read_kept(folder: Path, variant: Variant) -> dict[str, KeptLens]:
    """The lenses that a folder's list has of a variant, by the id that they began with; ConfigError for a damaged list."""
    file = folder / "refined.json"
    own = [one for one in _read_list(file) if one["variant"] == variant]
    try:
        found = TypeAdapter(list[KeptLens]).validate_python(own)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{file} is no list of refined lenses: {place}: {first['msg']}.", hint=_ANEW) from error
    return {one.lens_id: one for one in found}


def _told(one: RefinedConcept, variant: Variant, name: str, lens_id: str) -> Told:
    before, after = one.standings["before"], one.standings[variant]
    return {
        "file": name,
        "concept": one.concept,
        "lens_id": lens_id,
        "variant": variant,
        "threshold": one.thresholds[variant],
        "top1": [before.top1, after.top1],
        "f1": [before.f1, after.f1],
    }


def write_list(folder: Path, kept: Sequence[Told], *, measured: Collection[str], variants: Collection[Variant]) -> None:
    """Put the lenses into the folder's list, in place of what it said of these variants of the lenses that were measured."""
    file = folder / "refined.json"
    before = [one for one in _read_list(file) if one["lens_id"] not in measured or one["variant"] not in variants]
    unfinished = file.with_suffix(f".{os.getpid()}.part")
    text = json.dumps([*before, *kept], indent=2)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise unwritable(file, error) from error


def _read_list(file: Path) -> list[Told]:
    try:
        found: list[Told] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read: {error}.", hint=_ANEW) from error
    if not isinstance(found, list) or not all(
        isinstance(one, dict) and {"lens_id", "variant"} <= set(one) for one in found
    ):
        raise ConfigError(f"{file} is no list of refined lenses.", hint=_ANEW)
    return found
