"""The claim ledger of a study in a database: its numbers against loops over the rows, its lines at eighty columns, its errors."""

import json
import re
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from scipy.stats import spearmanr, ttest_1samp

from db import connect, insert, transaction
from db.rows import (
    ActivationQualityResultRow,
    ActivationQualityRow,
    ComparisonResultRow,
    ComparisonRow,
    GraduationStepRow,
)
from engine.exchange.claims import build_claims
from tests.support.artifact_files import CONCEPTS, published_rows, write_artifacts
from tests.support.command import Command
from tests.support.planted import copy_study
from tests.support.synthetic_study import JUDGE, RUN, START, build_study

Json = dict[str, Any]
FAMILY, LAYER = "logistic", 5


def read(study: Path, statement: str) -> list[Json]:
    with connect(study) as cursor:
        result = cursor.execute(statement)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judged study with lenses; copy it before writing."""
    return build_study(tmp_path_factory.mktemp("claims") / "study", n_concepts=16, n_pairs=24, seed=2)


@pytest.fixture(scope="module")
def claims(study: Path) -> dict[str, Any]:
    return {claim.id: claim for claim in build_claims(study).ledger.claims}


def rows_of(study: Path) -> list[Json]:
    return read(
        study,
        "select p.*, j.rating, f.form_loop, s.fires, c.quadrant from pairs p "
        "join run_concepts c using (run_id, concept) "
        f"left join judgments j on j.concept = p.concept and j.sample_id = p.sample_id and j.judge_id = '{JUDGE}' "
        "left join forms f on f.sample_id = p.sample_id "
        f"left join lenses l on l.concept = p.concept and l.family = '{FAMILY}' and l.layers = [{LAYER}] "
        "left join lens_scores s on s.lens_id = l.lens_id and s.sample_id = p.sample_id",
    )


def by_concept(study: Path) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = defaultdict(list)
    for row in rows_of(study):
        found[row["concept"]].append(row)
    return found


def gap(rows: list[Json]) -> float:
    arms = ([r["rating"] for r in rows if r["arm"] == arm and r["rating"]] for arm in ("positive", "negative"))
    return float(mean(next(arms)) - mean(next(arms)))


def lead(rows: list[Json]) -> float | None:
    """Share of the positives that fire less that of the negatives."""
    arms = [[r["fires"] for r in rows if r["arm"] == arm] for arm in ("positive", "negative")]
    return None if not all(arms) else float(mean(arms[0]) - mean(arms[1]))


def test_numbers_are_those_of_loops_over_the_rows(study: Path, claims: dict[str, Any]) -> None:
    concepts = by_concept(study)
    gaps = {name: gap(rows) for name, rows in concepts.items()}
    [found] = claims["positives-above-negatives"].evidence
    assert found.estimate.value == pytest.approx(mean(gaps.values()))
    assert claims["positives-above-negatives"].p == pytest.approx(
        2 * ttest_1samp([*gaps.values()], 0, alternative="greater").pvalue
    )
    quadrants = {row["concept"]: row["quadrant"] for row in rows_of(study)}
    of = {q: mean(value for name, value in gaps.items() if quadrants[name] == q) for q in "ABCD"}
    values = [one.estimate.value for one in claims["c-hardest"].evidence]
    assert values == pytest.approx([of["C"] - of[q] for q in "ABD"])
    good = [mean(r["form_loop"] != "good" for r in rows if r["arm"] == "positive") for rows in concepts.values()]
    assert claims["degenerate-share"].evidence[0].estimate.value == pytest.approx(mean(good))
    f1 = {
        row["concept"]: row["f1"]
        for row in read(
            study, f"select * from lens_results where family = '{FAMILY}' and layer = {LAYER} and f1 is not null"
        )
    }
    [found] = claims["gap-predicts-f1"].evidence
    assert found.estimate.value == pytest.approx(spearmanr([gaps[c] for c in f1], [*f1.values()]).statistic)
    assert found.estimate.n == len(f1) < len(gaps)


def test_firing_is_counted_by_form_rating_and_kind(study: Path, claims: dict[str, Any]) -> None:
    concepts = by_concept(study).values()
    off_topic, degenerate = (
        [value for rows in concepts if (value := lead([r for r in rows if keep(r)])) is not None]
        for keep in (lambda r: (r["rating"] or 9) <= 2, lambda r: r["form_loop"] != "good")
    )
    first, second = claims["activations-better"].evidence
    assert (first.estimate.value, second.estimate.value) == pytest.approx((mean(off_topic), mean(degenerate)))
    alarms = []
    for rows in concepts:
        kinds = [[r["fires"] for r in rows if r["negative_kind"] == kind] for kind in ("sibling", "unrelated")]
        if all(kinds):
            alarms.append(mean(kinds[0]) - mean(kinds[1]))
    [found] = claims["siblings-harder"].evidence
    assert found.estimate.value == pytest.approx(mean(alarms))


def test_comparisons_escalations_and_curves_are_taken_up_where_there_are_any(study: Path, tmp_path: Path) -> None:
    folder = copy_study(study, tmp_path / "study")
    names = [
        row["concept"]
        for row in read(folder, "select concept from run_concepts where quadrant is not null order by position")
    ]
    groups = [names[:6], names[6:]]
    with transaction(folder) as cursor:
        for kind, variant, measure in (
            ("filter", "good-only", "f1"),
            ("filter", "weighted", "f1"),
            ("refinement", "margin", "top1"),
        ):
            identity = f"{kind}-{variant}"
            told = json.dumps({"groups": groups} if kind == "refinement" else {})
            insert(cursor, [ComparisonRow(identity, RUN, None, kind, variant, FAMILY, (LAYER,), told, START)])  # type: ignore[arg-type]
            rise = 0.9 if variant == "weighted" else 0.1
            insert(
                cursor,
                [
                    ComparisonResultRow(identity, c, measure, 0.05, 0.05 + rise + i / 1e3, 9, None, None)
                    for i, c in enumerate(names)
                ],
            )
        steps = [
            GraduationStepRow(RUN, "rule", c, 0, 20, None, 0.9, None, 0.9 if i < 2 else 0.75, "graduated", "why", START)
            for i, c in enumerate(names[:8])
        ]
        insert(cursor, steps)
        for i, concept in enumerate(names):
            f1 = [0.5, 0.6 + i / 1e3, 0.8]
            cursor.execute(
                "insert into learning_curves values (?, ?, ?, ?, [5], 'output', 'in_context', 'mean', 40, 20, 8, [5, 10, 20], ?, "
                "[0, 0, 0, 0, 0, 0, 0, 0, 0], null, ?)",
                [f"curve-{i}", RUN, concept, FAMILY, f1, START + timedelta(days=1)],
            )
        for day, identity in enumerate(("earlier", "later")):
            taken = START + timedelta(days=day)
            insert(
                cursor, [ActivationQualityRow(identity, RUN, FAMILY, LAYER, "in_context", "mean", "loop", "{}", taken)]
            )
            insert(
                cursor,
                [
                    ActivationQualityResultRow(
                        identity, "concept", c, "all", measure, auc + day / 10, None, None, None, 9, None, "AUC"
                    )
                    for i, c in enumerate(names)
                    for measure, auc in (("auc_transfer", 0.7 + i / 1e3), ("auc_within", 0.75))
                ],
            )
    found = {claim.id: claim for claim in build_claims(folder).ledger.claims}
    n = len(names)
    [kept] = found["stable-over-phases"].evidence
    assert kept.estimate.value == pytest.approx(0.3 + (n - 1) / 2e3 - 0.75 * 0.35)
    assert found["stable-over-phases"].verdict == "holds"
    [filtered] = found["filtering-helps"].evidence
    assert filtered.estimate.value == pytest.approx(0.1 + (n - 1) / 2e3)
    assert found["filtering-helps"].verdict == "holds"
    [refined] = found["refinement-helps"].evidence
    # Groups of siblings are the units.
    assert (refined.estimate.n, refined.unit) == (2, "sibling groups")
    assert refined.estimate.value == pytest.approx(0.1 + (2.5 + 6 + (n - 7) / 2) / 2 / 1e3)
    [graduated] = found["few-graduate"].evidence
    assert (graduated.estimate.value, graduated.estimate.n) == (0.25, 8)
    [learnt] = found["more-pairs-help"].evidence
    assert learnt.estimate.value == pytest.approx(0.2 - (n - 1) / 2e3)
    assert found["more-pairs-help"].verdict == "holds"


def test_overrides_move_the_claims_as_they_move_the_gap(study: Path, lensgap: Command) -> None:
    told = json.loads(lensgap("report", study, "--json").stdout)
    claims = {claim["id"]: claim for claim in told["claims"]["claims"]}
    gaps = [concept["gap"] for concept in told["concepts"]]
    assert claims["positives-above-negatives"]["evidence"][0]["value"] == pytest.approx(mean(gaps))
    assert told["audit_agreement"]["comparisons"] == []
    assert told["claims"] == json.loads(lensgap("claims", study, "--json").stdout)


def test_every_line_fits_eighty_columns_and_every_claim_is_there(
    study: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = lensgap("claims", study)
    assert shown.status == 0
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    words = re.sub(r"\s+", " ", shown.stdout)
    told = json.loads(lensgap("claims", study, "--json").stdout)
    for claim in told["claims"]:
        assert claim["words"] in words
        if claim["verdict"] == "cannot tell":
            assert f"to settle it: {claim['settle']}" in words
    assert f"{told['n_tested']} of {len(told['claims'])} statements" in words
    assert "a baseline, no language model" in words
    assert set(re.findall(r"adjusted p (\S*?)[;.]? ", words)) >= {"1"}
    assert not re.search(r"adjusted p (under )?\.\d", words)
    for remark in told["untestable"]:
        assert remark["reason"] in words


@pytest.mark.parametrize("missing", ["generated", "judged", "lensed"])
def test_studies_in_the_making_are_told_what_to_run(tmp_path: Path, lensgap: Command, missing: str) -> None:
    study = build_study(tmp_path / "study", n_concepts=8, n_pairs=8, **{missing: False})  # type: ignore[arg-type]
    found = build_claims(study)
    assert found.n_concepts == 10
    open_ = [claim for claim in found.ledger.claims if any(one.why_open for one in claim.evidence)]
    assert open_
    assert all(claim.settle for claim in open_)
    assert lensgap("claims", study).status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--run", "elsewhere"), 1, "elsewhere"),
        (("--judge", "nobody"), 1, "No judge nobody"),
        (("--family", "ridge"), 1, "no ridge lenses"),
        (("--form-rule", "mine"), 2, "--form-rule"),
        (("--k", 0), 2, "--k"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(
    study: Path, lensgap: Command, arguments: tuple[Any, ...], status: int, said: str
) -> None:
    outcome = lensgap("claims", study, *arguments)
    assert outcome.status == status
    assert said in " ".join(outcome.stderr.split())
    assert "Traceback" not in outcome.stderr


def test_on_the_published_counts_few_claims_hold_and_the_reported_f1_is_named_as_such(
    tmp_path: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_artifacts(tmp_path / "published", published_rows())
    assert lensgap("import", "artifacts", folder, "--into", tmp_path / "study").status == 0
    found = build_claims(tmp_path / "study", form_rule="study")
    verdicts = {claim.id: claim.verdict for claim in found.ledger.claims}
    assert found.lens["is_reported"]
    [gap_and_f1] = next(c for c in found.ledger.claims if c.id == "gap-predicts-f1").evidence
    f1 = {concept: value for named in CONCEPTS.values() for concept, value in named.items()}
    gaps = {name: gap(rows) for name, rows in by_concept_of_import(tmp_path / "study").items()}
    assert gap_and_f1.estimate.value == pytest.approx(spearmanr([gaps[c] for c in f1], [*f1.values()]).statistic)
    assert gap_and_f1.estimate.n == 12
    assert verdicts["gap-predicts-f1"] == verdicts["c-lowest-f1"] == "cannot tell"
    assert verdicts["positives-above-negatives"] == "holds"
    assert verdicts["primary-reached"] == "does not hold"
    monkeypatch.setenv("COLUMNS", "80")
    assert "as others reported it, not measured by Lensgap" in " ".join(
        lensgap("claims", tmp_path / "study").stdout.split()
    )


def by_concept_of_import(study: Path) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = defaultdict(list)
    for row in read(
        study, "select p.concept, p.arm, j.rating from pairs p join judgments j using (concept, sample_id)"
    ):
        found[row["concept"]].append(row)
    return found
