"""What the rubric lab is made of: its choice of pairs, prices, agreement, files and commands."""

import json
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from app import data
from app.data import command
from app.data.rubric_lab import Candidate, TriedPair, load_pool, load_tried
from app.data.rubrics import (
    FIELDS,
    faults,
    keep_tried,
    load_sources,
    make_rubric,
    name_fault,
    next_version,
    save_version,
)
from app.viewmodels.judges import judge_labels
from app.viewmodels.rubric_lab import Price, ask_label, budget, build_trial, choose, read_judge_id, read_price
from app.widgets.lab_editor import changed_lines
from app.widgets.lab_session import Setup, address_of, arguments
from db import connect, insert, transaction
from db.rows import RatingRow
from engine.cli import app as cli
from engine.commands.judge import _pairs
from engine.errors import ConfigError
from engine.judges.costs.preflight import Example, ToAsk, forecast_judging, preflight_json
from engine.judges.costs.prices import load_prices
from engine.prompts.rubrics import load_rubric
from engine.words import number
from tests.support.synthetic_study import JUDGE, RUN

KEY = "sk-planted-key"
NOW = datetime(2026, 11, 22, 10)
STANDARD = load_rubric("standard")
TEXTS = {field: getattr(STANDARD, field) for field in FIELDS}


def candidate(i: int, arm: str, quadrant: str | None, old: float | None, people: int | None) -> Candidate:
    return Candidate(f"concept {i % 5}", f"s{i}", arm, None, quadrant, old, people, False, "text")


candidates = st.lists(
    st.tuples(
        st.sampled_from(["positive", "negative"]),
        st.sampled_from(["A", "B", "C", "D", None]),
        st.sampled_from([1.0, 2.4, 5.0, None]),
        st.sampled_from([None, None, 3]),
    ),
    max_size=60,
).map(lambda rows: [candidate(i, *row) for i, row in enumerate(rows)])


@given(pool=candidates, n=st.integers(1, 30))
@settings(deadline=None)
def test_pairs_that_people_rated_are_chosen_first_and_each_once(pool: list[Candidate], n: int) -> None:
    chosen = choose(pool, n)
    assert len(set(chosen)) == len(chosen) == min(n, len(pool))
    rated = {pair.key for pair in pool if pair.people_rating is not None}
    assert len(rated & set(chosen)) == min(n, len(rated))
    assert choose(pool, n) == chosen


def test_the_choice_is_spread_over_arms_quadrants_and_ratings() -> None:
    # Nine tenths of the pool are of one kind.
    pool = [candidate(i, "positive", "A", 5.0, None) for i in range(360)]
    pool += [
        candidate(400 + i, arm, quadrant, rating, None)
        for i, (arm, quadrant, rating) in enumerate(
            (arm, quadrant, rating)
            for arm in ("positive", "negative")
            for quadrant in "ABCD"
            for rating in (1.0, 2.0, 3.0, 4.0, 5.0)
        )
    ]
    chosen = {pair.key: pair for pair in pool}
    picked = [chosen[key] for key in choose(pool, 20)]
    for counts, fair in (
        (Counter(pair.arm for pair in picked), 10),
        (Counter(pair.quadrant for pair in picked), 5),
        (Counter(pair.old_rating for pair in picked), 4),
    ):
        assert all(abs(n - fair) <= 1 for n in counts.values()), counts


def test_the_pool_leaves_blank_texts_out_and_keeps_its_order(full_study: Path) -> None:
    pool = load_pool(full_study, RUN, JUDGE, n_rows=1000)
    with connect(full_study) as cursor:
        texts = dict(cursor.execute("select sample_id, output from samples").fetchall())
        pairs = cursor.execute("select concept, sample_id from pairs").fetchall()
    blank = " \t\n\r\f\v"
    assert {pair.key for pair in pool} == {(c, s) for c, s in pairs if texts[s].strip(blank)}
    assert any(not text.strip(blank) for text in texts.values())
    assert load_pool(full_study, RUN, JUDGE, n_rows=50) == pool[:50]
    few = load_pool(full_study, RUN, JUDGE, n_rows=1000, arm="negative", quadrants=("A", "none"))
    assert {pair.key for pair in few} == {p.key for p in pool if p.arm == "negative" and p.quadrant in ("A", None)}


