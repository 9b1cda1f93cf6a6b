"""The grains of the report: pack layers beside quadrants, units of every interval, and what is unknown."""

from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy import stats as scipy_stats

from db import connect
from engine.exchange.report import build_report
from engine.exchange.report_table import report_table
from engine.stats.findings import Settings
from tests.support.synthetic_study import RUN, build_study

QUICK = Settings(n_resamples=50)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two pack layers, with one concept that the pack does not hold."""
    folder = build_study(tmp_path_factory.mktemp("grains") / "study", n_concepts=8, n_pairs=12, n_between=1, seed=2)
    with connect(folder) as cursor:
        names = [row[0] for row in cursor.execute("select concept from run_concepts order by position").fetchall()]
        cursor.execute("update concepts set pack_layer = 2 where list_contains($names, concept)", {"names": names[:5]})
        cursor.execute(
            "insert into run_concepts values ($run, 'foreign', 99, null, 'not in the pack', 1, 1, 'study')",
            {"run": RUN},
        )
    return folder


@pytest.fixture(scope="module")
def report(study: Path) -> dict[str, Any]:
    return build_report(study, settings=QUICK)


def text(report: dict[str, Any]) -> str:
    out = StringIO()
    Console(file=out, width=110).print(report_table(report))
    return out.getvalue()


def test_pack_layers_hold_the_concepts_that_the_pack_has_there(report: dict[str, Any]) -> None:
    layers = {name: finding["n_concepts"] for name, finding in report["pack_layers"].items()}
    assert layers == {"1": 4, "2": 5, "none": 1}
    assert [concept["pack_layer"] for concept in report["concepts"]].count(2) == 5
    assert next(c for c in report["concepts"] if c["concept"] == "foreign")["pack_layer"] is None


def test_a_pack_layers_gap_is_that_of_its_concepts(study: Path, report: dict[str, Any]) -> None:
    own = [concept for concept in report["concepts"] if concept["pack_layer"] == 2]
    found = report["pack_layers"]["2"]
    assert found["n_positive_rated"] == sum(concept["n_positive_rated"] for concept in own)
    weights = [concept["n_positive_rated"] for concept in own]
    assert found["positive_mean"] == pytest.approx(np.average([c["positive_mean"] for c in own], weights=weights))
    gaps = [concept["gap"] for concept in own]
    plain = scipy_stats.ttest_1samp(gaps, 0).confidence_interval(0.95)
    # About as many ratings a concept, so nearly Student's t over the concepts' gaps.
    assert found["gap_high"] - found["gap_low"] == pytest.approx(plain.high - plain.low, rel=0.15)


def test_every_interval_says_its_units_and_their_number(report: dict[str, Any]) -> None:
    for finding in (report["overall"], *report["quadrants"].values(), report["pack_layers"]["1"]):
        assert "over concepts" in finding["gap_method"]
        assert finding["gap_n"] == finding["topicality"]["n"] <= finding["n_concepts"]
        assert finding["gap_within_ratings"]["n"] == finding["n_positive_rated"] + finding["n_negative_rated"]
        assert "added at the ends" in finding["topicality_within_ratings"]["method"]
        assert finding["gap_welch"]["method"] == "Welch t, 95%"
        assert finding["topicality"]["value"] + finding["degeneracy"]["value"] == pytest.approx(finding["gap"])
        bootstrap = finding["gap_bootstrap"]
        assert "bootstrap of ratings" in bootstrap["ratings"]["method"]
        assert "bootstrap of concepts" in bootstrap["concepts"]["method"]
        assert bootstrap["concepts"]["value"] == pytest.approx(finding["gap"])
    assert report["pack_layers"]["1"]["gap_weak"] is True


def test_a_concept_without_samples_is_unknown_at_its_own_grain_and_changes_no_other(report: dict[str, Any]) -> None:
    alone = report["pack_layers"]["none"]
    assert alone["gap"] is None
    assert alone["gap_reason"] == "no rating in the positive and the negative arm"
    assert alone["gap_bootstrap"]["concepts"] is None
    assert report["overall"]["gap_n"] == 9


def test_the_table_has_a_line_a_pack_layer_only_where_there_are_several(report: dict[str, Any]) -> None:
    shown = text(report)
    assert [line.split()[0:2] for line in shown.splitlines() if line.startswith(("layer", "no pack"))] == [
        ["layer", "1*"],
        ["layer", "2*"],
        ["no", "pack"],
    ]
    assert "under 29 concepts, which may lack a rare kind that fails" in shown
    one = {**report, "pack_layers": {"1": report["pack_layers"]["1"]}}
    assert "layer 1" not in "\n".join(text(one).splitlines()[:-4])


def test_the_table_says_why_the_overall_gap_or_its_interval_is_unknown(report: dict[str, Any]) -> None:
    assert "The overall gap" not in text(report)
    single = {"gap_low": None, "gap_high": None, "gap_method": "t; no interval: an arm has only one rating"}
    shown = text({**report, "overall": {**report["overall"], **single}})
    assert "The overall gap has no interval: an arm has only one rating." in shown
    none = {**single, "gap": None, "gap_reason": "no rating in the negative arm"}
    shown = text({**report, "overall": {**report["overall"], **none}})
    assert "The overall gap is unknown: no rating in the negative arm." in shown
