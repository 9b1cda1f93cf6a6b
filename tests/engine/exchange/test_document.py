"""The report as a document: its numbers are the report's, a dash has its reason, and what is written holds no markup."""

import base64
import copy
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from scipy.stats import beta

from db import insert, transaction
from db.rows import RatingRow
from engine.exchange.document import facts as facts_module
from engine.exchange.document import gaps
from engine.exchange.document.activations import activation_section
from engine.exchange.document.build import build_document, numbers_hash
from engine.exchange.document.drift import drift_tables
from engine.exchange.document.facts import StudyFacts, read_facts
from engine.exchange.document.model import Cell, Command, Document, Row, Section, Table, letters
from engine.exchange.document.shares import share_over_concepts
from engine.exchange.document.summary import short_answer
from engine.exchange.report import build_report
from engine.exchange.report_html.page import changes, render_page, script_json
from engine.exchange.report_markdown import escaped, render_markdown
from engine.stats.findings import Settings
from engine.terminal import visible
from engine.words import UNKNOWN, number
from tests.support.synthetic_study import build_study

NOW = datetime(2026, 11, 22, 12)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("document") / "study", n_concepts=8, n_pairs=16, seed=4)


@pytest.fixture(scope="module")
def report(study: Path) -> dict[str, Any]:
    return build_report(study)


@pytest.fixture(scope="module")
def document(study: Path, report: dict[str, Any]) -> Document:
    return build_document(study, report, now=NOW)


def tables(document: Document) -> Iterator[Table]:
    for section in document.sections:
        yield from (block for block in section.blocks if isinstance(block, Table))


def table(document: Document, title: str) -> Table:
    return next(one for one in tables(document) if one.title == title)


def cell(found: Table, row: str, column: str) -> Cell:
    place = [one.name for one in found.columns].index(column)
    return next(one.cells[place] for one in found.rows if one.cells[0].value == row)


def test_tables_say_what_the_report_says(document: Document, report: dict[str, Any]) -> None:
    by_group, ceilings = table(document, "Gap by group"), table(document, "Ceilings by group")
    groups = {"overall": report["overall"]} | {f"quadrant {q}": one for q, one in report["quadrants"].items()}
    for name, one in groups.items():
        found = cell(by_group, name, "gap")
        assert found.value == number(one["gap"])
        assert found.note == f"[{number(one['gap_low'])}, {number(one['gap_high'])}] n {one['gap_n']}"
        assert cell(ceilings, name, "label noise").value == number(one["ceilings"]["label_noise"]["value"])
        assert cell(table(document, "F1 by group"), name, "lens F1").value == number(one["lens"]["mean_f1"])
    concepts = table(document, "Concepts")
    for one in report["concepts"]:
        assert cell(concepts, one["concept"], "F1").value == number(one["lens"]["f1"])
        if one["lens"]["f1"] is not None:
            harder = cell(table(document, "F1 on harder pairs, and shortcuts"), one["concept"], "siblings only")
            assert harder.value == number(one["lens"]["f1_sibling_negatives"]["value"])


def test_lenses_with_a_shortcut_alarm_come_first_with_what_was_seen(
    study: Path, report: dict[str, Any], document: Document
) -> None:
    *_, last = [row.cells[0].value for row in table(document, "F1 on harder pairs, and shortcuts").rows]
    changed = copy.deepcopy(report)
    [lens] = [one["lens"] for one in changed["concepts"] if one["concept"] == last]
    lens |= {"alarm": "This lens fires on loops.", "alarm_reason": None}
    found = table(build_document(study, changed, now=NOW), "F1 on harder pairs, and shortcuts")
    assert found.rows[0].cells[0].value == last
    assert (found.rows[0].cells[-1].value, found.rows[0].cells[-1].why) == ("yes", "This lens fires on loops.")
    assert found.rule.startswith("1 of ")


def test_what_ceilings_would_be_is_told_by_group_with_the_target_beneath(
    document: Document, report: dict[str, Any]
) -> None:
    by_cut = table(document, "If the cut-off were another: the label noise ceiling")
    assert [column.name for column in by_cut.columns] == ["group", "k 2 (as set)", "k 3", "k 4"]
    for name, one in (("overall", report["overall"]), ("quadrant A", report["quadrants"]["A"])):
        for point in one["sensitivity"]["k"]["points"]:
            shown = cell(by_cut, name, f"k {point['at']:g}{' (as set)' if point['at'] == 2 else ''}")
            assert shown.value == number(point["value"])
            asked = point["target"]["value"]
            assert shown.note.endswith(f"→ {number(asked)}" if asked else "→ no target")
    by_stability = table(document, "If stability were another: the propagation ceiling")
    assert len(by_stability.columns) == 8


