"""What can never be a negative, against brute force; and that planning grows with the plan, not with the pack's square."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.packs.folder import load_pack
from engine.packs.pack import Concept, Pack
from engine.prompts.plan import Planner
from engine.prompts.related import Relations
from engine.prompts.templates import TemplateSet, load_templates
from tests.support.public_packs import SHOP, write_hierarchy

numbers = st.integers(0, 9)


@st.composite
def packs(draw: st.DrawFn) -> Pack:
    edges = draw(st.lists(st.tuples(numbers, numbers), max_size=14))
    called = draw(st.lists(st.tuples(numbers, st.sampled_from(["x", "Y", "y", "Z"])), max_size=8))
    concepts = tuple(
        Concept(
            f"c{i}",
            0,
            tuple(dict.fromkeys(f"c{b}" for a, b in edges if a == i and b != i)),
            "d",
            tuple(name for a, name in called if a == i),
            (),
            1,
            label=draw(st.none() | st.sampled_from(["x", "label"])),
            origin=draw(st.none() | st.just("first")),
        )
        for i in range(10)
    )
    return Pack("p", "1", "", "", concepts)


def called(concept: Concept) -> set[str]:
    return {n.lower() for n in (concept.term, concept.label, concept.origin, *concept.aliases) if n}


@given(packs())
def test_related_are_the_line_and_the_namesakes(pack: Pack) -> None:
    relations = Relations(pack)
    for concept in pack.concepts:
        expected = {
            other.term
            for other in pack.concepts
            if other is concept
            or other.term in pack.ancestors(concept.term)
            or concept.term in pack.ancestors(other.term)
            or called(other) & called(concept)
        }
        assert relations.related(concept.term) == expected


def test_prompts_call_a_concept_by_its_readable_name(tmp_path: Path) -> None:
    pack = load_pack(str(write_hierarchy(tmp_path / "shops", SHOP)))
    pairs = Planner(pack, load_templates("standard"), StudyConfig(), run_id="r").plan(["PetShop", "USMailOffice"])
    for pair in pairs:
        assert pack.by_term[pair.sample.prompt_concept].name in pair.sample.prompt
        assert "PetShop" not in pair.sample.prompt


def test_a_concept_without_definition_gets_templates_that_need_none(tmp_path: Path) -> None:
    pack = load_pack(str(write_hierarchy(tmp_path / "shops", SHOP)))
    texts = {"a": "What is {term}?", "b": "{term}: {definition}.", "c": "Tell me about {term}."}
    templates = TemplateSet("mixed", 1, "h", texts)
    terms = [concept.term for concept in pack.concepts]
    pairs = Planner(pack, templates, StudyConfig(n_positive=9, n_negative=9), run_id="r").plan(terms)
    assert len({(pair.concept, pair.sample.sample_id) for pair in pairs}) == len(pairs)
    used = {pair.sample.template for pair in pairs if pair.sample.prompt_concept == "ToyShop"}
    assert used == {"a", "c"}
    assert "b" in {pair.sample.template for pair in pairs if pair.sample.prompt_concept == "PetShop"}


def test_templates_that_all_need_a_definition_refuse_a_concept_without(tmp_path: Path) -> None:
    pack = load_pack(str(write_hierarchy(tmp_path / "shops", SHOP)))
    templates = TemplateSet("defined", 1, "h", {"b": "{term}: {definition}."})
    with pytest.raises(ConfigError, match='"ToyShop" has no definition'):
        Planner(pack, templates, StudyConfig(), run_id="r").plan(["ToyShop"])


def seconds_to_plan(n: int) -> float:
    """Processor time for the plan of n concepts in groups of ten below common ancestors."""
    concepts = [Concept("root", 0, (), "d", (), (), 1)]
    concepts += [Concept(f"g{i}", 1, ("root",), "d", (), (), 1) for i in range(n // 10)]
    concepts += [Concept(f"c{i}", 2, (f"g{i // 10}",), "d", (f"alias {i}",), (), 1) for i in range(n)]
    pack = Pack("p", "1", "", "", tuple(concepts))
    config = StudyConfig(n_positive=10, n_negative=10)
    before = time.process_time()
    pairs = Planner(pack, load_templates("standard"), config, run_id="r").plan([c.term for c in pack.concepts[-n:]])
    assert len(pairs) == 20 * n
    return time.process_time() - before


def test_planning_grows_with_the_plan() -> None:
    small = min(seconds_to_plan(400) for _ in range(3))
    assert seconds_to_plan(6400) < 16 * 2.5 * small
