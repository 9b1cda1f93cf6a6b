"""The benchmark: a stratified draw, targets that follow from ratings alone, and one command from pack to targets.json."""

import json
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from db import connect
from engine.benchmark import draw_cells, keep_targets
from engine.exchange.benchmark_report import Benchmark, benchmark_page, benchmark_table, empty_cells
from engine.exchange.benchmark_targets import Cell, Line, build_targets, find_lines
from engine.exchange.targets import FORMAT, TargetEntry, TargetJudge, Targets, read_targets, resolve
from engine.packs.pack import Concept, Pack
from engine.packs.quadrants import QUADRANTS, Profile
from engine.stats.findings import ArmCounts, ConceptCounts, Settings
from engine.stats.histogram import RatingHistogram
from tests.support.command import Command
from tests.support.hand_made import concept, write_pack

PACK = Pack("a|pack", "1", "folder", "made up", ())


def profile(term: str, quadrant: str | None, pack_layer: int = 1) -> Profile:
    entry = Concept(term, pack_layer, (), "a thing", (), (), 1)
    return Profile(entry, 1, 1, quadrant, None if quadrant else "between")  # type: ignore[arg-type]


placed = st.tuples(st.sampled_from([*QUADRANTS, None]), st.integers(0, 3))


@given(st.lists(placed, min_size=1, max_size=60), st.integers(1, 5), st.integers(0, 3))
def test_each_cell_gives_what_it_has_up_to_the_number_asked_for(places: list[Any], per_cell: int, seed: int) -> None:
    profiles = [profile(f"c{i}", quadrant, layer) for i, (quadrant, layer) in enumerate(places)]
    cells = draw_cells(profiles, per_cell=per_cell, seed=seed)
    assert [(cell.pack_layer, cell.quadrant) for cell in cells] == [
        (layer, quadrant) for layer in sorted({layer for _, layer in places}) for quadrant in QUADRANTS
    ]
    for cell in cells:
        members = {
            p.concept.term for p in profiles if (p.quadrant, p.concept.pack_layer) == (cell.quadrant, cell.pack_layer)
        }
        assert cell.n_concepts == len(members)
        assert set(cell.drawn) <= members
        assert len(cell.drawn) == len(set(cell.drawn)) == min(per_cell, len(members))


def test_a_draw_is_the_same_in_any_order_of_the_pack_and_beside_any_other_cell() -> None:
    profiles = [profile(f"c{i}", "AB"[i % 2], i % 3) for i in range(60)]
    cells = draw_cells(profiles, per_cell=3, seed=1)
    assert draw_cells(profiles[::-1], per_cell=3, seed=1) == cells
    alone = draw_cells([p for p in profiles if p.quadrant == "A"], per_cell=3, seed=1)
    assert [cell for cell in alone if cell.quadrant == "A"] == [cell for cell in cells if cell.quadrant == "A"]
    assert draw_cells(profiles, per_cell=3, seed=2) != cells


def test_every_concept_of_a_cell_is_drawn_equally_often() -> None:
    profiles = [profile(f"c{i}", "A") for i in range(8)]
    drawn = Counter(term for seed in range(800) for term in draw_cells(profiles, per_cell=2, seed=seed)[0].drawn)
    # 200 of each are expected, with a standard deviation of 12.
    assert all(abs(count - 200) < 60 for count in drawn.values())
    assert len(drawn) == 8


def arm(ratings: Sequence[int]) -> ArmCounts:
    histogram = RatingHistogram.from_ratings(ratings)
    return ArmCounts((("good", len(ratings)),), (("good", histogram),))


def counted(term: str, quadrant: str, positive: Sequence[int], negative: Sequence[int]) -> ConceptCounts:
    return ConceptCounts(term, quadrant, arm(positive), arm(negative))


CLEAR = ([5] * 60, [1] * 60)
MIXED = ([5] * 30 + [1] * 30, [1] * 60)
CELLS = (
    Cell("A", 1, 9, ("a1", "a2", "a3")),
    Cell("B", 1, 4, ("b1",)),
    Cell("C", 1, 0, ()),
    Cell("D", 1, 2, ("d1", "d2")),
)
COUNTS = (
    counted("a1", "A", *CLEAR),
    counted("a2", "A", [5] * 59 + [1], [1] * 60),
    counted("a3", "A", [5] * 58 + [1] * 2, [1] * 60),
    counted("b1", "B", *CLEAR),
    counted("d1", "D", *MIXED),
    counted("d2", "D", [], []),
)


