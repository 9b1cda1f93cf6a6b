"""Memory of evaluating a whole pack's lenses: 500, 2,000 and 8,000 planted concepts, their rows made when they are read."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from bench.compare import peak_memory
from engine.config import StudyConfig
from engine.lens_groups import count_pools
from engine.lenses.evaluate import Validation, fit_pack, hold_out, measure, text_controls
from engine.lenses.interface import AnyFloats, LensFamily
from engine.lenses.pairs import PairSet, prepare
from engine.lenses.registry import FAMILIES

N_CONCEPTS = (500, 2_000, 8_000)
N_PAIRS, WIDTH, N_TEMPLATES = 40, 256, 20
FAMILY_NAMES = ("ridge", "lda")
MEASURED = 32
VALIDATION = Validation()


def planted_pairs(number: int) -> PairSet:
    """One concept's pairs: two rows a template, one of each arm, which differ along a direction of the concept's own."""
    arms = np.arange(N_PAIRS) % 2
    return PairSet(
        name=f"concept {number:05d}",
        y=arms,
        templates=[f"template {i // 2 % N_TEMPLATES}" for i in range(N_PAIRS)],
        texts=[f"text {i} about {number if arm else -number}" for i, arm in enumerate(arms)],
        read=partial(_rows, number),
    )


def _rows(number: int) -> AnyFloats:
    rng = np.random.default_rng(number)
    direction = rng.normal(size=WIDTH) * 2.0 / np.sqrt(WIDTH)
    X = rng.normal(size=(N_PAIRS, WIDTH)) + np.outer(np.arange(N_PAIRS) % 2, direction)
    return np.asarray(X, dtype=np.float32)


def evaluate(family: LensFamily, n_concepts: int) -> None:
    """Evaluate as the training stage does: dealt to pools, a pool scored and fitted at once and measured few at a time."""
    n_pools = count_pools(n_concepts * N_PAIRS, width=WIDTH, memory_mib=StudyConfig().memory_mib)
    for first in range(n_pools):
        _evaluate_pool(family, range(first, n_concepts, n_pools))


def _evaluate_pool(family: LensFamily, numbers: Sequence[int]) -> None:
    sets = [planted_pairs(number) for number in numbers]
    concepts = prepare(sets, n_folds=VALIDATION.n_folds, repeats=1, seed=0)
    places = range(len(sets))
    held = hold_out(family, concepts, places, seed=0, validation=VALIDATION)
    lenses = fit_pack(family, concepts, places, seed=0)
    assert len(lenses) == len(sets)
    # Batches are alike and leave only rows of the study, so one of them tells their memory.
    beside = text_controls(concepts[:MEASURED], seed=0)
    for concept, scored, controls in zip(concepts, held, beside, strict=False):
        assert measure(family, concept, scored, controls, seed=0, validation=VALIDATION).measures["f1"].value


def memory_of_packs() -> str:
    """A Markdown table: MiB that evaluating a pack needs above what the process holds, by its number of concepts."""
    for name in FAMILY_NAMES:
        # What is loaded on first use is no concept's.
        evaluate(FAMILIES[name], MEASURED)
    lines = [f"| MiB, {N_PAIRS} pairs, d = {WIDTH} |" + "".join(f" {n:,} concepts |" for n in N_CONCEPTS)]
    lines.append("|---|" + "--:|" * len(N_CONCEPTS))
    for name in FAMILY_NAMES:
        peaks = [peak_memory(partial(evaluate, FAMILIES[name], n)) for n in N_CONCEPTS]
        lines.append(f"| {name} |" + "".join(f" {peak:.0f} |" for peak in peaks))
    return "\n".join(lines)
