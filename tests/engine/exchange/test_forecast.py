"""The plan as told beforehand is the plan as carried out."""

import json
from pathlib import Path

import pytest

from db import connect
from engine.config import StudyConfig
from engine.exchange.forecast import build_forecast
from engine.pipeline import run
from tests.support.command import Command

SETTINGS = {"per_quadrant": 1, "n_positive": 4, "n_negative": 5, "max_new_tokens": 6}


@pytest.fixture
def config(llama_folder: Path) -> StudyConfig:
    return StudyConfig(model=str(llama_folder), **SETTINGS)  # type: ignore[arg-type]


def test_forecast_is_what_the_run_then_does(config: StudyConfig, tmp_path: Path) -> None:
    study = tmp_path / "study"
    before = build_forecast(study, config)
    assert not study.exists()
    assert (before.n_generated, before.is_bound, before.seconds) == (0, True, None)
    assert before.n_tokens == before.n_to_generate * 6
    assert run(study, config, only=("select", "generate"), quiet=True).n_done["generate"] == before.n_to_generate
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from pairs where arm = 'positive'").fetchone() == (before.n_positive,)
        kinds = cursor.execute(
            "select negative_kind, count(*) from pairs where arm = 'negative' group by all"
        ).fetchall()
        prompts = cursor.execute("select count(*), count(distinct prompt) from prompts").fetchone()
        n_pairs = cursor.execute("select count(*) from pairs").fetchone()
    assert dict(kinds) == before.n_negative
    assert prompts == (before.n_samples, before.n_samples - before.n_duplicate_prompts)
    assert n_pairs == (before.n_samples + before.n_reused,)
    after = build_forecast(study, config)
    assert (after.n_to_generate, after.n_generated, after.n_tokens) == (0, before.n_samples, 0)


def test_a_rate_is_that_of_the_batches_in_spite_of_a_pause(config: StudyConfig, tmp_path: Path) -> None:
    study = tmp_path / "study"
    run(study, config, only=("select", "generate"), quiet=True)
    with connect(study) as cursor:
        # Batch n is finished n seconds after the first, but for an hour's pause before the last.
        cursor.execute(
            "update samples set generated_at = timestamp '2026-01-01' + to_seconds(q.batch) from prompts q "
            "where q.sample_id = samples.sample_id"
        )
        cursor.execute(
            "update samples set generated_at = generated_at + interval 1 hour from prompts q "
            "where q.sample_id = samples.sample_id and q.batch = (select max(batch) from prompts)"
        )
        rates = cursor.execute(
            "select sum(len(output_ids)) from samples join prompts using (sample_id) group by batch order by batch"
        ).fetchall()
    found = build_forecast(study, config).tokens_per_second
    assert found is not None
    assert min(rates[1:-1])[0] / 3600 < found <= max(rates)[0]


def test_plan_is_printed_and_writes_nothing(lensgap: Command, llama_folder: Path, tmp_path: Path) -> None:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    told = lensgap("plan", str(tmp_path / "study"), "--model", str(llama_folder), "--json", *flags)
    assert told.status == 0
    found = json.loads(told.stdout)
    assert found["n_positive"] == 16
    assert found["n_to_generate"] + found["n_reused"] == 16 + 20
    assert found["reason"]
    assert not (tmp_path / "study").exists()
