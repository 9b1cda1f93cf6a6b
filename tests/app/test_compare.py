"""Comparing sides: what the command tells is shown with its intervals and n, and no text of it is markup or a formula."""

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import data
from app.data import command
from app.viewmodels.run_comparison import (
    answer,
    comparison_csv,
    concepts_html,
    dumbbells,
    measures_html,
    settings_html,
)
from db import transaction
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import JUDGE, RUN

AT_WORK = SimpleNamespace(poll=lambda: None)


def estimate(value: float | None) -> dict[str, Any]:
    reason = None if value is not None else "no lens"
    return {"value": value, "low": None if value is None else value - 0.1, "high": (value or 0) + 0.1, "reason": reason}


def side(run: str) -> dict[str, Any]:
    return {"run": run, "judge": {"judge_id": "j", "name": "reader <b>"}}


def concept(name: str, before: float | None, after: float | None) -> dict[str, Any]:
    change = None if before is None or after is None else after - before
    values = {"before": before, "after": after, "difference": change, "n_before": 8, "n_after": 4, "reason": None}
    return {
        "concept": name,
        "measures": {"gap": values},
        "gap_test": {"low": -1.0, "high": 2.0, "adjusted_p": 0.03125, "p": 0.01},
    }


COMPARISON: dict[str, Any] = {
    "before": side(RUN),
    "after": side("other"),
    "differ": [{"name": "seed", "before": 0, "after": "<b>1</b>"}],
    "n_matched": 3,
    "measures": [
        {"measure": "gap", "among": "all", "n": 3, "n_missing": 1, "wilcoxon_p": 0.25, "adjusted_p": 0.25}
        | {"before": estimate(1.0), "after": estimate(None), "difference": estimate(0.5)}
    ],
    "concepts": [concept("calm", 1.0, 1.1), concept("=<img src=x>", 1.0, 3.0), concept("lost", None, 2.0)],
}


def test_rows_of_the_chart_are_known_on_both_sides_and_largest_first() -> None:
    assert [one.concept for one in dumbbells(COMPARISON, "gap")] == ["=<img src=x>", "calm"]
    assert dumbbells(COMPARISON, "f1") == []


def test_tables_hold_intervals_counts_reasons_and_no_markup_of_a_study() -> None:
    measures, concepts = measures_html(COMPARISON), concepts_html(COMPARISON, "gap", at_most=2)
    assert "+0.50" in measures
    assert "[0.40, 0.60]" in measures
    assert 'title="no lens"' in measures
    assert "3 (1 missing)" in measures
    assert "=&lt;img" in concepts
    assert "0.031" in concepts
    assert "lost" not in concepts


@pytest.mark.parametrize(
    ("p", "short"), [(None, "Cannot tell"), (0.05, "No clear difference"), (0.01, "Clearly different")]
)
def test_only_what_passes_its_test_is_told_as_different(p: float | None, short: str) -> None:
    said, because = answer(COMPARISON | {"measures": [COMPARISON["measures"][0] | {"adjusted_p": p}]})
    assert said == short
    assert ("Relevance gap +0.50" in because) == (p == 0.01)


def test_parameters_of_a_judge_are_told_without_its_address() -> None:
    both = {"before": '{"base_url": "http://ann:pw@host", "max_tokens": 9, "thinking": {"type": "off"}}', "after": "{x"}
    shown = settings_html({"differ": [{"name": "judge's parameters", **both}]})
    assert "max_tokens 9, thinking type off" in shown
    assert "pw@host" not in shown
    assert "{x" in shown


def test_the_csv_has_every_value_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_csv([COMPARISON]))))
    assert [row["concept"] for row in rows] == ["calm", "'=<img src=x>", "lost"]
    assert [row["difference"] for row in rows[1:]] == ["2.0", ""]
    assert {row["run_after"] for row in rows} == {"other"}


def test_one_run_is_nothing_to_compare(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Fewer than two runs" in html_of(open_screen(study, monkeypatch, "compare"))


def add_run(study: Path) -> None:
    """A second run with the same samples."""
    with transaction(study) as cursor:
        cursor.execute(
            "insert into runs select 'other', 'other run', '2027-01-01', config, model, model_fingerprint, pack_hash, "
            "template_set, template_hash, seed, versions from runs"
        )
        cursor.execute(
            "insert into prompts select 'other-' || sample_id, 'other', prompt_concept, template, draw, prompt, batch, seed "
            "from prompts"
        )
        cursor.execute(
            "insert into samples select 'other-' || sample_id, output, finish_reason, output_ids, n_prompt_tokens, "
            "generated_at from samples"
        )


@pytest.mark.parametrize("fault", [None, "The runs have no concept in common."])
def test_two_runs_are_compared_by_the_command(study: Path, monkeypatch: pytest.MonkeyPatch, fault: str | None) -> None:
    add_run(study)
    asked: list[list[str]] = []
    monkeypatch.setattr(command, "start", lambda arguments: asked.append(list(arguments)) or object())
    monkeypatch.setattr(command, "ended", lambda _: command.Ended(json.dumps([COMPARISON]), fault))
    app = open_screen(study, monkeypatch, "compare", run=RUN)
    assert asked == [["compare", "runs", str(study.resolve()), "--json", RUN, "other"]]
    shown = html_of(app)
    assert ("Both sides are as rated by reader &lt;b&gt;." in shown) == (fault is None)
    assert (fault or "&lt;b&gt;1&lt;/b&gt;") in shown
    assert len(app.get("plotly_chart")) == (0 if fault else 1)
    assert "<b>1</b>" not in shown


def test_ratings_meanwhile_leave_the_old_values_with_a_word_and_let_the_work_end(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_run(study)
    begun: list[object] = []
    told: list[command.Ended | None] = [command.Ended(json.dumps([COMPARISON]), None)]
    monkeypatch.setattr(command, "start", lambda _: begun.append(0) or SimpleNamespace(process=AT_WORK, seconds=1.0))
    monkeypatch.setattr(command, "ended", lambda _: told[0])
    monkeypatch.setattr(command, "stop", lambda _: pytest.fail("the work of before was broken off"))
    app = open_screen(study, monkeypatch, "compare", run=RUN)
    pair = data.load_page(study, RUN, JUDGE, data.Filters(), number=1, sort="run", form_rule="loop").rows[0]

    def rate(rating: int) -> str:
        of_pair = {"concept": pair.concept, "sample_id": pair.sample_id}
        data.add_override(
            study, RUN, **of_pair, rating=rating, reviewer="Ada", reason=None, rating_id=data.new_rating_id()
        )
        return html_of(app.run())

    assert "from before" not in html_of(app)
    told[0] = None
    for rating in (1, 2):
        shown = rate(rating)
        assert "The values below are from before." in shown
        assert "&lt;b&gt;1&lt;/b&gt;" in shown
    assert len(begun) == 2
    told[0] = command.Ended(json.dumps([COMPARISON]), None)
    assert "from before" not in html_of(app.run())
    assert len(begun) == 3
