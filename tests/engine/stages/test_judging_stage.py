"""Inquiry a judge about a study: every pending vote once, whatever the judge answers, leaves out, or ends in."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db import connect
from db.errors import ExpectedError, StudyFull, StudyLocked
from engine.config import StudyConfig
from engine.errors import JudgeError
from engine.judges.judge import KINDS, Answer, Judge, Kind, Question, Rating, Topic, Unscored
from engine.judges.vocabulary import Vocabulary
from engine.stages import judge as stage
from engine.stages import stage as writing
from engine.stages.judge import Inquiry, Tally, ask, judge_id, judge_row, left_to_ask, open_log
from engine.stages.judge_run import AskOptions, judge_run
from engine.stages.progress import progress_bars
from engine.stages.reply_log import ReplyLog, reply_log
from engine.stages.stage import write_rows
from tests.support.scripted_judge import PACK, Said, ScriptedJudge, good, identity
from tests.support.synthetic_study import RUN, build_study

ROOT = Path(__file__).parents[3]
Item = tuple[str | None, str]
Votes = dict[Item, dict[int, bool]]


def build(folder: Path, **others: Any) -> Path:
    """A study of four concepts, some of its texts empty, hostile, or long."""
    sizes = {"n_concepts": 4, "n_pairs": 8, "n_between": 0} | others
    return build_study(folder, judged=False, lensed=False, **sizes)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by all tests that bring judges of their own."""
    return build(tmp_path_factory.mktemp("judging") / "study")


def read(study: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with connect(study) as cursor:
        return cursor.execute(statement, list(values)).fetchall()


def items(study: Path, kind: Kind) -> list[Item]:
    """What is asked about: samples, or pairs of concept and sample."""
    if kind == "topic":
        return [(None, sample) for (sample,) in read(study, "select sample_id from samples")]
    return [(concept, sample) for concept, sample in read(study, "select concept, sample_id from pairs")]


def votes(study: Path, judge: Judge, kind: Kind) -> Votes:
    """The votes that the study holds, and whether each has a score."""
    columns = ("null", "topic", "topics") if kind == "topic" else ("concept", "rating", "judgments")
    statement = "select {}, sample_id, vote, {} is not null from {} where judge_id = $1".format(*columns)
    found: Votes = {}
    for concept, sample, vote, has_score in read(study, statement, judge_id(judge.identity)):
        found.setdefault((concept, sample), {})[vote] = has_score
    return found


def to_ask(given: dict[int, bool], n_votes: int, *, again: bool) -> set[int]:
    """Numbers below n_votes that are missing and, asked again, the next attempt at each vote without a score."""
    missing = {vote for vote in range(n_votes) if vote not in given}
    more: set[int] = set()
    for vote in set(range(n_votes)) - missing if again else ():
        attempts = {number: has_score for number, has_score in given.items() if number % 1000 == vote}
        if not any(attempts.values()):
            more.add(max(attempts) + 1000)
    return missing | more


def put(study: Path, judge: Judge, kind: Kind, **others: Any) -> int:
    """Ask the judge all that is pending of a kind."""
    write_rows(study, [judge_row(judge.identity)])
    asking = Inquiry(study, RUN, judge_id(judge.identity), **others)
    with progress_bars(quiet=True) as bar, open_log(asking, judge) as log:
        return ask(asking, judge, kind, Vocabulary(PACK), bar, log).n


def left(study: Path, judge: Judge, kind: Kind, **others: Any) -> int:
    return left_to_ask(Inquiry(study, RUN, judge_id(judge.identity), **others), kind).n_votes


def place(question: Question) -> tuple[Item, int]:
    return (question.concept, question.sample_id), question.vote


# One call: votes, again, how many questions the judge takes at once, after how many it ends, and what it says of a question.
CALLS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.booleans(),
        st.sampled_from((1, 3, 1000)),
        st.none() | st.integers(0, 50),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=15, deadline=None)