def test_the_pool_begins_the_same_whether_or_not_all_pairs_are_looked_at(study: Path) -> None:
    whole = load_pool(study, RUN, JUDGE, n_rows=1000)
    for i, pair in enumerate(whole[3:9]):
        about = {"concept": pair.concept, "sample_id": pair.sample_id, "reviewer": "Ada", "reason": None}
        data.add_override(study, RUN, **about, rating=1 + i % 5, rating_id=f"rating-{i}")
    rated = load_pool(study, RUN, JUDGE, n_rows=1000)
    assert {pair.key for pair in rated[:6]} == {pair.key for pair in whole[3:9]}
    assert all(load_pool(study, RUN, JUDGE, n_rows=n) == rated[:n] for n in (1, 4, 6, 7, 20))


def tried_pair(i: int, old: float | None, new: float | None, people: int | None) -> TriedPair:
    return TriedPair(
        f"concept {i % 4}", f"s{i}", "positive", None, "A", old, new, people, False, True, None, None, "text"
    )


def test_a_bias_nearer_to_nothing_is_no_change_for_the_worse() -> None:
    """The judge was two too high on each of eight pairs and is now one too low."""
    trial = build_trial(tried_pair(i, people + 2.0, people - 1.0, people) for i, people in enumerate([2, 3] * 4))
    bias = next(measure for measure in trial.measures if measure.name == "Bias")
    assert bias.change.startswith("−")
    assert not bias.is_worse
    back = build_trial(tried_pair(i, people - 1.0, people + 2.0, people) for i, people in enumerate([2, 3] * 4))
    assert [measure.is_worse for measure in back.measures if measure.name in ("Within 1", "Bias")] == [True, True]


ratings = st.one_of(st.none(), st.integers(1, 5).map(float))


@given(rows=st.lists(st.tuples(ratings, ratings, st.one_of(st.none(), st.integers(1, 5))), max_size=40))
@settings(deadline=None, max_examples=20)
def test_agreement_is_compared_on_pairs_that_all_three_rated(
    rows: list[tuple[float | None, float | None, int | None]],
) -> None:
    trial = build_trial(tried_pair(i, *row) for i, row in enumerate(rows))
    rated = [row for row in rows if None not in row]
    assert trial.n_people == len(rated)
    assert trial.n_needed == max(0, 10 - len(rated))
    kappa = trial.measures[0]
    for which, shown in ((0, kappa.before), (1, kappa.after)):
        judge, people = [row[which] for row in rated], [row[2] for row in rated]
        known = len(rated) >= 10 and len(set(judge)) > 1 and len(set(people)) > 1
        expected = cohen_kappa_score(judge, people, weights="quadratic", labels=[1, 2, 3, 4, 5]) if known else None
        assert shown == number(expected)
    both = [new - old for old, new, _ in rows if old is not None and new is not None]
    assert trial.n_changed == sum(moved != 0 for moved in both)
    assert trial.moved.value == (pytest.approx(sum(both) / len(both)) if both else None)


def test_unscored_pairs_come_first_then_the_largest_changes() -> None:
    rows = [(3.0, 3.0), (1.0, 5.0), (None, 2.0), (4.0, None), (5.0, 4.0)]
    trial = build_trial(tried_pair(i, old, new, None) for i, (old, new) in enumerate(rows))
    assert [pair.sample_id for pair in trial.pairs] == ["s3", "s1", "s4", "s0", "s2"]
    assert trial.to_rate == ("concept 3", "s3")
    assert (trial.n_scored, trial.n_unscored) == (4, 1)


def test_ratings_by_people_reach_the_trial(study: Path) -> None:
    pair = load_pool(study, RUN, JUDGE, n_rows=1)[0]
    row = RatingRow("r", RUN, *pair.key, "Ada", "override", 2, None, None, False, None, NOW)
    with transaction(study) as cursor:
        insert(cursor, [row])
    found = load_tried(study, RUN, JUDGE, tried=JUDGE, chosen=[pair.key])[0]
    assert (found.people_rating, found.is_override, found.new_rating) == (2, True, found.old_rating)
    assert load_pool(study, RUN, JUDGE, n_rows=1)[0].key == pair.key


