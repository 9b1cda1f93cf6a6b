"""Batches under way as the study keeps them, against a ledger in memory that is told the same."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db import connect, insert, transaction
from db.rows import JudgeRow, JudgmentRow, Row, TopicRow
from engine.judges.batches.ledger import Intent, Key
from engine.judges.judge import KINDS, Answer, Kind
from engine.stages.batch_ledger import StudyLedger
from engine.stages.judge import Inquiry
from engine.stages.pricing import budget_of
from tests.support.memory_ledger import MemoryLedger
from tests.support.synthetic_study import RUN, build_study

NOW = datetime(2026, 1, 2)
SAMPLES = ("sample-000-0000", "sample-000-0001", "sample-001-0000")
CONCEPTS = ("vodka", "gin")
numbers = count()

TOPIC_KEYS = st.builds(Key, st.none(), st.sampled_from(SAMPLES), st.integers(0, 2))
PAIR_KEYS = st.builds(Key, st.sampled_from(CONCEPTS), st.sampled_from(SAMPLES), st.integers(0, 2))
BATCHES = st.sampled_from(KINDS).flatmap(
    lambda kind: st.tuples(
        st.just(kind), st.lists(TOPIC_KEYS if kind == "topic" else PAIR_KEYS, min_size=1, max_size=5, unique=True)
    )
)
# What happens next: a batch is intended; the nth batch goes on as it can; a vote is kept.
STEPS = st.lists(
    st.tuples(st.just("intend"), BATCHES)
    | st.tuples(st.sampled_from(("submitted", "done", "lost")), st.integers(0, 5))
    | st.tuples(st.just("keep"), TOPIC_KEYS | PAIR_KEYS),
    max_size=14,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("ledger") / "study", n_concepts=3, n_pairs=6, judged=False, lensed=False)


def new_ledger(study: Path, run_id: str = RUN) -> StudyLedger:
    """The ledger of a judge that the study has not seen before."""
    judge = f"judge-{next(numbers)}"
    write(study, JudgeRow(judge, "anthropic", "m", "standard", "hash", "{}", False, NOW))
    return StudyLedger(study, run_id, judge)


def write(study: Path, row: Row) -> None:
    with transaction(study) as cursor:
        insert(cursor, [row])


def vote_row(judge: str, key: Key) -> TopicRow | JudgmentRow:
    """A vote on a question; it needs no score to be kept."""
    if key.concept is None:
        said = (None, None, "the judge refused to answer", "", 1, 1, 0.0, NOW)
        return TopicRow(judge, key.sample_id, key.vote, *said)
    return JudgmentRow(judge, key.concept, key.sample_id, key.vote, 3, None, None, "3", 1, 1, 0.0, NOW)


def intent(kind: Kind, keys: list[Key]) -> Intent:
    number = next(numbers)
    return Intent(f"lg-{number}", kind, dict(enumerate(keys)), len(keys), NOW + timedelta(seconds=number))


def step(ledger: StudyLedger, model: MemoryLedger, act: str, given: object) -> None:
    """Do the same to both; what the protocol does not allow is left out."""
    if act == "intend":
        new = intent(*cast("tuple[Kind, list[Key]]", given))
        ledger.intend(new)
        model.intend(new)
    elif act == "keep":
        key = cast("Key", given)
        write(ledger.study, vote_row(ledger.judge_id, key))
        model.kept[key] = cast("Answer", None)
    else:
        names = [name for name in model.intents if name not in model.ended]
        name = dict(enumerate(names)).get(cast("int", given))
        if name is not None and act != "submitted":
            getattr(ledger, act)(name)
            getattr(model, act)(name)
        elif name is not None and name not in model.ids:
            ledger.submitted(name, f"msgbatch_{name}")
            model.submitted(name, f"msgbatch_{name}")


@settings(max_examples=20, deadline=None)
@given(steps=STEPS)
def test_it_remembers_what_a_ledger_in_memory_does(study: Path, steps: list[tuple[str, object]]) -> None:
    ledger, model = new_ledger(study), MemoryLedger()
    for act, given_to_it in steps:
        step(ledger, model, act, given_to_it)
    for kind in KINDS:
        assert ledger.open_batches(kind) == model.open_batches(kind)


def test_a_batch_is_open_from_its_intent_to_its_end_whatever_is_kept(study: Path) -> None:
    ledger, keys = new_ledger(study), [Key("gin", sample, 0) for sample in SAMPLES]
    new = intent("relevance", keys)
    ledger.intend(new)
    assert ledger.open_batches("relevance") == [new]
    ledger.submitted(new.name, "msgbatch_1")
    write(study, vote_row(ledger.judge_id, keys[1]))
    [found] = ledger.open_batches("relevance")
    assert (found.batch_id, found.n_requests) == ("msgbatch_1", 3)
    assert found.keys == {0: keys[0], 2: keys[2]}
    for key in keys:
        write(study, vote_row(ledger.judge_id, key))
    [found] = ledger.open_batches("relevance")
    assert found.keys == {}
    ledger.done(new.name)
    assert ledger.open_batches("relevance") == []


def test_what_a_batch_under_way_may_cost_is_held_for_the_votes_that_are_not_kept(study: Path) -> None:
    ledger, keys = new_ledger(study), [Key("gin", sample, 0) for sample in SAMPLES]
    theirs = new_ledger(study)

    def held(of: StudyLedger) -> float:
        return budget_of(Inquiry(study, RUN, of.judge_id), 1.0).at_server_usd

    first, second = (replace(intent("relevance", keys), worst_usd=worst) for worst in (0.3, 0.6))
    ledger.intend(first)
    assert held(ledger) == pytest.approx(0.3)
    ledger.intend(second)
    ledger.submitted(second.name, "msgbatch_held")
    assert [found.worst_usd for found in ledger.open_batches("relevance")] == [0.3, 0.6]
    assert held(ledger) == pytest.approx(0.9)
    write(study, vote_row(ledger.judge_id, keys[1]))
    assert held(ledger) == pytest.approx(0.6)
    ledger.lost(first.name)
    assert held(ledger) == pytest.approx(0.4)
    ledger.done(second.name)
    assert held(ledger) == held(theirs) == 0.0


def test_what_is_told_twice_is_told_once(study: Path) -> None:
    ledger, new = new_ledger(study), intent("topic", [Key(None, SAMPLES[0], 0)])
    for _ in range(2):
        ledger.intend(new)
        ledger.submitted(new.name, "msgbatch_1")
    ledger.submitted(new.name, "msgbatch_2")
    assert [found.batch_id for found in ledger.open_batches("topic")] == ["msgbatch_1"]
    ledger.lost(new.name)
    ledger.lost(new.name)
    assert ledger.open_batches("topic") == []


def test_judges_do_not_see_each_others_batches_or_votes(study: Path) -> None:
    ours, theirs, key = new_ledger(study), new_ledger(study), Key(None, SAMPLES[0], 0)
    new = intent("topic", [key])
    ours.intend(new)
    write(study, vote_row(theirs.judge_id, key))
    assert theirs.open_batches("topic") == []
    assert ours.open_batches("topic") == [new]


def test_a_topic_and_a_rating_of_one_sample_are_two_votes(study: Path) -> None:
    ledger = new_ledger(study)
    topic, pair = Key(None, SAMPLES[0], 0), Key("gin", SAMPLES[0], 0)
    first, second = intent("topic", [topic]), intent("relevance", [pair])
    ledger.intend(first)
    ledger.intend(second)
    write(study, vote_row(ledger.judge_id, pair))
    assert ledger.open_batches("topic") == [first]
    assert [dict(found.keys) for found in ledger.open_batches("relevance")] == [{}]


def test_a_batch_of_ten_thousand_is_written_whole(study: Path) -> None:
    ledger = new_ledger(study)
    new = intent("topic", [Key(None, f"sample {number}", number % 7) for number in range(10_000)])
    ledger.intend(new)
    assert ledger.open_batches("topic") == [new]


def test_a_batch_without_its_intent_is_refused(study: Path) -> None:
    ledger = new_ledger(study)
    with pytest.raises(Exception, match="foreign key"):
        ledger.submitted("never intended", "msgbatch_1")
    with connect(study) as cursor:
        found = cursor.execute("select count(*) from judge_batch_steps where intent = 'never intended'").fetchone()
    assert found == (0,)
