"""Samples like one of them, by their words and by the activations that were captured of them.

Only samples about the same concept and its siblings are looked at, and no more than a set number, so that the work is bounded
however large a run is. Vectors are means over the output, at the deepest layer that was captured; nothing is generated.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.data.memory import work_done
from app.data.rows import fetch
from db import connect
from engine.errors import StudyUnreadable
from engine.stats.resampling import FloatArray
from engine.subject.shards import read_vectors

LOOKED_AT: Final = 1_000
"""Samples that one is compared with at most."""
SHOWN: Final = 8
_CHARS: Final = 3_000
_EXCERPT: Final = 240


@dataclass(frozen=True, slots=True)
class Similar:
    """A sample like another: the cosine of the two, and the pair that it is opened as."""

    concept: str
    sample_id: str
    prompt_concept: str
    form: str | None
    cosine: float
    excerpt: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The samples most like one, by each measure, most like first; `reason` says why there are none by activation."""

    by_text: tuple[Similar, ...]
    by_activation: tuple[Similar, ...]
    n_looked_at: int
    layer: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    sample_id: str
    concept: str
    prompt_concept: str
    text: str
    form: str | None
    shard: str | None
    shard_row: int | None


@dataclass(frozen=True, slots=True)
class _Captured:
    layer: int
    mode: str


def load_similar(folder: Path, run_id: str, *, concept: str, sample_id: str, form_rule: str) -> Neighbours:
    """The samples most like this one."""
    return _compare(folder, work_done(folder), run_id, concept, sample_id, form_rule)


@functools.lru_cache(maxsize=32)
def _compare(
    folder: Path, _work: tuple[Any, ...], run_id: str, concept: str, sample_id: str, form_rule: str
) -> Neighbours:
    with connect(folder) as cursor:
        captured = fetch(cursor, "samples.captured", _Captured, sample_id=sample_id)
        layer = captured[0].layer if captured else None
        values: dict[str, Any] = {"layer": layer, "mode": captured[0].mode if captured else None}
        values |= {"run_id": run_id, "concept": concept, "sample_id": sample_id, "form_rule": form_rule}
        values |= {"at_most": LOOKED_AT, "n_chars": _CHARS}
        found = fetch(cursor, "samples.neighbours", _Candidate, **values)
    by_text = _most_like(found, _text_cosines([c.text for c in found], _place(found, sample_id)), sample_id)
    reason = None if captured else "no activation of this sample was captured"
    by_activation: tuple[Similar, ...] = ()
    if layer is not None:
        held = [candidate for candidate in found if candidate.shard is not None]
        try:
            vectors = _vectors(folder, held, layer)
            by_activation = _most_like(held, cosines(vectors, _place(held, sample_id)), sample_id)
        except StudyUnreadable as error:
            reason = str(error)
    return Neighbours(by_text, by_activation, max(0, len(found) - 1), layer, reason)


def _place(found: Sequence[_Candidate], sample_id: str) -> int:
    return next(i for i, candidate in enumerate(found) if candidate.sample_id == sample_id)


def _vectors(folder: Path, held: Sequence[_Candidate], layer: int) -> FloatArray:
    places = [(candidate.shard or "", candidate.shard_row or 0) for candidate in held]
    return np.asarray(read_vectors(folder, f"{layer}.output", places), dtype=np.float64)


def cosines(vectors: FloatArray, place: int) -> FloatArray:
    """Cosine of one row with every row, shape (n,), after the mean of all rows is taken out; 0 for a row without direction.

    What all texts of a model share would otherwise make any two of them alike.
    """
    centred = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=1)
    lengths[lengths == 0] = np.inf
    unit = centred / lengths[:, None]
    similar: FloatArray = unit @ unit[place]
    return similar


def _text_cosines(texts: Sequence[str], place: int) -> FloatArray:
    """Cosine of one text's words and word pairs with every text's, weighted by how rare they are among these texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
    try:
        weights = words.fit_transform(texts)
    except ValueError:
        # No text has a word.
        return np.zeros(len(texts))
    return np.asarray((weights @ weights[place].T).todense()).ravel()


def _most_like(found: Sequence[_Candidate], cosine: FloatArray, sample_id: str) -> tuple[Similar, ...]:
    order = [int(i) for i in np.argsort(-cosine, kind="stable") if found[i].sample_id != sample_id]
    return tuple(
        Similar(c.concept, c.sample_id, c.prompt_concept, c.form, float(cosine[i]), c.text[:_EXCERPT])
        for i in order[:SHOWN]
        if cosine[i] > 0
        for c in (found[i],)
    )
