"""The verdict of a pair and its histograms, against a plain loop over what was said."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from study_rows import NOW, SAMPLES, pair, rating_row

from app.data.sayings import in_force as in_force_of
from app.data.sayings import read_sayings
from db import connect, insert, transaction
from db.rows import JudgmentRow, RatingRow, RatingSource


@dataclass(frozen=True)
class Saying:
    """A person's rating of a sample, or the undoing of an earlier saying by its index."""

    sample: str
    source: RatingSource
    rating: int
    undoes: int | None


SAYINGS = st.lists(
    st.builds(
        Saying,
        sample=st.sampled_from(SAMPLES),
        source=st.sampled_from(["override", "audit"]),
        rating=st.integers(1, 5),
        undoes=st.none() | st.integers(0, 11),
    ),
    max_size=12,
)
VOTES = st.dictionaries(st.sampled_from(SAMPLES), st.lists(st.none() | st.integers(1, 5), min_size=1, max_size=3))


def as_rows(sayings: list[Saying]) -> list[RatingRow]:
    """The sayings as rows; an undo of what does not exist, or is undone already, is left out, as the schema does."""
    rows: list[RatingRow] = []
    for saying in sayings:
        target = None if saying.undoes is None or saying.undoes >= len(rows) else rows[saying.undoes]
        if target is None:
            rows.append(rating_row(f"id{len(rows)}", saying.sample, saying.rating, source=saying.source))
        elif all(row.undoes != target.rating_id for row in rows):
            undo = rating_row(f"id{len(rows)}", target.sample_id, None, source=target.source, undoes=target.rating_id)
            rows.append(undo)
    return rows


def undone(row: RatingRow, rows: list[RatingRow]) -> bool:
    """Whether something undid the row that is not itself undone."""
    return any(other.undoes == row.rating_id and not undone(other, rows) for other in rows)


def in_force(rows: list[RatingRow], sample: str, source: str) -> int | None:
    standing = [r for r in rows if (r.sample_id, r.source) == (sample, source) and r.undoes is None]
    ratings = [row.rating for row in standing if not undone(row, rows)]
    return ratings[-1] if ratings else None


def judge_mean(votes: list[int | None]) -> float | None:
    scored = [vote for vote in votes if vote is not None]
    return sum(scored) / len(scored) if scored else None


def judgment_row(sample: str, vote: int, rating: int | None, *, judge: str = "j") -> JudgmentRow:
    reason = "no number" if rating is None else None
    return JudgmentRow(judge, "gin", sample, vote, rating, None, reason, "reply", 1, 1, 0.0, NOW)


def judgment_rows(votes: dict[str, list[int | None]]) -> list[JudgmentRow]:
    return [judgment_row(sample, i, rating) for sample, given in votes.items() for i, rating in enumerate(given)]


def say(cursor: duckdb.DuckDBPyConnection, sayings: list[RatingRow], votes: dict[str, list[int | None]]) -> None:
    for row in sayings:
        assert insert(cursor, [row]) == 1
    insert(cursor, judgment_rows(votes))
    # Another judge's harsh votes must not leak into this one's.
    insert(cursor, [judgment_row(sample, 0, 1, judge="k") for sample in SAMPLES])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(sayings=[Saying(SAMPLES[0], "override", 2, undoes) for undoes in (None, 0, 1)], votes={})
