"""How often the claim ledger errs where nothing that it tests is true: thousands of simulated studies, `python -m bench.claims`.

Quadrants are alike, all of a concept's values are drawn apart from each other, and every bar lies at the true value. The
exponential draws have a long tail upwards, so that a mean looks too small more often than too large.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.page import PAGE as BENCHMARKS
from bench.page import put_table
from engine.stats.claim_data_statements import data_statements
from engine.stats.claim_facts import ConceptFacts, StudyFacts
from engine.stats.claim_lens_statements import lens_statements
from engine.stats.claims import LEVEL, Claim, Ledger, decide

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]
PAGE: Final = BENCHMARKS.parent / "claims.md"
SIZES: Final = (3, 6, 12)
"""Concepts of each quadrant."""
N_STUDIES: Final = 1_500
NOT_AT_THE_BAR: Final = frozenset({"primary-reached", "c-needs-less"})
"""Statements with a bar elsewhere than at the simulated values: they may hold or fail rightly."""
LAWS: Final[Mapping[str, Draw]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "exponential": lambda rng, n: rng.exponential(size=n) - 1.0,
}


@dataclass(frozen=True, slots=True)
class Errors:
    """Shares of studies. `alone`: a statement by itself is found to hold, `told`: so it is told among all the others.

    `n_statements` counts those whose bar lies at the true value, and no others are counted.
    """

    n_statements: int
    alone_mean: float
    alone_worst: float
    told_worst: float
    any_told: float
    any_decided: float


def null_study(rng: np.random.Generator, n_each: int, draw: Draw = LAWS["normal"]) -> StudyFacts:
    """A study of so many concepts a quadrant in which nothing is true."""
    concepts = [_concept(f"{quadrant}{i}", quadrant, draw(rng, 15)) for quadrant in "ABCD" for i in range(n_each)]
    changes = {kind: draw(rng, 12).tolist() for kind in ("filter", "refinement")}
    return StudyFacts(tuple(concepts), changes=changes, learning=draw(rng, 12).tolist())


def _concept(name: str, quadrant: str, x: Floats) -> ConceptFacts:
    return ConceptFacts(
        name,
        quadrant,
        n_senses=x[0],
        n_siblings=x[1],
        gap=x[2],
        good_gap=x[3],
        positive_mean=4 + x[4],
        good_positive=0.8 + x[5],
        good_negative=0.8 + x[5] + x[6],
        ceiling=0.95 + x[7],
        f1=0.95 + x[8],
        text_only_f1=0.95 + x[8] + x[9],
        always_positive_f1=0.0,
        good_lead=x[10],
        degenerate_lead=0.75 * x[10] + x[11],
        off_topic_lead=x[12],
        sibling_alarm=x[13],
        graduated=0.5 + x[14],
    )


def measure(n_each: int, *, law: str = "normal", n_studies: int = N_STUDIES, seed: int = 0) -> Errors:
    """How often the ledger errs in studies of so many concepts a quadrant."""
    rng = np.random.default_rng([seed, n_each])
    alone, told = Counter[str](), Counter[str]()
    any_told = any_decided = 0
    for _ in range(n_studies):
        found = _ledger(null_study(rng, n_each, LAWS[law]))
        tested = [claim for claim in found.claims if claim.p is not None and claim.id not in NOT_AT_THE_BAR]
        alone.update({claim.id: _holds_alone(claim) for claim in tested})
        told.update({claim.id: claim.verdict == "holds" for claim in tested})
        any_told += any(claim.verdict == "holds" for claim in tested)
        any_decided += any(claim.verdict != "cannot tell" for claim in tested)
    return Errors(
        len(alone),
        sum(alone.values()) / len(alone) / n_studies,
        max(alone.values()) / n_studies,
        max(told.values()) / n_studies,
        any_told / n_studies,
        any_decided / n_studies,
    )


def _ledger(facts: StudyFacts) -> Ledger:
    return decide([*data_statements(facts), *lens_statements(facts)])


def _holds_alone(claim: Claim) -> bool:
    """Whether it would hold if it were the only one that is tested."""
    favours = all((one.p_for or 1.0) < 0.5 for one in claim.evidence)
    return claim.p is not None and claim.p <= LEVEL and favours


def table(found: Mapping[tuple[str, int], Errors]) -> str:
    """A Markdown table: a line a law and size."""
    head = (
        "| concepts a quadrant, their values | one statement by itself holds: mean / worst | it is told to hold, worst | any is "
        "told to hold | any is decided |\n|---|---|---|---|---|"
    )
    return "\n".join([head, *(_line(law, n_each, errors) for (law, n_each), errors in found.items())])


def _line(law: str, n_each: int, errors: Errors) -> str:
    shares = errors.told_worst, errors.any_told, errors.any_decided
    alone = f"{errors.alone_mean:.3f} / {errors.alone_worst:.3f}"
    return f"| {n_each}, {law} | {alone} | {' | '.join(f'{share:.3f}' for share in shares)} |"


def main() -> None:
    """Print the table, and put it where the page has its place."""
    parser = argparse.ArgumentParser(prog="python -m bench.claims", description=main.__doc__)
    parser.add_argument("--studies", type=int, default=N_STUDIES, help="studies of each size and law")
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/claims.md as it is")
    asked = parser.parse_args()
    found = {
        (law, size): measure(size, law=law, n_studies=asked.studies, seed=asked.seed) for law in LAWS for size in SIZES
    }
    n_statements = max(errors.n_statements for errors in found.values())
    told = f"{table(found)}\n\n*{asked.studies:,} studies a line, {n_statements} statements, seed {asked.seed}.*"
    print(told)
    if asked.write:
        put_table(PAGE, "claims", told)


if __name__ == "__main__":
    main()