def price(n_calls: int = 20, likely: float | None = 0.002, high: float | None = 0.1) -> Price:
    return Price("anthropic:m", n_calls, 0, 1, 0, 1, likely, high, ())


@given(high=st.floats(1e-6, 1e3), spent=st.floats(0, 1e3))
def test_a_budget_covers_the_high_figure_in_whole_cents(high: float, spent: float) -> None:
    limit = budget(price(high=high), spent_usd=spent)
    assert limit is not None
    assert -1e-6 <= limit - (spent + high) < 0.01 + 1e-6
    assert float(f"{limit:.2f}") == pytest.approx(limit)


def test_the_price_is_what_the_command_line_tells() -> None:
    ask = ToAsk("relevance", 22, 2, 9_000, (Example(4_000, 800, 600),))
    found = forecast_judging([ask], judge="anthropic:claude-haiku-5-5", price=load_prices(None).find("claude-haiku-5-5"), max_tokens=1024)  # fmt: skip  # noqa: E501
    read = read_price(json.dumps(preflight_json(found)))
    assert (read.n_calls, read.n_by_rule, read.likely_usd, read.high_usd) == (20, 2, found.likely_usd, found.high_usd)
    assert read.assumed[1:] == found.assumptions
    assert ask_label(read, 22) == f"Ask 22 for about ${found.likely_usd:.4f}"


@pytest.mark.parametrize("output", ["", "[]", "3", "{}", '{"kinds": 3, "cost": {}}', '{"kinds": [], "cost": []}', "no"])
def test_what_is_no_price_is_refused(output: str) -> None:
    with pytest.raises(ValueError):
        read_price(output)
    with pytest.raises(ValueError):
        read_judge_id(output)


def test_the_command_line_understands_what_the_lab_sends(full_study: Path, tmp_path: Path) -> None:
    class Here:
        folder, run = full_study, data.load_runs(full_study)[0]

    setup = Setup(TEXTS, "standard", 1, "anthropic:m", "http://127.0.0.1:9", (("a: <b> c", "s1"), ("--yes", "s2")))
    sent = [*arguments(Here, setup, tmp_path / "r.toml"), "--yes", "--json", "--budget", "0.11"]  # type: ignore[arg-type]
    judge = typer.main.get_command(cli).commands["judge"]  # type: ignore[attr-defined]
    got = judge.commands["try"].make_context("try", sent[2:]).params
    assert (got["study"], got["run_id"], got["judge"], got["base_url"]) == (
        full_study.resolve(),
        RUN,
        "anthropic:m",
        "http://127.0.0.1:9",
    )
    assert _pairs(got["pair"]) == setup.pairs
    assert (got["rubric"], got["yes"], got["as_json"], got["budget"]) == (str(tmp_path / "r.toml"), True, True, 0.11)