@given(kind=st.sampled_from(KINDS), page=st.sampled_from((1, 2, 5, 1000)), calls=CALLS)
def test_each_call_asks_exactly_what_is_pending_and_keeps_what_was_answered(
    study: Path, kind: Kind, page: int, calls: list[tuple[int, bool, int, int | None, int]]
) -> None:
    named, model = identity(), {item: {} for item in items(study, kind)}  # type: Any, Votes
    for n_votes, again, at_once, ends_after, luck in calls:
        expected = {(item, n) for item, given_ in model.items() for n in to_ask(given_, n_votes, again=again)}

        def say(question: Question, luck: int = luck) -> Said:
            drawn = (sum(question.sample_id.encode()) + len(question.concept or "") + question.vote + luck) % 4
            return None if drawn == 0 else Unscored("nonsense") if drawn == 1 else good(question)

        judge = ScriptedJudge(say, named, at_once=at_once, seed=luck, ends_after=ends_after)
        assert left(study, judge, kind, n_votes=n_votes, again=again) == len(expected)
        is_ended = ends_after is not None and ends_after < len(expected)
        # With pages of two, rows are written while further pages are read.
        pages = patch.object(stage, "PAGE", page)
        with (
            pages,
            patch.object(writing, "WRITE_EVERY_S", 0.0 if page == 2 else 1e9),
            must_raise(JudgeError if is_ended else None),
        ):
            put(study, judge, kind, n_votes=n_votes, again=again)
        asked = Counter(map(place, judge.asked))
        assert set(asked.values()) <= {1}
        assert set(asked) <= expected if is_ended else set(asked) == expected
        for question in judge.asked:
            if (said := say(question)) is not None:
                model[place(question)[0]][question.vote] = not isinstance(said, Unscored)
        assert votes(study, judge, kind) == {item: given_ for item, given_ in model.items() if given_}


@contextmanager
def must_raise(kind: type[ExpectedError] | None) -> Iterator[None]:
    if kind is None:
        yield
    else:
        with pytest.raises(kind):
            yield


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_what_the_judge_said(study: Path, kind: Kind) -> None:
    shares = (0.0, 0.125, 0.125, 0.25, 0.5)
    answers: dict[tuple[Item, int], Answer] = {}

    class Keeping(ScriptedJudge):
        def answer(self, questions: Iterable[Question]) -> Iterator[Answer]:
            for answer in ScriptedJudge.answer(self, questions):
                answers[place(answer.question)] = answer
                yield answer

    def say(question: Question) -> Said:
        if question.vote == 2:
            return Unscored("the judge refused to answer")
        return Topic("a \x00 \u2028 topic", 0.5) if kind == "topic" else Rating(4, "\x00 so", shares)

    judge = Keeping(say)
    put(study, judge, kind, n_votes=3)
    table, said = ("topics", "topic, similarity") if kind == "topic" else ("judgments", "rating, explanation")
    more = "null, null" if kind == "topic" else "probabilities, expected_rating"
    concept = "null" if kind == "topic" else "concept"
    rows = read(
        study,
        f"select {concept}, sample_id, vote, unscored_reason, raw_reply, n_chars_cut, n_input_tokens, n_output_tokens, "
        f"n_cache_read_tokens, n_cache_write_tokens, cost_usd, {said}, {more} from {table} where judge_id = $1",
        judge_id(judge.identity),
    )
    assert len(rows) == len(answers) == 3 * len(items(study, kind))
    for concept, sample, vote, reason, raw, n_cut, n_in, n_out, n_read, n_written, cost, *told in rows:
        answer = answers[(concept, sample), vote]
        assert (raw, n_cut) == (answer.raw_reply, answer.n_chars_cut)
        assert (n_in, n_out, n_read, n_written, cost) == tuple(asdict(answer.usage).values())
        expected = [None] * 4
        if vote != 2:
            expected = ["a \x00 \u2028 topic", 0.5, None, None]
            if kind == "relevance":
                mean = sum(rating * share for rating, share in enumerate(shares, start=1))
                expected = [4, "\x00 so", list(shares), pytest.approx(mean)]
        assert told == expected
        assert reason == ("the judge refused to answer" if vote == 2 else None)


