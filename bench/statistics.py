"""The gap table of a million pairs, and the bootstrap of a gap."""

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from bench.compare import Comparison, compare
from db import connect, query
from engine.stats.gap import multinomial_bootstrap_gap, relevance_gap
from engine.stats.histogram import RatingHistogram
from tests.db.big_study import JUDGE, RUN, build_big_study

N_RATINGS, N_RESAMPLES = 100_000, 1_000


def gap_table_against_pandas() -> Comparison:
    """Gap of every concept of a study of a million judged pairs; pandas has its frames in memory already."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        build_big_study(study)
        with connect(study) as cursor:
            cursor.execute("set threads = 1")
            pairs = cursor.execute("select concept, sample_id, arm from pairs").df()
            judgments = cursor.execute("select concept, sample_id, rating from judgments").df()
            sql, frames = gaps_by_sql(cursor), gaps_by_pandas(pairs, judgments)
            distance = float((sql - frames).abs().max())
            return compare(
                f"gap of {len(sql):,} concepts from {len(judgments):,} judgments",
                {
                    "SQL histogram, engine.stats": lambda: gaps_by_sql(cursor),
                    "pandas merge and groupby": lambda: gaps_by_pandas(pairs, judgments),
                },
                agreement=f"largest difference {distance:.0e}",
                n_repeats=5,
            )


def gaps_by_sql(cursor: duckdb.DuckDBPyConnection) -> "pd.Series[float]":
    """Five counts a concept and arm from the database's verdicts, the gap with its interval from the counts."""
    values = {"run_id": RUN, "judge_id": JUDGE, "concept": None, "form_rule": "study"}
    arms: dict[str, dict[str, RatingHistogram]] = {}
    for concept, arm, _, _, n_1, n_2, n_3, n_4, n_5 in cursor.execute(query("findings.counts"), values).fetchall():
        found = arms.setdefault(concept, {})
        found[arm] = found.get(arm, RatingHistogram.empty()) + RatingHistogram((n_1, n_2, n_3, n_4, n_5))
    return pd.Series(
        {concept: relevance_gap(found["positive"], found["negative"]).value for concept, found in arms.items()}
    )


def gaps_by_pandas(pairs: pd.DataFrame, judgments: pd.DataFrame) -> "pd.Series[float]":
    """The same gaps, without intervals, from pairs joined with their mean ratings."""
    rated = pairs.merge(judgments, on=["concept", "sample_id"])
    means = rated.groupby(["concept", "arm"])["rating"].mean().unstack()
    return means["positive"] - means["negative"]


def bootstrap_against_index() -> Comparison:
    """Interval of one gap from 1,000 resamples: counts drawn at once against ratings drawn one by one."""
    rng = np.random.default_rng(0)
    positive = rng.choice(5, N_RATINGS // 2, p=[0.1, 0.15, 0.2, 0.25, 0.3]) + 1.0
    negative = rng.choice(5, N_RATINGS // 2, p=[0.5, 0.2, 0.15, 0.1, 0.05]) + 1.0
    histograms = [RatingHistogram.from_ratings(arm.astype(int).tolist()) for arm in (positive, negative)]
    ours = multinomial_bootstrap_gap(*histograms, n_resamples=N_RESAMPLES, seed=1)
    low, high = bootstrap_by_index(positive, negative, seed=1)
    return compare(
        f"bootstrap of a gap, {N_RATINGS:,} ratings, {N_RESAMPLES:,} resamples",
        {
            "multinomial on counts": lambda: multinomial_bootstrap_gap(*histograms, n_resamples=N_RESAMPLES, seed=1),
            "numpy by index": lambda: bootstrap_by_index(positive, negative, seed=1),
        },
        agreement=f"intervals [{ours.low:.3f}, {ours.high:.3f}] and [{low:.3f}, {high:.3f}]",
        n_repeats=3,
    )


def bootstrap_by_index(positive: np.ndarray, negative: np.ndarray, *, seed: int) -> tuple[float, float]:
    """Percentile interval of the gap, resampling the ratings themselves."""
    rng = np.random.default_rng(seed)
    gaps = [
        positive[rng.integers(len(positive), size=len(positive))].mean()
        - negative[rng.integers(len(negative), size=len(negative))].mean()
        for _ in range(N_RESAMPLES)
    ]
    low, high = np.quantile(gaps, [0.025, 0.975])
    return float(low), float(high)
