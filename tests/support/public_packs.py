"""Small packs of our own in the public layouts, with any fault that a test asks for."""

import json
from pathlib import Path
from typing import Any

Entries = dict[int, list[dict[str, Any]]]


def entry(term: str, *parents: str, layer: int = 1, **others: Any) -> dict[str, Any]:
    """A concept as the hierarchy files have it, with a field that no reader knows."""
    known = {"sumo_term": term, "layer": layer, "parent_concepts": list(parents), "is_category_probe": True}
    return known | {"definition": f"what people call {term}", "made_up_field": {"deep": [1]}} | others


SHOP: Entries = {
    0: [{"sumo_term": "Things", "layer": 0, "definition": "all there is", "category_children": ["Shop"]}],
    1: [
        entry(
            "Shop", "Things", synset_count=3, synsets=["1.n", "2.n"], canonical_synset="1.n", lemmas=["shop", "store"]
        ),
        entry("PetShop", "Shop", "Elsewhere", definition='&%Shop that sells\n   \\"pets\\"'),
        entry("TeaShop", "Shop", "Elsewhere", aliases=["tea_house"], relationships={"antonyms": ["PetShop"]}),
        entry("USMailOffice", "Elsewhere", definition="", sumo_definition="an &%Office of the post"),
        entry("ToyShop", "Shop", definition=None),
    ],
}


def write_hierarchy(folder: Path, layers: Entries, manifest: dict[str, Any] | None = None) -> Path:
    """Write the layout `hierarchy/layerN.json`."""
    (folder / "hierarchy").mkdir(parents=True)
    (folder / "pack.json").write_text(json.dumps(manifest or {"pack_id": "shops", "version": "2.0"}))
    for number, entries in layers.items():
        content = {"layer": number, "summary": {"total": len(entries)}, "concepts": entries}
        (folder / "hierarchy" / f"layer{number}.json").write_text(json.dumps(content))
    return folder


def write_concepts(folder: Path, layers: Entries) -> Path:
    """Write the layout of one file a concept, `concepts/layerN/term.json`, with what WordNet says nested."""
    for number, entries in layers.items():
        (folder / "concepts" / f"layer{number}").mkdir(parents=True)
        for one in entries:
            name = str(one["term"]).lower()
            (folder / "concepts" / f"layer{number}" / f"{name}.json").write_text(json.dumps(one))
    return folder
