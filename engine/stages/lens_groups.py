"""Which lenses are fitted together, and what each is called.

Concepts are dealt to pools whose activations fit into the memory budget, by name, so that nothing depends on what has been
done before. The name of a lens is a hash of what decides it: its pairs, and for a family that shares something the pool.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.config import StudyConfig
from engine.lenses.interface import LensFamily, Pools

MEASURES_VERSION = 2
"""Of folds and measures: lenses of an earlier one are trained anew."""
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class CapturedPairs:
    """One concept's captured pairs at one layer: how many, and their fingerprint."""

    concept: str
    layer: int
    n_pairs: int
    pairs_hash: str


@dataclass(frozen=True, slots=True)
class LensGroup:
    """The lenses of one family at one layer that share a pool; `lens_ids` name those asked for, concept by concept."""

    family: str
    layer: int
    pool: tuple[str, ...]
    lens_ids: Mapping[str, str]


def lens_groups(
    run_id: str,
    config: StudyConfig,
    families: Mapping[str, LensFamily],
    captured: Sequence[CapturedPairs],
    *,
    width: int,
    concepts: frozenset[str] | None,
) -> Iterator[LensGroup]:
    """Deal the captured pairs to groups, all families of a pool after another; `concepts` are asked for, all where None."""
    for layer, pool in _pools(captured, config, width):
        pool_hash = _hash([[each.concept, each.pairs_hash] for each in pool])
        asked = [each for each in pool if concepts is None or each.concept in concepts]
        for name, family in families.items():
            shared = pool_hash if isinstance(family, Pools) else None
            named = {each.concept: lens_id(run_id, config, each, name, shared) for each in asked}
            yield LensGroup(name, layer, tuple(each.concept for each in pool), named)


def lens_id(run_id: str, config: StudyConfig, pairs: CapturedPairs, family: str, pool_hash: str | None) -> str:
    """Identity of a lens: hash of what it is trained on and how it is measured."""
    content = [run_id, pairs.concept, family, pairs.layer, pairs.pairs_hash, pool_hash, MEASURES_VERSION]
    measured = [config.phase, config.mode, config.pool, config.folds, config.seed, config.repeats]
    return _hash([*content, *measured, config.validation, config.group_by])


def _pools(
    captured: Sequence[CapturedPairs], config: StudyConfig, width: int
) -> Iterator[tuple[int, list[CapturedPairs]]]:
    layers: defaultdict[int, list[CapturedPairs]] = defaultdict(list)
    for each in sorted(captured, key=lambda each: (each.layer, each.concept)):
        layers[each.layer].append(each)
    for layer, there in layers.items():
        n_bytes = 4 * width * sum(each.n_pairs for each in there)
        n_pools = min(len(there), -(-n_bytes // (config.memory_mib * _MIB)))
        yield from ((layer, there[first::n_pools]) for first in range(n_pools))


def _hash(content: object) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()
