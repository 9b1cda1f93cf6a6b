"""The findings screen: its numbers are those of the statistics, what people write is escaped, and what is missing is told."""

import statistics
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import data
from app.charts.sensitivity import sensitivity
from app.viewmodels import findings as view
from app.viewmodels.since import moved
from app.widgets.findings import activations, claims
from engine.exchange.activation_report import _tables
from engine.exchange.claims import build_claims
from engine.exchange.correlations import build_correlations
from engine.figures.palette import LIGHT
from engine.stats.activation_cells import CellCount
from engine.stats.claim_evidence import Evidence
from engine.stats.claims import Claim
from engine.stats.estimate import without_interval
from engine.stats.findings import Settings, find
from engine.words import interval, number
from tests.app.test_screens import html_of, open_screen
from tests.support.explained import unexplained
from tests.support.synthetic_study import JUDGE, RUN
from tests.support.synthetic_texts import HOSTILE_CONCEPT

SECTIONS = ("gaps", "ceilings", "claims", "predictors", "activations")
RAW = ("<script>alert", "<img", "<b onmouseover", "<lab>", "<h1>Taken")


def the_findings(study: Path, **settings: float):
    counts = data.load_counts(study, RUN, JUDGE, form_rule="loop")
    return find(counts, settings=Settings(**settings))  # type: ignore[arg-type]