def test_concepts_stand_by_their_gap_the_smallest_first(document: Document, report: dict[str, Any]) -> None:
    gaps_of = {one["concept"]: one["gap"] for one in report["concepts"]}
    shown = [gaps_of[row.cells[0].value] for row in table(document, "Concepts").rows]
    known = [gap for gap in shown if gap is not None]
    assert known == sorted(known)
    assert shown[: len(known)] == known


@pytest.mark.parametrize(
    "lacks", [{"judged": False}, {"lensed": False}, {"generated": False}, {"degenerate_share": 1.0}], ids=str
)
def test_every_dash_has_a_reason_whatever_the_study_lacks(tmp_path: Path, lacks: dict[str, Any]) -> None:
    folder = build_study(tmp_path / "study", n_concepts=4, n_pairs=4, **lacks)
    check_dashes(build_document(folder, build_report(folder), now=NOW))


def test_every_dash_of_a_whole_study_has_a_reason(document: Document) -> None:
    check_dashes(document)


def check_dashes(found: Document) -> None:
    for one in tables(found):
        for row in one.rows:
            for each in row.cells:
                is_label = each is row.cells[0] and each.value == UNKNOWN
                assert each.value != UNKNOWN or each.why or is_label, (one.title, row.cells[0].value)
                assert not each.why or one.reasons[_place(one.mark(each))] == each.why
    assert "nan" not in render_markdown(found).casefold().split()
    assert found.answer in render_page(found)


def _place(mark: str) -> int:
    return next(i for i in range(10_000) if letters(i) == mark)


@pytest.mark.parametrize(
    ("target", "answer"), [(0.01, r"Yes, 0\.01"), (0.99, r"Not 0\.99, but 0\.\d\d|No, neither 0\.99 nor")]
)
def test_the_answer_follows_from_what_is_asked_for(study: Path, target: float, answer: str) -> None:
    assert re.match(answer, short_answer(build_report(study, settings=Settings(user_target=target))))


def test_without_ratings_the_answer_is_not_known(tmp_path: Path) -> None:
    folder = build_study(tmp_path / "study", n_concepts=4, n_pairs=4, judged=False)
    assert short_answer(build_report(folder)) == "The data cannot tell yet"


def test_quadrants_of_the_same_gap_are_not_ordered(study: Path, report: dict[str, Any]) -> None:
    level = copy.deepcopy(report)
    for one in level["quadrants"].values():
        one["gap"] = 0.0
    told = json.dumps(render_markdown(build_document(study, level, now=NOW)))
    assert "The gap is the same in every quadrant" in told
    assert "smallest in quadrant" not in told


def test_a_baseline_is_warned_of_and_a_model_is_not(study: Path, document: Document, report: dict[str, Any]) -> None:
    assert any("baseline" in warning for warning in document.warnings)
    judge = report["judge"] | {"is_baseline": False}
    assert build_document(study, report | {"judge": judge}, now=NOW).warnings == ()


def test_a_long_table_of_concepts_is_cut_by_a_stated_rule(
    study: Path, report: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "MOST_CONCEPTS", 3)
    found = table(build_document(study, report, now=NOW), "Concepts")
    assert len(found.rows) == 3
    assert f"The 3 concepts with the smallest known gaps of {len(report['concepts'])}" in found.rule
    smallest = sorted(one["gap"] for one in report["concepts"] if one["gap"] is not None)[:3]
    assert [row.cells[4].order for row in found.rows] == smallest


def test_examples_are_drawn_alike_each_time_and_cut_as_they_say(
    study: Path, report: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, "EXAMPLE_CHARS", 60)
    drawn, again = (read_of(study, report).examples for _ in range(2))
    assert drawn == again
    groups = Counter((one.quadrant, one.form == "good") for one in drawn)
    assert len(groups) > 4
    assert max(groups.values()) == facts_module.EXAMPLES_EACH
    for one in drawn:
        assert len(one.text) <= 60
        assert one.n_cut == 0 or len(one.text) == 60
        assert one.loop is None or 0 <= one.loop[0] < one.loop[1] <= len(one.text)
    assert any(one.loop for one in drawn)


def read_of(study: Path, report: dict[str, Any]) -> StudyFacts:
    return read_facts(study, run_id=report["run"], judge_id=report["judge"]["id"], form_rule=report["form_rule"])


