"""All findings on a million rated pairs, and what a reviewer waits for after one rating."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from app import data
from bench.compare import Comparison, compare, highest_resident_mib
from bench.statistics import CORRECTIONS, read_frames, verdict_frame
from db import connect, query
from db.lending import keep_open
from engine.stats.counts import count_concepts
from engine.stats.findings import Finding, Findings, Settings, find
from engine.stats.gap_clusters import cluster_bootstrap_gap, cluster_gap
from engine.stats.resampling import FloatArray
from tests.db.big_study import JUDGE, N_CONCEPTS, RUN, build_big_study
from tests.support.planted import close_databases

N_RESAMPLES = 1_000
RULE = "study"
_KEPT_S = 60.0


def findings_of_a_million_pairs() -> Comparison:
    """Every gap, part and ceiling with its interval, at every grain, from the file; pandas makes gaps with Welch's interval."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        build_big_study(study)
        with connect(study) as cursor:
            cursor.execute(CORRECTIONS)
            frames = read_frames(cursor)
        ours = {name: found.gap_welch for name, found in all_findings(study, seed=0).concepts.items()}
        lows = np.array([np.nan if gap.low is None else gap.low for gap in ours.values()])
        theirs = gaps_by_pandas(**frames).reindex(list(ours))
        furthest = float(np.nanmax(np.abs(lows - theirs["low"].to_numpy())))
        seeds = count(1)
        return compare(
            f"findings on {N_CONCEPTS:,} concepts, 1,000,000 rated pairs",
            {
                "all findings, from the file": lambda: all_findings(study, seed=next(seeds)),
                "pandas, in memory: gaps of concepts with Welch's interval alone": lambda: gaps_by_pandas(**frames),
            },
            agreement=f"intervals of gaps differ by at most {furthest:.0e}; the process of all findings peaks at "
            f"{peak_of_a_process(study):,.0f} MiB",
            n_repeats=5,
        )


def findings_after_one_override() -> Comparison:
    """What the dashboard does between a click on a rating and the new numbers, with 20,000 overrides in the study before."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        build_big_study(study)
        with connect(study) as cursor:
            cursor.execute(CORRECTIONS)
        overrides = iter_overrides(study)
        keep_open(_KEPT_S)

        def reopened() -> Findings:
            close_databases()
            return next(overrides)

        return compare(
            "one override among 1,000,000 rated pairs: stored; then its concept, quadrant, pack layer and the whole",
            {"the study open, as the dashboard keeps it": lambda: next(overrides), "after a peer had it": reopened},
            agreement="ours alone",
            n_repeats=15,
        )


def all_findings(study: Path, *, seed: int) -> Findings:
    """Count, and work out all that the product states; a new seed keeps what earlier calls drew from being used again."""
    profiles = data.load_profiles(study, RUN)
    chosen = {"run_id": RUN, "judge_id": JUDGE, "concept": None, "form_rule": RULE}
    with connect(study) as cursor:
        rows = cursor.execute(query("findings.counts"), chosen).fetchall()
    quadrants = {profile.concept: profile.quadrant for profile in profiles}
    layers = {profile.concept: profile.pack_layer for profile in profiles}
    found = find(count_concepts(rows, quadrants=quadrants, pack_layers=layers), settings=Settings(seed=seed))
    for finding in (*_groups(found), *found.concepts.values()):
        work_out(finding)
    return found


def iter_overrides(study: Path) -> Iterator[Findings]:
    """One override after the other, each stored and then seen as the dashboard sees it."""
    _seen(study)
    with connect(study) as cursor:
        pairs = cursor.execute("select concept, min(sample_id) from pairs group by concept order by concept").fetchall()
    for number, (concept, sample_id) in enumerate(pairs):
        about = {"concept": concept, "sample_id": sample_id, "rating": 1 + number % 5}
        data.add_override(study, RUN, **about, reviewer="ada", reason=None, rating_id=data.new_rating_id())
        found = _seen(study)
        for finding in (*_groups(found), found.concepts[concept]):
            work_out(finding)
        yield found


def _seen(study: Path) -> Findings:
    return find(data.load_counts(study, RUN, JUDGE, form_rule=RULE), settings=Settings())


def _groups(found: Findings) -> tuple[Finding, ...]:
    return found.overall, *found.quadrants.values(), *found.pack_layers.values()


def work_out(finding: Finding) -> tuple[object, ...]:
    """All that is shown of a finding."""
    gaps = finding.gap, finding.best_gap, finding.decomposition, finding.best_decomposition
    return *gaps, finding.ceilings, finding.target


def gaps_by_pandas(
    pairs: pd.DataFrame, forms: pd.DataFrame, judgments: pd.DataFrame, ratings: pd.DataFrame
) -> pd.DataFrame:
    """Each concept's gap with Welch's interval, from the same tables as frames."""
    rated = verdict_frame(pairs, forms, judgments, ratings)
    verdict = rated["rating"].fillna(rated["vote"])
    arms = verdict.groupby([rated["concept"], rated["arm"]]).agg(["mean", "var", "count"]).unstack("arm")
    gap = arms["mean", "positive"] - arms["mean", "negative"]
    a, b = (arms["var", arm] / arms["count", arm] for arm in ("positive", "negative"))
    freedom = (a + b) ** 2 / (a**2 / (arms["count", "positive"] - 1) + b**2 / (arms["count", "negative"] - 1))
    half = student.ppf(0.975, freedom) * np.sqrt(a + b)
    return pd.DataFrame({"gap": gap, "low": gap - half, "high": gap + half})


def peak_of_a_process(study: Path) -> float:
    """MiB that a process of its own needs at its highest to make all findings."""
    done = subprocess.run([sys.executable, "-m", __name__, str(study)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def clusters_of_ten_thousand_concepts() -> Comparison:
    """The gap of 10,000 concepts with concepts as the units, by influences and by resampling."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(50, 150, (10_000, 2))
    sums = np.stack([numbers * np.clip(rng.normal((3.5, 1.5), 0.4, (10_000, 2)), 1, 5), numbers], axis=2)
    shown = cluster_gap(sums).estimate
    resampled = cluster_bootstrap_gap(sums, n_resamples=N_RESAMPLES, seed=0)
    return compare(
        "interval of a gap over 10,000 concepts",
        {
            "Student t on influences": lambda: cluster_gap(sums),
            f"{N_RESAMPLES:,} resamples of sums": lambda: cluster_bootstrap_gap(sums, n_resamples=N_RESAMPLES, seed=0),
            f"{N_RESAMPLES:,} resamples by index": lambda: _by_index(sums),
        },
        agreement=f"[{shown.low:.3f}, {shown.high:.3f}] and [{resampled.low:.3f}, {resampled.high:.3f}]",
        n_repeats=3,
    )


def _by_index(sums: FloatArray) -> FloatArray:
    rng = np.random.default_rng(0)
    totals = np.array([sums[rng.integers(len(sums), size=len(sums))].sum(axis=0) for _ in range(N_RESAMPLES)])
    means = totals[:, :, 0] / totals[:, :, 1]
    ends: FloatArray = np.quantile(means[:, 0] - means[:, 1], [0.025, 0.975])
    return ends


if __name__ == "__main__":
    all_findings(Path(sys.argv[1]), seed=0)
    print(highest_resident_mib())
