"""Several votes of several judges, some with a distribution and some unscored, against plain loops over what was said."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, variance

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_rows import NOW, SAMPLES

from db import connect, insert
from db.rows import JudgmentRow

JUDGES = ("j", "k")
Ask = Callable[[Mapping[int, bool], int, bool], list[int]]


@dataclass(frozen=True, slots=True)
class Vote:
    """A rating, None where it was unscored; weights of the ratings 1 to 5 where the judge knows them."""

    rating: int | None
    weights: tuple[int, ...] | None = None

    @property
    def probabilities(self) -> tuple[float, ...] | None:
        return None if self.weights is None else tuple(weight / sum(self.weights) for weight in self.weights)

    @property
    def mean(self) -> float:
        """The mean of the distribution, or the rating alone."""
        if self.probabilities is None:
            assert self.rating is not None
            return float(self.rating)
        return sum(rating * p for rating, p in enumerate(self.probabilities, start=1))

    @property
    def variance(self) -> float | None:
        if self.probabilities is None or self.rating is None:
            return None
        return sum(p * (rating - self.mean) ** 2 for rating, p in enumerate(self.probabilities, start=1))

    def row(self, judge: str, sample: str, number: int) -> JudgmentRow:
        reason = "the judge refused to answer" if self.rating is None else None
        expected = None if self.probabilities is None else self.mean
        said = (self.rating, None, reason, "reply", 1, 1, 0.0, NOW)
        return JudgmentRow(
            judge, "gin", sample, number, *said, probabilities=self.probabilities, expected_rating=expected
        )


RATINGS = st.integers(1, 5)
WEIGHTS = st.lists(st.integers(0, 9), min_size=5, max_size=5).filter(any).map(tuple)
UNSCORED = st.just(Vote(None))
PLAIN = st.builds(Vote, RATINGS)
SURE_OF = st.builds(Vote, RATINGS, WEIGHTS)
BY_NUMBER = st.dictionaries(st.integers(0, 4), UNSCORED | PLAIN | SURE_OF, min_size=1, max_size=4)
BY_SAMPLE = st.dictionaries(st.sampled_from(SAMPLES), BY_NUMBER)
SAID = st.fixed_dictionaries(dict.fromkeys(JUDGES, BY_SAMPLE))
ONCE = st.dictionaries(st.sampled_from(SAMPLES), UNSCORED | PLAIN) | st.dictionaries(
    st.sampled_from(SAMPLES), UNSCORED | PLAIN | SURE_OF
)
Said = dict[str, dict[str, dict[int, Vote]]]
quick = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def said_in(study: Path, said: Said) -> Iterator[duckdb.DuckDBPyConnection]:
    """The study with these votes, which are gone afterwards."""
    rows = [
        vote.row(judge, sample, number)
        for judge, samples in said.items()
        for sample, votes in samples.items()
        for number, vote in votes.items()
    ]
    with connect(study) as cursor:
        cursor.execute("begin")
        insert(cursor, rows)
        yield cursor
        cursor.execute("rollback")


def spread(scored: list[Vote]) -> float | None:
    """That between the votes' means, estimated, and the mean of that within them; None where neither is known."""
    within = [vote.variance for vote in scored if vote.variance is not None]
    if len(scored) < 2 and not within:
        return None
    between = variance(vote.mean for vote in scored) if len(scored) > 1 else 0.0
    return math.sqrt(between + (fmean(within) if within else 0.0))


def in_python(votes: Mapping[int, Vote]) -> tuple[float | None, float | None, int, int]:
    """Mean, spread, votes with and without a score."""
    scored = [vote for vote in votes.values() if vote.rating is not None]
    if not scored:
        return None, None, 0, len(votes)
    return fmean(vote.mean for vote in scored), spread(scored), len(scored), len(votes) - len(scored)


def same(found: tuple[object, ...], expected: tuple[object, ...]) -> bool:
    return found == pytest.approx(expected, abs=1e-9)


@quick
@given(said=SAID)
def test_mean_and_spread_of_votes_are_those_of_a_loop(study_with_run: Path, said: Said) -> None:
    with said_in(study_with_run, said) as cursor:
        viewed = cursor.execute("select * exclude (concept) from judge_ratings").fetchall()
        of_one = {judge: cursor.execute("select * from ratings_by_judge($1)", [judge]).fetchall() for judge in JUDGES}
    assert {row[:2] for row in viewed} == {(judge, sample) for judge in JUDGES for sample in said[judge]}
    assert all(same(row[2:], in_python(said[row[0]][row[1]])) for row in viewed)
    for judge in JUDGES:
        assert {row[:2] for row in of_one[judge]} == {("gin", sample) for sample in said[judge]}
        assert all(same(row[2:], in_python(said[judge][row[1]])) for row in of_one[judge])


