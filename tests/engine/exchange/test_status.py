"""What `status` tells of judges: what each said of a run and what that took, against loops over the rows."""

import io
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from db import create_study, insert, transaction
from db.rows import JudgeExtraRow, JudgeRow, JudgmentRow, PairRow, PromptRow, RunRow, TopicRow
from engine.exchange.agreement import agreement_table, build_agreement
from engine.exchange.status import build_status, status_table
from engine.terminal import dollars
from tests.support.synthetic_study import RUN, START, build_study

NOW = datetime(2026, 1, 2)
SAMPLES = tuple(f"sample-{concept:03d}-{draw:04d}" for concept in range(2) for draw in range(3))


@dataclass(frozen=True, slots=True)
class Took:
    """What a vote took: fresh, cached and written input tokens, output tokens, US dollars."""

    fresh: int
    read: int
    written: int
    out: int
    usd: float | None


def took(number: int, *, priced: bool) -> Took:
    return Took(100 + number, 1000 * (number > 0), 900 * (number == 0), 7 + number, 0.001 * number if priced else None)


def topic_row(judge: str, sample: str, vote: int, of: Took, *, scored: bool) -> TopicRow:
    said = ("gin", None, None) if scored else (None, None, "the judge refused to answer")
    cost = (of.fresh, of.out, of.usd, NOW, of.read, of.written)
    return TopicRow(judge, sample, vote, *said, "reply", *cost)


def judgment_row(judge: str, concept: str, sample: str, vote: int, of: Took, *, scored: bool) -> JudgmentRow:
    said = (3, None, None) if scored else (None, None, "the judge refused to answer")
    cost = (of.fresh, of.out, of.usd, NOW, of.read, of.written)
    return JudgmentRow(judge, concept, sample, vote, *said, "reply", *cost)


def judge_row(name: str, model: str, *, is_baseline: bool = False) -> JudgeRow:
    return JudgeRow(name, "anthropic", model, "standard", "r" * 16, "{}", is_baseline, NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[TopicRow | JudgmentRow]]:
    """A study with a priced judge of two votes, one without a price, one partly priced, and one that said nothing."""
    study = build_study(
        tmp_path_factory.mktemp("status") / "study", n_concepts=2, n_pairs=6, n_between=0, judged=False, lensed=False
    )
    rows: list[TopicRow | JudgmentRow] = []
    for number, sample in enumerate(SAMPLES):
        rows += [topic_row("paid", sample, v, took(number + v, priced=True), scored=number != 2) for v in range(2)]
        rows.append(topic_row("own", sample, 0, took(number, priced=False), scored=True))
    with transaction(study) as cursor:
        pairs = cursor.execute("select concept, sample_id from pairs order by all").fetchall()
        for number, (concept, sample) in enumerate(pairs):
            rows += [
                judgment_row("paid", concept, sample, v, took(number, priced=True), scored=number % 3 > 0)
                for v in range(2)
            ]
            rows.append(judgment_row("half", concept, sample, 0, took(number, priced=number % 2 > 0), scored=True))
        judges = [judge_row("paid", "<b>m</b>\x1b[31m"), judge_row("own", "own"), judge_row("half", "half")]
        insert(cursor, [*judges, judge_row("silent", "silent")])
        for kind in (TopicRow, JudgmentRow):
            insert(cursor, [row for row in rows if isinstance(row, kind)])
    return study, rows


