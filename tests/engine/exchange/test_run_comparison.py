"""Comparisons of runs and of lenses: what is matched, what is found (against scipy), what is kept, and what is refused."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import false_discovery_control, t, ttest_rel
from sklearn.metrics import f1_score

from app import data
from db import connect, transaction
from engine.comparing import choose_judges, choose_runs
from engine.config import StudyConfig
from engine.errors import ConfigError, RunMissing
from engine.exchange.comparison import Comparison
from engine.exchange.comparison_json import comparison_json
from engine.exchange.comparison_plot import comparison_panels
from engine.exchange.comparison_sides import LensWish, judge_of_all, stored_runs
from engine.exchange.comparison_table import comparison_tables, overview_table
from engine.exchange.kept_comparisons import keep_comparison
from engine.exchange.run_comparison import compare_judges, compare_lenses, compare_runs
from engine.exchange.told_comparisons import Summary, Told, overview, tell_together
from tests.support.command import Command
from tests.support.planted_runs import LOGISTIC, Planted, PlantedRun, build_runs

RNG = np.random.default_rng(5)
TERMS = tuple(f"concept {i}" for i in range(9))


def drawn() -> dict[str, Planted]:
    return {
        term: Planted(
            positive=tuple(RNG.integers(2, 6, 4).tolist()),
            negative=tuple(RNG.integers(1, 4, 4).tolist()),
            n_good=int(RNG.integers(0, 5)),
            f1=float(RNG.random()),
            text=float(RNG.random()),
        )
        for term in TERMS
    }


BEFORE = PlantedRun("before", drawn())
AFTER = PlantedRun(
    "after",
    drawn() | {"another": Planted(), "concept 1": Planted(f1=None, text=0.4), "concept 2": Planted(definition="else")},
    config=StudyConfig(sibling_share=0.0, judge="local:x"),
    pack="pack two",
)
SPLIT = PlantedRun(
    "split",
    {
        "concept 0 (one)": Planted(positive=(5, 5), f1=0.9, origin="concept 0"),
        "concept 0 (two)": Planted(positive=(3, 3), f1=0.5, origin="concept 0"),
        "concept 1 (one)": Planted(origin="concept 1", f1=None),
        "concept 1 (two)": Planted(origin="concept 1"),
        "concept 3": BEFORE.concepts["concept 3"],
    },
    pack="pack-split",
    made_by="split",
    made_from="pack",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prompt = ("logistic", 2, "prompt", "in_context")
    ridge = ("ridge", 3, "output", "in_context")
    runs = [replace(BEFORE, lenses=(LOGISTIC, prompt, ridge)), AFTER, SPLIT]
    return build_runs(tmp_path_factory.mktemp("runs") / "study", runs)


def compared(study: Path, before: str, after: str) -> Comparison:
    runs = stored_runs(study)
    return compare_runs(study, runs[before], runs[after])


def alone(comparison: Comparison) -> Told:
    (told,) = tell_together([comparison])
    return told


def summarised(comparison: Comparison) -> tuple[Summary, ...]:
    return alone(comparison).summaries


def values(run: PlantedRun, measure: str, term: str) -> float | None:
    one = run.concepts[term]
    found = {
        "gap": float(np.mean(one.positive) - np.mean(one.negative)),
        "good": min(one.n_good, len(one.positive)) / len(one.positive),
        "ceiling": ceiling(one),
        "f1": one.f1,
        "text_only_f1": one.text,
    }
    return found[measure]


def ceiling(one: Planted) -> float:
    """F1 of a lens that fires on just the texts that were rated on topic, or on all, by sklearn."""
    arms = [True] * len(one.positive) + [False] * len(one.negative)
    on_topic = [rating > 2 for rating in (*one.positive, *one.negative)]
    return max(f1_score(arms, on_topic, zero_division=0.0), f1_score(arms, [True] * len(arms)))


def test_differences_over_matched_concepts_are_those_of_a_paired_t_test(study: Path) -> None:
    comparison = compared(study, "before", "after")
    matched = [term for term in TERMS if term != "concept 2"]
    assert [pair.match.concept for pair in comparison.pairs] == matched
    for summary in summarised(comparison):
        sides = [[values(run, summary.measure, term) for term in matched] for run in (BEFORE, AFTER)]
        known = np.array([pair for pair in zip(*sides, strict=True) if None not in pair], dtype=float)
        oracle = ttest_rel(known[:, 1], known[:, 0])
        interval = oracle.confidence_interval(0.95)
        found = summary.paired.difference
        assert found.value == pytest.approx(np.mean(known[:, 1] - known[:, 0]))
        limit = 8 if summary.measure == "gap" else 1
        assert (found.low, found.high) == pytest.approx(np.clip(interval, -limit, limit))
        assert summary.paired.n == len(known) == (7 if summary.measure == "f1" else 8)
        assert summary.paired.n_missing == len(matched) - len(known)


def test_what_matches_no_concept_is_told_and_never_compared(study: Path) -> None:
    comparison = compared(study, "before", "after")
    assert comparison.unmatched == {
        "concept 2": "its definition differs in the run after",
        "another": "the run before does not have it",
    }


def test_settings_that_decide_what_is_compared_are_told_and_no_others(study: Path) -> None:
    comparison = compared(study, "before", "after")
    assert [(one.name, one.before, one.after) for one in comparison.settings] == [
        ("sibling_share", 0.4, 0.0),
        ("content of pack", "hash of pack", "hash of pack two"),
    ]
    assert comparison.variant == "sibling_share 0.0, content of pack hash of pack two"


def test_a_missing_side_is_null_with_its_reason_and_both_n(study: Path) -> None:
    comparison = compared(study, "before", "after")
    told = comparison_json("id", alone(comparison))
    (concept,) = (one for one in told["concepts"] if one["concept"] == "concept 1")
    assert concept["measures"]["f1"] == {
        "before": BEFORE.concepts["concept 1"].f1,
        "after": None,
        "difference": None,
        "n_before": 8,
        "n_after": 4,
        "reason": "after: too few pairs",
    }


def test_senses_stand_together_against_the_concept_before(study: Path) -> None:
    comparison = compared(study, "before", "split")
    assert comparison.kind == "splitting"
    assert comparison.variant == "pack-split"
    by_concept = {pair.match.concept: pair for pair in comparison.pairs}
    assert set(by_concept) == {"concept 0", "concept 1", "concept 3"}
    before, after = by_concept["concept 0"].measures["f1"]
    assert (before.value, after.value, after.n) == (BEFORE.concepts["concept 0"].f1, pytest.approx(0.7), 8)
    assert by_concept["concept 0"].measures["gap"][1].value == pytest.approx((5 + 3) / 2 - 1.5)
    assert by_concept["concept 1"].measures["f1"][1].value is None
    assert by_concept["concept 1"].measures["f1"][1].reason == "1 of 2 senses: too few pairs"
    assert {(s.among, s.paired.n + s.paired.n_missing) for s in summarised(comparison)} == {
        ("changed", 2),
        ("unchanged", 1),
    }


def test_a_split_concept_is_compared_only_when_all_its_senses_are_there(tmp_path: Path) -> None:
    part = replace(SPLIT, concepts={k: v for k, v in SPLIT.concepts.items() if k in ("concept 0 (one)", "concept 3")})
    whole = build_runs(tmp_path / "study", [BEFORE, replace(SPLIT, run_id="whole"), part])
    with connect(whole) as cursor:
        cursor.execute("delete from run_concepts where run_id = 'whole' and concept = 'concept 0 (two)'")
    comparison = compared(whole, "before", "whole")
    assert comparison.unmatched["concept 0"] == "only 1 of its 2 senses are in the run after"
    assert "concept 0 (one)" not in {term for pair in comparison.pairs for term in pair.match.after}


def test_senses_of_another_pack_match_nothing(tmp_path: Path) -> None:
    study = build_runs(tmp_path / "study", [BEFORE, replace(SPLIT, made_from="a pack that is not there")])
    comparison = compared(study, "before", "split")
    assert [pair.match.concept for pair in comparison.pairs] == ["concept 3"]
    assert comparison.kind == "setting"


def test_bucketing_sets_concepts_apart_whose_siblings_it_changed(tmp_path: Path) -> None:
    siblings = {"a": ("b", "c"), "b": ("a", "c"), "c": ("a", "b")}
    before = PlantedRun("before", {term: Planted(siblings=others) for term, others in siblings.items()})
    after = PlantedRun(
        "after",
        {
            "a": Planted(siblings=("b",), f1=0.9),
            "b": Planted(siblings=("a",), f1=0.6),
            "c": Planted(siblings=("a", "b")),
        },
        pack="pack-bucketed",
        made_by="bucket",
        made_from="pack",
    )
    comparison = compared(build_runs(tmp_path / "study", [before, after]), "before", "after")
    assert comparison.kind == "bucketing"
    found = {(s.among, s.measure): s.paired for s in summarised(comparison)}
    assert found["changed", "f1"].difference.value == pytest.approx(-0.05)
    assert (found["changed", "f1"].n_rose, found["changed", "f1"].n_fell) == (1, 1)
    assert found["unchanged", "f1"].n == 1
    assert not found["unchanged", "f1"].difference.has_interval


def test_one_concept_gives_no_interval(tmp_path: Path) -> None:
    one = {"a": Planted()}
    study = build_runs(tmp_path / "study", [PlantedRun("x", one), PlantedRun("y", {"a": Planted(f1=0.9)})])
    found = summarised(compared(study, "x", "y"))
    assert all(not summary.paired.difference.has_interval and summary.paired.n == 1 for summary in found)
    assert found[3].paired.difference.value == pytest.approx(0.1)
    assert "only one" in found[3].paired.difference.method


def test_runs_without_a_concept_in_common_are_refused(tmp_path: Path) -> None:
    study = build_runs(tmp_path / "study", [PlantedRun("x", {"a": Planted()}), PlantedRun("y", {"b": Planted()})])
    with pytest.raises(ConfigError, match="no concept in common"):
        compared(study, "x", "y")
    with pytest.raises(ConfigError, match="itself"):
        compared(study, "x", "x")


def test_gaps_of_different_judges_are_not_compared(tmp_path: Path) -> None:
    concepts = {term: Planted() for term in TERMS}
    other = PlantedRun("y", concepts, judges=("another",))
    study = build_runs(tmp_path / "study", [PlantedRun("x", concepts), other])
    with connect(study) as cursor:
        pairs = cursor.execute("select run_id, concept, sample_id from pairs").fetchall()
    for i, (run_id, concept, sample_id) in enumerate(pairs):
        chosen = {"concept": concept, "sample_id": sample_id, "reviewer": "Ada", "reason": None}
        data.add_override(study, run_id, rating=1 + i % 5, rating_id=f"r{i}", **chosen)
    comparison = compared(study, "x", "y")
    gap = summarised(comparison)[0].paired
    assert (gap.n, gap.difference.value) == (0, None), "what people said of some pairs is no gap of all"
    for measure in ("gap", "ceiling"):
        assert comparison.pairs[0].measures[measure][0].reason == "no judge has rated both sides"
    runs = stored_runs(study)
    with pytest.raises(ConfigError, match="has not rated both"):
        compare_runs(study, runs["x"], runs["y"], judge_id="another")


def test_a_judge_that_reads_the_pack_is_the_same_judge_on_a_derived_pack(study: Path, tmp_path: Path) -> None:
    runs = [replace(BEFORE, judges=("one",)), replace(SPLIT, judges=("two",))]
    folder = build_runs(tmp_path / "study", runs)
    with connect(folder) as cursor:
        for judge in ("one", "two"):
            cursor.execute(
                "update judges set backend = 'offline', model = 'm', is_baseline = true, rubric_hash = $judge, "
                "parameters = $told where judge_id = $judge",
                {"judge": judge, "told": json.dumps({"bins": [1], "pack": judge})},
            )
    comparison = compared(folder, "before", "split")
    assert comparison.before.judge is not None
    assert comparison.after.judge is not None
    assert (comparison.before.judge.judge_id, comparison.after.judge.judge_id) == ("one", "two")
    assert "baseline" in printed(comparison)


def test_lenses_of_one_run_are_compared_by_what_differs(study: Path) -> None:
    run = stored_runs(study)["before"]
    first = LensWish("logistic", 2, "output", "in_context", "mean")
    comparison = compare_lenses(study, run, first, replace(first, phase="prompt"))
    assert [one.name for one in comparison.settings] == ["phase"]
    assert {s.measure for s in summarised(comparison)} == {"f1", "auc", "text_only_f1"}
    assert comparison.pairs[0].measures["auc"][0].reason is not None
    two = compare_lenses(study, run, first, replace(first, family="ridge", layer=3))
    assert two.variant == "family ridge, layer 3"
    with pytest.raises(ConfigError, match="the same lenses"):
        compare_lenses(study, run, first, first)
    with pytest.raises(ConfigError, match="side after: family sun"):
        compare_lenses(study, run, first, replace(first, family="sun"))


def test_a_comparison_is_kept_once_and_anew_when_a_result_changed(study: Path) -> None:
    def kept() -> tuple[int, int]:
        with connect(study) as cursor:
            counts = "select (select count(*) from comparisons), (select count(*) from comparison_results)"
            return cursor.execute(counts).fetchone() or (0, 0)

    comparison = compared(study, "before", "after")
    before = kept()
    identity = keep_comparison(study, comparison)
    assert keep_comparison(study, compared(study, "before", "after")) == identity
    assert kept() == (before[0] + 1, before[1] + 8 * 5)
    pair = comparison.pairs[0]
    one, other = pair.measures["f1"]
    changed = replace(pair, measures={**pair.measures, "f1": (one, replace(other, value=0.123))})
    assert keep_comparison(study, replace(comparison, pairs=(changed, *comparison.pairs[1:]))) != identity
    with connect(study) as cursor:
        found = cursor.execute(
            "select before, after, n, reason from comparison_results where comparison_id = $id and concept = 'concept 1' "
            "and measure = 'f1'",
            {"id": identity},
        ).fetchall()
    assert found == [(BEFORE.concepts["concept 1"].f1, None, 4, "after: too few pairs")]


def printed(comparison: Comparison, width: int = 160) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(comparison_tables(alone(comparison)))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_tells_what_differs_and_escapes_what_a_pack_says(tmp_path: Path) -> None:
    hostile = {"\x1b[31mred": Planted(), "[bold]b": Planted(f1=0.6)}
    runs = [PlantedRun("x", hostile), PlantedRun("y", hostile, config=StudyConfig(template_set="\x1b[2J"))]
    study = build_runs(tmp_path / "study", runs)
    shown = printed(compared(study, "x", "y"))
    assert "\x1b" not in shown
    assert "\\x1b[31mred" in shown
    assert "[bold]b" in shown
    assert "template_set: standard → \\x1b[2J" in shown


def test_the_table_says_how_senses_stand_against_a_concept(study: Path) -> None:
    shown = printed(compared(study, "before", "split"))
    assert "the mean over their senses" in shown
    assert "concept 0 (2 senses)" in shown
    assert "Not compared: concept 2" in shown


def test_each_concept_is_tested_by_itself_and_false_finds_are_held_down(tmp_path: Path) -> None:
    clear = Planted(positive=(5, 4, 5, 4, 5, 4), negative=(1, 2, 1, 2, 1, 2))
    none = Planted(positive=(2, 1, 2, 1, 2, 1), negative=(1, 2, 1, 2, 1, 2))
    runs = [
        PlantedRun("x", {"lost": clear, "same": clear, "few": Planted(positive=(4,))}),
        PlantedRun("y", {"lost": none, "same": clear, "few": Planted(positive=(5,))}),
    ]
    study = build_runs(tmp_path / "study", runs)
    with transaction(study) as cursor:
        cursor.execute("update lens_measures set low = value - 0.1, high = value + 0.1 where measure = 'f1'")
    comparison = compared(study, "x", "y")
    told = comparison_json("id", alone(comparison))
    found = {one["concept"]: one["tests"] for one in told["concepts"]}
    assert set(found["lost"]) == {"gap", "good", "ceiling", "f1", "text_only_f1"}
    # Lenses of two groups have one degree of freedom each, and half an interval is the critical value times the error.
    half = 0.1 * 2**0.5
    assert (found["lost"]["f1"]["low"], found["lost"]["f1"]["high"]) == pytest.approx((-half, half))
    assert found["lost"]["f1"]["p"] == pytest.approx(1.0)
    assert found["lost"]["good"]["adjusted_p"] == pytest.approx(1.0)
    assert found["lost"]["text_only_f1"]["p"] is None
    tests = {concept: one["gap"] for concept, one in found.items()}
    assert tests["few"]["p"] is None
    assert "fewer than two ratings" in tests["few"]["method"]
    # Four arms of six ratings with the variance 0.3 each: Welch's t has the 4 * (6 - 1) degrees of freedom of a pooled test.
    assert tests["lost"]["p"] == pytest.approx(2 * t.sf(3.0 / (4 * 0.3 / 6) ** 0.5, 20))
    assert [tests[one]["adjusted_p"] for one in ("lost", "same")] == pytest.approx(
        false_discovery_control([tests[one]["p"] for one in ("lost", "same")])
    )
    assert "each tested by itself: gap of 1 of 2, good of 0 of 3" in printed(comparison)


def test_several_runs_stand_in_one_table_with_all_p_adjusted_together(tmp_path: Path) -> None:
    runs = [
        replace(BEFORE, lenses=(LOGISTIC,)),
        AFTER,
        PlantedRun("third", drawn(), config=StudyConfig(temperature=1.5)),
    ]
    study = build_runs(tmp_path / "study", runs)
    first, others = choose_runs(study, [])
    assert (first.run_id, [one.run_id for one in others]) == ("before", ["after", "third"])
    comparisons = [compare_runs(study, first, other) for other in others]
    rows = overview(comparisons)
    told = tell_together(comparisons)
    summaries = [summary for one in told for summary in one.summaries]
    assert [row.paired for row in rows] == [summary.paired for summary in summaries]
    together = pytest.approx(false_discovery_control([row.paired.wilcoxon_p for row in rows]))
    assert [row.p for row in rows] == together
    assert [summary.p for summary in summaries] == together
    assert [one["adjusted_p"] for side in told for one in comparison_json("id", side)["measures"]] == together
    # So are the tests of single concepts, over all sides.
    gaps = [test for side in told for test in side.tests["gap"]]
    assert {side.comparison.after.run_id for side in told if any(test.p for test in side.tests["gap"])} == {
        "after",
        "third",
    }
    known = [test for test in gaps if test.change.p is not None]
    assert [test.p for test in known] == pytest.approx(false_discovery_control([test.change.p for test in known]))
    assert all(test.p is None for test in gaps if test.change.p is None)
    console = Console(file=StringIO(), width=80)
    console.print(overview_table(comparisons))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    panels = comparison_panels(told)
    assert [panel.sides for panel in panels] == [("after", "third")] * 5
    drawn_means = [mean for panel in panels for mean in panel.means]
    assert sorted(map(str, drawn_means)) == sorted(str(row.paired.difference) for row in rows)
    assert [len(some) for panel in panels for some in panel.concepts] == [mean.n for mean in drawn_means]
    assert shown.startswith("All against before")
    assert shown.index("third: temperature: 0.7 → 1.5") < shown.index("measure")
    assert shown.count(" third ") == 5
    assert "temperature: 0.7 → 1.5" in printed(comparisons[1])


def test_the_plot_is_one_page_without_a_network_in_which_names_are_only_text(tmp_path: Path, lensgap: Command) -> None:
    runs = [PlantedRun("<b>x", {"<script>gin": Planted()}), PlantedRun("y", {"<script>gin": Planted(positive=(3, 3))})]
    study, plot = build_runs(tmp_path / "study", runs), tmp_path / "new" / "plot.html"
    told = lensgap("compare", "runs", study, "--plot", plot, "--json")
    assert told.status == 0, told.stderr
    assert f"Plot: {plot}" in told.stderr
    assert len(json.loads(told.stdout)) == 1
    page = plot.read_text()
    assert "<h1>Differences from &lt;b&gt;x</h1>" in page
    assert "<script>gin" not in page
    assert '<script src="http' not in page
    policy = page.split('http-equiv="Content-Security-Policy" content="')[1].partition('"')[0]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL)
    assert set(re.findall(r"'sha256-(.*?)'", policy)) == {
        b64encode(sha256(s.encode()).digest()).decode() for s in scripts
    }
    wrong = lensgap("compare", "runs", study, "--plot", tmp_path / "plot.pdf")
    assert (wrong.status, "has no known plot format" in wrong.stderr) == (1, True)


def test_several_runs_are_read_with_a_judge_that_rated_them_all(tmp_path: Path) -> None:
    concepts = {term: Planted() for term in TERMS[:2]}
    rated = {"x": ("own", "shared"), "y": ("own", "shared"), "z": ("shared",), "w": ("another",)}
    runs = [PlantedRun(name, concepts, judges=judges) for name, judges in rated.items()]
    first, others = choose_runs(build_runs(tmp_path / "study", runs), [])
    assert judge_of_all(first, others[:2]) == "shared"
    assert judge_of_all(first, others) is None


def test_runs_of_two_studies_are_compared_and_kept_in_neither(tmp_path: Path) -> None:
    here = build_runs(tmp_path / "here", [BEFORE])
    there = build_runs(tmp_path / "there", [AFTER, replace(BEFORE, concepts=drawn())])
    first, others = choose_runs(here, ["before", str(there), f"{there}:after"])
    assert [(one.study, one.run_id) for one in others] == [(there, "before"), (there, "after")]
    same_id, other = (compare_runs(here, first, one) for one in others)
    assert same_id.settings == ()
    assert [pair.match.concept for pair in same_id.pairs] == list(TERMS)
    together = compared(build_runs(tmp_path / "both", [BEFORE, AFTER]), "before", "after")
    assert other.pairs == together.pairs
    assert keep_comparison(here, other) == keep_comparison(here, other)
    with connect(here) as cursor:
        assert cursor.execute("select count(*) from comparisons").fetchall() == [(0,)]
    told = comparison_json("id", alone(other))
    assert (told["before"]["study"], told["after"]["study"]) == (None, str(there))
    assert f"before → {there}:after" in printed(other).replace("\n", "")
    with pytest.raises(RunMissing, match="holds no run nowhere"):
        choose_runs(here, ["before", f"{there}:nowhere"])
    with pytest.raises(RunMissing, match="FOLDER:RUN"):
        choose_runs(here, ["before", str(tmp_path)])


def test_judges_of_one_run_are_compared_on_the_same_texts(tmp_path: Path) -> None:
    study = build_runs(tmp_path / "study", [replace(BEFORE, judges=("one", "two", "three"))])
    with transaction(study) as cursor:
        cursor.execute("update judgments set rating = 1 where judge_id = 'two' and rating = 2")
    run, first, others = choose_judges(study, "before", ["one", "two"])
    assert (first, others) == ("one", ["two"])
    comparison = compare_judges(study, run, first, "two")
    assert [(one.name, one.before, one.after) for one in comparison.settings] == [
        ("judge", "one", "two"),
        ("judge's model", "one", "two"),
    ]
    gap, ceiling_ = summarised(comparison)
    lowered = [
        float(np.mean([1 if rating == 2 else rating for rating in arm]) - np.mean(arm))
        for one in BEFORE.concepts.values()
        for arm in (one.positive, one.negative)
    ]
    assert gap.paired.difference.value == pytest.approx(np.mean(np.subtract(lowered[::2], lowered[1::2])))
    assert ceiling_.measure == "ceiling"
    # Both read the same texts, so that no concept is tested as if its ratings were drawn twice.
    told = comparison_json("id", alone(comparison))
    assert {one["gap_test"]["p"] for one in told["concepts"]} == {None}
    identity = keep_comparison(study, comparison)
    assert keep_comparison(study, compare_judges(study, run, first, "two")) == identity
    assert len(choose_judges(study, "before", [])[2]) == 2
    for judges, said in ((("one", "nobody"), "has not rated run before"), (("one", "one"), "with itself")):
        with pytest.raises(ConfigError, match=said):
            compare_judges(study, run, *judges)
    with pytest.raises(ConfigError, match="needs two judges"):
        choose_judges(study, "before", ["one"])
