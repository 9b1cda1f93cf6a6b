"""Write a pack down in our own format, with where it came from; and turn a derived pack back into its origin.

A pack made from another one keeps beside its layers what it changed (`origin.json`: the order of the origin's terms and the
concepts that are no longer as they were), so that undoing needs nothing but the folder. The hash proves that it worked.
"""

import json
import os
import shutil
import tempfile
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from engine.errors import PackError
from engine.packs.folder import FORMAT, find_folder, load_pack
from engine.packs.pack import Concept, Pack, Sense
from engine.packs.reading import Problems

ORIGIN_FILE = "origin.json"


def write_pack(pack: Pack, folder: Path, *, origin: Pack | None = None) -> Path:
    """Write the pack into a folder that does not exist yet, all or nothing; returns the folder.

    PackError when the folder holds something already or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PackError(f"{folder} exists already.", hint="Name a new folder: a pack is never overwritten.")
    scratch: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        _write_files(pack, scratch, origin)
        scratch.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.rename(scratch, folder)
    except OSError as error:
        raise PackError(f"The pack cannot be written to {folder}: {error.strerror or error}.") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _write_files(pack: Pack, folder: Path, origin: Pack | None) -> None:
    (folder / "layers").mkdir()
    _write_json(folder / "pack.json", _manifest(pack))
    ordered = sorted(pack.concepts, key=lambda concept: concept.pack_layer)
    for number, concepts in groupby(ordered, key=lambda concept: concept.pack_layer):
        layer = {"layer": number, "concepts": [_entry(concept) for concept in concepts]}
        _write_json(folder / "layers" / f"layer{number}.json", layer)
    if origin is not None:
        _write_json(folder / ORIGIN_FILE, _changes(origin, pack))


def _write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _manifest(pack: Pack) -> dict[str, Any]:
    outside = {parent for concept in pack.concepts for parent in concept.parents} - set(pack.by_term)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "name": pack.name,
        "version": pack.version,
        "senses_mean": pack.senses_mean,
    }
    if outside:
        manifest["outside_parents"] = sorted(outside)
    made = pack.provenance
    if made:
        manifest["provenance"] = {"made_by": made.made_by, "parameters": dict(made.parameters)}
        if made.origin_hash:
            origin = {"name": made.origin_name, "hash": made.origin_hash, "source": made.origin_source}
            manifest["provenance"]["origin"] = origin
    return manifest


def _entry(concept: Concept) -> dict[str, Any]:
    """A concept as our format has it; reading it gives the same concept, so that the hash stays."""
    entry = concept.content() | {"definition": concept.definition or None}
    del entry["pack_layer"]
    if concept.n_senses == len(concept.senses):
        del entry["n_senses"]
    if concept.buckets:
        entry["buckets"] = dict(concept.buckets)
    return {name: value for name, value in entry.items() if value or name in ("term", "parents", "definition")}


def _changes(origin: Pack, pack: Pack) -> dict[str, Any]:
    changed = [concept for concept in origin.concepts if pack.by_term.get(concept.term) != concept]
    return {
        "name": origin.name,
        "version": origin.version,
        "senses_mean": origin.senses_mean,
        "terms": [concept.term for concept in origin.concepts],
        "changed": [concept.content() for concept in changed],
    }


def undo_pack(name: str) -> Pack:
    """The pack that this one was made from, rebuilt and proved by its hash.

    PackError when it was made from none, or was edited since so that its origin cannot be told any more.
    """
    folder, pack = find_folder(name), load_pack(name)
    made = pack.provenance
    if made is None or made.origin_hash is None:
        raise PackError(f"{folder} was not made from another pack, so there is nothing to undo.")
    origin = _rebuild(pack, folder / ORIGIN_FILE)
    if origin.pack_hash != made.origin_hash:
        raise PackError(
            f"{folder} was edited after it was made, so it no longer leads back to {made.origin_name}.",
            hint=f"The origin was read from {made.origin_source}.",
        )
    return replace(origin, source=made.origin_source or origin.source)


def _rebuild(pack: Pack, file: Path) -> Pack:
    kept = Problems("anything").read_object(file) or {}
    try:
        changed = {entry["term"]: _concept(entry) for entry in kept["changed"]}
        concepts = tuple(changed.get(term) or pack.by_term[term] for term in kept["terms"])
        return Pack(str(kept["name"]), str(kept["version"]), str(file), str(kept["senses_mean"]), concepts)
    except (KeyError, TypeError, ValueError) as error:
        raise PackError(f"{file}: the file is damaged ({type(error).__name__}: {error}).") from error


def _concept(entry: dict[str, Any]) -> Concept:
    """A concept from its `content()`."""
    lists = ("parents", "aliases", "opposites", "synsets")
    values = entry | {name: tuple(entry[name]) for name in lists if name in entry}
    values["senses"] = tuple(Sense(s["id"], s["definition"], tuple(s["aliases"])) for s in entry["senses"])
    if "buckets" in entry:
        values["buckets"] = tuple((parent, bucket) for parent, bucket in entry["buckets"])
    return Concept(**values)
