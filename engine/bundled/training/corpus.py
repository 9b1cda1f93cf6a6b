"""Training documents: a prompt in one of many wordings, followed by a text of at least 150 characters about one sense.

The product's own prompt templates come from their file, so the model always knows the wording in use; paraphrases keep it from
hanging on the exact words. What a prompt asks for comes first (kinds, parents, synonyms, else the definition), the remaining
facts follow in random order and wording. Words are drawn equally within a pool, so a word with nine senses gets no more texts
than a word with one. Documents come in numbered blocks, each a function of seed and number alone, so training can resume.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.bundled.training.vocabulary import Entry, Sense, Vocabulary

TEMPLATE_SET = "standard"
MIN_CHARACTERS = 150
LONGEST_TARGET = 330
LONGEST_DEFINITION = 170
PARAPHRASE_SHARE = 0.15
BLOCK = 256

# What a template asks for first, where it is not the definition.
LEADS = {"examples": "kinds", "kinds": "kinds", "kind-of": "kind_of", "other-word": "synonyms"}
PARAPHRASES = {
    "paraphrase-define": "Define {term}.",
    "paraphrase-mean": "What does {term} mean?",
    "paraphrase-can-you": "Can you explain what {term} is?",
    "paraphrase-write": "Write a short text about {term}.",
    "paraphrase-word": "The word {term} means",
    "paraphrase-say": "What can you say about {term}?",
    "paraphrase-who": "Explain {term} to someone who has never heard of it.",
}
# These prompts are the start of a sentence, which the definition itself continues.
SENTENCE_STARTS = frozenset({"defined-as", "paraphrase-word"})


@dataclass(frozen=True)
class Document:
    """A prompt and the text that follows it after one space."""

    term: str
    template: str
    prompt: str
    text: str


@dataclass(frozen=True)
class Pool:
    """Words that are drawn equally often; `share` is the pool's part of all documents."""

    share: float
    terms: tuple[str, ...]


def write_block(
    vocabulary: Vocabulary, pools: Sequence[Pool], templates: Mapping[str, str], *, seed: int, number: int
) -> list[Document]:
    """Write the `BLOCK` documents of block `number`."""
    rng = random.Random(f"{seed}/{number}")
    chosen = rng.choices(pools, weights=[pool.share for pool in pools], k=BLOCK)
    return [write_document(vocabulary.entry(rng.choice(pool.terms)), templates, rng) for pool in chosen]


def write_document(entry: Entry, templates: Mapping[str, str], rng: random.Random) -> Document:
    """Write one document on a randomly drawn sense of `entry`, answering a randomly drawn template."""
    wordings = PARAPHRASES if rng.random() < PARAPHRASE_SHARE else templates
    template = rng.choice(sorted(wordings))
    sense = rng.choices(entry.senses, weights=[sense.weight for sense in entry.senses])[0]
    lead = "continuation" if template in SENTENCE_STARTS else LEADS.get(template, "definition")
    text = " ".join(_sentences(entry, sense, lead, rng))
    return Document(entry.term, template, wordings[template].format(term=entry.term), text)


def _sentences(entry: Entry, sense: Sense, lead: str, rng: random.Random) -> list[str]:
    """Return the lead, the definition, then other facts until a drawn length, `MIN_CHARACTERS` at least, is reached."""
    rest = [name for name in FACTS if name not in (lead, "definition", "continuation")]
    rng.shuffle(rest)
    defined = lead in ("definition", "continuation")
    target = rng.randint(MIN_CHARACTERS, LONGEST_TARGET)
    sentences: list[str] = []
    for name in [lead, *([] if defined else ["definition"]), *rest]:
        wordings = FACTS[name](entry, sense, rng)
        if wordings and len(" ".join(sentences)) < target:
            sentence = rng.choice(wordings)
            sentences.append(sentence if name == "continuation" else _capital(sentence))
    return [*sentences, *_padding(entry, sense, MIN_CHARACTERS - len(" ".join(sentences)), rng)]


