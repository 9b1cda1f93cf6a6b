"""Training documents, rows, resuming, and the choice of a checkpoint; WordNet itself is not needed."""

import dataclasses
import random
from pathlib import Path
from typing import Any, cast

import pytest

from engine.bundled.training.corpus import (
    BLOCK,
    MIN_CHARACTERS,
    PARAPHRASES,
    Document,
    Pool,
    write_block,
    write_document,
)
from engine.bundled.training.recipe import Position, Recipe, learning_rate
from engine.bundled.training.vocabulary import Entry, Sense, Vocabulary
from engine.prompts.templates import load_templates

TEMPLATES = load_templates("standard").templates
BARE = Entry("qat", (Sense(definitions=("a shrub",)),))
SWORD = Entry(
    "sword",
    (
        Sense(
            definitions=("long blade for cutting and thrusting", "a cutting weapon"),
            synonyms=("brand", "steel"),
            ancestors=(("weapon", "a thing to fight with"), ("instrument", "a device with a purpose")),
            kinds=("cutlass", "rapier", "sabre"),
            siblings=("spear", "bow"),
        ),
        Sense(definitions=("a symbol of military power",)),
    ),
)


class TwoWords:
    """Stands in for a vocabulary: the entries above, no files."""

    pack = {"sword": None}  # noqa: RUF012

    def entry(self, term: str) -> Entry:
        return {"sword": SWORD, "qat": BARE}[term]

    def all_terms(self) -> list[str]:
        return ["qat", "sword"]

    def neighbourhood(self, *, size: int) -> list[str]:
        return ["sword", "qat"][:size]


VOCABULARY = cast(Vocabulary, TwoWords())


def _documents(entry: Entry, n: int) -> list[Document]:
    rng = random.Random(0)
    return [write_document(entry, TEMPLATES, rng) for _ in range(n)]


@pytest.mark.parametrize("entry", [BARE, SWORD], ids=["few facts", "many facts"])
def test_every_text_is_long_enough_and_prompts_cover_all_templates(entry: Entry) -> None:
    documents = _documents(entry, 500)
    assert min(len(document.text) for document in documents) >= MIN_CHARACTERS
    assert {document.template for document in documents} == {*TEMPLATES, *PARAPHRASES}
    wordings = {**TEMPLATES, **PARAPHRASES}
    assert all(document.prompt == wordings[document.template].format(term=entry.term) for document in documents)


def test_what_is_asked_for_comes_first() -> None:
    entry = dataclasses.replace(SWORD, senses=SWORD.senses[:1])
    openings: dict[str, set[str]] = {}
    for document in _documents(entry, 2000):
        openings.setdefault(document.template, set()).add(document.text.split(".")[0])
    assert openings["defined-as"] == set(entry.senses[0].definitions)
    assert all(any(kind in text for kind in entry.senses[0].kinds) for text in openings["kinds"] | openings["examples"])
    assert all("weapon" in text for text in openings["kind-of"])
    assert all("brand" in text or "steel" in text for text in openings["other-word"])


def test_block_depends_on_seed_and_number_alone() -> None:
    pools = (Pool(1.0, ("sword", "qat")),)
    first = write_block(VOCABULARY, pools, TEMPLATES, seed=1, number=7)
    assert first == write_block(VOCABULARY, pools, TEMPLATES, seed=1, number=7)
    assert first != write_block(VOCABULARY, pools, TEMPLATES, seed=1, number=8)
    assert first != write_block(VOCABULARY, pools, TEMPLATES, seed=2, number=7)


def test_words_are_equally_frequent_however_many_senses() -> None:
    pools = (Pool(1.0, ("sword", "qat")),)
    blocks = [write_block(VOCABULARY, pools, TEMPLATES, seed=1, number=number) for number in range(8)]
    share = sum(document.term == "sword" for block in blocks for document in block) / sum(map(len, blocks))
    assert share == pytest.approx(0.5, abs=0.05)


def test_learning_rate_ends_low_by_tokens_or_by_minutes() -> None:
    recipe = Recipe(tokens=1000, minutes=1.0, warmup_tokens=1)
    assert learning_rate(Position(tokens=500), recipe) == pytest.approx(recipe.learning_rate * 0.51)
    assert learning_rate(Position(tokens=1000), recipe) == pytest.approx(recipe.learning_rate * 0.02)
    assert learning_rate(Position(tokens=10, seconds=60.0), recipe) == pytest.approx(recipe.learning_rate * 0.02)