def lines(*, is_baseline: bool = False) -> dict[tuple[str, str], Line]:
    found = find_lines(COUNTS, CELLS, settings=Settings(), is_baseline=is_baseline)
    return {(line.level, line.key): line for line in found}


def test_targets_are_found_for_every_grain_that_has_concepts() -> None:
    assert list(lines()) == [
        ("default", ""),
        ("pack_layer", "1"),
        *(("quadrant", quadrant) for quadrant in "ABD"),
        *(("cell", f"{quadrant}/1") for quadrant in "ABD"),
        *(("concept", one.concept) for one in COUNTS),
    ]


def test_a_group_has_the_mean_ceiling_of_its_concepts() -> None:
    found = lines()
    ceilings = [found["concept", name].entry.ceiling for name in ("a1", "a2", "a3")]
    cell = found["cell", "A/1"].entry
    assert cell.ceiling is not None
    assert cell.ceiling.value == pytest.approx(np.mean([one.value for one in ceilings if one]))
    assert (cell.ceiling.n, cell.n_concepts) == (3, 3)
    assert cell.target == 0.95
    # One concept of sixty pairs, half of them off topic: 2·.5/(1.5) at equal arms.
    assert found["concept", "d1"].entry.ceiling.value == pytest.approx(2 / 3, abs=0.01)  # type: ignore[union-attr]


def test_one_concept_gives_a_target_to_itself_and_to_no_group() -> None:
    found = lines()
    assert found["concept", "b1"].entry.target is not None
    assert found["cell", "B/1"].entry.target is None
    assert "says nothing of the others" in found["cell", "B/1"].entry.why
    assert found["cell", "D/1"].entry.n_concepts == 1
    assert found["concept", "d2"].entry.target is None
    assert "no rating" in found["concept", "d2"].entry.why


def test_a_null_target_says_whether_more_data_could_give_one() -> None:
    few = find_lines(
        [counted("x", "A", [5] * 4, [1] * 4), counted("y", "A", [5] * 18 + [1] * 42, [1] * 180)],
        (Cell("A", 1, 2, ("x", "y")),),
        settings=Settings(),
        is_baseline=False,
    )
    whys = {line.key: line.entry for line in few if line.level == "concept"}
    assert whys["x"].target is None
    assert "may support one" in whys["x"].why
    assert whys["y"].target is None
    assert "more data will not help" in whys["y"].why


def test_targets_of_a_baseline_are_marked_everywhere() -> None:
    assert all("baseline" in line.entry.why for line in lines(is_baseline=True).values())
    assert not any("baseline" in line.entry.why for line in lines().values())


def test_a_concept_that_was_not_drawn_gets_the_target_of_its_cell_and_says_so() -> None:
    targets = build_targets(lines().values(), "run", PACK, None, Settings())
    found = resolve(targets, "a4", quadrant="A", pack_layer=1, otherwise=0.5)
    assert (found.target, found.level) == (0.95, "cell")
    assert "quadrant A in pack layer 1" in found.why


HOSTILE = "<b>a|b</b> *x* \x1b[2J"


def shown_benchmark() -> Benchmark:
    cell = Cell("A", 1, 3, (HOSTILE,))
    found = find_lines([counted(HOSTILE, "A", *CLEAR)], (cell, *CELLS[2:3]), settings=Settings(), is_baseline=True)
    judge = TargetJudge("j", "offline:m", True)
    targets = build_targets(found, "run", PACK, judge, Settings())
    return Benchmark(
        "run", "model", PACK.name, (cell, CELLS[2]), found, targets, Counter({"concept": 1, "settings": 2})
    )


def test_the_page_escapes_names_and_tells_empty_cells_and_the_baseline() -> None:
    page = benchmark_page(shown_benchmark())
    assert "&lt;b&gt;a\\|b&lt;/b&gt; \\*x\\* \\\\x1b\\[2J" in page
    assert "\x1b" not in page
    assert "Without any concept, so unknown: C in pack layer 1" in page
    assert "no language model" in page
    rows = [line for line in page.splitlines() if line.startswith("| ") and "why" not in line]
    widths = {row.replace("\\|", "").count("|") for row in rows}
    assert widths == {9, 3}


