"""The plan of prompts and pairs: deterministic, fair between arms, and never a negative that is no negative."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.packs.quadrants import Bands, pick_study, profile_pack
from engine.prompts.negatives import kinds_in_turn
from engine.prompts.plan import PlannedPair, Planner
from engine.prompts.templates import load_templates
from tests.support.hand_made import concept, write_pack

TEMPLATES = load_templates("standard")


def plan(pack: Pack, concepts: list[str], run_id: str = "run", **settings: object) -> tuple[PlannedPair, ...]:
    return Planner(pack, TEMPLATES, StudyConfig(**settings), run_id=run_id).plan(concepts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def starter() -> Pack:
    return load_pack("starter")


@pytest.fixture(scope="module")
def chosen(starter: Pack) -> list[str]:
    profiles = profile_pack(starter, bands=Bands(), siblings="distinct")
    return [profile.concept.term for profile in pick_study(profiles, per_quadrant=6)]


def climbs_to(pack: Pack, term: str) -> set[str]:
    """All terms above, by walking every path."""
    found: set[str] = set()
    for parent in pack.by_term[term].parents:
        found |= {parent} | climbs_to(pack, parent)
    return found


def names(pack: Pack, term: str) -> set[str]:
    return {name.lower() for name in (term, *pack.by_term[term].aliases)}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_negatives_are_never_the_concept_by_another_name_or_of_its_line(
    starter: Pack, chosen: list[str], seed: int
) -> None:
    n_negative = 0
    for pair in plan(starter, chosen, seed=seed, n_negative=14):
        if pair.arm == "negative":
            n_negative += 1
            other = pair.sample.prompt_concept
            assert other != pair.concept
            assert other not in climbs_to(starter, pair.concept)
            assert pair.concept not in climbs_to(starter, other)
            assert not names(starter, other) & names(starter, pair.concept)
    assert n_negative == 14 * len(chosen)


def test_alias_and_child_are_no_negatives_in_a_hand_made_pack(hand_made: Path) -> None:
    pack = load_pack(str(hand_made))
    terms = ["vodka", "gin", "soda", "hammer", "saw", "rasp", "wodka", "drink", "sloe gin"]
    used = defaultdict(set)
    for pair in plan(pack, terms, n_negative=40):
        if pair.arm == "negative":
            used[pair.concept].add(pair.sample.prompt_concept)
    assert "wodka" not in used["vodka"]
    assert "vodka" not in used["wodka"]
    assert not used["gin"] & {"drink", "mixer", "sloe gin"}
    assert not used["drink"] & {"gin", "soda", "vodka", "wodka", "sloe gin"}
    assert used["vodka"] >= {"gin", "soda"}


def test_kinds_say_what_a_negative_is(starter: Pack, chosen: list[str]) -> None:
    for pair in plan(starter, chosen):
        if pair.arm == "positive":
            assert pair.negative_kind is None
            assert pair.sample.prompt_concept == pair.concept
        else:
            is_sibling = pair.sample.prompt_concept in starter.siblings(pair.concept)
            assert pair.negative_kind == ("sibling" if is_sibling else "unrelated")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_share_of_siblings_is_as_asked(starter: Pack, share: float) -> None:
    pairs = plan(starter, ["spear", "sword"], n_negative=20, sibling_share=share, opposite_share=0.0)
    kinds = Counter((pair.concept, pair.negative_kind) for pair in pairs if pair.arm == "negative")
    for term in ("spear", "sword"):
        assert kinds[term, "sibling"] == round(20 * share)
        assert kinds[term, "sibling"] + kinds[term, "unrelated"] == 20


@pytest.mark.parametrize("n", [1, 7, 12, 30])
def test_both_arms_use_the_same_templates(starter: Pack, chosen: list[str], n: int) -> None:
    used: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for pair in plan(starter, chosen, n_positive=n, n_negative=n):
        used[pair.concept, pair.arm][pair.sample.template] += 1
    for term in chosen:
        assert used[term, "positive"] == used[term, "negative"]
        assert max(used[term, "positive"].values()) - min(used[term, "positive"].values()) <= 1


def test_more_positives_than_templates_take_the_next_draw(starter: Pack) -> None:
    n_templates = len(TEMPLATES.templates)
    pairs = [pair for pair in plan(starter, ["sword"], n_positive=2 * n_templates + 3) if pair.arm == "positive"]
    draws = Counter(pair.sample.draw for pair in pairs)
    assert draws == {0: n_templates, 1: n_templates, 2: 3}
    assert len({pair.sample.sample_id for pair in pairs}) == len(pairs)
    assert len({pair.sample.seed for pair in pairs}) == len(pairs)


def test_the_same_settings_give_the_same_plan_and_another_seed_another_one(starter: Pack, chosen: list[str]) -> None:
    assert plan(starter, chosen) == plan(starter, chosen)
    assert plan(starter, chosen) != plan(starter, chosen, seed=1)


def test_a_sample_is_asked_for_once_and_serves_many(starter: Pack, chosen: list[str]) -> None:
    pairs = plan(starter, chosen)
    keys = {
        pair.sample.sample_id: (pair.sample.prompt_concept, pair.sample.template, pair.sample.draw) for pair in pairs
    }
    assert len(set(keys.values())) == len(keys)
    assert len({(pair.concept, pair.sample.sample_id) for pair in pairs}) == len(pairs)
    positives = {pair.sample.sample_id for pair in pairs if pair.arm == "positive"}
    negatives = [pair.sample.sample_id for pair in pairs if pair.arm == "negative"]
    reused = sum(sample_id in positives for sample_id in negatives)
    assert reused / len(negatives) > 0.25
    assert len(keys) < len(pairs)


def test_audit_numbers_are_permanent_and_uniform(starter: Pack, chosen: list[str]) -> None:
    pairs = plan(starter, chosen, n_positive=40, n_negative=40)
    u = [pair.u for pair in pairs]
    assert all(0 <= value < 1 for value in u)
    n = len(u)
    furthest = max(abs(value - (i + 0.5) / n) for i, value in enumerate(sorted(u)))
    assert furthest < 1.95 / n**0.5  # Kolmogorov's distance, exceeded once in a thousand
    one = {pair.sample.sample_id: pair.u for pair in pairs if pair.concept == chosen[0]}
    again = {pair.sample.sample_id: pair.u for pair in plan(starter, chosen[:1], n_positive=40)}
    assert all(one[sample_id] == value for sample_id, value in again.items() if sample_id in one)


def test_texts_of_one_sample_differ_in_seed_between_runs_of_another_seed(starter: Pack) -> None:
    here = {pair.sample.seed for pair in plan(starter, ["sword"])}
    there = {pair.sample.seed for pair in plan(starter, ["sword"], seed=1)}
    assert not here & there


def test_a_pack_without_any_possible_negative_plans_positives_alone(tmp_path: Path) -> None:
    pack = load_pack(str(write_pack(tmp_path / "pack", {0: [concept("drink")], 1: [concept("gin", "drink")]})))
    assert {pair.arm for pair in plan(pack, ["gin"])} == {"positive"}


def test_prompts_name_the_concept(starter: Pack, chosen: list[str]) -> None:
    for pair in plan(starter, chosen):
        assert pair.sample.prompt_concept in pair.sample.prompt


def with_opposites(pack: Pack, opposites: dict[str, tuple[str, ...]]) -> Pack:
    changed = tuple(replace(entry, opposites=opposites.get(entry.term, ())) for entry in pack.concepts)
    return replace(pack, concepts=changed)


def kinds(pairs: tuple[PlannedPair, ...], term: str) -> Counter[str | None]:
    return Counter(pair.negative_kind for pair in pairs if pair.concept == term and pair.arm == "negative")


def test_opposites_take_their_share_where_the_pack_knows_them(starter: Pack, chosen: list[str]) -> None:
    pack = with_opposites(starter, {"sword": ("spear", "no such concept")})
    pairs = plan(pack, ["sword", "spear"], n_negative=20)
    assert kinds(pairs, "sword") == {"sibling": 8, "unrelated": 8, "opposite": 4}
    assert kinds(pairs, "spear") == {"sibling": 10, "unrelated": 10}
    for pair in pairs:
        if pair.concept == "sword":
            assert (pair.negative_kind == "opposite") == (pair.sample.prompt_concept == "spear")
    assert kinds(plan(pack, ["sword"], n_negative=20, opposite_share=0.0), "sword") == {"sibling": 8, "unrelated": 12}


@given(
    st.integers(1, 60),
    st.tuples(st.integers(0, 10), st.integers(0, 10), st.integers(0, 10)),
    st.sets(st.sampled_from(["sibling", "unrelated", "opposite"]), min_size=1),
)
def test_kinds_are_as_near_to_their_shares_as_whole_numbers_can_be(
    n: int, weights: tuple[int, int, int], there: set[Any]
) -> None:
    shares = dict(zip(("sibling", "unrelated", "opposite"), weights, strict=True))
    found = list(kinds_in_turn(n, shares, there))  # type: ignore[arg-type]
    assert len(found) == n
    total = sum(shares[kind] for kind in there)
    for kind in there:
        expected = n * (shares[kind] / total if total else 1 / len(there))
        assert abs(found.count(kind) - expected) < 1
        for i in range(n):
            assert abs(found[: i + 1].count(kind) - expected * (i + 1) / n) < 2


@pytest.mark.parametrize("n", [10, 40])
def test_a_prompt_is_asked_again_only_when_none_is_left(starter: Pack, chosen: list[str], n: int) -> None:
    pairs = plan(starter, chosen, n_positive=n, n_negative=n)
    n_templates = len(TEMPLATES.templates)
    for term in chosen:
        for arm in ("positive", "negative"):
            own = [pair for pair in pairs if (pair.concept, pair.arm) == (term, arm)]
            met = Counter(pair.sample.prompt for pair in own)
            kinds_of = {pair.sample.prompt_concept: pair.negative_kind for pair in own}
            if arm == "positive":
                assert len(met) == min(n, n_templates)
            for kind in set(kinds_of.values()) - {None}:
                # Round the concepts of one kind, a template repeats with a concept only after it met them all.
                of_kind = [pair for pair in own if pair.negative_kind == kind]
                by_template = Counter((p.sample.template, p.sample.prompt_concept) for p in of_kind)
                for template in {pair.sample.template for pair in of_kind}:
                    times = [count for (name, _), count in by_template.items() if name == template]
                    available = sum(known == kind for known in kinds_of.values())
                    assert max(times) == 1 or len(times) >= available


def test_templates_that_say_the_same_are_one(starter: Pack, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[templates]\na = "What is {term}?"\nb = "What is {term}?"\nc = "Describe {term}."\n')
    config = StudyConfig(n_positive=2, n_negative=2)
    pairs = Planner(starter, load_templates(str(file)), config, run_id="run").plan(["sword"])
    positives = [pair.sample.prompt for pair in pairs if pair.arm == "positive"]
    assert sorted(positives) == ["Describe sword.", "What is sword?"]


def test_concepts_without_a_definition_get_no_prompt_with_a_gap(starter: Pack) -> None:
    bare = {"spear", "sword"}
    pack = replace(
        starter,
        concepts=tuple(
            replace(entry, definition="", senses=()) if entry.term in bare else entry for entry in starter.concepts
        ),
    )
    others = [entry.term for entry in pack.concepts if entry.term not in bare][:6]
    for name in ("with-definition", "definition-first", "sense"):
        planner = Planner(pack, load_templates(name), StudyConfig(n_negative=30), run_id="run")
        assert all(pair.sample.prompt_concept not in bare for pair in planner.plan(others))
        with pytest.raises(ConfigError, match='"sword" has no definition'):
            planner.plan(["sword"])
    assert plan(pack, ["sword"])


def test_shares_that_exceed_the_whole_are_refused() -> None:
    with pytest.raises(ConfigError, match="add up"):
        StudyConfig(sibling_share=0.9, opposite_share=0.2)