@example(sayings=[Saying(SAMPLES[0], "audit", 2, undoes) for undoes in (None, 0, 1, 2)], votes={})
@given(sayings=SAYINGS, votes=VOTES)
def test_verdicts_and_histograms_follow_what_was_said(
    study_with_run: Path, sayings: list[Saying], votes: dict[str, list[int | None]]
) -> None:
    rows = as_rows(sayings)
    expected_bins: Counter[tuple[str, int | None]] = Counter()
    with connect(study_with_run) as cursor:
        cursor.execute("begin")
        say(cursor, rows, votes)
        found = cursor.execute(
            "select sample_id, override_rating, audit_rating, judge_rating, verdict, verdict_source, bin, n_votes, "
            "n_unscored, inclusion_probability from verdicts('r', 'j')"
        ).fetchall()
        histograms = cursor.execute("select * from rating_histograms('r', 'j')").fetchall()
        histories = read_sayings(cursor, "r", SAMPLES)
        cursor.execute("rollback")
    said = {saying.rating_id: saying.is_undone for history in histories.values() for saying in history}
    assert said == {row.rating_id: undone(row, rows) for row in rows}
    assert sorted(row[0] for row in found) == sorted(SAMPLES)
    for sample, override, audit, judged, verdict, source, in_bin, n_votes, n_unscored, probability in found:
        sayings_in_force = [in_force(rows, sample, "override"), in_force(rows, sample, "audit")]
        candidates = [*sayings_in_force, judge_mean(votes.get(sample, []))]
        assert [override, audit, judged] == candidates
        told = {source: saying.rating for source, saying in in_force_of(histories.get(("gin", sample), ())).items()}
        assert [told.get("override"), told.get("audit")] == [override, audit]
        standing = [(v, name) for v, name in zip(candidates, ("override", "audit", "judge"), strict=True) if v]
        assert (verdict, source) == (standing[0] if standing else (None, None))
        assert in_bin == (None if verdict is None else round(verdict))
        assert n_votes + n_unscored == len(votes.get(sample, []))
        assert n_votes == sum(vote is not None for vote in votes.get(sample, []))
        assert probability == (None if audit is None else 0.5)
        expected_bins[(pair(sample, SAMPLES.index(sample)).arm, in_bin)] += 1
    for concept, arm, *counts in histograms:
        assert concept == "gin"
        assert counts == [expected_bins[(arm, value)] for value in (1, 2, 3, 4, 5, None)]
    assert sum(sum(counts) for _, _, *counts in histograms) == len(SAMPLES)


def verdict_of(study: Path, sample: str) -> tuple[float | None, str | None]:
    with connect(study) as cursor:
        found = cursor.execute(
            "select verdict, verdict_source from verdicts('r', 'j') where sample_id = $sample", {"sample": sample}
        ).fetchone()
    assert found is not None
    return found[0], found[1]


def test_override_beats_audit_beats_judge_and_undoing_goes_back(study_with_run: Path) -> None:
    def add(row: RatingRow) -> int:
        with transaction(study_with_run) as cursor:
            return insert(cursor, [row])

    assert verdict_of(study_with_run, "s1") == (None, None)
    with transaction(study_with_run) as cursor:
        insert(cursor, judgment_rows({"s1": [2, 3]}))
    assert verdict_of(study_with_run, "s1") == (2.5, "judge")
    add(rating_row("audit", "s1", 4, source="audit"))
    assert verdict_of(study_with_run, "s1") == (4, "audit")
    add(rating_row("first", "s1", 5))
    add(rating_row("second", "s1", 1, reviewer="bob"))
    assert verdict_of(study_with_run, "s1") == (1, "override")
    add(rating_row("undo", "s1", None, undoes="second"))
    assert verdict_of(study_with_run, "s1") == (5, "override")
    add(rating_row("redo", "s1", None, undoes="undo"))
    assert verdict_of(study_with_run, "s1") == (1, "override")
    assert add(rating_row("late undo", "s1", None, undoes="undo")) == 0
    assert verdict_of(study_with_run, "s1") == (1, "override")


def test_no_judge_leaves_only_people(study_with_run: Path) -> None:
    with transaction(study_with_run) as cursor:
        insert(cursor, judgment_rows({"s1": [2], "s2": [3]}))
        insert(cursor, [rating_row("a", "s2", 4)])
        found = cursor.execute("select sample_id, verdict from verdicts('r', null) order by sample_id").fetchall()
    assert found == [("s1", None), ("s2", 4.0), ("s3", None), ("s4", None)]


@pytest.mark.parametrize(("mean", "in_bin"), [((2, 3), 2), ((3, 4), 4), ((1, 2), 2), ((4, 5), 4)])
def test_half_a_step_goes_to_the_even_rating(study_with_run: Path, mean: tuple[int, int], in_bin: int) -> None:
    with transaction(study_with_run) as cursor:
        insert(cursor, judgment_rows({"s1": list(mean)}))
        found = cursor.execute("select bin from verdicts('r', 'j') where sample_id = 's1'").fetchone()
    assert found == (in_bin,)
