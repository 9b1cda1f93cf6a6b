"""The report: its documented shape, its numbers against loops over the raw rows, and its tables at any width."""

import json
import re
import shutil
from collections import defaultdict
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, Group

from app.data import load_judges, load_runs
from db import connect, insert, transaction
from db.rows import JudgeRow, JudgmentRow, LensMeasureRow, RatingRow, RunRow
from engine.exchange.agreement import build_agreement
from engine.exchange.report import build_report
from engine.exchange.report_table import report_table
from engine.exchange.status import status_table
from engine.stats.findings import Settings
from tests.support.command import Command
from tests.support.synthetic_study import JUDGE, RUN, START, build_study

Table = list[dict[str, Any]]
FINDING = {
    "n_positive": int,
    "n_negative": int,
    "positive_mean": float,
    "negative_mean": float,
    "gap": float,
    "gap_low": float,
    "gap_high": float,
    "form": dict,
    "ceilings": dict,
    "lens": dict,
}
LENS = {"mean_f1", "low", "high", "always_positive_f1"}
FORMS = {"empty", "short", "repetitive", "good"}
SHOWN_OF_A_CEILING = ("value", "low", "high", "n", "method", "reason", "floor")
CEILINGS = {"published", "propagation", "label_noise", "gap_linear"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic study where a person has changed three verdicts and undone one of them."""
    folder = build_study(tmp_path_factory.mktemp("report") / "study", n_concepts=8, n_pairs=16, seed=4)
    pairs = read(folder, "select * from pairs order by concept, position limit 3")
    rows = [override(f"r{i}", pair, 5) for i, pair in enumerate(pairs)]
    rows.append(override("undo", pairs[2], None, undoes="r2"))
    with transaction(folder) as cursor:
        for row in rows:
            insert(cursor, [row])
    return folder


def override(name: str, pair: dict[str, Any], rating: int | None, undoes: str | None = None) -> RatingRow:
    place = (pair["run_id"], pair["concept"], pair["sample_id"])
    return RatingRow(name, *place, "ann", "override", rating, undoes, None, False, None, datetime(2026, 1, 2))


def read(study: Path, statement: str) -> Table:
    with connect(study) as cursor:
        result = cursor.execute(statement)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.fixture
def report(study: Path, lensgap: Command) -> dict[str, Any]:
    found = lensgap("report", study, "--json")
    assert found.status == 0
    return json.loads(found.stdout)


def check_finding(finding: dict[str, Any]) -> None:
    for name, kind in FINDING.items():
        assert finding[name] is None or isinstance(finding[name], kind), name
    assert set(finding["form"]) == {"positive", "negative"}
    for shares in finding["form"].values():
        assert set(shares) == FORMS
        assert sum(shares.values()) == pytest.approx(1)
        assert all(0 <= share <= 1 for share in shares.values())
    assert set(finding["ceilings"]) >= CEILINGS
    for ceiling in finding["ceilings"].values():
        assert ceiling["value"] is None or 0 <= ceiling["value"] <= 1


def test_shape_is_the_documented_one(report: dict[str, Any]) -> None:
    assert isinstance(report["n_samples"], int)
    assert list(report["quadrants"]) == ["A", "B", "C", "D"]
    for finding in [report["overall"], *report["quadrants"].values()]:
        check_finding(finding)
        assert set(finding["lens"]) >= LENS
        assert 0 <= finding["lens"]["mean_f1"] <= 1
    assert len(report["concepts"]) == 10
    for concept in report["concepts"]:
        check_finding(concept)
        assert isinstance(concept["concept"], str)
        assert concept["quadrant"] in {"A", "B", "C", "D", None}
        assert (concept["quadrant"] is None) == (concept["quadrant_reason"] is not None)


def verdicts(study: Path) -> dict[tuple[str, str], int | None]:
    """The rating in force of each pair: a person's that is not undone, else the judge's."""
    found = {(row["concept"], row["sample_id"]): row["rating"] for row in read(study, "select * from judgments")}
    ratings = read(study, "select * from ratings order by order_number")
    undone = {row["undoes"] for row in ratings}
    for row in ratings:
        if row["undoes"] is None and row["rating_id"] not in undone:
            found[row["concept"], row["sample_id"]] = row["rating"]
    return found


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_numbers_are_those_of_loops_over_the_rows(study: Path, report: dict[str, Any]) -> None:
    in_force = verdicts(study)
    pairs, forms = read(study, "select * from pairs"), read(study, "select * from forms")
    form_of = {row["sample_id"]: row["form_loop"] for row in forms}
    quadrant_of = {row["concept"]: row["quadrant"] for row in read(study, "select * from run_concepts")}
    lenses = [row for row in read(study, "select * from lens_results") if row["family"] == "logistic"]
    deepest = max(row["layer"] for row in lenses)
    assert report["n_samples"] == len(read(study, "select * from samples"))
    assert report["lens"] == {"family": "logistic", "layer": deepest}

    groups: dict[str, tuple[dict[str, Any], set[str]]] = {"overall": (report["overall"], set(quadrant_of))}
    for name, finding in report["quadrants"].items():
        groups[name] = (finding, {concept for concept, quadrant in quadrant_of.items() if quadrant == name})
    for finding in report["concepts"]:
        groups[f"concept {finding['concept']}"] = (finding, {finding["concept"]})

    for name, (finding, concepts) in groups.items():
        mine: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for pair in pairs:
            if pair["concept"] in concepts:
                mine[pair["arm"]].append(pair)
        means = {}
        for arm in ("positive", "negative"):
            assert finding[f"n_{arm}"] == len(mine[arm])
            rated = [in_force[pair["concept"], pair["sample_id"]] for pair in mine[arm]]
            means[arm] = mean([float(rating) for rating in rated if rating is not None])
            assert finding[f"{arm}_mean"] == pytest.approx(means[arm])
            for form in FORMS:
                share = mean([float(form_of[pair["sample_id"]] == form) for pair in mine[arm]])
                assert finding["form"][arm][form] == pytest.approx(share)
        assert finding["gap"] == pytest.approx(means["positive"] - means["negative"])
        if finding["gap_low"] is not None:
            assert finding["gap_low"] <= finding["gap"] <= finding["gap_high"]
        f1 = [row["f1"] for row in lenses if row["concept"] in concepts and row["layer"] == deepest]
        known = [value for value in f1 if value is not None]
        value = finding["lens"]["f1" if name.startswith("concept") else "mean_f1"]
        assert value == (pytest.approx(mean(known)) if known else None)


def put_measures(study: Path, lens_id: str, rates: dict[str, tuple[float, float, float] | str]) -> None:
    """Give a lens the measures beside its F1: value and interval of 20 pairs, or why there is none."""
    rows = [
        LensMeasureRow(lens_id, name, None, None, None, 0, found, "a rate")
        if isinstance(found, str)
        else LensMeasureRow(lens_id, name, *found, 20, None, "a rate")
        for name, found in rates.items()
    ]
    with transaction(study) as cursor:
        insert(cursor, rows)


def test_lenses_come_with_harder_f1s_and_the_shortcut_alarm_each_known_or_null_with_a_reason(
    study: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    deepest = read(copied, "select * from lens_results where family = 'logistic' order by layer desc, concept limit 4")
    high, low = (0.8, 0.6, 0.9), (0.2, 0.1, 0.4)
    names = ("fires_on_degenerate_negative", "fires_on_good_negative", "f1_sibling_negatives", "f1_good_outputs")
    put_measures(copied, deepest[0]["lens_id"], dict(zip(names, (high, low, low, high), strict=True)))
    put_measures(copied, deepest[1]["lens_id"], dict(zip(names, (low, high, high, "no arm"), strict=True)))
    nothing = ("fires_on_degenerate_negative", "fires_on_degenerate_positive")
    put_measures(copied, deepest[2]["lens_id"], dict.fromkeys(nothing, "there is no degenerate output"))
    concepts = {one["concept"]: one for one in build_report(copied)["concepts"]}
    alarmed, calm, none, unmeasured = (concepts[row["concept"]]["lens"] for row in deepest)

    assert alarmed["alarm"].startswith("This lens fires on 80% of 20 degenerate negatives but on 20% of 20 good ones")
    assert [alarmed["f1_sibling_negatives"][key] for key in ("value", "low", "high", "n")] == [*low, 20]
    assert (calm["alarm"], calm["alarm_reason"], calm["f1_good_outputs"]["value"]) == (None, None, None)
    assert calm["f1_good_outputs"]["reason"] == "no arm"
    assert (none["alarm"], none["alarm_reason"]) == (None, "there is no degenerate output")
    assert (unmeasured["alarm"], unmeasured["alarm_reason"]) == (None, "it was not measured")
    assert unmeasured["f1_sibling_negatives"]["reason"] == "it was not measured"
    # The same stands beside every lens of the concept, the deepest of which is the one above.
    [listed] = [
        lens
        for lens in concepts[deepest[0]["concept"]]["lenses"]
        if (lens["family"], lens["layers"]) == ("logistic", deepest[0]["layers"])
    ]
    assert {name: listed[name] for name in ("alarm", "alarm_reason", *names[2:])}.items() <= alarmed.items()


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def expected_cells(finding: dict[str, Any]) -> list[str]:
    lens = finding["lens"]
    interval = (
        ["–"] if finding["gap_low"] is None else [f"[{shown(finding['gap_low'])},", f"{shown(finding['gap_high'])}]"]
    )
    return [
        str(finding["n_positive"] + finding["n_negative"]),
        *(shown(finding[name]) for name in ("positive_mean", "negative_mean", "gap")),
        *interval,
        shown(finding["form"]["positive"]["good"]),
        shown(finding["ceilings"]["label_noise"]["value"]),
        shown(finding["target"]["value"]),
        shown(lens["mean_f1"] if "mean_f1" in lens else lens["f1"]),
        shown(lens["always_positive_f1"]),
    ]


def in_order_of_the_table(concepts: Table) -> Table:
    """By quadrant, those without one last; within it the largest gap first, unknown gaps last."""
    ordered: Table = []
    for quadrant in ("A", "B", "C", "D", None):
        mine = [concept for concept in concepts if concept["quadrant"] == quadrant]
        known = [concept for concept in mine if concept["gap"] is not None]
        while known:
            largest = max(known, key=lambda concept: concept["gap"])
            known.remove(largest)
            ordered.append(largest)
        ordered += [concept for concept in mine if concept["gap"] is None]
    return ordered


@pytest.mark.parametrize("columns", [80, 120, None])
def test_table_shows_every_number_whole_on_one_line(
    study: Path, report: dict[str, Any], lensgap: Command, monkeypatch: pytest.MonkeyPatch, columns: int | None
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    found = lensgap("report", study)
    lines = [line for line in found.stdout.splitlines() if re.match(r"(overall|quadrant [A-D]|[A-D–] \S)", line)]
    findings = [report["overall"], *report["quadrants"].values(), *in_order_of_the_table(report["concepts"])]
    assert len(lines) == len(findings)
    for line, finding in zip(lines, findings, strict=True):
        assert line.split()[-len(expected_cells(finding)) :] == expected_cells(finding)
        assert len(line) <= (columns or 160)
        if columns != 80 and "concept" in finding:
            assert finding["concept"] in line


def rendered(table: Group) -> str:
    """What a terminal is sent, without its styles."""
    sent = StringIO()
    Console(file=sent, width=160, color_system=None).print(table)
    return sent.getvalue()


def test_concepts_of_unknown_gap_come_last_in_their_quadrant_and_json_keeps_the_order_of_the_run(
    study: Path, report: dict[str, Any]
) -> None:
    run_order = [row["concept"] for row in read(study, "select concept from run_concepts order by position")]
    assert [concept["concept"] for concept in report["concepts"]] == run_order
    last = min((c for c in report["concepts"] if c["quadrant"] == "A"), key=lambda concept: concept["concept"])
    last["gap"] = None
    rows = re.findall(r"^[A-D–] .*$", rendered(report_table(report)), re.MULTILINE)
    ordered = in_order_of_the_table(report["concepts"])
    assert ordered != report["concepts"]
    assert [row[0] for row in rows] == [concept["quadrant"] or "–" for concept in ordered]
    assert all(concept["concept"] in row for concept, row in zip(ordered, rows, strict=True))


EVIL = "gin\x1b[2J\x9b31m\nrum\u202egip\r"
SHOWN = r"gin\x1b[2J\x9b31m\nrum\u202egip\r"


def test_no_control_of_a_study_reaches_the_terminal_and_a_row_stays_a_row(report: dict[str, Any]) -> None:
    n_lines = len(rendered(report_table(report)).splitlines())
    report["concepts"][0]["concept"] = EVIL
    report["quadrants"][EVIL] = report["quadrants"].pop("D")
    report["judge"]["model"] = report["lens"]["family"] = EVIL
    sent = rendered(report_table(report))
    assert not set(sent) & set("\x1b\x9b\u202e\r")
    assert re.sub(r"\s", "", sent).count(SHOWN) == 4
    assert len(sent.splitlines()) <= n_lines + 1, "only the legend may wrap once more"


def test_no_control_of_a_run_reaches_the_terminal(study: Path, lensgap: Command) -> None:
    status = json.loads(lensgap("status", study, "--json").stdout)
    n_lines = len(rendered(status_table(status)).splitlines())
    status["study"] = status["runs"][0]["run"] = status["runs"][0]["model"] = EVIL
    sent = rendered(status_table(status))
    assert not set(sent) & set("\x1b\x9b\u202e\r")
    assert sent.count(SHOWN) == 4
    assert len(sent.splitlines()) == n_lines


def test_lenses_above_the_ceiling_are_cautioned_about_in_both_forms(
    study: Path, lensgap: Command, tmp_path: Path
) -> None:
    assert json.loads(lensgap("report", study, "--json").stdout)["caution"] is None
    assert "Caution" not in lensgap("report", study).stdout
    better = build_study(tmp_path / "study", n_concepts=8, n_pairs=16, seed=4)
    with transaction(better) as cursor:
        cursor.execute(
            "update lens_measures m set value = 0.99 + 0.01 * (length(l.concept) % 2), low = null, high = null "
            "from lenses l where l.lens_id = m.lens_id and m.measure = 'f1'"
        )
    found = json.loads(lensgap("report", better, "--json").stdout)
    assert re.match(
        r"Lenses measure (1\.00|0\.99) on average, 0\.\d\d \[0\.\d\d, 0\.\d\d\] above this ceiling", found["caution"]
    )
    assert f"Caution: {found['caution']}" in re.sub(r"\s+", " ", lensgap("report", better).stdout)


def test_intervals_over_few_concepts_are_marked_and_the_mark_is_explained(
    study: Path, report: dict[str, Any], lensgap: Command
) -> None:
    shown_report = lensgap("report", study).stdout
    marked = {name for name in report["quadrants"] if f"quadrant {name}*" in shown_report}
    assert marked == {name for name, finding in report["quadrants"].items() if finding["n_concepts"] > 1} != set()
    assert "overall*" in shown_report
    assert 8 <= report["overall"]["n_concepts"] < 29
    assert "a kind of concept that makes up one in ten" in report["overall"]["gap_weak_because"]
    for finding in (report["overall"], *report["quadrants"].values()):
        assert finding["parts_weak_because"] == finding["gap_weak_because"]
    assert "*: under 29 concepts" in re.sub(r"\s+", " ", shown_report)


def test_options_change_what_they_say(study: Path, report: dict[str, Any], lensgap: Command) -> None:
    changed = json.loads(
        lensgap("report", study, "--json", "--target", "0.5", "--form-rule", "study", "--k", "3").stdout
    )
    assert changed["settings"]["user_target"] == 0.5
    assert changed["settings"]["k"] == 3
    assert changed["form_rule"] == "study"
    forms = {row["sample_id"]: row["form_study"] for row in read(study, "select * from forms")}
    positives = [pair["sample_id"] for pair in read(study, "select * from pairs") if pair["arm"] == "positive"]
    good = mean([float(forms[sample_id] == "good") for sample_id in positives])
    assert changed["overall"]["form"]["positive"]["good"] == pytest.approx(good)


def test_what_ceilings_would_be_stands_at_each_setting_as_if_it_were_set(
    study: Path, report: dict[str, Any], lensgap: Command
) -> None:
    set_so = ("--stability", "0.62", "--k", "3", "--json", "--sensitivity")
    changed = json.loads(lensgap("report", study, *set_so).stdout)
    of = {"stability": ("propagation", 0.75, 0.62), "k": ("label_noise", 2, 3)}
    for name, (model, before, after) in of.items():
        for setting, found in ((before, report), (after, changed)):
            for one in (found["overall"], *found["quadrants"].values(), *found["pack_layers"].values()):
                (point,) = (point for point in one["sensitivity"][name]["points"] if point["at"] == setting)
                assert one["sensitivity"][name]["model"] == model
                assert {key: one["ceilings"][model][key] for key in SHOWN_OF_A_CEILING}.items() <= point.items()
                assert model != "label_noise" or point["target"] == one["target"]
    assert all("sensitivity" in concept for concept in changed["concepts"])
    assert not any("sensitivity" in concept for concept in report["concepts"]), "only those who ask wait for it"


def test_the_table_of_what_ceilings_would_be_has_every_group_and_concept_and_marks_the_setting(
    study: Path, report: dict[str, Any], lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = lensgap("report", study, "--sensitivity").stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    heads = [line.split() for line in lines if line.split()[:1] in (["s"], ["k"])]
    assert heads == [["s", "0.7", "s", "0.75*", "s", "0.8", "s", "0.9", "s", "1"], ["k", "2*", "k", "3", "k", "4"]]
    overall = [line for line in lines if line.startswith("overall")]
    for line, name in zip(overall, ("stability", "k"), strict=True):
        points = {point["at"]: point for point in report["overall"]["sensitivity"][name]["points"]}
        first, last = points[min(points)], points[max(points)]
        assert line.split()[1] == f"{first['value']:.2f}"
        assert line.split()[-3] == f"{last['value']:.2f}"
        assert line.split()[-1] == ("–" if last["target"]["value"] is None else f"{last['target']['value']:.2f}")
    assert sum(line.startswith(("overall", "quadrant")) for line in lines) == 2 * 5
    assert sum(bool(re.match(r"[A-D–] \S", line)) for line in lines) == 2 * len(report["concepts"])


def test_unjudged_study_reports_unknown_and_no_zero(tmp_path: Path, lensgap: Command) -> None:
    study = build_study(tmp_path / "study", judged=False, lensed=False)
    found = json.loads(lensgap("report", study, "--json").stdout)
    overall = found["overall"]
    assert found["judge"] is None
    assert (overall["gap"], overall["positive_mean"], overall["lens"]["mean_f1"]) == (None, None, None)
    assert overall["gap_reason"]
    assert lensgap("report", study).status == 0


def test_ungenerated_study_reports_and_shows_its_status(tmp_path: Path, lensgap: Command) -> None:
    study = build_study(tmp_path / "study", generated=False)
    found = json.loads(lensgap("report", study, "--json").stdout)
    assert found["n_samples"] == 0
    assert found["overall"]["form"]["positive"]["good"] is None
    assert lensgap("report", study).status == 0
    assert json.loads(lensgap("status", study, "--json").stdout)["runs"][0]["n_samples"] == 0


def test_unknown_run_is_told(study: Path, lensgap: Command) -> None:
    found = lensgap("report", study, "--run", "nope")
    assert found.status == 1
    assert "nope" in found.stderr


@pytest.mark.parametrize("columns", [80, 120, None])
def test_status_counts_the_rows_and_keeps_them_whole(
    study: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch, columns: int | None
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    [run] = json.loads(lensgap("status", study, "--json").stdout)["runs"]
    n = {name: len(read(study, f"select * from {name}")) for name in ("run_concepts", "pairs", "samples", "lenses")}
    assert (run["n_concepts"], run["n_pairs"], run["n_samples"], run["n_lenses"]) == tuple(n.values())
    assert run["n_ratings_by_people"] == 3
    shown_status = lensgap("status", study).stdout
    assert all(len(line) <= (columns or 160) for line in shown_status.splitlines())
    [line] = [line for line in shown_status.splitlines() if line.startswith(run["run"])]
    samples = f"{n['samples']} of {len(read(study, 'select * from prompts'))}"
    assert re.sub(r" +", " ", line).startswith(f"{run['run']} {n['run_concepts']} {n['pairs']} {samples} ")


def test_the_run_and_judge_that_nobody_asked_for_are_the_same_on_every_screen(tmp_path: Path) -> None:
    folder = build_study(tmp_path / "study", n_concepts=2, n_pairs=6, lensed=False)
    later = datetime(2027, 1, 1)
    with transaction(folder) as cursor:
        [(config, pack)] = cursor.execute("select config, pack_hash from runs").fetchall()
        insert(cursor, [RunRow("empty", "e", later, config, "m", "f" * 16, pack, "standard", "t" * 16, 1, "{}")])
        pairs = cursor.execute("select concept, sample_id from pairs order by all").fetchall()
        # Many votes without a score, three quarters with one, as many by a newer judge, all by the baseline, and a mere trial.
        most = 3 * len(pairs) // 4
        for judge, n, rating in (("mute", len(pairs), None), ("few", most, 4), ("new", most, 2), ("tried", 3, 2)):
            made = later if judge == "new" else START
            insert(cursor, [JudgeRow(judge, "anthropic", judge, "standard", "h", "{}", False, made)])
            said = (rating, None, None if rating else "refused", "raw", 1, 1, 0.0, START)
            insert(cursor, [JudgmentRow(judge, *pair, vote, *said) for pair in pairs[:n] for vote in range(2)])
    report = build_report(folder, settings=Settings(n_resamples=10))
    assert (report["run"], report["judge"]["id"]) == (RUN, "new")
    assert [judge.judge_id for judge in load_judges(folder, RUN)] == ["new", "few", JUDGE, "tried", "mute"]
    assert [run.run_id for run in load_runs(folder) if run.is_default] == [RUN]
    assert build_agreement(folder)["run"] == RUN
