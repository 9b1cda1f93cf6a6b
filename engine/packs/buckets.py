"""Divide large sibling groups into buckets of concepts that belong together; siblings are then counted within a bucket.

Where WordNet knows the concepts, the hypernyms between them and their parent divide them; what these leave together falls
apart by lexicographer file, and then by clusters of definition vectors (TF-IDF). No bucket is larger than asked for.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.packs.pack import Concept, Pack, Provenance
from engine.packs.synsets import Synset, Synsets

How = Literal["hypernym", "lexname", "definitions"]


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """Groups above `max_size` are divided; buckets below `min_size` join others where there is room."""

    max_size: int = 12
    min_size: int = 3


@dataclass(frozen=True, slots=True)
class Bucket:
    """Terms that stay siblings; `how` says what they have in common."""

    name: str
    how: How
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bucketing:
    """The buckets of one parent's children in one pack layer."""

    parent: str
    pack_layer: int
    buckets: tuple[Bucket, ...]


def plan_buckets(pack: Pack, synsets: Synsets | None, settings: BucketSettings | None = None) -> tuple[Bucketing, ...]:
    """Every sibling group that is too large, divided; without WordNet (None) by definitions alone."""
    settings = settings or BucketSettings()
    plans = []
    for (parent, pack_layer, bucket), members in pack.groups.items():
        if bucket is None and len(members) > settings.max_size:
            name = pack.by_term[parent].name if parent in pack.by_term else parent
            buckets = _divide(members, _Names(name), synsets, settings)
            plans.append(Bucketing(parent, pack_layer, tuple(buckets)))
    return tuple(plans)


def bucket_pack(pack: Pack, synsets: Synsets | None, settings: BucketSettings | None = None) -> Pack:
    """A new pack in which the children of crowded parents are in buckets."""
    settings = settings or BucketSettings()
    added: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for plan in plan_buckets(pack, synsets, settings):
        for bucket in plan.buckets:
            for term in bucket.terms:
                added[term].append((plan.parent, bucket.name))
    concepts = tuple(replace(c, buckets=(*c.buckets, *added[c.term])) if c.term in added else c for c in pack.concepts)
    parameters = asdict(settings) | {"wordnet": synsets is not None}
    made = Provenance("bucket", parameters, pack.name, pack.pack_hash, pack.source)
    return replace(pack, name=f"{pack.name}-bucketed", concepts=concepts, provenance=made)


class _Names:
    """Names of buckets that differ within one parent."""

    def __init__(self, parent: str) -> None:
        self.parent = parent
        self._used: Counter[str] = Counter()

    def unique(self, name: str) -> str:
        self._used[name] += 1
        return name if self._used[name] == 1 else f"{name} {self._used[name]}"


def _divide(
    members: Sequence[Concept], names: _Names, synsets: Synsets | None, settings: BucketSettings
) -> list[Bucket]:
    found = {c.term: synset for c in members if synsets and (synset := _first_synset(c, synsets))}
    known = [c for c in members if c.term in found]
    buckets, rest = _by_path(known, found, 0, settings)
    by_lexname: dict[str, list[Concept]] = defaultdict(list)
    for concept in rest:
        by_lexname[found[concept.term].lexname].append(concept)
    left = [c for c in members if c.term not in found]
    for lexname, some in by_lexname.items():
        if settings.min_size <= len(some) <= settings.max_size and len(by_lexname) > 1:
            buckets.append(Bucket(lexname.partition(".")[2] or lexname, "lexname", _terms(some)))
        else:
            left += some
    buckets += cluster_definitions(left, settings, besides=names.parent)
    joined = _join_small(buckets, settings)
    return [replace(bucket, name=names.unique(bucket.name)) for bucket in joined]


def _first_synset(concept: Concept, synsets: Synsets) -> Synset | None:
    return next(filter(None, map(synsets.find, concept.sense_ids)), None)


