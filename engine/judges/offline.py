"""A judge without a language model: TF-IDF similarity to the pack's own names and definitions.

It is a baseline and says so wherever its ratings show. It reads every sense of a concept and takes the nearest. It favours
subject models that were trained on the same definitions, and it cannot tell a true sentence from a false one.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import JudgeError
from engine.judges.judge import JudgeIdentity, RelevanceVote, TopicVote
from engine.packs.pack import Concept, Pack

BINS = (0.12, 0.22, 0.32, 0.46)
"""Similarity from which a rating of 2, 3, 4 and 5 is given."""

RUBRIC = "similarity"


class OfflineJudge:
    """Similarity of a text to the senses of the pack's concepts, put into five bins."""

    def __init__(self, pack: Pack) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._terms = [concept.term for concept in pack.concepts]
        documents = [(row, text) for row, concept in enumerate(pack.concepts) for text in sense_texts(concept)]
        owner = np.array([row for row, _ in documents])
        self._first_sense = np.flatnonzero(np.diff(owner, prepend=-1))
        self._row = {term: row for row, term in enumerate(self._terms)}
        self._vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english", strip_accents="unicode")
        try:
            self._senses = self._vectorizer.fit_transform([text for _, text in documents])
        except ValueError as error:
            raise JudgeError(
                f'The pack "{pack.name}" has no words that the offline judge could read: {error}.'
            ) from error
        parameters = {"bins": BINS, "pack": pack.pack_hash}
        self.identity = JudgeIdentity(
            backend="offline",
            model="tf-idf",
            rubric=RUBRIC,
            rubric_hash=hashlib.blake2b(json.dumps(parameters).encode(), digest_size=8).hexdigest(),
            parameters=parameters,
            is_baseline=True,
        )

    def infer_topics(self, texts: Sequence[str]) -> list[TopicVote]:
        """The nearest concept of the pack; unscored for a text without any word of the pack."""
        votes = []
        for text, similarity in zip(texts, self._similarity(texts), strict=True):
            best = int(similarity.argmax())
            if similarity[best] > 0:
                value = float(similarity[best])
                votes.append(TopicVote(self._terms[best], value, None, f"{self._terms[best]} ({value:.3f})"))
            else:
                reason = "the text is empty" if not text.strip() else "no word of the text occurs in the pack"
                votes.append(TopicVote(None, None, reason, ""))
        return votes

    def rate(self, items: Sequence[tuple[str, str]]) -> list[RelevanceVote]:
        """Rating by similarity to the concept's nearest sense; an empty text is off-topic by rule, so 1."""
        texts = list(dict.fromkeys(text for text, _ in items))
        similarity = dict(zip(texts, self._similarity(texts), strict=True))
        return [self._vote(text, concept, similarity[text]) for text, concept in items]

    def _vote(self, text: str, concept: str, similarity: NDArray[np.float64]) -> RelevanceVote:
        if concept not in self._row:
            return RelevanceVote(None, None, f'"{concept}" is no concept of the pack', "")
        value = float(similarity[self._row[concept]])
        rating = 1 + int(np.searchsorted(BINS, value, side="right"))
        explanation = "The text is empty." if not text.strip() else f"Similarity to the nearest sense is {value:.2f}."
        return RelevanceVote(rating, explanation, None, f"{value:.4f}")

    def _similarity(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Cosine of each text to each concept's nearest sense, [n, n_concepts]."""
        if not texts:
            return np.zeros((0, len(self._terms)))
        dense = (self._vectorizer.transform(texts) @ self._senses.T).toarray()
        return np.asarray(np.maximum.reduceat(dense, self._first_sense, axis=1))


def sense_texts(concept: Concept) -> list[str]:
    """One text a sense: the names it goes by, and its definition."""
    main = " ".join((concept.name, *concept.aliases, concept.definition))
    return [main, *(" ".join((concept.name, *sense.aliases, sense.definition)) for sense in concept.senses)]