def test_a_judge_is_shown_text_and_concept_and_nothing_else(study: Path) -> None:
    judge = ScriptedJudge(at_once=7)
    for kind in KINDS:
        put(study, judge, kind)
    outputs = dict(read(study, "select sample_id, output from samples"))
    assert {tuple(asdict(question)) for question in judge.asked} == {("kind", "sample_id", "text", "concept", "vote")}
    for question in judge.asked:
        assert question == Question(
            question.kind, question.sample_id, outputs[question.sample_id], question.concept, question.vote
        )
        assert (question.concept is None) == (question.kind == "topic")
    # Nor does the order tell: it is that of sample ids, whatever arm or kind of negative a pair is of.
    asked = [(q.sample_id, q.concept or "") for q in judge.asked if q.kind == "relevance"]
    in_order = ScriptedJudge()
    put(study, in_order, "relevance")
    assert sorted(asked) == [(q.sample_id, q.concept or "") for q in in_order.asked]


SAYINGS = ("vodka", "Wodka", "switch", "things", "object", "the weather", "sense organ")


def related(topic: str, asked: str) -> tuple[str | None, str]:
    """How a topic relates to the concept of the prompt, known by hand."""
    meant = {"Wodka": "vodka", "things": "thing", "object": "thing", "the weather": None}.get(topic, topic)
    if meant == asked:
        return meant, "alias" if topic == "Wodka" else "exact"
    return meant, "other" if meant is None else "ancestor" if meant == "thing" else "sibling"


def test_a_topic_is_held_against_the_concept_that_the_prompt_named(study: Path) -> None:
    judge = ScriptedJudge(lambda question: Topic(SAYINGS[question.vote]), at_once=9)
    put(study, judge, "topic", n_votes=len(SAYINGS))
    rows = read(
        study,
        "select topic, prompt_concept, topic_concept, topic_match from topics join prompts using (sample_id) "
        "where judge_id = $1",
        judge_id(judge.identity),
    )
    assert len(rows) == len(SAYINGS) * len(items(study, "topic"))
    assert all((found, match) == related(topic, asked) for topic, asked, found, match in rows)
    assert {row[3] for row in rows} == {"exact", "alias", "sibling", "ancestor", "other"}


def test_only_chosen_pairs_are_asked_about(study: Path) -> None:
    judge = ScriptedJudge()
    chosen = tuple(sorted(items(study, "relevance"))[3:20:5])
    put(study, judge, "relevance", n_votes=2, chosen=(*chosen, ("vodka", "no such sample"), ("no such", chosen[0][1])))
    assert Counter(map(place, judge.asked)) == Counter((pair, vote) for pair in chosen for vote in range(2))
    put(study, judge, "relevance", n_votes=2)
    assert len(judge.asked) == len({place(q) for q in judge.asked}) == 2 * len(items(study, "relevance"))
    nothing = ScriptedJudge()
    put(study, nothing, "relevance", chosen=())
    assert nothing.asked == []


@settings(max_examples=8, deadline=None)
@given(n_votes=st.integers(1, 4), text_limit=st.integers(1, 200), ends_after=st.integers(0, 12))
def test_what_is_left_is_counted_as_a_loop_counts_it(
    study: Path, n_votes: int, text_limit: int, ends_after: int
) -> None:
    outputs = dict(read(study, "select sample_id, output from samples"))
    for kind in KINDS:
        judge = ScriptedJudge(ends_after=ends_after)
        with must_raise(JudgeError):
            put(study, judge, kind)
        found = left_to_ask(Inquiry(study, RUN, judge_id(judge.identity), n_votes=n_votes), kind, text_limit=text_limit)
        given_ = votes(study, judge, kind)
        texts = [
            outputs[item[1]] for item in items(study, kind) for _ in to_ask(given_.get(item, {}), n_votes, again=False)
        ]
        assert found.n_votes == len(texts)
        assert found.n_empty == sum(not text.strip() for text in texts)
        assert found.n_chars == sum(min(len(text), text_limit) for text in texts)


def test_a_run_without_samples_asks_nothing(tmp_path: Path) -> None:
    empty, judge = build(tmp_path / "study", generated=False), ScriptedJudge()
    for kind in KINDS:
        assert put(empty, judge, kind) == left(empty, judge, kind) == 0
    assert judge.asked == []