def rendered(status: dict[str, Any], width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(status_table(status))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_each_judge_is_told_as_a_loop_over_its_votes_tells_it(
    made: tuple[Path, list[TopicRow | JudgmentRow]],
) -> None:
    study, rows = made
    [run] = build_status(study)["runs"]
    assert [judge["id"] for judge in run["judges"]] == ["paid", "half", "own"]
    for judge in run["judges"]:
        mine = [row for row in rows if row.judge_id == judge["id"]]
        topics = [row for row in mine if isinstance(row, TopicRow)]
        assert (judge["n_topics"], judge["n_ratings"]) == (len(topics), len(mine) - len(topics))
        assert judge["n_unscored"] == sum(row.unscored_reason is not None for row in mine)
        assert judge["n_input_tokens"] == sum(
            row.n_input_tokens + row.n_cache_read_tokens + row.n_cache_write_tokens for row in mine
        )
        assert judge["n_cache_read_tokens"] == sum(row.n_cache_read_tokens for row in mine)
        assert judge["n_output_tokens"] == sum(row.n_output_tokens for row in mine)
        known = [row.cost_usd for row in mine if row.cost_usd is not None]
        assert judge["n_unpriced"] == len(mine) - len(known)
        assert judge["cost_usd"] == (pytest.approx(sum(known)) if known else None)


def test_the_table_names_judges_and_never_takes_an_unknown_cost_for_none(
    made: tuple[Path, list[TopicRow | JudgmentRow]],
) -> None:
    study, rows = made
    shown = rendered(build_status(study), 200)
    assert "\x1b" not in shown
    assert r"<b>m</b>\x1b[31m" in shown
    costs = {name: sum(row.cost_usd or 0 for row in rows if row.judge_id == name) for name in ("paid", "half")}
    lines = {
        name: next(line for line in shown.splitlines() if line.startswith(f"{name} "))
        for name in ("paid", "own", "half")
    }
    assert lines["paid"].endswith(dollars(costs["paid"]))
    assert lines["half"].endswith(f"{dollars(costs['half'])} + ?")
    assert lines["own"].endswith("unknown")
    assert f"{dollars(sum(costs.values()))} + ?" in shown
    assert "silent" not in shown


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_table_keeps_to_its_width_and_its_numbers_whole_from_eighty(
    made: tuple[Path, list[TopicRow | JudgmentRow]], width: int
) -> None:
    study, rows = made
    shown = rendered(build_status(study), width)
    n_paid = sum(row.n_output_tokens for row in rows if row.judge_id == "paid")
    assert width < 80 or f"{n_paid:,}" in shown
    assert all(len(line) <= width for line in shown.splitlines())


def test_votes_count_for_the_run_that_they_are_of(made: tuple[Path, list[TopicRow | JudgmentRow]]) -> None:
    study, _ = made
    before = next(run for run in build_status(study)["runs"] if run["run"] == RUN)
    with transaction(study) as cursor:
        [(config, pack)] = cursor.execute("select config, pack_hash from runs where run_id = $1", [RUN]).fetchall()
        insert(cursor, [RunRow("other", "o", START, config, "m", "f" * 16, pack, "standard", "t" * 16, 1, "{}")])
        insert(cursor, [PromptRow("x", "other", "vodka", "what-is", 0, "What?", 0, 0)])
        insert(cursor, [PairRow("other", "vodka", "x", "positive", None, 0.5, 0)])
    runs = {run["run"]: run for run in build_status(study)["runs"]}
    assert runs["other"]["judges"] == []
    assert runs[RUN]["judges"] == before["judges"]


def test_a_study_that_nobody_judged_shows_no_judges(tmp_path: Path) -> None:
    create_study(tmp_path / "empty")
    empty = build_status(tmp_path / "empty")
    assert empty["runs"] == []
    assert "lensgap run" in rendered(empty, 80)
    unjudged = build_study(tmp_path / "unjudged", n_concepts=1, n_pairs=2, judged=False, lensed=False)
    found = build_status(unjudged)
    assert found["runs"][0]["judges"] == []
    assert "Judges" not in rendered(found, 80)


def test_judges_of_one_model_are_told_apart_by_what_differs_and_ids_are_whole(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", n_concepts=1, n_pairs=4, n_between=0, lensed=False)
    settings = {
        "aaaaaaaaaaaa": ("r" * 16, {"text_limit": 4000, "max_tokens": 9}),
        "bbbbbbbbbbbb": ("s" * 16, {"text_limit": 500, "max_tokens": 9, "base_url": "http://127.0.0.1:9"}),
    }
    with transaction(study) as cursor:
        [(concept, sample), *_] = cursor.execute("select concept, sample_id from pairs order by all").fetchall()
        for judge, (rubric_hash, parameters) in settings.items():
            row = JudgeRow(judge, "anthropic", "m", "standard", rubric_hash, json.dumps(parameters), False, NOW)
            insert(cursor, [row])
            insert(cursor, [judgment_row(judge, concept, sample, 0, took(1, priced=True), scored=True)])
        for reason, usd in (("probe", 0.5), ("lost", 1.5), ("killed", 2.5)):
            insert(cursor, [JudgeExtraRow(reason, "aaaaaaaaaaaa", reason, usd, NOW)])  # type: ignore[arg-type]
    for shown in (rendered(build_status(study), 80), compared(study)):
        words = " ".join(shown.split())
        assert "aaaaaaaaaaaa" in shown
        assert "bbbbbbbbbbbb" in shown
        assert "anthropic:m (rubric standard rrrrrrrr, address: the usual one, text limit: 4000)" in words
        assert "anthropic:m (rubric standard ssssssss, address: http://127.0.0.1:9, text limit: 500)" in words
        assert "reply limit" not in words
    words = " ".join(rendered(build_status(study), 80).split())
    assert "+ $0.50 for finding out what its server can do + at most $4.00 for lost replies" in words


def compared(study: Path) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(agreement_table(build_agreement(study)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
