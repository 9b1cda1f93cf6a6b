"""Planning of a whole pack: 7,317 concepts, a hundred pairs an arm, before a token is generated."""

import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.compare import Comparison, compare
from engine.config import StudyConfig
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.prompts.plan import Planner
from engine.prompts.templates import load_templates

N_CONCEPTS, N_PAIRS = 7_317, 100
N_TOP, N_CHILDREN = 60, 12


def planning_of_a_whole_pack(*, pack: Path | None = None) -> Comparison:
    """Time and memory of the plan alone, and of the pack that it is made from."""
    found = load_pack(str(pack)) if pack else _synthetic_pack()
    concepts = [concept.term for concept in found.concepts]
    n_pairs: list[int] = []
    named = found.name if pack else "a synthetic pack"
    measured = compare(
        f"planning {N_PAIRS} + {N_PAIRS} pairs for each of the {len(concepts):,} concepts of {named}",
        {"engine.prompts.plan": lambda: n_pairs.append(len(_plan(found, concepts)))},
        agreement="",
        n_repeats=2,
        with_memory=True,
        with_warm_up=False,
    )
    return replace(measured, agreement=f"{n_pairs[0]:,} pairs")


def _plan(pack: Pack, concepts: list[str]) -> tuple[object, ...]:
    config = StudyConfig(n_positive=N_PAIRS, n_negative=N_PAIRS)
    return Planner(pack, load_templates("standard"), config, run_id="bench").plan(concepts)


def _synthetic_pack() -> Pack:
    """A tree of as many concepts as the whole pack has, a dozen children a parent."""
    rng, layers, above = random.Random(0), [], list[str]()
    n_left, n_here = N_CONCEPTS, N_TOP
    while n_left:
        n = min(n_left, n_here)
        terms = [f"concept {N_CONCEPTS - n_left + i}" for i in range(n)]
        layers.append([_entry(term, [rng.choice(above)] if above else []) for term in terms])
        n_left, n_here, above = n_left - n, n * N_CHILDREN, terms
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), layers)
        return load_pack(folder)


def _entry(term: str, parents: list[str]) -> dict[str, object]:
    return {"term": term, "parents": parents, "definition": f"what people call {term}", "aliases": [], "senses": []}


def _write(folder: Path, layers: list[list[dict[str, object]]]) -> None:
    (folder / "layers").mkdir()
    manifest = {"format": "lensgap-pack/1", "name": "synthetic", "version": "1", "senses_mean": "none are listed"}
    (folder / "pack.json").write_text(json.dumps(manifest), encoding="utf-8")
    for number, concepts in enumerate(layers):
        content = json.dumps({"layer": number, "concepts": concepts})
        (folder / "layers" / f"layer{number}.json").write_text(content, encoding="utf-8")
