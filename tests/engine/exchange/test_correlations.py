"""Correlations in a report: the planted relation of gap and F1, and topic accuracy counted vote by vote."""

import io
import json
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from scipy.stats import spearmanr

from db import connect, insert, transaction
from db.rows import TopicRow
from engine.exchange.claims import build_claims
from engine.exchange.claims_table import claims_table
from engine.exchange.correlations import load_topic_accuracy
from engine.exchange.report import build_report
from engine.exchange.report_table import report_table
from tests.support.planted_runs import Planted, PlantedRun, build_runs

RATINGS = [(2, 2), (3, 3), (3, 4), (4, 4), (4, 5), (5, 5)]
F1 = [0.50, 0.55, 0.70, 0.65, 0.80, None]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    concepts = {f"c{i}": Planted(positive=own, f1=f1) for i, (own, f1) in enumerate(zip(RATINGS, F1, strict=True))}
    folder = build_runs(tmp_path_factory.mktemp("correlations") / "study", [PlantedRun("run", concepts)])
    matches = ["exact", "alias", "other", None]
    with connect(folder) as cursor:
        samples = [row[0] for row in cursor.execute("select sample_id from prompts order by sample_id").fetchall()]
    rows = [
        TopicRow(
            "reader", name, vote, "a topic", 0.5, None, "", 1, 1, 0.0, datetime(2026, 3, 1), topic_match=matches[vote]
        )  # type: ignore[arg-type]
        for name in samples
        if name.startswith("run-c0-")
        for vote in range(4)
    ]
    with transaction(folder) as cursor:
        insert(cursor, rows)
    return folder


def rendered(table: RenderableType, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


def test_topic_accuracy_is_the_share_of_known_matches_that_name_the_concept(study: Path) -> None:
    with connect(study) as cursor:
        assert load_topic_accuracy(cursor, "run", "reader") == {"c0": pytest.approx(2 / 3)}
        assert load_topic_accuracy(cursor, "run", None) == {}


def test_a_report_tells_how_each_predictor_goes_with_f1(study: Path) -> None:
    report = build_report(study)
    found = {one["predictor"]: one for one in report["correlations"]}
    in_terminal = rendered(report_table(report), 200)
    assert all(f"– {one['says']}\n" in in_terminal for one in found.values())
    assert set(found) == {"gap", "good share", "number of senses", "number of siblings", "topic accuracy"}
    gaps = [sum(own) / 2 - 1.5 for own in RATINGS[:5]]
    known = [f1 for f1 in F1 if f1 is not None]
    assert found["gap"]["spearman"]["value"] == pytest.approx(float(spearmanr(gaps, known).statistic))
    assert found["gap"]["spearman"]["n"] == 5
    assert "Over 5 concepts" in found["gap"]["says"]
    assert "does not vary" in found["number of senses"]["says"]
    assert "too few" in found["topic accuracy"]["says"]
    assert found["gap"]["others"] == ()
    json.dumps(list(found.values()), allow_nan=False)


def test_a_run_without_lenses_has_nothing_to_tell(tmp_path: Path) -> None:
    folder = build_runs(tmp_path / "study", [PlantedRun("run", {"gin": Planted()}, lenses=())])
    report = build_report(folder)
    assert "goes with F1" not in rendered(report_table(report), 200)
    assert "No lens has been trained." in rendered(claims_table(build_claims(folder)), 200)
    for one in report["correlations"]:
        assert one["spearman"]["value"] is None
        assert "cannot be told: 0 pairs are too few" in one["says"]