def test_a_text_of_white_space_alone_is_counted_as_empty(tmp_path: Path) -> None:
    small = build(tmp_path / "study", n_concepts=1, n_pairs=8, hostile=False)
    texts = (" \t\n", "\r\x0b\x0c ", "a", "")
    with connect(small) as cursor:
        for number, text in enumerate(texts):
            cursor.execute("update samples set output = $1 where sample_id = $2", [text, f"sample-000-{number:04d}"])
    found = left_to_ask(Inquiry(small, RUN, "nobody"), "topic")
    assert (found.n_votes, found.n_empty, found.n_chars) == (4, 3, 3 + 4 + 1)


# What is paid for is paid once.


@contextmanager
def broken_database(study: Path, error: ExpectedError, *, nth: int) -> Iterator[None]:
    """From the nth time on, the votes of this stage cannot be written."""
    n_calls = 0

    def failing(where: Path, rows: Any, progress: Any = None) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls >= nth:
            raise error
        write_rows(where, rows, progress)

    with patch.object(stage, "write_rows", failing), patch.object(writing, "WRITE_EVERY_S", 0.0):
        yield


def run_judge(study: Path, judge: Judge, *, votes: int = 1, **options: Any) -> dict[str, int]:
    with progress_bars(quiet=True) as bar:
        done = judge_run(study, RUN, judge, StudyConfig(votes=votes), PACK, bar, AskOptions(**options))
    return {kind: tally.n for kind, tally in done.items()}


@pytest.mark.parametrize("error", [StudyLocked("Another process has the study."), StudyFull("There is no room left.")])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_database_that_cannot_be_written_costs_no_answer(study: Path, error: ExpectedError, nth: int) -> None:
    first = ScriptedJudge()
    with broken_database(study, error, nth=nth), pytest.raises(type(error)):
        run_judge(study, first)
    second = ScriptedJudge(identity=first.identity)
    run_judge(study, second)
    asked = Counter(place(question) for question in (*first.asked, *second.asked))
    assert first.asked
    assert set(asked.values()) == {1}
    assert set(asked) == {(item, 0) for kind in KINDS for item in items(study, kind)}
    assert all(left(study, first, kind) == 0 for kind in KINDS)
    assert not list((study / "replies").glob(f"{judge_id(first.identity)}-*.jsonl"))


def test_what_was_received_is_written_before_anything_is_asked_or_priced(study: Path) -> None:
    first = ScriptedJudge()
    with broken_database(study, StudyLocked("Another process has the study."), nth=1), pytest.raises(StudyLocked):
        run_judge(study, first)
    silent = ScriptedJudge(lambda _: pytest.fail("it was asked"), identity=first.identity, ends_after=0)
    with pytest.raises(JudgeError, match="gone home"):
        run_judge(study, silent)
    assert votes(study, first, "topic") == {(None, q.sample_id): {0: True} for q in first.asked}


def left_line(judge: Judge, sample: str, **others: object) -> str:
    """An answer that a process that was killed left on disk, or what became of it."""
    values = {"judge_id": judge_id(judge.identity), "concept": "vodka", "sample_id": sample, "vote": 0, "rating": 3}
    values |= {"explanation": None, "unscored_reason": None, "raw_reply": "3", "n_input_tokens": 1}
    values |= {"n_output_tokens": 1, "cost_usd": 0.25, "judged_at": "2026-01-02T00:00:00"}
    return json.dumps({"table": "judgments"} | values | others)


DAMAGE: dict[str, dict[str, object]] = {
    "a rating off the scale": {"rating": 7},
    "a rating in words": {"rating": "five"},
    "a rating that is a list": {"rating": [3]},
    "a rating without end": {"rating": 10**40},
    "a sample that is not there": {"sample_id": "no such sample"},
    "a judge that is not there": {"judge_id": "no such judge"},
    "a vote below none": {"vote": -1},
    "a vote that is not there": {"vote": None},
    "shares in words": {"probabilities": ["a"], "expected_rating": 3.0},
}


