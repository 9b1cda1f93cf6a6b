"""Replies that were received after their judge was killed become the votes that it would have made of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db import connect
from engine.judges.api.endpoint import ASSUMED, Endpoint
from engine.judges.api.messages import MessagesJudge
from engine.judges.api.reply_files import Vote, reply_file, write_reply
from engine.judges.costs.prices import load_prices
from engine.judges.questions import Questioner
from engine.prompts.rubrics import load_rubric
from engine.stages.judge import Inquiry, judge_id, judge_row
from engine.stages.left_replies import keep_left_replies
from engine.stages.reply_log import ReplyLog, reply_log
from engine.stages.stage import write_rows
from tests.support.messages_server import MODEL
from tests.support.scripted_judge import PACK
from tests.support.synthetic_study import RUN, build_study

ENDPOINT = Endpoint("http://h", MODEL, "sk-planted-0123456789", "LENSGAP_JUDGE_KEY")
JUDGE = MessagesJudge(
    ENDPOINT, Questioner(load_rubric("standard"), PACK, text_limit=20), prices=load_prices(), capabilities=ASSUMED
)
NAME = judge_id(JUDGE.identity)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = build_study(tmp_path / "study", judged=False, lensed=False, n_concepts=2, n_pairs=4, n_between=0)
    write_rows(folder, [judge_row(JUDGE.identity)])
    return folder


def read(study: Path, statement: str) -> list[tuple[Any, ...]]:
    with connect(study) as cursor:
        return cursor.execute(statement).fetchall()


def put(log: ReplyLog, vote: Vote, text: str) -> Path:
    """A reply as a receiver keeps it."""
    usage = {"input_tokens": 1_000, "output_tokens": 0}
    message = {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": usage}
    file = reply_file(log.folder, NAME, vote)
    write_reply(file, vote, json.dumps(message).encode(), ENDPOINT)
    return file


def keep(study: Path, log: ReplyLog) -> list[str]:
    said: list[str] = []
    keep_left_replies(Inquiry(study, RUN, NAME), log, JUDGE, PACK, said.append)
    return said


def test_each_reply_becomes_the_vote_that_it_is_and_its_file_goes(study: Path) -> None:
    pairs = read(
        study, "select concept, sample_id from pairs join samples using (sample_id) where output <> '' order by all"
    )
    (concept, rated), (_, refused) = pairs[0], pairs[1]
    with reply_log(study, NAME) as log:
        put(log, Vote("topic", rated, None, 0), '{"topic": "Wodka"}')
        put(log, Vote("relevance", rated, concept, 1000), '{"rating": 4, "reason": "It is."}')
        put(log, Vote("relevance", refused, pairs[1][0], 0), "I cannot.")
        assert keep(study, log) == []
        assert list(log.folder.glob("*.reply*")) == []
    [(topic, match)] = read(study, "select topic, topic_match from topics")
    asked_for = read(study, f"select prompt_concept from prompts where sample_id = '{rated}'")[0][0]
    assert topic == "Wodka"
    assert match == ("alias" if asked_for == "vodka" else "sibling")
    rows = read(
        study, "select sample_id, vote, rating, explanation, raw_reply, n_chars_cut from judgments order by rating"
    )
    [(length,)] = read(study, f"select length(output) from samples where sample_id = '{rated}'")
    assert rows[0] == (rated, 1000, 4, "It is.", '{"rating": 4, "reason": "It is."}', max(0, length - 20))
    assert rows[1][:5] == (refused, 0, None, None, "I cannot.")
    price = load_prices().find(MODEL)
    assert price
    costs = read(study, "select cost_usd from topics union all select cost_usd from judgments")
    assert [cost for (cost,) in costs] == pytest.approx([price.steps[0].input / 1_000] * 3)


def test_a_vote_that_is_there_already_stays_as_it_is(study: Path) -> None:
    [(concept, sample), *_] = read(study, "select concept, sample_id from pairs where sample_id like '%1'")
    vote = Vote("relevance", sample, concept, 0)
    with reply_log(study, NAME) as log:
        for rating in (4, 2):
            file = put(log, vote, f'{{"rating": {rating}}}')
            assert keep(study, log) == []
            assert not file.exists()
    assert read(study, "select rating from judgments") == [(4,)]


def test_replies_of_another_run_wait_and_what_is_damaged_is_set_aside(study: Path) -> None:
    [(concept, sample), *_] = read(study, "select concept, sample_id from pairs where sample_id like '%1'")
    vote = Vote("relevance", sample, concept, 0)
    with reply_log(study, NAME) as log:
        elsewhere = put(log, replace(vote, sample_id="of-another-run"), '{"rating": 4}')
        no_pair = put(log, replace(vote, concept="of-another-run"), '{"rating": 4}')
        refused = put(log, replace(vote, vote=-1), '{"rating": 4}')
        cut = put(log, vote, '{"rating": 4}')
        cut.write_bytes(cut.read_bytes()[:-9])
        said = keep(study, log)
        kept = {file.name for file in log.folder.iterdir() if not file.name.endswith(".lock")}
    assert kept == {elsewhere.name, no_pair.name, f"{refused.name}.bad", f"{cut.name}.bad"}
    assert len(said) == 2
    assert all("The whole of" in each and "set aside in" in each for each in said)
    assert read(study, "select * from judgments") == []
