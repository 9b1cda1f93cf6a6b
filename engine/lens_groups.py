"""Which lenses are fitted together, and what each is called.

Concepts are dealt to pools by name, so that nothing depends on what has been done before. A pool's activations fit into the
memory budget, and it has no more pairs than teach what concepts share: all else that training holds of a pool's pairs
(texts, folds, held-out scores, lenses) is as much for a pack of ten thousand concepts as for one of one thousand.

The name of a lens is a hash of what decides it: its pairs, and for a family that shares something the pool. Names need no
lens, so whoever only looks for one is spared what fits them.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.config import StudyConfig

MEASURES_VERSION = 2
"""Of folds and measures: lenses of an earlier one are trained anew."""
SHARING: Final = frozenset({"lda", "ridge"})
"""Families that share something between concepts."""
WITH_INPUT_NORM: Final = "mlp-norm"
"""Its LayerNorm takes each row as a whole, so no scale of a layer can be folded into its weights."""
POOL_ROWS: Final = 20_000
"""What is shared follows from as many rows, of concepts evenly spread, if there are more."""
POOL_PAIRS = 2 * POOL_ROWS
"""Pairs of a pool at most, if concepts have equally many: twice the rows of a covariance, for folds hold some out."""
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class CapturedPairs:
    """One concept's captured pairs at one layer, or at several that are read joined: how many, and their fingerprint."""

    concept: str
    layers: tuple[int, ...]
    n_pairs: int
    pairs_hash: str


@dataclass(frozen=True, slots=True)
class LensGroup:
    """The lenses of one family on the same layers that share a pool; `lens_ids` name those asked for, concept by concept."""

    family: str
    layers: tuple[int, ...]
    pool: tuple[str, ...]
    lens_ids: Mapping[str, str]


def lens_groups(
    run_id: str,
    config: StudyConfig,
    families: Collection[str],
    captured: Sequence[CapturedPairs],
    *,
    width: int,
    concepts: frozenset[str] | None,
) -> Iterator[LensGroup]:
    """Deal the captured pairs to groups, all families of a pool after another; `concepts` are asked for, all where None.

    Lenses that normalise their input read no layers joined.
    """
    for layers, pool in _pools(captured, config, width):
        pool_hash = _hash([[each.concept, each.pairs_hash] for each in pool])
        asked = [each for each in pool if concepts is None or each.concept in concepts]
        for name in families:
            if len(layers) > 1 and name == WITH_INPUT_NORM:
                continue  # its lenses read layers alone
            shared = pool_hash if name in SHARING else None
            named = {each.concept: lens_id(run_id, config, each, name, shared) for each in asked}
            yield LensGroup(name, layers, tuple(each.concept for each in pool), named)


def lens_id(run_id: str, config: StudyConfig, pairs: CapturedPairs, family: str, pool_hash: str | None) -> str:
    """Identity of a lens: hash of what it is trained on and how it is measured."""
    read = pairs.layers[0] if len(pairs.layers) == 1 else pairs.layers
    content = [run_id, pairs.concept, family, read, pairs.pairs_hash, pool_hash, MEASURES_VERSION]
    measured = [config.phase, config.mode, config.pool, config.folds, config.seed, config.repeats]
    return _hash([*content, *measured, config.validation, config.group_by])


def _pools(
    captured: Sequence[CapturedPairs], config: StudyConfig, width: int
) -> list[tuple[tuple[int, ...], list[CapturedPairs]]]:
    by_layers: defaultdict[tuple[int, ...], list[CapturedPairs]] = defaultdict(list)
    for each in sorted(captured, key=lambda each: (each.layers, each.concept)):
        by_layers[each.layers].append(each)
    if config.join_layers and len(by_layers) > 1 and (together := join_captured(captured)):
        by_layers[together[0].layers] = together
    dealt: list[tuple[tuple[int, ...], list[CapturedPairs]]] = []
    for layers, there in by_layers.items():
        n_pairs = sum(each.n_pairs for each in there)
        n_pools = min(len(there), count_pools(n_pairs, width=width * len(layers), memory_mib=config.memory_mib))
        dealt += ((layers, there[first::n_pools]) for first in range(n_pools))
    # All layers of a pool after another, so that what its texts give is held for one pool at a time.
    return sorted(dealt, key=lambda one: one[1][0].concept)


def count_pools(n_pairs: int, *, width: int, memory_mib: int) -> int:
    """Return how many pools so many pairs of single-precision activations of that width are dealt to."""
    return max(-(-n_pairs // POOL_PAIRS), -(-4 * width * n_pairs // (memory_mib * _MIB)))


def join_captured(captured: Sequence[CapturedPairs]) -> list[CapturedPairs]:
    """All layers joined, concept by concept; one that was not captured at every layer is missing."""
    layers = tuple(sorted({layer for each in captured for layer in each.layers}))
    of_concept: defaultdict[str, list[CapturedPairs]] = defaultdict(list)
    for each in sorted(captured, key=lambda each: (each.concept, each.layers)):
        of_concept[each.concept].append(each)
    return [
        CapturedPairs(concept, layers, max(each.n_pairs for each in own), _hash([each.pairs_hash for each in own]))
        for concept, own in of_concept.items()
        if len(own) == len(layers)
    ]


def _hash(content: object) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()