def _by_path(
    members: Sequence[Concept], found: dict[str, Synset], depth: int, settings: BucketSettings
) -> tuple[list[Bucket], list[Concept]]:
    """Buckets by the first hypernyms that tell the members apart, and the members that stand alone."""
    if not members:
        return [], []
    while len({_step(found[c.term], depth) for c in members}) == 1 and _step(found[members[0].term], depth):
        depth += 1
    branches: dict[str | None, list[Concept]] = defaultdict(list)
    for concept in members:
        branches[_step(found[concept.term], depth)].append(concept)
    buckets: list[Bucket] = []
    rest: list[Concept] = []
    for step, branch in branches.items():
        if step is None or len(branch) < settings.min_size:
            rest += branch
        elif len(branch) <= settings.max_size:
            buckets.append(Bucket(_readable(step), "hypernym", _terms(branch)))
        else:
            deeper, alone = _by_path(branch, found, depth + 1, settings)
            buckets += deeper
            if settings.min_size <= len(alone) <= settings.max_size:
                buckets.append(Bucket(f"{'other ' if deeper else ''}{_readable(step)}", "hypernym", _terms(alone)))
            else:
                rest += alone
    return buckets, rest


def _step(synset: Synset, depth: int) -> str | None:
    return synset.path[depth] if depth < len(synset.path) else None


def _readable(synset_name: str) -> str:
    return synset_name.rsplit(".", 2)[0].replace("_", " ")


def _terms(members: Sequence[Concept]) -> tuple[str, ...]:
    return tuple(concept.term for concept in members)


def cluster_definitions(members: Sequence[Concept], settings: BucketSettings, *, besides: str = "") -> list[Bucket]:
    """Buckets of like definitions, none above the largest size; named by the words that set them apart.

    `besides` is the parent's name, whose words say nothing among its children.
    """
    if not members:
        return []
    vectors, words = _vectors(members, besides)
    clusters = _bounded(np.arange(len(members)), vectors, settings.max_size)
    means = [np.asarray(vectors[rows].mean(axis=0)) for rows in clusters]
    overall = np.asarray(vectors.mean(axis=0)) if len(clusters) > 1 else np.zeros(vectors.shape[1])
    buckets = []
    for rows, mean in zip(clusters, means, strict=True):
        best = [words[i] for i in np.argsort(overall - mean, kind="stable")[:2] if mean[i] > overall[i]]
        name = ", ".join(best) or members[int(rows[0])].name
        buckets.append(Bucket(name, "definitions", _terms([members[int(row)] for row in rows])))
    return buckets


def _vectors(members: Sequence[Concept], besides: str) -> tuple[NDArray[np.float64], list[str]]:
    """TF-IDF of names and definitions, [n, n_words]; a single column of ones where there are no words."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    silent = sorted({*ENGLISH_STOP_WORDS, *re.findall(r"\w\w+", f"{besides} {besides.replace(' ', '')}".lower())})
    vectorizer = TfidfVectorizer(stop_words=silent, sublinear_tf=True, max_features=2000)
    try:
        matrix = vectorizer.fit_transform([f"{c.name} {c.definition}" for c in members])
    except ValueError:
        # sklearn's word for "no word is left"; the order of the pack then decides.
        return np.ones((len(members), 1)), ["others"]
    return matrix.toarray(), list(vectorizer.get_feature_names_out())


def _bounded(rows: NDArray[np.int64], vectors: NDArray[np.float64], most: int) -> list[NDArray[np.int64]]:
    """Agglomerative clusters, divided again until none is too large."""
    if len(rows) <= most:
        return [rows]
    from sklearn.cluster import AgglomerativeClustering

    wanted = math.ceil(len(rows) / most)
    labels = AgglomerativeClustering(n_clusters=wanted, linkage="ward").fit_predict(vectors[rows])
    parts = [rows[labels == label] for label in dict.fromkeys(labels.tolist())]
    return [cluster for part in parts for cluster in _bounded(part, vectors, most)]


def _join_small(buckets: list[Bucket], settings: BucketSettings) -> list[Bucket]:
    """Small buckets together where they fit: first with others of their kind, then with any that has room."""
    small = [bucket for bucket in buckets if len(bucket.terms) < settings.min_size]
    kept = [bucket for bucket in buckets if len(bucket.terms) >= settings.min_size]
    for bucket in small:
        room = [i for i, other in enumerate(kept) if len(other.terms) + len(bucket.terms) <= settings.max_size]
        if not room:
            kept.append(bucket)
            continue
        best = min(room, key=lambda i: (kept[i].how != bucket.how, len(kept[i].terms)))
        kept[best] = replace(kept[best], terms=(*kept[best].terms, *bucket.terms))
    return kept
