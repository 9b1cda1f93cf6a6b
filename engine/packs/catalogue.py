"""Which packs there are: the bundled ones, and those in folders that the user names."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.errors import PackError
from engine.packs.folder import BUNDLED, load_pack
from engine.packs.public import is_public


def list_packs(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Name, layout and size of each pack; a pack that cannot be read is listed with its problem."""
    found = [_describe(name, folder) for name, folder in BUNDLED.items()]
    for folder in folders:
        if not folder.is_dir():
            raise PackError(f"There is no folder {folder}.")
        found.extend(_describe(str(place), place) for place in _packs_in(folder))
    return found


def _packs_in(folder: Path) -> Iterator[Path]:
    places = (folder, *sorted(place for place in folder.iterdir() if place.is_dir()))
    return (place for place in places if (place / "pack.json").is_file() or is_public(place))


def _describe(name: str, folder: Path) -> dict[str, Any]:
    about = {"pack": name, "layout": "public layout" if is_public(folder) else "our format"}
    try:
        pack = load_pack(name)
    except PackError as error:
        return about | {"n_concepts": None, "n_layers": None, "problem": str(error)}
    n_layers = len({concept.pack_layer for concept in pack.concepts})
    return about | {"n_concepts": len(pack.concepts), "n_layers": n_layers, "problem": None}
