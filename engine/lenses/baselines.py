"""What a lens must beat: classifiers that see the output text, or only its length, on the lens's own folds.

A lens reads activations, so whatever words or length alone give away is no evidence of a concept in the model. Both
baselines are the linear lens on other features, with the penalty and the threshold chosen in the same way. Many concepts
are fitted together; their vocabularies are their own, filled up with words that no text has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from engine.lenses.crossval import Rows, out_of_fold
from engine.lenses.interface import BoolArray, FloatArray
from engine.lenses.logistic import Logistic

_SPOKEN = r"(?u)\b\w+\b"
_WORDS_STEP = 256
"""Vocabularies are filled up to a multiple, so that what a concept is given does not depend on those beside it."""


@dataclass(frozen=True, slots=True, eq=False)
class TextBaselines:
    """Held-out decisions [n] of the classifiers that see no activations."""

    text_only: BoolArray
    length_only: BoolArray


def text_baselines(concepts: Sequence[Rows], texts: Sequence[Sequence[str]], *, seed: int) -> list[TextBaselines]:
    """Cross-validate both classifiers on each concept's folds; `texts` belong to the concepts' rows."""
    counts = [_word_counts(each) for each in texts]
    words = Logistic(standardise=False, strengths=(1.0, 10.0, 100.0))
    size = Logistic(strengths=(10.0,))
    by_length = [replace(rows, features=partial(_lengths, each)) for rows, each in zip(concepts, texts, strict=True)]
    lengths = out_of_fold(size, by_length, seed=seed)
    spoken: dict[int, BoolArray] = {}
    for terms in sorted({_filled(count) for count in counts}):
        places = [place for place, count in enumerate(counts) if _filled(count) == terms]
        some = [replace(concepts[place], features=partial(_tfidf, counts[place], terms)) for place in places]
        found = out_of_fold(words, some, seed=seed)
        spoken.update((place, one.scores.fires) for place, one in zip(places, found, strict=True))
    return [TextBaselines(spoken[place], one.scores.fires) for place, one in enumerate(lengths)]


def _filled(counts: Any) -> int:
    return -(-max(1, int(counts.shape[1])) // _WORDS_STEP) * _WORDS_STEP


def _lengths(texts: Sequence[str], _: BoolArray) -> FloatArray:
    return np.asarray(np.log1p(np.array([len(text.strip()) for text in texts], dtype=np.float64))[:, None])


def _word_counts(texts: Sequence[str]) -> Any:
    """Count words [n, terms], sparse; no column where no text has a word.

    Single words alone: pairs of words dilute a few dozen texts, and a weaker baseline would flatter the lens.
    """
    import re

    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import CountVectorizer

    if not any(re.search(_SPOKEN, text) for text in texts):
        return csr_matrix((len(texts), 0))
    return CountVectorizer(token_pattern=_SPOKEN).fit_transform(texts)


def _tfidf(counts: Any, terms: int, train: BoolArray) -> FloatArray:
    """Weigh words by their rarity among training rows [n, terms]; words that no training row has are nought."""
    from sklearn.feature_extraction.text import TfidfTransformer

    filled = np.zeros((counts.shape[0], terms))
    known = np.asarray(counts[train].sum(axis=0)).ravel() > 0
    if known.any():
        weighting = TfidfTransformer(sublinear_tf=True).fit(counts[train][:, known])
        filled[:, : known.sum()] = weighting.transform(counts[:, known]).toarray()
    return filled
