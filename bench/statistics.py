"""The rating counts of a million pairs, and the bootstrap of a gap."""

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.compare import Comparison, compare
from db import connect, query
from engine.stats.gap import multinomial_bootstrap_gap
from engine.stats.histogram import RatingHistogram
from tests.db.big_study import JUDGE, RUN, build_big_study

Ratings = NDArray[np.float64]
N_RATINGS, N_RESAMPLES = 100_000, 1_000


def histograms_against_pandas() -> Comparison:
    """The counts behind every gap, from a million judged pairs and the corrections of 2 %; pandas has its frames in memory."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        build_big_study(study)
        with connect(study) as cursor:
            cursor.execute(CORRECTIONS)
            tables = read_frames(cursor)
            sql, frames = counts_by_sql(cursor), counts_by_pandas(**tables)
            n_different = int(np.count_nonzero(sql.to_numpy() != frames.reindex(sql.index, fill_value=0).to_numpy()))
            n_different += len(frames.index.difference(sql.index))
            return compare(
                f"rating counts by concept, arm and form from {len(tables['judgments']):,} judgments",
                {
                    "SQL, findings.counts": lambda: counts_by_sql(cursor),
                    "pandas merge and groupby": lambda: counts_by_pandas(**tables),
                },
                agreement=f"{n_different} of {sql.size:,} counts differ",
                n_repeats=3,
            )


CORRECTIONS = """
insert into ratings (rating_id, run_id, concept, sample_id, reviewer, source, rating, blind, rated_at)
select 'rating-' || concept || sample_id, run_id, concept, sample_id, 'ada', 'override', 1 + floor(u * 50000)::integer % 5,
    false, '2026-01-02'
from pairs
where u >= 0.5 and u < 0.52
"""
_KEY = ["concept", "sample_id"]
_GRAIN = ["concept", "arm", "form"]


def counts_by_sql(cursor: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The product's own query: verdicts (override, else mean vote), put into five counts."""
    values = {"run_id": RUN, "judge_id": JUDGE, "concept": None, "form_rule": "study"}
    columns = [*_GRAIN, "n_samples", *range(1, 6), "off_total", "off_squares"]
    rows = cursor.execute(query("findings.counts"), values).fetchall()
    return pd.DataFrame(rows, columns=columns).set_index(_GRAIN)[list(range(1, 6))].astype(int)


def counts_by_pandas(
    pairs: pd.DataFrame, forms: pd.DataFrame, judgments: pd.DataFrame, ratings: pd.DataFrame
) -> pd.DataFrame:
    """The same counts from the same tables as frames."""
    all_of = verdict_frame(pairs, forms, judgments, ratings)
    all_of["bin"] = all_of["rating"].fillna(all_of["vote"]).round()
    counts = all_of.rename(columns={"form_study": "form"}).groupby([*_GRAIN, "bin"]).size().unstack(fill_value=0)
    return counts.rename(columns=int).astype(int)


def read_frames(cursor: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame]:
    """The tables that verdicts are made of, in memory."""
    return {name: cursor.execute(f"select * from {name}").df() for name in ("pairs", "forms", "judgments", "ratings")}


def verdict_frame(
    pairs: pd.DataFrame, forms: pd.DataFrame, judgments: pd.DataFrame, ratings: pd.DataFrame
) -> pd.DataFrame:
    """One row a pair with its form, the mean of its votes, and the latest rating by people."""
    votes = judgments.groupby(_KEY)["rating"].mean().rename("vote").reset_index()
    latest = ratings.sort_values("order_number").drop_duplicates(_KEY, keep="last")[[*_KEY, "rating"]]
    all_of = pairs.merge(votes, on=_KEY, how="left").merge(latest, on=_KEY, how="left")
    return all_of.merge(forms[["sample_id", "form_study"]], on="sample_id", how="left")


def bootstrap_against_index() -> Comparison:
    """Interval of one gap from 1,000 resamples: counts drawn at once against ratings drawn one by one."""
    rng = np.random.default_rng(0)
    positive = rng.choice(5, N_RATINGS // 2, p=[0.1, 0.15, 0.2, 0.25, 0.3]).astype(np.float64) + 1
    negative = rng.choice(5, N_RATINGS // 2, p=[0.5, 0.2, 0.15, 0.1, 0.05]).astype(np.float64) + 1
    histograms = [RatingHistogram.from_ratings(arm.astype(int).tolist()) for arm in (positive, negative)]
    ours = multinomial_bootstrap_gap(*histograms, n_resamples=N_RESAMPLES, seed=1)
    low, high = bootstrap_by_index(positive, negative, seed=1)
    frame = pd.concat([pd.DataFrame({"arm": arm, "rating": rows}) for arm, rows in (("+", positive), ("-", negative))])
    first, last = bootstrap_by_pandas(frame, seed=1)
    return compare(
        f"bootstrap of a gap, {N_RATINGS:,} ratings, {N_RESAMPLES:,} resamples",
        {
            "multinomial on counts": lambda: multinomial_bootstrap_gap(*histograms, n_resamples=N_RESAMPLES, seed=1),
            "numpy by index": lambda: bootstrap_by_index(positive, negative, seed=1),
            "pandas, rows drawn and grouped": lambda: bootstrap_by_pandas(frame, seed=1),
        },
        agreement=f"intervals [{ours.low:.3f}, {ours.high:.3f}], [{low:.3f}, {high:.3f}] and [{first:.3f}, {last:.3f}]",
        n_repeats=3,
    )


def bootstrap_by_index(positive: Ratings, negative: Ratings, *, seed: int) -> tuple[float, float]:
    """Percentile interval of the gap, resampling the ratings themselves."""
    rng = np.random.default_rng(seed)
    gaps = [
        positive[rng.integers(len(positive), size=len(positive))].mean()
        - negative[rng.integers(len(negative), size=len(negative))].mean()
        for _ in range(N_RESAMPLES)
    ]
    low, high = np.quantile(gaps, [0.025, 0.975])
    return float(low), float(high)


def bootstrap_by_pandas(frame: pd.DataFrame, *, seed: int) -> tuple[float, float]:
    """The same as a notebook does it: rows drawn from each arm's, then the difference of the arms' means."""
    rng = np.random.default_rng(seed)
    by_arm = frame.groupby("arm")
    gaps = []
    for _ in range(N_RESAMPLES):
        means = by_arm.sample(frac=1, replace=True, random_state=rng).groupby("arm")["rating"].mean()
        gaps.append(means["+"] - means["-"])
    low, high = np.quantile(gaps, [0.025, 0.975])
    return float(low), float(high)