def test_a_rating_changes_the_snapshot_and_the_numbers(tmp_path: Path) -> None:
    folder = build_study(tmp_path / "study", n_concepts=4, n_pairs=6)
    before = build_report(folder)
    state = read_of(folder, before).snapshot
    assert read_of(folder, build_report(folder)).snapshot == state
    assert numbers_hash(build_report(folder)) == numbers_hash(before)
    with transaction(folder) as cursor:
        concept, sample = cursor.execute("select concept, sample_id from pairs order by position limit 1").fetchall()[0]
        run = str(before["run"])
        insert(cursor, [RatingRow("r", run, concept, sample, "ann", "override", 3, None, None, False, None, NOW)])
    after = build_report(folder)
    rated = read_of(folder, after).snapshot
    assert rated != state
    assert numbers_hash(after) != numbers_hash(before)
    with transaction(folder) as cursor:
        cursor.execute(
            "insert into comparisons (comparison_id, run_id, kind, variant, family, layers, settings, compared_at) "
            "values ('c', ?, 'filter', 'good-only', 'ridge', [1], '{}', ?)",
            [run, NOW],
        )
    assert read_of(folder, after).snapshot != rated


class Page(HTMLParser):
    """What a page says it needs, and its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.policy, self.scripts, self.asked = "", [], []  # type: ignore[var-annotated]
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        self.asked += [value for name, value in attrs if name in {"src", "href", "data", "action"} and value]
        self._in_script = tag == "script" and given.get("type") != "application/json"

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)
            self._in_script = False


def test_the_policy_allows_the_scripts_of_the_page_and_no_other(document: Document) -> None:
    page = Page()
    page.feed(render_page(document))
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in digests)
    assert len(digests) == 2
    assert f"script-src {allowed};" in page.policy
    assert page.policy.startswith("default-src 'none';")
    assert all(address.startswith("#") for address in page.asked)


@given(st.text() | st.lists(st.text()))
def test_data_can_end_no_script(value: Any) -> None:
    written = script_json(value)
    assert json.loads(written) == value
    assert not set("<>&\u2028\u2029") & set(written)


@given(JSON_VALUES, JSON_VALUES)
def test_what_changes_makes_the_other_figure(before: Any, after: Any) -> None:
    made = {"figure": copy.deepcopy(before)}
    for path, value in changes({"figure": before}, {"figure": after}):
        place: Any = made
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    assert made == {"figure": after}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8))
def test_shares_lie_in_their_intervals_and_one_concept_has_jeffreys(counts: list[tuple[int, int]]) -> None:
    counted = [(some, n) for some, n in counts if some <= n]
    found = share_over_concepts(counted)
    known = [(some, n) for some, n in counted if n]
    if not known:
        assert found.value is None
        return
    assert found.value == pytest.approx(sum(some for some, _ in known) / sum(n for _, n in known))
    if found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.value <= found.high <= 1
    if len(known) == 1:
        (some, n) = known[0]
        ends = beta.ppf([0.025, 0.975], some + 0.5, n - some + 0.5)
        expected = [0 if some == 0 else ends[0], 1 if some == n else ends[1]]
        assert [found.low, found.high] == pytest.approx(expected)


@given(st.text())
def test_markdown_shows_a_text_as_it_is(text: str) -> None:
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(escaped(text))
    shown = visible(text).strip()
    plain = re.sub(r"^<p>(.*)</p>\n$", r"\1", rendered)
    assert plain == shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@given(st.lists(st.text(max_size=20), min_size=2, max_size=2))
def test_no_text_adds_a_column_to_a_table_of_markdown(texts: list[str]) -> None:
    one = Table("t", (), (Row(tuple(Cell(f"x{text}") for text in texts)),))
    document = Document("t", "a", "s", (), "", (Section("n", "t", (one,)),))
    row = next(line for line in render_markdown(document).splitlines() if line.startswith("| x"))
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 3


def test_markdown_has_every_section_but_the_glossary(document: Document) -> None:
    titles = re.findall(r"^## (.+)$", render_markdown(document), re.MULTILINE)
    assert titles == [escaped(one.title) for one in document.sections if one.name != "glossary"]


def test_audited_pairs_stand_apart_from_those_that_people_came_across(tmp_path: Path) -> None:
    folder = build_study(tmp_path / "study", n_concepts=4, n_pairs=8)
    with transaction(folder) as cursor:
        statement = (
            "select run_id, p.concept, p.sample_id, p.arm from pairs p join judgments g using (concept, sample_id)"
        )
        pairs = cursor.execute(f"{statement} where rating is not null order by p.concept, p.position").fetchall()
        audited, met = pairs[:12], pairs[12:15]
        for i, (*place, _) in enumerate(audited):
            for who in ("ann", "bob"):
                insert(cursor, [RatingRow(f"a{i}{who}", *place, who, "audit", 1 + i % 5, None, 0.5, True, None, NOW)])
        for i, (*place, _) in enumerate(met):
            insert(cursor, [RatingRow(f"o{i}", *place, "ann", "override", 5, None, None, False, None, NOW)])
    found = build_document(folder, build_report(folder), now=NOW)
    said = render_markdown(found)
    assert "3 pairs overridden by 1 person and 12 pairs rated blind in an audit by 2 people" in said
    section = next(one for one in found.sections if one.name == "agreement")
    counts = {
        block.title: {row.cells[0].value: row.cells[1].value for row in block.rows}
        for block in section.blocks
        if isinstance(block, Table)
    }
    n_audited, n_met = (Counter(arm for *_, arm in some) for some in (audited, met))
    judge = next(title for title in counts if title.startswith("offline") and title.endswith(" and people"))
    for title in (judge, "ann and bob"):
        assert counts[title] == {arm: str(n_audited[arm]) for arm in ("positive", "negative")}
    # Twelve pairs are too few to tell of drift, and the page says so.
    drift = next(block for block in section.blocks if isinstance(block, Table) and block.title.startswith("Drift of"))
    assert [row.cells[1].value for row in drift.rows] == ["by when it judged"] * 2 + ["by when people rated"] * 2
    assert all("too few" in row.cells[2].why for row in drift.rows)
    across = next(title for title in counts if title.endswith("people who chose the pairs"))
    assert counts[across] == {arm: str(n_met[arm]) for arm in ("positive", "negative")}


def estimate(value: float | None, **others: Any) -> dict[str, Any]:
    spread = {"low": None, "high": None} if value is None else {"low": value - 0.1, "high": value + 0.1}
    return {
        "value": value,
        "n": 7,
        "reason": None if value is not None else "too few",
        "method": "m",
        **spread,
        **others,
    }


def test_drift_is_told_by_its_change_with_interval_and_p_over_time_and_from_rubric_to_rubric() -> None:
    trend = {
        "quantity": "bias",
        "change": estimate(0.4),
        "p": 0.01,
        "p_adjusted": 0.02,
        "sentence": "It became kinder.",
    }
    trends = {"trends": [trend], "batches": []}
    audited = {
        "drift": [{"judge": "j", "judged": trends, "rated": trends}],
        "rubrics": [{"backend": "anthropic", "model": "m", "n_pairs": 24, "trends": [trend], "versions": []}],
    }
    over_time, rubrics = (block for block in drift_tables(audited, {"j": "mine"}) if isinstance(block, Table))
    assert over_time.title == "Drift of mine"
    assert [row.cells[1].value for row in over_time.rows] == ["by when it judged", "by when people rated"]
    assert rubrics.title == "From rubric to rubric: anthropic: m"
    assert rubrics.rows[0].cells[1].value == "24 pairs rated with all"
    cells = rubrics.rows[0].cells
    assert (cells[2].value, cells[3].value, cells[4].value) == ("0.40", "0.020", "It became kinder.")


def test_activations_are_told_by_their_measures_and_what_is_missing_by_its_command() -> None:
    assert any(isinstance(block, Command) for block in activation_section({}, study="here").blocks)
    measures = {"auc_within": estimate(0.81), "auc_transfer": estimate(None), "auc_shuffled": estimate(0.52)}
    matches = {"transfer_ratio": estimate(0.93), "cosine": estimate(0.24, p=0.0004)}
    grain = {"all": measures | matches}
    cell = {"examples": [], "share": estimate(0.4)}
    cells = [
        {**cell, "is_good": g, "is_on_concept": on, "n": 3 + g + 2 * on} for g in (True, False) for on in (True, False)
    ]
    fires = [{"arm": arm, "is_good": g, **estimate(0.3)} for arm in ("positive", "negative") for g in (True, False)]
    worth = {"cells": cells, "fires": fires}
    against = {"reason": None, "overall": {"form": worth, "topic": worth}, "quadrants": {}}
    quality = {"family": "lda", "layer": 3, "mode": "in_context", "overall": grain, "quadrants": {"C": grain}}
    report = {"activation_quality": quality | {"outputs_against_activations": against}}
    moved, matched, texts = (b for b in activation_section(report, study="here").blocks if isinstance(b, Table))
    assert [cell.value for cell in moved.rows[0].cells] == ["overall", "all", "0.81", UNKNOWN, "0.52", "0.93"]
    assert moved.reasons == ("transfer: too few",)
    assert [row.cells[0].quadrant for row in moved.rows] == [None, "C"]
    assert "p < 0.001" in matched.rows[0].cells[2].note
    assert [[cell.value for cell in row.cells[1:4]] for row in texts.rows] == [
        ["good", "6", "4"],
        ["degenerate", "5", "3"],
        ["on topic", "6", "4"],
        ["off topic", "5", "3"],
    ]
