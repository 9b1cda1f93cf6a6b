"""Groups of different concepts in planted runs: by run, quadrant and pack layer, and what is refused."""

import json
from pathlib import Path

import pytest
from scipy.stats import ttest_ind

from db import connect
from engine.errors import ConfigError
from engine.exchange.group_comparison import build_group_comparison
from tests.support.command import Command
from tests.support.planted_runs import Planted, PlantedRun, build_runs

EASY = {"gin": Planted((5, 5), f1=0.9), "rum": Planted((4, 5), f1=0.8)}
HARD = {"ale": Planted((2, 3), f1=0.6), "port": Planted((3, 3), f1=0.55), "gin\x1b[2J": Planted((1, 3), f1=0.5)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("groups") / "study"
    runs = [("easy", EASY, "reader"), ("hard", HARD, "reader"), ("again", EASY, "other")]
    build_runs(folder, [PlantedRun(name, own, pack=name, judges=(judge,)) for name, own, judge in runs])
    with connect(folder) as cursor:
        cursor.execute("update concepts set pack_layer = 0 where concept = 'ale'")
    return folder


def test_runs_of_different_concepts_are_compared_by_welchs_test_over_concepts(study: Path) -> None:
    found = {
        one["measure"]: one for one in build_group_comparison(study, runs=["easy", "hard"], by="run")["differences"]
    }
    gaps = [[sum(one.positive) / 2 - 1.5 for one in run.values()] for run in (EASY, HARD)]
    test = ttest_ind(gaps[1], gaps[0], equal_var=False)
    gap = found["gap"]["difference"]
    assert gap["value"] == pytest.approx(sum(gaps[1]) / 3 - sum(gaps[0]) / 2)
    assert (gap["low"], gap["high"]) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert (gap["n"], found["gap"]["p"]) == (5, pytest.approx(test.pvalue))
    assert found["f1"]["mean_first"]["value"] == pytest.approx(0.85)
    assert set(found) == {"gap", "good", "ceiling", "f1", "text_only_f1"}


def test_the_command_tells_pack_layers_apart_and_lets_no_control_through(study: Path, lensgap: Command) -> None:
    told = json.loads(lensgap("compare", "groups", study, "hard", "--json").stdout)
    (gap,) = (one for one in told["differences"] if one["measure"] == "gap")
    assert (gap["first"], gap["second"]) == ("layer 0", "layer 1")
    assert gap["difference"]["low"] is None
    shown = lensgap("compare", "groups", study, "hard").stdout
    assert "layer 0 has one concept only" in " ".join(shown.split())
    assert "\x1b[2J" not in shown


def test_ratings_of_different_judges_are_not_compared(study: Path) -> None:
    found = build_group_comparison(study, runs=["hard", "again"], by="run")
    assert {one["measure"] for one in found["differences"]} == {"good", "f1", "text_only_f1"}
    assert len(found["judges"]) == 2


@pytest.mark.parametrize(
    ("runs", "by", "told"),
    [
        (["hard"], "quadrant", "lie in one quadrant"),
        (["easy", "easy"], "run", "lie in one run"),
        (["easy", "again"], "run", 'The concept "gin" is in more than one of the runs'),
    ],
)
def test_one_group_and_concepts_that_would_count_twice_are_refused(
    study: Path, runs: list[str], by: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        build_group_comparison(study, runs=runs, by=by)  # type: ignore[arg-type]
