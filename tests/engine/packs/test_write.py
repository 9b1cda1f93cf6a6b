"""Writing packs: what is written comes back whatever layout it had, and undoing is exact or refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import PackError
from engine.packs.buckets import BucketSettings, bucket_pack
from engine.packs.folder import load_pack
from engine.packs.pack import Concept, Pack, Provenance, Sense
from engine.packs.write import undo_pack, write_pack
from tests.support.public_packs import SHOP, write_hierarchy

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
# What concepts are called by stands on one line.
name = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1, max_size=12).filter(
    str.strip
)
texts = st.lists(text, max_size=3).map(tuple)
senses = st.lists(st.builds(Sense, text, text, texts), max_size=3, unique_by=lambda sense: sense.id).map(tuple)


@st.composite
def packs(draw: st.DrawFn) -> Pack:
    terms = draw(st.lists(name, min_size=1, max_size=8, unique=True))
    concepts = []
    for term in terms:
        parents = draw(st.lists(st.sampled_from([*terms, "Outside"]), max_size=2, unique=True))
        parents = [parent for parent in parents if parent != term]
        own = draw(senses)
        concepts.append(
            Concept(
                term,
                draw(st.integers(0, 3)),
                tuple(parents),
                draw(st.just("") | text),
                draw(texts),
                own,
                len(own) + draw(st.integers(0, 2)),
                draw(texts),
                draw(st.none() | name),
                draw(texts),
                draw(st.none() | text),
                tuple((parent, draw(text)) for parent in parents if draw(st.booleans())),
            )
        )
    ordered = tuple(sorted(concepts, key=lambda concept: concept.pack_layer))
    made = draw(st.none() | st.just(Provenance("split", {"a": 1}, "o", "h", "s")))
    return Pack(draw(text), draw(text), "", draw(text), ordered, made)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pack=packs())
def test_every_pack_can_be_written_and_comes_back(tmp_path_factory: pytest.TempPathFactory, pack: Pack) -> None:
    folder = write_pack(pack, tmp_path_factory.mktemp("written") / "pack")
    read = load_pack(str(folder))
    assert replace(read, source="") == pack
    assert read.pack_hash == pack.pack_hash


def test_a_public_pack_keeps_its_hash_in_our_format(tmp_path: Path) -> None:
    public = load_pack(str(write_hierarchy(tmp_path / "shops", SHOP)))
    assert load_pack(str(write_pack(public, tmp_path / "own"))).pack_hash == public.pack_hash


def test_nothing_is_overwritten_and_nothing_is_left_half_made(hand_made: Path, tmp_path: Path) -> None:
    pack = load_pack(str(hand_made))
    with pytest.raises(PackError, match="exists already"):
        write_pack(pack, hand_made)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(PackError, match="cannot be written"):
        write_pack(pack, file / "pack")
    empty = tmp_path / "empty"
    empty.mkdir()
    write_pack(pack, empty)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "pack"]


def test_undoing_is_refused_where_there_is_nothing_to_undo(hand_made: Path) -> None:
    with pytest.raises(PackError, match="nothing to undo"):
        undo_pack(str(hand_made))


@pytest.fixture
def bucketed(hand_made: Path, tmp_path: Path) -> Path:
    origin = load_pack(str(hand_made))
    return write_pack(bucket_pack(origin, None, BucketSettings(2, 1)), tmp_path / "bucketed", origin=origin)


def test_undoing_needs_nothing_but_the_folder(bucketed: Path, hand_made: Path) -> None:
    origin = load_pack(str(hand_made))
    (hand_made / "pack.json").unlink()
    assert undo_pack(str(bucketed)).pack_hash == origin.pack_hash


def test_undoing_an_edited_pack_is_refused(bucketed: Path) -> None:
    file = bucketed / "layers" / "layer0.json"
    content = json.loads(file.read_text())
    content["concepts"][0]["definition"] = "edited"
    file.write_text(json.dumps(content))
    with pytest.raises(PackError, match="edited after it was made"):
        undo_pack(str(bucketed))


@pytest.mark.parametrize("content", ["{}", '{"terms": ["?"], "changed": []}', '{"changed": [{"term": 1}]}', "{"])
def test_a_damaged_origin_is_told(bucketed: Path, content: str) -> None:
    (bucketed / "origin.json").write_text(content)
    with pytest.raises(PackError, match=r"origin\.json"):
        undo_pack(str(bucketed))
