"""A judge without a language model: TF-IDF similarity to the pack's own names and definitions.

It is a baseline and says so wherever its ratings show. It reads every sense of a concept and takes the nearest. It favours
subject models that were trained on the same definitions, and it cannot tell a true sentence from a false one.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from engine.errors import JudgeError
from engine.judges.judge import Answer, JudgeIdentity, Question, Rating, Topic, Unscored
from engine.packs.pack import Concept, Pack

BINS = (0.12, 0.22, 0.32, 0.46)
"""Similarity from which a rating of 2, 3, 4 and 5 is given."""

RUBRIC = "similarity"

AT_ONCE = 256
"""Questions whose texts are compared in one product of matrices."""


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

    def answer(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """The nearest concept of the pack, or a rating by similarity to the concept's nearest sense."""
        source = iter(questions)
        while part := list(islice(source, AT_ONCE)):
            texts = list(dict.fromkeys(question.text for question in part))
            similarity = dict(zip(texts, self._similarity(texts), strict=True))
            for question in part:
                ask = self._topic if question.concept is None else self._rating
                yield ask(question, similarity[question.text])

    def _topic(self, question: Question, similarity: NDArray[np.float64]) -> Answer:
        best = int(similarity.argmax())
        if similarity[best] > 0:
            value = float(similarity[best])
            return Answer(question, Topic(self._terms[best], value), f"{self._terms[best]} ({value:.3f})")
        reason = "the text is empty" if not question.text.strip() else "no word of the text occurs in the pack"
        return Answer(question, Unscored(reason), "")

    def _rating(self, question: Question, similarity: NDArray[np.float64]) -> Answer:
        """An empty text is off-topic by rule, so 1."""
        if question.concept not in self._row:
            return Answer(question, Unscored(f'"{question.concept}" is no concept of the pack'), "")
        value = float(similarity[self._row[question.concept]])
        rating = 1 + int(np.searchsorted(BINS, value, side="right"))
        is_empty = not question.text.strip()
        explanation = "The text is empty." if is_empty else f"Similarity to the nearest sense is {value:.2f}."
        return Answer(question, Rating(rating, explanation), f"{value:.4f}")

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
