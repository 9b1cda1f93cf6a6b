"""Which concept of a pack a topic names, and how near that is to the concept that the text was asked to be about.

Spelling does not count: case, accents, underscores, hyphens, an article in front, and the plural. A plural is known by the
regular rules of English and a few irregular endings, and only where the pack has the word in either number: the pack's own
words are the dictionary. Where the pack has both, as "arm" and "arms", each is found under its own spelling.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from engine.packs.names import readable
from engine.packs.pack import Concept, Pack

Match = Literal["exact", "alias", "sibling", "ancestor", "other"]

# Ending of the singular, of the plural, and how many letters must be before it; latin endings are common in short words.
_ENDINGS: Final = (
    ("", "s", 2),
    ("s", "ses", 1),
    ("x", "xes", 1),
    ("z", "zes", 1),
    ("ch", "ches", 1),
    ("sh", "shes", 1),
    ("o", "oes", 1),
    ("y", "ies", 1),
    ("f", "ves", 2),
    ("fe", "ves", 1),
    ("sis", "ses", 2),
    ("us", "i", 3),
    ("um", "a", 3),
    ("man", "men", 0),
    ("child", "children", 0),
    ("person", "people", 0),
    ("foot", "feet", 0),
    ("tooth", "teeth", 0),
    ("goose", "geese", 0),
    ("mouse", "mice", 0),
    ("ox", "oxen", 0),
)
_ACCENT: Final = re.compile(r"[\u0300-\u036f]")
_ARTICLES: Final = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class TopicMatch:
    """The pack's term that a topic names, None where it names none or several; `match` is relative to the asked concept."""

    topic_concept: str | None
    match: Match


class Vocabulary:
    """The names of a pack's concepts, to be found again in topics."""

    def __init__(self, pack: Pack) -> None:
        self._known = pack.by_term
        # Topics come concept by concept, and a concept may have thousands of siblings.
        self._siblings = lru_cache(maxsize=64)(lambda term: frozenset(pack.siblings(term)))
        self._ancestors = lru_cache(maxsize=64)(pack.ancestors)
        self._lemmas = _lemmas(
            word for concept in pack.concepts for name in _all_names(concept) for word in words(name)
        )
        # For each spelling, exact and by lemmas: the terms that are called so, and whether that is their name or an alias.
        self._terms: dict[object, dict[str, bool]] = {}
        for concept in pack.concepts:
            for alias in _aliases(concept):
                self._add(alias, concept.term, is_name=False)
            for name in (concept.term, concept.name):
                self._add(name, concept.term, is_name=True)

    def match(self, topic: str, *, concept: str) -> TopicMatch:
        """The concept that a topic names: the asked one if it can be, else its sibling, its ancestor, any other."""
        named = self._terms.get(_spelling(topic)) or self._terms.get(self._key(topic)) or {}
        if concept in named:
            return TopicMatch(concept, "exact" if named[concept] else "alias")
        if named and concept in self._known:
            if siblings := self._siblings(concept).intersection(named):
                return TopicMatch(_only(siblings, named), "sibling")
            if ancestors := self._ancestors(concept).intersection(named):
                return TopicMatch(_only(ancestors, named), "ancestor")
        return TopicMatch(_only(named.keys(), named), "other")

    def _add(self, name: str, term: str, *, is_name: bool) -> None:
        for key in (_spelling(name), self._key(name)):
            # A name without letters or digits has no lemmas, and would be all others of its kind.
            if key:
                self._terms.setdefault(key, {})[term] = is_name

    def _key(self, name: str) -> tuple[str, ...]:
        return tuple(self._lemmas.get(word, word) for word in words(name))


def words(name: str) -> list[str]:
    """The words of a name without case, accents, punctuation and an article in front: `The_Claw-Hammer` is claw, hammer."""
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", readable(name))).casefold()
    plain = re.sub(r"['’]s\b", "", plain)
    found = "".join(c if unicodedata.category(c)[0] in "LNM" or c in "+#" else " " for c in plain).split()
    return found[1:] if len(found) > 1 and found[0] in _ARTICLES else found


def _spelling(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _aliases(concept: Concept) -> Iterator[str]:
    """Other names; a concept that was split off also goes by the name that it had before."""
    yield from concept.aliases
    for sense in concept.senses:
        yield from sense.aliases
    if concept.origin:
        yield concept.origin


def _all_names(concept: Concept) -> Iterator[str]:
    yield from (concept.term, concept.name)
    yield from _aliases(concept)


def _only(terms: Collection[str], named: dict[str, bool]) -> str | None:
    """The one term that is meant; a name goes before an alias."""
    preferred = [term for term in terms if named[term]] or list(terms)
    return preferred[0] if len(preferred) == 1 else None


def _lemmas(known: Iterable[str]) -> dict[str, str]:
    """Each known word and its singulars and plurals, with the one form that stands for all of them."""
    lemmas: dict[str, str] = {}
    for word in sorted(set(known), key=lambda word: (len(word), word)):
        lemma = lemmas.setdefault(word, word)
        for form in _other_numbers(word):
            lemmas.setdefault(form, lemma)
    return lemmas


def _other_numbers(word: str) -> Iterator[str]:
    """What the plural of a word may be, and the singular."""
    for singular, plural, n_before in _ENDINGS:
        for mine, other in ((singular, plural), (plural, singular)):
            stem = word[: len(word) - len(mine)]
            # "glass" is no plural of "glas", and nothing that ends in s has a plural in mere s.
            is_hiss = (singular, plural) == ("", "s") and stem.endswith("s")
            if word.endswith(mine) and len(stem) >= n_before and not is_hiss:
                yield stem + other
