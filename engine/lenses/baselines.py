"""What a lens must beat: classifiers that see the output text, or only its length, on the lens's own folds.

A lens reads activations, so whatever words or length alone give away is no evidence of a concept in the model. Both
baselines are the linear lens on other features, with the penalty and the threshold chosen in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.lenses.crossval import out_of_fold
from engine.lenses.folds import IntArray
from engine.lenses.interface import FloatArray
from engine.lenses.logistic import Logistic

_SPOKEN = r"(?u)\b\w+\b"


@dataclass(frozen=True, slots=True, eq=False)
class TextBaselines:
    """Held-out decisions [n] of the classifiers that see no activations."""

    text_only: NDArray[np.bool_]
    length_only: NDArray[np.bool_]


def text_baselines(y: IntArray, *, groups: IntArray, fold: IntArray, texts: Sequence[str], seed: int) -> TextBaselines:
    """Cross-validate both classifiers on the given folds."""
    counts = _word_counts(texts)
    lengths = np.log1p(np.array([len(text.strip()) for text in texts], dtype=np.float64))[:, None]
    words = Logistic(standardise=False, strengths=(1.0, 10.0, 100.0))
    size = Logistic(strengths=(10.0,))
    _, text_fires = out_of_fold(words, lambda train: _tfidf(counts, train), [y], groups=groups, fold=fold, seed=seed)
    _, length_fires = out_of_fold(size, lambda _: lengths, [y], groups=groups, fold=fold, seed=seed)
    return TextBaselines(text_fires[0], length_fires[0])


def _word_counts(texts: Sequence[str]) -> FloatArray:
    """Count words [n, terms]; one empty column where no text has a word.

    Single words alone: pairs of words dilute a few dozen texts, and a weaker baseline would flatter the lens.
    """
    import re

    from sklearn.feature_extraction.text import CountVectorizer

    if not any(re.search(_SPOKEN, text) for text in texts):
        return np.zeros((len(texts), 1))
    vectoriser = CountVectorizer(token_pattern=_SPOKEN)
    return np.asarray(vectoriser.fit_transform(texts).toarray(), dtype=np.float64)


def _tfidf(counts: FloatArray, train: NDArray[np.bool_]) -> FloatArray:
    """Weigh words by their rarity among training rows; words that no training row has are left out."""
    from sklearn.feature_extraction.text import TfidfTransformer

    known = counts[train].any(axis=0)
    if not known.any():
        return np.zeros((len(counts), 1))
    weighting = TfidfTransformer(sublinear_tf=True).fit(counts[train][:, known])
    return np.asarray(weighting.transform(counts[:, known]).toarray())