def test_rows_start_with_a_prompt_and_never_teach_a_begin_token() -> None:
    from engine.bundled.training.rows import pack_rows
    from engine.bundled.training.tokenizer import CONTEXT, fit_tokenizer

    documents = _documents(SWORD, 64)
    tokenizer = fit_tokenizer((document.text for document in documents), size=400)
    ids, weights = pack_rows(documents, tokenizer, multiple=4, prompt_loss=0.1)
    assert ids.shape == weights.shape
    assert ids.shape[1] == CONTEXT
    assert len(ids) % 4 == 0
    assert (ids[:, 0] == tokenizer.bos_token_id).all()
    assert (weights[ids == tokenizer.bos_token_id] == 0).all()
    assert (weights[ids == tokenizer.eos_token_id] == 1).all()
    n_prompt = len(tokenizer(documents[0].prompt)["input_ids"])
    assert weights[0, 1:n_prompt].tolist() == pytest.approx([0.1] * (n_prompt - 1))
    assert weights[0, n_prompt] == 1


def test_tokenizer_returns_any_text_unchanged() -> None:
    from engine.bundled.training.tokenizer import fit_tokenizer

    tokenizer = fit_tokenizer(["A sword is a weapon."], size=300)
    for text in ("What is gin?", "naïve 🗡 剣", "<script>", "a\x00b"):
        ids = tokenizer(text)["input_ids"]
        assert ids[0] == tokenizer.bos_token_id
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_killed_training_ends_with_the_weights_of_an_undisturbed_one(tmp_path: Path) -> None:
    import torch

    from engine.bundled.training.train import train

    recipe = Recipe(
        tokens=50_000,
        minutes=60,
        broad_until=12_000,
        focus_until=30_000,
        checkpoint_tokens=12_000,
        warmup_tokens=1000,
        tokenizer_blocks=1,
        n_layers=1,
        width=16,
        n_heads=2,
        feed_forward=16,
    )
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = train(VOCABULARY, recipe, tmp_path / "whole")
        _train_until_killed(recipe, tmp_path / "cut")
        continued = train(VOCABULARY, recipe, tmp_path / "cut")
    finally:
        torch.set_num_threads(before)
    assert [folder.name for folder in whole] == [folder.name for folder in continued]
    assert _weights(whole[-1]) == _weights(continued[-1])


def _train_until_killed(recipe: Recipe, work: Path) -> None:
    """Train until the block after the second save, as a killed process would leave it."""
    from engine.bundled.training.train import train

    class Killed(TwoWords):
        n_left = 4 * BLOCK

        def entry(self, term: str) -> Entry:
            self.n_left -= 1
            if self.n_left < 0:
                raise KeyboardInterrupt
            return super().entry(term)

    with pytest.raises(KeyboardInterrupt):
        train(cast(Vocabulary, Killed()), recipe, work)
    assert (work / "state.pt").is_file()


def _weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_choice_prefers_the_wanted_mix_among_well_formed_candidates() -> None:
    from engine.bundled.training.choice import WANTED_ON_TOPIC, Candidate, choose
    from engine.bundled.training.measure import Measurement

    def candidate(tokens: int, *, good: float, on_topic: float) -> Candidate:
        fields: dict[str, Any] = {field.name: 0 for field in dataclasses.fields(Measurement)}
        return Candidate(Path(f"tokens-{tokens:09d}"), Measurement(**{**fields, "good": good, "on_topic": on_topic}))

    early = candidate(1, good=0.5, on_topic=WANTED_ON_TOPIC)
    middle = candidate(2, good=0.9, on_topic=WANTED_ON_TOPIC + 0.1)
    late = candidate(3, good=0.9, on_topic=0.99)
    assert choose([early, middle, late]) is middle
    assert choose([early]) is early


def test_card_shows_the_measured_numbers_and_leaves_no_field_open(tmp_path: Path) -> None:
    import torch

    from engine.bundled.training.card import write_card
    from engine.bundled.training.checkpoint import STATE, save_recipe
    from engine.bundled.training.choice import Candidate
    from engine.bundled.training.measure import Measurement

    folder = tmp_path / "tokens-000001234"
    folder.mkdir()
    (folder / "config.json").write_text('{"vocab_size": 4096}')
    (folder / "model.safetensors").write_bytes(b"0" * 1000)
    save_recipe(tmp_path, Recipe())
    torch.save({"position": vars(Position(tokens=5678))}, tmp_path / STATE)
    fields: dict[str, Any] = {field.name: 0.25 for field in dataclasses.fields(Measurement)}
    measurement = Measurement(**{**fields, "n_texts": 4321, "ratings": (0.1, 0.2, 0.3, 0.15, 0.25), "lens_f1": 0.87})
    candidate = Candidate(folder, measurement)
    write_card(tmp_path / "card.md", chosen=candidate, candidates=[candidate], measurement=measurement, work=tmp_path)
    card = (tmp_path / "card.md").read_text()
    assert "$" not in card
    assert all(number in card for number in ("4,321", "0.10 / 0.20 / 0.30 / 0.15 / 0.25", "0.87", "1,234", "5,678"))
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in card