def _padding(entry: Entry, sense: Sense, missing: int, rng: random.Random) -> list[str]:
    """Return sentences of `missing` characters at least for a word of few facts: what its ancestors mean, then itself."""
    known = [_capital(rng.choice(_say_definition(name, _shorten(text)))) for name, text in sense.ancestors[1:]]
    sentences: list[str] = []
    while sum(map(len, sentences)) < missing:
        sentences.append(known.pop(0) if known else _capital(rng.choice(_define(entry, sense, rng))))
    return sentences


def _definition(sense: Sense, rng: random.Random) -> str:
    return _shorten(rng.choice(sense.definitions))


def _define(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    return _say_definition(entry.term, _definition(sense, rng))


def _continue(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    return [f"{_definition(sense, rng)}."]


def _say_definition(term: str, text: str) -> list[str]:
    general = [f"{term} means {text}.", f"the word {term} refers to {text}."]
    if text.split(" ", 1)[0] in ("a", "an", "the", "any", "one") and term.islower():
        return [f"{_article(term)} is {text}.", *general]
    return [f"{term}: {text}.", *general]


def _say_parents(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    if not sense.ancestors:
        return []
    first, *higher = names = [name for name, _ in sense.ancestors]
    short = [f"{entry.term} is a kind of {first}.", f"it is a kind of {first}."]
    if not higher:
        return short
    chain = ", which is a kind of ".join(names[:3])
    return [*short, f"{entry.term} is a kind of {chain}.", f"it belongs to {first} and, more widely, to {higher[-1]}."]


def _say_parent_definition(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    return [sentence for name, text in sense.ancestors[:1] for sentence in _say_definition(name, _shorten(text))]


def _say_kinds(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    if not sense.kinds:
        return []
    names = _listing(sense.kinds, rng)
    return [
        f"kinds of {entry.term} include {names}.",
        f"examples of {entry.term} are {names}.",
        f"examples are {names}.",
    ]


def _say_siblings(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    if not sense.siblings:
        return []
    names = _listing(sense.siblings, rng)
    others = f"other kinds of {sense.ancestors[0][0]} are {names}."
    return [others, f"it should not be confused with {names}.", f"related to {entry.term} are {names}."]


def _say_synonyms(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    if not sense.synonyms:
        return []
    names = _listing(sense.synonyms, rng, joint="or")
    return [f"another word for {entry.term} is {names}.", f"it is also called {names}.", f"another name is {names}."]


def _say_parts(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    if not sense.parts:
        return []
    names = _listing(sense.parts, rng)
    return [f"parts of {entry.term} are {names}.", f"it has {names}."]


def _say_wholes(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    return [f"{entry.term} is part of {whole}." for whole in sense.wholes]


def _say_example(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    return [f'an example of its use: "{example}".' for example in sense.examples]


def _say_other_sense(entry: Entry, sense: Sense, rng: random.Random) -> list[str]:
    others = [other for other in entry.senses if other is not sense]
    if not others:
        return []
    text = _definition(rng.choice(others), rng)
    return [f"in another sense, {entry.term} means {text}.", f"{entry.term} can also mean {text}."]


FACTS: dict[str, Callable[[Entry, Sense, random.Random], list[str]]] = {
    "definition": _define,
    "continuation": _continue,
    "kind_of": _say_parents,
    "parent_definition": _say_parent_definition,
    "kinds": _say_kinds,
    "siblings": _say_siblings,
    "synonyms": _say_synonyms,
    "parts": _say_parts,
    "wholes": _say_wholes,
    "example": _say_example,
    "other_sense": _say_other_sense,
}


def _listing(names: Sequence[str], rng: random.Random, *, joint: str = "and") -> str:
    chosen = rng.sample(names, min(len(names), rng.randint(2, 4)))
    return chosen[0] if len(chosen) == 1 else f"{', '.join(chosen[:-1])} {joint} {chosen[-1]}"


def _shorten(text: str) -> str:
    """Cut a definition that would crowd out everything else at its last clause that fits, else at a word."""
    if len(text) <= LONGEST_DEFINITION:
        return text
    head = text[:LONGEST_DEFINITION]
    return head.rsplit(";" if ";" in head else " ", 1)[0].rstrip(" ,(")


def _article(term: str) -> str:
    return f"{'an' if term[0].lower() in 'aeiou' else 'a'} {term}"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