def test_damage_on_disk_is_set_aside_and_told_and_judging_goes_on(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = ScriptedJudge()
    pairs = sorted(sample for concept, sample in items(study, "relevance") if concept == "vodka")
    folder, name = study / "replies", judge_id(judge.identity)
    folder.mkdir(exist_ok=True)
    damaged = [left_line(judge, pairs[0], **change) for change in DAMAGE.values()]
    sound = [left_line(judge, sample, explanation="left") for sample in pairs[1:4]]
    (folder / f"{name}-1.jsonl").write_text("\n".join([sound[0], *damaged[:4], sound[1], *damaged[4:], "[" * 200_000]))
    (folder / f"{name}-\u00b2.jsonl").write_text(sound[2])
    (folder / f"{name}-7.jsonl").mkdir()
    with progress_bars() as bar:
        judge_run(study, RUN, judge, StudyConfig(), PACK, bar, AskOptions())
    statement = "select sample_id from judgments where judge_id = $1 and explanation = 'left' order by all"
    assert [sample for (sample,) in read(study, statement, name)] == pairs[1:4]
    assert len(judge.asked) == len(items(study, "topic")) + len(items(study, "relevance")) - 3
    assert (folder / f"{name}-1.jsonl.bad").read_text().splitlines() == [*damaged, "[" * 200_000]
    said = [line for line in capsys.readouterr().err.splitlines() if "set aside" in line]
    assert len(said) == 2
    assert said[0].startswith("Note: Lines 2, 3, 4 and 7 more of ")
    assert f"{name}-1.jsonl" in said[0]
    assert not list(folder.glob(f"{name}-*.jsonl"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_rule_answered_is_never_asked_again(study: Path, kind: Kind) -> None:
    class Ruling(ScriptedJudge):
        def answer(self, questions: Iterable[Question]) -> Iterator[Answer]:
            for answer in ScriptedJudge.answer(self, questions):
                yield answer if answer.question.text.strip() else replace(answer, raw_reply="")

    judge = Ruling(lambda question: Unscored("nonsense"))
    put(study, judge, kind)
    n_asked = len(judge.asked)
    outputs = dict(read(study, "select sample_id, output from samples"))
    n_empty = sum(not outputs[sample].strip() for _, sample in items(study, kind))
    assert n_empty > 0
    found = left_to_ask(Inquiry(study, RUN, judge_id(judge.identity), again=True), kind)
    assert (found.n_votes, found.n_empty) == (n_asked - n_empty, 0)
    put(study, judge, kind, again=True)
    assert all(question.text.strip() and question.vote == 1000 for question in judge.asked[n_asked:])
    assert len(judge.asked) == 2 * n_asked - n_empty


def test_how_much_has_no_score_is_told_with_the_commonest_reason(study: Path) -> None:
    def say(question: Question) -> Said:
        common = sum(question.sample_id.encode()) % 5
        return Unscored("nonsense") if common > 1 else Unscored("rare") if common else good(question)

    judge = ScriptedJudge(say)
    with progress_bars(quiet=True) as bar:
        done = judge_run(study, RUN, judge, StudyConfig(), PACK, bar, AskOptions())
    for name, kind in (("topics", "topic"), ("relevance", "relevance")):
        given_ = [has for votes_ in votes(study, judge, kind).values() for has in votes_.values()]  # type: ignore[arg-type]
        assert done[name] == Tally(len(given_), given_.count(False), "nonsense")


def test_a_log_without_room_loses_only_the_answer_at_hand(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge, append, n_rows = ScriptedJudge(), ReplyLog.append, 0

    def full(log: ReplyLog, row: Any) -> None:
        nonlocal n_rows
        n_rows += 1
        if n_rows == 5:
            raise StudyFull("There is no room.")
        append(log, row)

    monkeypatch.setattr(ReplyLog, "append", full)
    with pytest.raises(StudyFull):
        put(study, judge, "topic")
    assert len(judge.asked) == 5
    assert sum(map(len, votes(study, judge, "topic").values())) == 4


def test_answers_before_an_error_of_the_judge_are_kept_and_the_error_is_told(study: Path) -> None:
    judge = ScriptedJudge(ends_after=9)
    with pytest.raises(JudgeError, match="gone home"):
        run_judge(study, judge)
    assert len(votes(study, judge, "topic")) == 9
    going_on = ScriptedJudge(identity=judge.identity)
    done = run_judge(study, going_on)
    assert done == {"topics": len(items(study, "topic")) - 9, "relevance": len(items(study, "relevance"))}
    assert run_judge(study, going_on) == {"topics": 0, "relevance": 0}


def test_a_baseline_keeps_no_log(study: Path) -> None:
    judge = ScriptedJudge(identity=identity(is_baseline=True))
    run_judge(study, judge)
    assert not list(study.glob(f"replies/{judge_id(judge.identity)}*"))
    assert left(study, judge, "relevance") == 0


def test_two_judges_stand_side_by_side(study: Path) -> None:
    first, second = ScriptedJudge(), ScriptedJudge(lambda question: Unscored("no"))
    for judge in (first, second):
        run_judge(study, judge)
    assert Counter(map(place, first.asked)) == Counter(map(place, second.asked))
    assert {has_score for given_ in votes(study, first, "relevance").values() for has_score in given_.values()} == {
        True
    }
    assert {has_score for given_ in votes(study, second, "relevance").values() for has_score in given_.values()} == {
        False
    }


def test_the_identity_of_a_judge_is_all_that_decides_its_answers() -> None:
    one = identity(name="one")
    changed = (
        {"backend": "local"},
        {"model": "other"},
        {"rubric_hash": "s" * 16},
        {"parameters": {"number": "one", "temperature": 1.0}},
    )
    ids = {judge_id(one), *(judge_id(replace(one, **change)) for change in changed)}  # type: ignore[arg-type]
    assert len(ids) == 5
    assert judge_id(replace(one, rubric="another name of the same")) == judge_id(one)
    assert judge_id(replace(one, parameters={"b": 1, "a": 2})) == judge_id(replace(one, parameters={"a": 2, "b": 1}))


def in_a_process(study: Path, asked: Path, *, n: int, write_every_s: float) -> subprocess.CompletedProcess[str]:
    """A process that judges all with two votes, killed once the nth answer was taken."""
    arguments = [str(study), str(asked), str(n), str(write_every_s)]
    command = [sys.executable, "-m", "tests.support.scripted_judge", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_killed_again_and_again_it_pays_for_no_answer_twice(tmp_path: Path) -> None:
    folder, asked = tmp_path / "study", tmp_path / "asked"
    build(folder, n_concepts=3, n_pairs=4)
    n_topics, n_pairs = (2 * len(items(folder, kind)) for kind in KINDS)
    close = sys.modules["db.connect"].close_all
    # Nothing is in the database yet; then topics are, and a part of relevance; the last process ends by itself.
    for n, write_every_s in ((5, 1e9), (n_topics - 5 + 7, 0.0), (10**6, 1e9)):
        close()
        ended = in_a_process(folder, asked, n=n, write_every_s=write_every_s)
        assert ended.returncode == (-9 if n < 10**6 else 0), ended.stderr
    lines = asked.read_text().splitlines()
    assert len(lines) == len(set(lines)) == n_topics + n_pairs
    judge = ScriptedJudge(identity=identity(name="killed"))
    for kind in KINDS:
        assert all(set(given_) == {0, 1} for given_ in votes(folder, judge, kind).values())
        assert left(folder, judge, kind, n_votes=2) == 0
    assert not list((folder / "replies").glob("*.jsonl"))


def test_a_second_process_is_told_in_one_sentence_and_asks_nothing(tmp_path: Path) -> None:
    folder, asked = build(tmp_path / "study", n_concepts=2, n_pairs=4), tmp_path / "asked"
    sys.modules["db.connect"].close_all()
    with reply_log(folder, judge_id(identity(name="killed"))):
        ended = in_a_process(folder, asked, n=10**6, write_every_s=0.0)
    assert ended.returncode == 1
    assert "JudgeBusy: Another process is asking this judge about the study." in ended.stderr
    assert not asked.exists() or asked.read_text() == ""
