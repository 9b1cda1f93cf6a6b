"""A pack of fourteen concepts whose every count is known by hand, and a way to write any pack down."""

import json
from pathlib import Path
from typing import Any

Layers = dict[int, list[dict[str, Any]]]


def concept(term: str, *parents: str, n_senses: int = 1, **others: Any) -> dict[str, Any]:
    """An entry of a layer file with as many senses as asked for."""
    definition = others.pop("definition", f"a {term} of the sort that people know as {term}")
    senses = [
        {"id": f"{hash_of(term, i):08d}.n", "definition": f"{definition} in meaning {i}", "aliases": []}
        for i in range(n_senses)
    ]
    return {"term": term, "parents": list(parents), "definition": definition, "aliases": [], "senses": senses} | others


def hash_of(term: str, i: int) -> int:
    """A number for a sense, the same in every process."""
    return (sum(ord(character) * 31**place for place, character in enumerate(term)) * 7 + i) % 10**8


HAND_MADE: Layers = {
    0: [concept("drink"), concept("mixer"), concept("tool")],
    1: [
        # gin and soda share both parents, so the study counts each of them twice for the other.
        concept("gin", "drink", "mixer", definition="clear spirit flavoured with juniper berries"),
        concept("soda", "drink", "mixer", definition="fizzy water with bubbles"),
        concept("vodka", "drink", definition="clear spirit from grain", aliases=["wodka"]),
        concept("wodka", "drink", definition="the polish spelling of a spirit", n_senses=2),
        concept("hammer", "tool", definition="heavy head on a handle that drives nails", n_senses=5),
        concept("saw", "tool", definition="toothed blade that cuts wood", n_senses=3),
        concept("rasp", "tool", definition="coarse file for wood"),
    ],
    2: [
        concept("claw hammer", "hammer", definition="hammer that pulls nails out as well"),
        concept("sloe gin", "gin", definition="red liqueur of berries", opposites=["hammer"]),
        concept("fret saw", "saw", definition="thin saw for curves"),
        concept("back saw", "saw", definition="stiff saw for straight cuts"),
    ],
}


def write_pack(folder: Path, layers: Layers, **manifest: Any) -> Path:
    """Write a pack in our format and return its folder."""
    (folder / "layers").mkdir(parents=True)
    content = {"format": "lensgap-pack/1", "name": "hand-made", "version": "1", "senses_mean": "made up"} | manifest
    (folder / "pack.json").write_text(json.dumps(content), encoding="utf-8")
    for number, concepts in layers.items():
        text = json.dumps({"layer": number, "concepts": concepts}, ensure_ascii=False)
        (folder / "layers" / f"layer{number}.json").write_text(text, encoding="utf-8")
    return folder