def test_the_table_names_every_group_and_where_targets_come_from() -> None:
    console = Console(file=StringIO(), width=120)
    console.print(benchmark_table(shown_benchmark()))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for told in (
        "A in pack layer 1",
        "quadrant A",
        "pack layer 1",
        "all drawn concepts",
        "baseline",
        "2 that of the settings",
    ):
        assert told in shown


def test_targets_are_kept_beside_before_others_take_their_place(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    first = Targets(FORMAT, made_at="1", default=TargetEntry(0.8, "because"))
    assert keep_targets(file, first) is None
    written = file.read_bytes()
    assert keep_targets(file, Targets(FORMAT, made_at="2", default=TargetEntry(0.8, "because"))) is None
    assert file.read_bytes() == written
    file.write_text("by hand", encoding="utf-8")
    assert keep_targets(file, first) == tmp_path / "targets-1.json"
    assert (tmp_path / "targets-1.json").read_text(encoding="utf-8") == "by hand"
    assert keep_targets(file, Targets(FORMAT)) == tmp_path / "targets-2.json"
    assert read_targets(tmp_path / "targets-2.json") == first


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve children of one parent (quadrant B, two of them C), two of another (A), and a layer without any."""
    crowd = [concept(f"gin {i}", "drink", n_senses=6 if i < 2 else 1) for i in range(12)]
    return write_pack(
        tmp_path_factory.mktemp("pack") / "pack",
        {
            0: [concept("drink"), concept("tool")],
            1: [*crowd, concept("saw", "tool"), concept("rasp", "tool"), concept("plane", "tool", n_senses=3)],
        },
    )


def test_one_command_leads_from_a_pack_to_targets(
    pack: Path, llama_folder: Path, tmp_path: Path, lensgap: Command
) -> None:
    study = tmp_path / "study"
    sizes = ("--n-positive", 3, "--n-negative", 3, "--max-new-tokens", 6)
    first = lensgap(
        "benchmark", study, "--pack", pack, "--model", llama_folder, "--per-cell", 2, *sizes, "--seed", 3, "--json"
    )
    assert first.status == 0, first.stderr
    found = json.loads(first.stdout)
    drawn = {(cell["quadrant"], cell["pack_layer"]): cell["drawn"] for cell in found["cells"]}
    assert {place: len(terms) for place, terms in drawn.items() if terms} == {("A", 1): 2, ("B", 1): 2, ("C", 1): 2}
    assert "Nothing to draw from: A in pack layer 0" in first.stderr
    assert set(drawn["A", 1]) == {"saw", "rasp"}
    targets = read_targets(study / "targets.json")
    assert set(targets.concepts) == {term for terms in drawn.values() for term in terms}
    assert targets.judge is not None
    assert targets.judge.is_baseline
    assert sum(found["concepts_by_source"].values()) == 17
    page = (study / "targets.md").read_text(encoding="utf-8")
    assert all(term in page for term in targets.concepts)
    kept = (study / "targets.json").read_bytes()
    again = lensgap("benchmark", study, "--per-cell", 2, "--json")
    assert json.loads(again.stdout)["run"] == found["run"]
    assert (study / "targets.json").read_bytes() == kept
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from runs").fetchone() == (1,)
        n_gaps = cursor.execute("select count(distinct concept) from judgments").fetchone()
    assert n_gaps == (6,)


def test_what_cannot_be_drawn_or_written_is_told(
    pack: Path, llama_folder: Path, tmp_path: Path, lensgap: Command
) -> None:
    layer = lensgap("benchmark", tmp_path / "study", "--pack", pack, "--model", llama_folder, "--pack-layer", 0)
    assert (layer.status, layer.stdout) == (1, "")
    assert "lies in any quadrant" in layer.stderr
    missing = lensgap("benchmark", tmp_path / "study", "--pack", pack, "--model", llama_folder, "--pack-layer", 7)
    assert missing.status == 1
    assert "no pack layer 7" in missing.stderr
    assert not (tmp_path / "study").exists()


def test_cells_without_concepts_are_named() -> None:
    assert empty_cells(CELLS) == "C in pack layer 1"