def test_gaps_are_those_of_the_findings_with_both_intervals_and_parts(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = the_findings(full_study)
    shown = html_of(open_screen(full_study, monkeypatch, "findings"))
    for finding in (findings.overall, *findings.quadrants.values()):
        assert finding.cluster is not None
        parts = finding.best_decomposition
        estimates = (finding.cluster.estimate, finding.gap, finding.gap_bootstrap, finding.cluster_bootstrap)
        for estimate in (*estimates, parts.topicality, parts.degeneracy):
            assert interval(estimate) in shown
        assert f"<b>{number(finding.best_gap.value)}</b>" in shown
    rough = [finding for finding in (findings.overall, *findings.quadrants.values()) if finding.weak]
    parts_of = [(one.best_decomposition.topicality, one.best_decomposition.degeneracy) for one in rough]
    n_marks = len(rough) + sum(part.has_interval for parts in parts_of for part in parts)
    assert shown.count("few concepts: rough") == n_marks > len(rough) > 0
    assert view.summary(findings.overall).split(".")[0] in shown


def test_the_groups_help_says_what_is_pooled_and_what_is_a_mean_over_concepts(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = the_findings(full_study)
    whole, each = findings.overall, findings.concepts.values()
    assert len({one.positive.histogram.n for one in each}) > 1
    positive, negative = whole.histograms
    assert whole.best_gap.value == pytest.approx(positive.mean - negative.mean)
    model = findings.settings.model
    assert whole.ceilings[model].estimate.value == pytest.approx(
        statistics.mean(one.ceilings[model].estimate.value or 0 for one in each)
    )
    app = open_screen(full_study, monkeypatch, "findings")
    (told,) = [one.proto.help for one in app.get("button_group") if one.proto.label == "Groups"]
    assert "gap pools the ratings of its concepts" in told
    assert "ceilings are the mean over its concepts" in told


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_draws_with_hostile_texts_escaped_and_without_ratings_or_lenses(
    full_study: Path, study: Path, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    app = open_screen(full_study, monkeypatch, "findings", section=section, grain="concept")
    assert unexplained(app) == []
    shown = html_of(app)
    assert not [raw for raw in RAW if raw in shown]
    for nonsense in ("nan", "<script>", "-1", "9e9"):
        where = dict.fromkeys(("grain", "page", "prevalence", "predictor", "verdict", "curves", "worth"), nonsense)
        open_screen(study, monkeypatch, "findings", section=section, **where)


def test_concepts_come_from_the_smallest_gap_and_unknown_ones_last(full_study: Path) -> None:
    whole, *parts = view.rows_of(the_findings(full_study), "concept", {HOSTILE_CONCEPT: "readable"})
    gaps = [row.finding.gap.value for row in parts]
    known = [gap for gap in gaps if gap is not None]
    assert whole.name == view.WHOLE
    assert gaps == [*sorted(known), *[None] * (len(gaps) - len(known))]
    assert "readable" in {row.name for row in parts}


def test_sliders_move_what_depends_on_them_and_nothing_else(full_study: Path) -> None:
    usual, stable = (the_findings(full_study, stability=s).overall.ceilings for s in (0.75, 0.2))
    assert stable["propagation"].estimate.value < usual["propagation"].estimate.value
    strict = the_findings(full_study, k=4).overall.ceilings
    assert strict["label_noise"].estimate.value < usual["label_noise"].estimate.value
    assert strict["propagation"].estimate == stable["propagation"].estimate or strict["published"] == usual["published"]


def test_a_share_of_positives_gives_every_ceiling_at_that_share_and_its_floor(full_study: Path) -> None:
    finding = the_findings(full_study).overall
    assert finding.ceilings_at(None) is finding.ceilings
    found = finding.ceilings_at(0.3)
    assert found["label_noise"].floor == pytest.approx(2 * 0.3 / 1.3)
    (_, _, by_share) = view.sweeps_of(finding, None)
    (there,) = (point for point in by_share.points if point.x == 0.3)
    assert there.ceiling.estimate == found["label_noise"].estimate
    assert view.target_of(finding.ceilings, finding) == finding.target


def test_the_curves_pass_through_the_ceilings_on_screen_with_and_without_a_share_set(full_study: Path) -> None:
    finding = the_findings(full_study).quadrants["A"]
    for share in (None, 0.2):
        shown = finding.ceilings_at(share)
        by_stability, by_cut, _ = view.sweeps_of(finding, share)
        (at_s,) = (point for point in by_stability.points if point.x == finding.settings.stability)
        (at_k,) = (point for point in by_cut.points if point.x == finding.settings.k)
        assert at_s.ceiling.estimate == shown["propagation"].estimate
        assert at_k.ceiling.estimate == shown["label_noise"].estimate
        made = sensitivity(by_stability, at=0.75, colours=LIGHT, height=230)
        line = made.data[-2]
        assert line.y[line.x.index(0.75)] == shown["propagation"].estimate.value


def test_the_share_of_positives_in_the_address_moves_the_floor_on_screen(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_screen(full_study, monkeypatch, "findings", section="ceilings", prevalence="0.2")
    assert f"<td>{number(2 * 0.2 / 1.2)}</td>" in html_of(app)
    next(button for button in app.button if button.label == "As in the data").click().run()
    assert f"<td>{number(2 * 0.2 / 1.2)}</td>" not in html_of(app)


def test_sliders_on_the_page_and_in_the_sidebar_are_one_setting(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_screen(full_study, monkeypatch, "findings", section="ceilings")
    app.slider(key="findings-k").set_value(4).run()
    assert app.query_params["k"] == "4"
    assert app.session_state["widget-k"] == 4


def test_the_ledger_on_screen_is_that_of_the_command(full_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = build_claims(full_study, run_id=RUN)
    shown = html_of(open_screen(full_study, monkeypatch, "findings", section="claims"))
    for claim in found.ledger.claims:
        assert claims.card(claim) in shown
    only = html_of(open_screen(full_study, monkeypatch, "findings", section="claims", verdict="holds"))
    assert only.count("<article") == sum(claim.verdict == "holds" for claim in found.ledger.claims)


def test_predictors_are_those_of_the_report_each_with_its_sentence(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.viewmodels.lenses import one_each
    from app.viewmodels.overview import lens_settings

    lenses = data.load_lenses(full_study, RUN)
    chosen = one_each(lenses, lens_settings(lenses)[0], "in_context")
    profiles = [(p.concept, p.quadrant, None, p.n_senses, p.n_siblings) for p in data.load_profiles(full_study, RUN)]
    results = {concept: lens.result for concept, lens in chosen.items()}
    found = build_correlations(profiles, the_findings(full_study).concepts, results, {})
    shown = html_of(open_screen(full_study, monkeypatch, "findings", section="predictors", predictor="gap"))
    for one in found[:4]:
        assert one["says"] in shown


def test_what_activations_hold_is_offered_where_nobody_measured_it(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    work = SimpleNamespace(seconds=1.0, process=SimpleNamespace(poll=lambda: None))
    monkeypatch.setattr("app.data.command.start", lambda arguments: started.append(list(arguments)) or work)
    app = open_screen(full_study, monkeypatch, "findings", section="activations")
    assert f"lensgap activations {full_study}" in html_of(app)
    next(button for button in app.button if button.label == "Measure activations").click().run()
    assert started == [["activations", str(full_study), "--run", RUN]]
    assert "At work for 1 s" in html_of(app)


def test_learning_curves_are_measured_of_the_run_on_screen(full_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    work = SimpleNamespace(seconds=1.0, process=SimpleNamespace(poll=lambda: None))
    monkeypatch.setattr("app.data.command.start", lambda arguments: started.append(list(arguments)) or work)
    app = open_screen(full_study, monkeypatch, "findings", section="ceilings")
    next(button for button in app.button if button.label == "Measure learning curves").click().run()
    assert started == [["curve", str(full_study), "--run", RUN]]


@pytest.mark.parametrize(("n", "told"), [(1, "1 sibling group<"), (2, "2 sibling groups<")])
def test_a_claim_counts_what_it_rests_on_in_words(n: int, told: str) -> None:
    value = without_interval(0.05, n=n, method="mean", because="there is one value")
    evidence = Evidence("top-1", value, "above", 0.0, None, None, unit="sibling groups")
    assert told in claims._evidence(evidence)


def test_the_reason_of_a_claim_begins_with_a_capital_and_keeps_all_others() -> None:
    why = "AUC of quadrant C is unknown"
    claim = Claim("id", "words", "1.1", "cannot tell", why, (), None, None, None)
    assert f"{why}. Stated in 1.1." in claims.card(claim)
    assert "F1 of C" in claims.card(replace(claim, why="f1 of C"))


MEASURED = {"value": 0.4, "low": 0.3, "high": 0.5, "n": 9, "reason": None, "p": 0.01}
ACTIVATIONS = {
    "outputs_against_activations": {"reason": "no lens is trained"},
    "overall": {"all": {"cosine": MEASURED}},
    "quadrants": {},
    "family": "logistic",
    "layer": 3,
    "mode": "in_context",
    "form_rule": "study",
    "measured_at": "2030-01-02T03:04:05",
}


def test_what_activations_hold_names_the_form_rule_it_was_measured_by(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations, "load_activation_report", lambda *_, **__: ACTIVATIONS)
    shown = html_of(open_screen(full_study, monkeypatch, "findings", section="activations", form_rule="loop"))
    assert "logistic lenses, layer 3, in_context, forms by the study rule, measured 2030-01-02 03:04 UTC." in shown


def test_what_p_and_the_interval_of_activations_are_for_is_told_where_they_are_read(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations, "load_activation_report", lambda *_, **__: ACTIVATIONS)
    shown = html_of(open_screen(full_study, monkeypatch, "findings", section="activations"))
    assert "p 0.010, n 9" in shown
    (head,) = [one for one in shown.split("<th") if one.endswith(">Cosine</th>")]
    assert "p is for these texts, and not adjusted for the number of rows" in head
    assert "The interval is for other concepts." in head


def test_shares_of_outputs_against_activations_name_what_they_are_shares_of(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = [
        CellCount("gin", "A", is_positive=bool(arm), is_good=good, is_on_topic=good, fires=fires, n=n, examples=())
        for arm, good, fires, n in ((1, True, True, 30), (1, False, True, 9), (1, True, False, 1), (0, True, False, 5))
    ]
    cells = {"k": 3, "reason": None, "overall": _tables(counted), "quadrants": {}}
    found = ACTIVATIONS | {"outputs_against_activations": cells}
    monkeypatch.setattr(activations, "load_activation_report", lambda *_, **__: found)
    shown = html_of(open_screen(full_study, monkeypatch, "findings", section="activations"))
    for n in (30, 9, 1, 0):
        assert f"{n} of all 40 positives" in shown


def test_a_cell_of_activations_leads_to_its_samples() -> None:
    cell = {"is_good": False, "is_on_concept": True, "examples": [["gin", "s-1"]]}
    assert activations.samples_of(cell, "form", "C", k=2, lens="l") == {
        "quadrant": "C",
        "arm": "positive",
        "form": ["empty", "short", "repetitive"],
        "fires": "on",
        "lens": "l",
        "open": "gin:s-1",
    }
    assert activations.samples_of(cell | {"examples": []}, "topic", None, k=3, lens="l")["rating"] == ["1", "2", "3"]


def test_a_rating_shows_what_it_moved_since_the_page_was_opened(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(study, monkeypatch, "findings")
    assert "Since you opened this page" not in html_of(app)
    row = data.load_page(
        study, RUN, JUDGE, data.Filters(ratings=(5,), arm="positive"), number=1, sort="run", form_rule="loop"
    ).rows[0]
    before = the_findings(study)
    pair = {"concept": row.concept, "sample_id": row.sample_id}
    data.add_override(study, RUN, **pair, rating=1, reviewer="ann", reason=None, rating_id="r1")
    app.run()
    after = the_findings(study)
    assert "Since you opened this page" in html_of(app)
    effects = moved(before, after)
    assert effects[0].name == "Whole study"
    for effect in effects:
        for change in effect.changes:
            if change.delta:
                assert f"{change.before} →" in html_of(app)
                assert change.delta in html_of(app)
    next(button for button in app.button if button.label == "Compare from now").click().run()
    assert "Since you opened this page" not in html_of(app)


def test_nothing_has_moved_where_nothing_was_rated(full_study: Path) -> None:
    findings = the_findings(full_study)
    assert moved(findings, findings) == ()


def test_every_command_offered_is_one() -> None:
    import typer

    from engine.cli import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {"activations", "curve", "judge", "train", "run", "audit"} <= set(commands)
