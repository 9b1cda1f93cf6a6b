"""Tables of what `bench.lens_families` measured; by itself it prints them from saved files.

python -m bench.lens_tables FILE…
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

REFERENCE = "logistic"
N_RESAMPLES = 4000


def tables(found: pd.DataFrame, families: Sequence[str]) -> Iterator[str]:
    """Yield the tables: F1, paired differences, layers, what else a held-out probability tells, and cost."""
    by_concept = found.groupby(["n", "noise", "concept", "family"])[["f1", "auc", "brier"]].mean().reset_index()
    counts = by_concept.groupby("n")["concept"].nunique().to_dict()
    yield f"Concepts with enough different texts: {', '.join(f'{k} at n = {n}' for n, k in counts.items())}."
    yield _table("F1, mean over layers and concepts", by_concept, ["n", "noise"], families, "f1")
    if REFERENCE in families:
        yield _differences(by_concept, [family for family in families if family != REFERENCE])
    by_layer = found.groupby(["layer", "noise", "concept", "family"])[["f1"]].mean().reset_index()
    yield _table("F1 by layer, mean over n and concepts", by_layer, ["layer", "noise"], families, "f1")
    yield _table("AUC, mean over layers and concepts", by_concept, ["n", "noise"], families, "auc")
    yield _table("Brier score, mean over layers and concepts", by_concept, ["n", "noise"], families, "brier")
    cost = found.assign(seconds=found["seconds"] * 1000)
    yield _table("CPU milliseconds a lens", cost, ["n"], families, "seconds", decimals=1)


def _table(
    title: str, rows: pd.DataFrame, keys: list[str], families: Sequence[str], column: str, *, decimals: int = 3
) -> str:
    means = rows.groupby([*keys, "family"])[column].mean().unstack()[list(families)]
    body = [
        [*_key(key), *("" if np.isnan(value) else f"{value:.{decimals}f}" for value in row)]
        for key, row in zip(means.index, means.to_numpy(), strict=True)
    ]
    return _markdown(title, [*keys, *families], body)


def _differences(by_concept: pd.DataFrame, others: Sequence[str]) -> str:
    wide = by_concept.pivot(index=["n", "noise", "concept"], columns="family", values="f1")
    body = []
    for key, cell in wide.groupby(level=["n", "noise"]):
        differences = [(cell[family] - cell[REFERENCE]).dropna().to_numpy() for family in others]
        body.append([*_key(key), *map(_with_interval, differences)])
    title = f"F1 less that of {REFERENCE}, paired by concept; 95 % intervals over concepts"
    return _markdown(title, ["n", "noise", *others], body)


def _with_interval(differences: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    if len(differences) < 2:
        return ""
    rng = np.random.default_rng(0)
    means = differences[rng.integers(0, len(differences), (N_RESAMPLES, len(differences)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{differences.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def _key(key: object) -> list[str]:
    return [f"{part:g}" for part in (key if isinstance(key, tuple) else (key,))]


def _markdown(title: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in ([*head], ["--:"] * len(head), *body)]
    return "\n".join([f"{title}\n", *lines])


def main() -> None:
    """Print the tables of saved files, together."""
    found = pd.concat([pd.read_json(Path(name), lines=True) for name in sys.argv[1:]])
    print("\n\n".join(tables(found, list(dict.fromkeys(found["family"])))))


if __name__ == "__main__":
    main()
