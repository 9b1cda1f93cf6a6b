"""Readable names and texts from the spellings of ontologies: `MedicalClinic`, `alignment_process`, `&%Vehicle`."""

import re
from collections.abc import Iterable

# A capital that starts a word: after a small letter or digit, or the last capital of an acronym (AIArtifact: AI, Artifact).
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+|[A-Z]")
_TERM_MARK = re.compile(r"&%([A-Za-z0-9_-]+?)(s?)(?![A-Za-z0-9_-])")
_CAMEL = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]|^[A-Z][a-z]+$")


def readable(term: str, *, spellings: Iterable[str] = ()) -> str:
    """The term in words: `MedicalClinic` is "medical clinic", `AIArtifact` "AI artifact", `blue_sky` "blue sky".

    A spelling that has the same letters wins, since it knows which words have capitals: "United States".
    """
    words = term.replace("_", " ")
    if " " not in words.strip() and _CAMEL.search(words):
        words = " ".join(word if len(word) > 1 and word.isupper() else word.lower() for word in _WORD.findall(words))
    words = " ".join(words.split()) or term
    letters = _letters(words)
    return next((" ".join(s.replace("_", " ").split()) for s in spellings if _letters(s) == letters), words)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def distinct_names(names: Iterable[str], *, besides: str) -> tuple[str, ...]:
    """The names in words, each once however it is spelled, without the one that is known already."""
    found: dict[str, str] = {}
    for name in names:
        words = readable(name)
        found.setdefault(_letters(words), words)
    return tuple(words for letters, words in found.items() if letters and letters != _letters(besides))


def plain_text(text: str) -> str:
    """A documentation string as a sentence: terms in words, escapes resolved, no line breaks."""
    unmarked = _TERM_MARK.sub(lambda mark: readable(mark[1]) + mark[2], text)
    return " ".join(unmarked.replace('\\"', '"').split())