@pytest.mark.parametrize("address", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/messages"])
def test_an_address_is_compared_as_the_study_keeps_it(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert address_of(address) == "http://h:1"
    monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
    assert address_of(None) == "http://h:1"


@given(system=st.text(min_size=1).filter(lambda text: text.strip() and "{" not in text), note=st.text(max_size=400))
@settings(deadline=None, max_examples=25)
def test_a_saved_version_reads_back_as_it_was(system: str, note: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("study")
    rubric = make_rubric(TEXTS | {"relevance_system": system}, name="own", version=4)
    file = save_version(folder, rubric, note=note, today=date(2026, 11, 22))
    assert load_rubric(str(file)) == rubric
    assert [path.name for path in file.parent.iterdir()] == ["own-4.toml"]


def test_no_version_is_written_over(tmp_path: Path) -> None:
    first = make_rubric(TEXTS, name="own", version=1)
    file = save_version(tmp_path, first, note="", today=NOW)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="already exists"):
        save_version(tmp_path, replace(first, relevance_system="Other."), note="", today=NOW)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["own-1.toml"]


def test_versions_count_on_from_what_is_there(tmp_path: Path) -> None:
    assert next_version(tmp_path, "standard") == STANDARD.version + 1
    assert next_version(tmp_path, "own") == 1
    (tmp_path / "rubrics").mkdir()
    for name in ("own-2", "own-10", "own-x-30", "owner-40", "own"):
        (tmp_path / "rubrics" / f"{name}.toml").write_text("")
    assert next_version(tmp_path, "own") == 11


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "own-2", "x" * 41, "ä"])
def test_a_name_that_is_no_file_name_is_refused(name: str, tmp_path: Path) -> None:
    assert name_fault(name)
    if name:
        with pytest.raises(ConfigError):
            save_version(tmp_path, make_rubric(TEXTS, name=name, version=1), note="", today=NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_text_of_the_judge_on_screen_is_found_by_its_hash(tmp_path: Path) -> None:
    rubric = make_rubric(TEXTS | {"relevance_system": "Tried."}, name="standard", version=1)
    keep_tried(tmp_path, rubric)
    keep_tried(tmp_path, rubric)
    sources, faulty = load_sources(tmp_path, judge_hash=rubric.hash)
    assert [source.key for source in sources] == ["bundled:standard", f"tried:{rubric.hash}"]
    assert sources[1].texts["relevance_system"] == "Tried."
    assert faulty == ()
    for hash_ in ("../../etc", "", None, "0" * 16):
        assert len(load_sources(tmp_path, judge_hash=hash_)[0]) == 1


def test_each_field_has_its_own_fault() -> None:
    wrong = {"relevance_question": "{text} {concept} {arm}", "topic_question": "{text} {text}", "topic_system": " "}
    found = faults(wrong, STANDARD)
    assert set(found) == set(wrong)
    assert all(sentence.startswith("This text ") for sentence in found.values()), found


def test_changed_lines_are_those_that_are_gone_or_new() -> None:
    assert changed_lines(TEXTS, TEXTS) == []
    assert changed_lines(TEXTS | {"topic_system": "a\nb"}, TEXTS | {"topic_system": "a\nc"}) == ["- b", "+ c"]


def run_python(script: str, monkeypatch: pytest.MonkeyPatch) -> command.Started:
    monkeypatch.setattr(command, "COMMAND", (sys.executable, "-c"))
    return command.start([script])


def wait(work: command.Started) -> command.Ended:
    work.process.wait(20)
    found = command.ended(work)
    assert found is not None
    return found


def test_a_command_gives_its_output_and_its_last_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    done = wait(run_python("import sys; print('x' * 100_000); print('bar', file=sys.stderr)", monkeypatch))
    assert (len(done.output), done.fault) == (100_001, None)
    failed = wait(run_python("import sys; print('bar\\n\\nIt failed.\\n', file=sys.stderr); sys.exit(1)", monkeypatch))
    assert failed.fault == "It failed."
    assert "status 3" in (wait(run_python("raise SystemExit(3)", monkeypatch)).fault or "")


def test_a_command_is_asked_nothing_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait(run_python("import sys; print(repr(sys.stdin.read()))", monkeypatch)).output == "''\n"
    work = run_python("import time; time.sleep(60)", monkeypatch)
    assert command.ended(work) is None
    began = time.monotonic()
    command.stop(work)
    assert work.process.poll() is not None
    assert time.monotonic() - began < 30


def test_judges_of_one_model_are_told_apart() -> None:
    judge = data.Judge("aaaaaaaa", "anthropic", "m", "standard", False, 80, 0.1)
    judges = (judge, replace(judge, judge_id="bbbbbbbb", n_votes=20), replace(judge, judge_id="cccccccc", n_votes=20))
    other = replace(judge, judge_id="dddddddd", model="n")
    assert list(judge_labels([*judges, other]).values()) == [
        "anthropic · m · standard, 80 votes",
        "anthropic · m · standard, 20 votes (bbbbbb)",
        "anthropic · m · standard, 20 votes (cccccc)",
        "anthropic · n",
    ]


def test_what_a_command_advises_is_told_in_terms_of_the_button_that_started_it() -> None:
    told = command._fault("Asking.\nThe server has gone. What is judged is kept; run the same command again.\n", 1)
    assert told == "The server has gone. What is judged is kept; press the button again."