@quick
@given(once=ONCE)
def test_one_vote_each_has_the_same_result_by_the_short_way(study_with_run: Path, once: dict[str, Vote]) -> None:
    said = {"j": {sample: {0: vote} for sample, vote in once.items()}, "k": {"s1": {3: Vote(5, (0, 0, 1, 0, 1))}}}
    columns = "concept, sample_id, mean_rating, spread, n_votes, n_unscored"
    with said_in(study_with_run, said) as cursor:
        short = cursor.execute(f"select {columns} from ratings_by_judge('j') order by all").fetchall()
        general = f"select {columns} from judge_ratings where judge_id = 'j' order by all"
        assert short == cursor.execute(general).fetchall()
    assert len(short) == len(once)


@quick
@given(said=SAID)
def test_a_verdict_is_the_mean_of_one_judges_votes(study_with_run: Path, said: Said) -> None:
    with said_in(study_with_run, said) as cursor:
        found = cursor.execute(
            "select sample_id, judge_rating, judge_spread, n_votes, n_unscored, verdict, bin, verdict_source "
            "from verdicts('r', 'j')"
        ).fetchall()
    assert sorted(row[0] for row in found) == sorted(SAMPLES)
    for sample, *told, verdict, in_bin, source in found:
        mean, *rest = in_python(said["j"].get(sample, {}))
        assert same(tuple(told), (mean, *rest))
        assert verdict == told[0]
        assert (in_bin, source) == ((None, None) if verdict is None else (round(verdict), "judge"))


def test_votes_that_are_sure_and_agree_have_no_spread(study_with_run: Path) -> None:
    sure = Vote(4, (0, 0, 0, 1, 0))
    with said_in(study_with_run, {"j": {"s1": {0: sure, 1: sure, 2: Vote(4)}}}) as cursor:
        assert cursor.execute("select mean_rating, spread from judge_ratings").fetchall() == [(4.0, 0.0)]


def test_spread_is_that_between_votes_or_within_one(study_with_run: Path) -> None:
    said = {"j": {"s1": {0: Vote(2), 1: Vote(4)}, "s2": {0: Vote(1, (1, 0, 0, 0, 1))}, "s3": {0: Vote(4)}}}
    with said_in(study_with_run, said) as cursor:
        found = cursor.execute("select mean_rating, spread from judge_ratings order by sample_id").fetchall()
    assert found == [(3.0, math.sqrt(2)), (3.0, 2.0), (4.0, None)]


@pytest.fixture(scope="module")
def votes_to_ask(schema: duckdb.DuckDBPyConnection) -> Ask:
    """The macro, given what each vote so far was: whether it needs no further attempt."""

    def ask(given: Mapping[int, bool], n_votes: int, again: bool) -> list[int]:
        closed = [number for number, is_closed in given.items() if is_closed]
        values = [list(given) or None, closed or None, n_votes, again]
        found = schema.execute("select votes_to_ask($1::integer[], $2::integer[], $3, $4)", values).fetchone()
        assert found
        return list(found[0])

    return ask


NUMBERS = st.builds(lambda attempt, vote: 1000 * attempt + vote, st.sampled_from((0, 0, 0, 1, 2)), st.integers(0, 6))
GIVEN = st.dictionaries(NUMBERS, st.booleans(), max_size=9)
N_VOTES = st.integers(1, 6) | st.just(100)


def in_a_loop(given: Mapping[int, bool], n_votes: int, *, again: bool) -> list[int]:
    """Each vote of the design that was never asked for and, asked again, the next attempt at each that is not closed."""
    wanted = []
    for vote in range(n_votes):
        attempts = {number // 1000: is_closed for number, is_closed in given.items() if number % 1000 == vote}
        if 0 not in attempts:
            wanted.append(vote)
        elif again and not any(attempts.values()):
            wanted.append(1000 * (max(attempts) + 1) + vote)
    return sorted(wanted)


@settings(deadline=None)
@given(given=GIVEN, n_votes=N_VOTES, again=st.booleans())
def test_the_votes_to_ask_for_are_those_of_a_loop(
    votes_to_ask: Ask, given: dict[int, bool], n_votes: int, again: bool
) -> None:
    assert sorted(votes_to_ask(given, n_votes, again)) == in_a_loop(given, n_votes, again=again)


@settings(deadline=None)
@given(given=GIVEN, n_votes=N_VOTES, later=N_VOTES)
def test_asking_again_takes_no_number_of_a_vote_that_is_asked_for_later(
    votes_to_ask: Ask, given: dict[int, bool], n_votes: int, later: int
) -> None:
    design = {number: is_closed for number, is_closed in given.items() if number < n_votes}
    after = design | dict.fromkeys(votes_to_ask(design, n_votes, True), True)
    assert votes_to_ask(after, later, False) == list(range(n_votes, later))


@settings(deadline=None)
@given(given=GIVEN, n_votes=N_VOTES)
def test_once_all_asked_again_have_a_score_nothing_is_left(
    votes_to_ask: Ask, given: dict[int, bool], n_votes: int
) -> None:
    asked = votes_to_ask(given, n_votes, True)
    assert not set(asked) & set(given)
    after = given | dict.fromkeys(asked, True)
    assert votes_to_ask(after, n_votes, True) == votes_to_ask(after, n_votes, False) == []
